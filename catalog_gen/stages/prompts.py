"""Compare what every product and view asks for now with what was asked for before.

The plan prints the result of ``desired_prompts`` and the refresh stores it. The cost depends on the
number of changes, not on the size of the catalog.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from statistics import median
from typing import Final

import pyarrow as pa
from duckdb import DuckDBPyConnection

from catalog_gen.diffusion.model_hash import model_parts
from catalog_gen.fingerprint import sha256_json
from catalog_gen.look import COLOUR, Look
from catalog_gen.planning import (
    NO_LIMIT,
    Budget,
    Costed,
    Pace,
    Reason,
    reason_for,
    recipes_for,
    within_budget,
)
from catalog_gen.recipe import Recipe
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.cutouts import MASK_HASH, MASK_PROBLEM
from catalog_gen.stages.drawer import Drawer
from catalog_gen.stages.lessons import seconds_of_lessons
from catalog_gen.stages.products import REFERENCE_HASH
from catalog_gen.stages.retries import retries
from catalog_gen.stages.selection import asking, selected
from catalog_gen.stages.takeover import take_over
from catalog_gen.stages.views import CONCEPT_HASH, CONCEPT_PROBLEM, View, compile_views
from catalog_gen.store.figures import drawing_pace, look_figures
from catalog_gen.store.ledger import (
    PlannedItem,
    apply_budget,
    candidates,
    open_candidates,
    save_plan,
)
from catalog_gen.store.models import save_model
from catalog_gen.store.prompts import (
    PromptRow,
    StaleInput,
    known_attributes,
    retire_others,
    retire_prompts,
    save_prompts,
    stale_inputs,
    unsupported_products,
)
from catalog_gen.store.retention import plan_dropped
from catalog_gen.store.runs import note_figures

#: Wishes stored in one batch.
SAVED: Final = 10_000


@dataclass(frozen=True, slots=True)
class DesiredPrompt:
    """A new or changed wish of one product and view, with the recipes that fulfil it."""

    stale: StaleInput
    look: Look
    tokens: int
    dropped: tuple[str, ...]
    unsupported: str
    reason: Reason
    recipes: tuple[Recipe, ...]

    @property
    def look_id(self) -> str | None:
        """The id of its look; None if the model can't draw it."""
        return None if self.unsupported else self.look.look_id

    @property
    def prompt_id(self) -> str:
        stale = self.stale
        return sha256_json([stale.product_id, stale.view, stale.fingerprint])


@dataclass(frozen=True, slots=True)
class StoredWishes:
    """Numbers of new or changed wishes, of shortened prompts, and of pictures that existed."""

    prompts: int
    trimmed: int
    reused: int


@dataclass(frozen=True, slots=True)
class PromptsResult:
    """The stage's figures."""

    prompts: int
    trimmed: int
    unsupported: int
    planned: int
    """Pictures to draw now, including those left over from earlier nights."""
    reused: int
    deferred: int
    set_aside: tuple[str, ...]
    """Outbox files that were found damaged before planning."""


def desired_prompts(
    connection: DuckDBPyConnection,
    views: Sequence[View],
    drawer: Drawer,
    *,
    relation: str = "products",
    planned: Collection[str] = (),
    shards: Collection[int] | None = None,
) -> Iterator[DesiredPrompt]:
    """Every product and view whose wish is new or changed, view by view.

    Args:
        planned: ids of lessons that count as if they were learned.

    Raises:
        ConfigError: a template fails on a product.
    """
    for view in views:
        own = asking(connection, view, drawer, relation, planned)
        for stale in stale_inputs(connection, view.spec(drawer), relation=own, shards=shards):
            yield wish_for(view, stale, drawer)


def write_prompts(
    catalog: Catalog, shards: Collection[int], stamp: Stamp, *, budget: Budget
) -> PromptsResult:
    """Store what changed in these shards, and plan its candidates, most valuable first.

    Pictures that wait in the outbox are ingested first, so that they are not planned again. Notes
    ``images``, ``prompts`` and ``looks`` with the run.

    Raises:
        ConfigError: a template can't be used.
        ModelError: the model can't be used.
        StoreBusyError: another process holds the database.
    """
    drawer = Drawer.of(catalog)
    taken = take_over(catalog, stamp)
    parts = model_parts(drawer.model, catalog.home.hashes)
    with catalog.store.writing() as connection:
        save_model(connection, drawer.hash, catalog.settings.model.id, parts, stamp.now)
        views = compile_views(catalog.settings, known_attributes(connection), drawer.dialect)
        retire_prompts(
            connection,
            catalog.settings.views.keys(),
            needing_reference=[view.name for view in views if view.needs_reference],
        )
        for view in views:
            if view.only is not None:
                retire_others(connection, view.name, selected(connection, view, "products"))
        stored = store_wishes(
            connection, desired_prompts(connection, views, drawer, shards=shards), stamp
        )
        reused = stored.reused
        again = retries(connection, catalog.settings, drawer.budget, drawer.hash, shards)
        reused += len(save_plan(connection, again, stamp.run_id, stamp.now).reused)
        reused -= min(reused, plan_dropped(connection, stamp.run_id, stamp.now))
        unsupported = len(unsupported_products(connection))
        left = budget.after(seconds_of_lessons(connection, stamp.run_id))
        planned, deferred = _cut(connection, catalog, drawer, shards, stamp, left)
        result = PromptsResult(
            prompts=stored.prompts,
            trimmed=stored.trimmed,
            unsupported=unsupported,
            planned=planned,
            reused=reused,
            deferred=deferred,
            set_aside=taken.corrupt,
        )
        _note(connection, result, stamp)
    return result


def store_wishes(
    connection: DuckDBPyConnection, desired: Iterator[DesiredPrompt], stamp: Stamp
) -> StoredWishes:
    """Make these the current wishes, and plan their candidates.

    They are stored in batches while others are rendered, so a million products fit into memory.
    """
    prompts = trimmed = 0
    reused: set[str] = set()
    while wishes := list(islice(desired, SAVED)):
        save_prompts(connection, [prompt_row(wish, stamp) for wish in wishes])
        items = [item for wish in firsts(wishes) for item in _items(wish)]
        reused |= save_plan(connection, items, stamp.run_id, stamp.now).reused
        prompts += len(wishes)
        trimmed += sum(bool(wish.dropped) for wish in wishes)
    return StoredWishes(prompts, trimmed, len(reused))


def firsts(wishes: Iterable[DesiredPrompt]) -> list[DesiredPrompt]:
    """The first wish per look among those that can be drawn, in their order."""
    found: dict[str | None, DesiredPrompt] = {}
    for wish in wishes:
        if wish.recipes:
            found.setdefault(wish.look_id, wish)
    return list(found.values())


def _note(connection: DuckDBPyConnection, result: PromptsResult, stamp: Stamp) -> None:
    images = {
        "planned": result.planned,
        "reused": result.reused,
        "deferred": result.deferred,
    }
    prompts = {"unsupported": result.unsupported, "trimmed": result.trimmed}
    note_figures(connection, stamp.run_id, "images", images, stamp.now)
    note_figures(connection, stamp.run_id, "prompts", prompts, stamp.now)
    looks = asdict(look_figures(connection))
    note_figures(connection, stamp.run_id, "looks", looks, stamp.now)


def _cut(
    connection: DuckDBPyConnection,
    catalog: Catalog,
    drawer: Drawer,
    shards: Collection[int],
    stamp: Stamp,
    budget: Budget,
) -> tuple[int, int]:
    """Defer what exceeds the budget; the numbers of pictures to draw and of deferred ones."""
    work = open_candidates(connection, shards, catalog.settings.limits.tries)
    recipe_ids = work["recipe_id"]
    taken, deferred = recipe_ids, recipe_ids.slice(0, 0)
    if budget != NO_LIMIT:
        seconds = picture_seconds(connection, catalog, drawer)
        reasons, views = work["reason"].to_pylist(), work["view"].to_pylist()
        cut = within_budget(
            [
                Costed(reason, seconds.get(view, 0.0))
                for reason, view in zip(reasons, views, strict=True)
            ],
            budget,
        )
        taken, deferred = (
            recipe_ids.take(pa.array(places, pa.int64())) for places in (cut.taken, cut.deferred)
        )
    apply_budget(connection, taken, deferred, stamp.run_id, stamp.now)
    return len(taken), len(deferred)


def picture_seconds(
    connection: DuckDBPyConnection, catalog: Catalog, drawer: Drawer
) -> dict[str, float]:
    """The estimated drawing time of one picture, by view, from measured times."""
    rows = drawing_pace(connection)
    rates = [each.seconds / each.work for each in rows if each.work]
    pace = Pace(
        {(each.view, each.settings_hash, each.model_hash): each.seconds for each in rows},
        median(rates) if rates else None,
    )
    return {
        name: pace.seconds(name, view, drawer.hash) for name, view in catalog.settings.views.items()
    }


def wish_for(view: View, stale: StaleInput, drawer: Drawer) -> DesiredPrompt:
    """What a view asks for a product, and the recipes that fulfil it."""
    fields = stale.product.fields()
    asked = view.wishes.asked(fields)
    fitted = drawer.budget.fit(view.wishes.say(fields, asked))
    negative = drawer.budget.fit(view.wishes.say_negative(fields, asked))
    colourless = fitted.text
    if asked.get(COLOUR):
        colourless = view.wishes.say(fields, {**asked, COLOUR: ""})
        # Counting tokens takes six times as long as rendering.
        colourless = drawer.budget.fit(colourless).text if fitted.dropped else colourless
    photo, mask = stale.inputs.get(REFERENCE_HASH), stale.inputs.get(MASK_HASH, "")
    concept = stale.inputs.get(CONCEPT_HASH, "")
    look = Look(
        view=view.name,
        spec=stale.spec,
        prompt=fitted.text,
        negative_prompt=negative.text,
        colourless=colourless,
        asked=asked,
        # Without the hash, only its name shows whether two products have the same photo.
        photo="" if photo is None else photo or stale.product.reference,
        mask=mask,
        concept=concept,
        apart=tuple(fields.get(name, "") for name in view.apart),
    )
    unsupported = view.wishes.unsupported(fields, asked)
    if "mask" in view.settings.method.needs and not mask and photo:
        unsupported = unsupported or fields.get(MASK_PROBLEM, "")
    if view.teaching is not None and not concept:
        unsupported = unsupported or fields.get(CONCEPT_PROBLEM, "")
    if not fitted.text.strip() and not unsupported:
        # One word beyond the limit is dropped whole, and nothing is left to draw from.
        unsupported = (
            f"nothing of the prompt fits into the model's {drawer.budget.limit} tokens; shorten "
            f"views.{view.name}.template or the fields that it reads"
        )
    recipes = recipes_for(
        view.settings,
        form=look.form,
        prompt=look.prompt,
        negative_prompt=look.negative_prompt,
        model_hash=drawer.hash,
        reference_sha256=photo or None,
        mask_sha256=mask or None,
        concept_sha256=concept or None,
    )
    return DesiredPrompt(
        stale=stale,
        look=look,
        tokens=fitted.tokens,
        dropped=(*fitted.dropped, *negative.dropped),
        unsupported=unsupported,
        reason=reason_for(stale.inputs, stale.spec, stale.previous_inputs, stale.previous_spec),
        recipes=() if unsupported else tuple(recipes),
    )


def prompt_row(wish: DesiredPrompt, stamp: Stamp) -> PromptRow:
    """A wish as the prompts table has it."""
    stale = wish.stale
    return PromptRow(
        prompt_id=wish.prompt_id,
        product_id=stale.product_id,
        shard=stale.shard,
        view=stale.view,
        fingerprint=stale.fingerprint,
        look_id=wish.look_id,
        form=wish.look.form,
        inputs=stale.inputs,
        asked=wish.look.asked,
        spec=stale.spec,
        prompt=wish.look.prompt,
        negative_prompt=wish.look.negative_prompt,
        tokens=wish.tokens,
        dropped=wish.dropped,
        unsupported=wish.unsupported,
        reason=wish.reason.name,
        created_at=stamp.now,
        run_id=stamp.run_id,
    )


def _items(wish: DesiredPrompt) -> list[PlannedItem]:
    stale = wish.stale
    return candidates(
        wish.recipes,
        look_id=wish.look.look_id,
        prompt_id=wish.prompt_id,
        view=stale.view,
        attempt=0,
        reason=wish.reason.name,
    )
