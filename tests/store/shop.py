"""A small shop: products, prompts, recipes and pictures as the other rooms make them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import numpy as np
from duckdb import DuckDBPyConnection

from catalog_gen.catalog.contents import FeedContents
from catalog_gen.catalog.product import Product, Rejection
from catalog_gen.catalog.product_columns import Products
from catalog_gen.fingerprint import sha256_json
from catalog_gen.look import Look
from catalog_gen.recipe import Environment, Failure, Recipe, candidate_seed
from catalog_gen.store.connection import Store
from catalog_gen.store.ingestion import Ingested, ingest
from catalog_gen.store.ledger import PlannedItem, PlanResult, open_work, save_plan
from catalog_gen.store.outbox import Outbox
from catalog_gen.store.outbox_file import DrawnImage
from catalog_gen.store.products import FeedChanges, record_feed
from catalog_gen.store.prompts import PromptRow, StaleInput, ViewSpec, save_prompts, stale_inputs
from catalog_gen.store.publications import LiveImage, Publication, publish
from catalog_gen.store.relations import registered_rows
from catalog_gen.store.scores import ScoreRow, save_scores, unscored
from catalog_gen.store.selection import best_pictures
from catalog_gen.store.shown import ShownCatalog
from catalog_gen.store.shown_products import ShownProduct, products_of_parts
from catalog_gen.store.verdicts import Decision, VerdictRow, save_verdicts, unjudged

NIGHT = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
SCORER, RUBRIC = "scorer-1", "rubric-1"
SHARP = '{"realism":{"points":2,"why":"Sharp."}}'
BLURRED = '{"realism":{"points":0,"why":"Blurred."}}'

PACKSHOT = ViewSpec(
    "packshot",
    ("category", "colour", "title"),
    {"template": "t1", "model": "m1", "settings": "s1"},
    needs_reference=False,
)

ENVIRONMENT = Environment(
    device="cpu",
    dtype="fp32",
    batch_size=8,
    threads=2,
    compiled=False,
    platform="Linux x86_64",
    libraries={"torch": "2.15.0"},
)


@contextmanager
def rolled_back(connection: DuckDBPyConnection) -> Iterator[None]:
    """Leave nothing of the block in a database that many examples share."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def mug(number: int, colour: str = "red", **attributes: str) -> Product:
    return Product(
        f"mug-{number}", f"Mug {number}", "mug", attributes={"colour": colour, **attributes}
    )


def feed_of(products: Iterable[Product], rejections: Sequence[Rejection] = ()) -> FeedContents:
    rows = Products.of(products)
    return FeedContents("csv", "utf-8", len(rows) + len(rejections), rows, tuple(rejections))


def png_of(recipe_id: str) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + recipe_id.encode() * 40


def drawn(recipe_id: str, seconds: float = 0.5) -> DrawnImage:
    png = png_of(recipe_id)
    return DrawnImage(recipe_id, png, sha256(png).hexdigest(), 128, 128, seconds)


def look_of(stale: StaleInput) -> Look:
    """A prompt with everything that the view reads, with and without the colour."""
    words = [stale.spec["template"], *stale.inputs.values()]
    colour = stale.inputs.get("colour", "")
    return Look(
        view=stale.view,
        spec=stale.spec,
        prompt=" ".join(filter(None, words)),
        negative_prompt="",
        colourless=" ".join(word for word in words if word and word != colour),
        asked={"colour": colour},
    )


def recipe_of(stale: StaleInput, candidate: int = 0, attempt: int = 0) -> Recipe:
    look = look_of(stale)
    return Recipe(
        method="text2img",
        model_hash=stale.spec["model"],
        prompt=look.prompt,
        negative_prompt="",
        seed=candidate_seed(look.form, candidate, attempt),
        scheduler="ddim",
        steps=20,
        guidance=3.0,
        width=128,
        height=128,
    )


def best(connection: DuckDBPyConnection, rubric: str = RUBRIC) -> list[LiveImage]:
    """What a night would publish, by product and view."""
    selection = best_pictures(connection, rubric)
    rows = connection.execute(f'FROM "{selection}" ORDER BY product_id, view').fetchall()
    return [LiveImage(*row) for row in rows]


def selected(connection: DuckDBPyConnection, images: Sequence[LiveImage]) -> str:
    """The name of a relation with these pictures."""
    with registered_rows(connection, "images_to_select", LiveImage, images):
        connection.execute("CREATE OR REPLACE TEMP TABLE selected AS FROM images_to_select")
    return "selected"


def spoil(store: Store, address: str, content: bytes | None) -> None:
    """Replace a stored picture's bytes behind the store's back; None: they are gone."""
    with store.writing() as connection:
        pictures = store.pictures(connection)
        path = pictures.file(address)
        if path is None:
            pictures.drop([address])
            if content is not None:
                connection.execute("INSERT INTO image_bytes VALUES (?, ?)", [address, content])
            return
        path.unlink()
        if content is not None:
            path.write_bytes(content)


def shown_products(
    connection: DuckDBPyConnection, views: Sequence[str] = ("packshot",)
) -> list[ShownProduct]:
    """The active products as the gallery shows them, by id."""
    parts = range(len(ShownCatalog.of(connection, views).states()))
    return [product for part in products_of_parts(connection, parts) for product in part]


@dataclass
class Shop:
    """Runs nights on the store like a refresh."""

    store: Store
    outbox: Outbox
    views: tuple[ViewSpec, ...] = (PACKSHOT,)
    candidates: int = 1
    place: str = "folder"
    night: int = 0
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    signals: Mapping[str, str] = field(default_factory=dict)
    """The measurements of a product's pictures, as JSON."""
    soundness: Mapping[str, float] = field(default_factory=dict)
    lookers: str = '{"critic":null,"lettering":null,"signals":"0"}'

    @property
    def now(self) -> datetime:
        return NIGHT + timedelta(days=self.night)

    @property
    def run_id(self) -> str:
        return f"run-{self.night}"

    def record(
        self,
        products: Iterable[Product],
        rejections: Sequence[Rejection] = (),
        shrink_limit: float = 1.0,
    ) -> FeedChanges:
        contents = feed_of(products, rejections)
        with self.store.writing() as connection:
            return record_feed(
                connection,
                contents,
                source="feed.csv",
                sha256=sha256_json([self.night, len(contents.products)]),
                shrink_limit=shrink_limit,
                run_id=self.run_id,
                now=self.now,
            )

    def plan(self) -> tuple[list[StaleInput], PlanResult]:
        """Store what changed and plan its candidates."""
        with self.store.writing() as connection:
            stale = [each for view in self.views for each in stale_inputs(connection, view)]
            save_prompts(connection, [self.row(each) for each in stale])
            items = [item for each in stale for item in self._items(each)]
            result = save_plan(connection, items, self.run_id, self.now)
        return stale, result

    def draw(self, recipe_ids: Iterable[str], failing: Mapping[str, str] | None = None) -> Ingested:
        failures = [Failure(key, error, 0.25) for key, error in (failing or {}).items()]
        self.outbox.write([drawn(key) for key in recipe_ids], failures, ENVIRONMENT)
        return ingest(self.store, self.outbox, self.run_id, max_tries=2, place=self.place)

    def judge(self) -> None:
        """Score and judge everything new; accepted unless ``decisions`` says otherwise."""
        with self.store.writing() as connection:
            scores = [
                ScoreRow(
                    image_id=each.image_id,
                    scorer=SCORER,
                    similarity=0.3,
                    margin=0.1,
                    embedding=np.array([0.6, 0.8], dtype=np.float32),
                    signals=self.signals.get(each.product_id, '{"sharpness":0.5}'),
                    device="cpu",
                    lookers=self.lookers,
                    scored_at=self.now,
                    run_id=self.run_id,
                )
                for each in unscored(connection, SCORER, self.lookers, None)
            ]
            save_scores(connection, scores)
            verdicts = []
            for each in unjudged(connection, RUBRIC, SCORER, None):
                decision = self.decisions.get(each.product_id, "accepted")
                verdicts.append(
                    VerdictRow(
                        image_id=each.image_id,
                        rubric=RUBRIC,
                        decision=decision,
                        total=9 if decision == "accepted" else 3,
                        criteria=SHARP if decision == "accepted" else BLURRED,
                        hard_failures=(),
                        soundness=self.soundness.get(each.product_id),
                        preference=None,
                        judged_at=self.now,
                        run_id=self.run_id,
                    )
                )
            save_verdicts(connection, verdicts)

    def publish(self) -> Publication:
        with self.store.writing() as connection:
            selection = best_pictures(connection, RUBRIC)
            return publish(connection, selection, coverage=1.0, run_id=self.run_id, now=self.now)

    def refresh(self, products: Iterable[Product]) -> Publication:
        """A whole night."""
        self.night += 1
        self.record(products)
        self.plan()
        with self.store.reading() as connection:
            work = open_work(connection, None, 3)
        self.draw([item.recipe_id for item in work])
        self.judge()
        return self.publish()

    def row(self, stale: StaleInput) -> PromptRow:
        """The prompt that a stale input asks for."""
        return PromptRow(
            prompt_id=sha256_json([stale.product_id, stale.view, stale.fingerprint]),
            product_id=stale.product_id,
            shard=stale.shard,
            view=stale.view,
            fingerprint=stale.fingerprint,
            look_id=look_of(stale).look_id,
            form=look_of(stale).form,
            inputs=stale.inputs,
            spec=stale.spec,
            prompt=recipe_of(stale).prompt,
            negative_prompt="",
            tokens=5,
            reason="new" if stale.previous_inputs is None else "changed",
            created_at=self.now,
            run_id=self.run_id,
        )

    def _items(self, stale: StaleInput) -> list[PlannedItem]:
        recipes = [recipe_of(stale, candidate) for candidate in range(self.candidates)]
        return [
            PlannedItem(
                recipe_id=recipe.recipe_id,
                recipe=recipe,
                look_id=look_of(stale).look_id,
                prompt_id=self.row(stale).prompt_id,
                view=stale.view,
                candidate=candidate,
                attempt=0,
                reason="new" if stale.previous_inputs is None else "changed",
            )
            for candidate, recipe in enumerate(recipes)
        ]
