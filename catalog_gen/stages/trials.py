"""Try a picture: draw and judge it as a refresh would, without storing it.

A trial starts from a wish: what a view asks of a product, as the store has it, or free words.
"""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np
import tomlkit
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray
from pydantic import ValidationError

from catalog_gen.broken_rules import broken_rules
from catalog_gen.catalog.product import Product
from catalog_gen.catalog.reference import resolve_reference
from catalog_gen.diffusion.jobs import DrawJob, Drawn
from catalog_gen.errors import InputError
from catalog_gen.imaging.decode import read_bytes
from catalog_gen.imaging.decoder import decode_picture
from catalog_gen.imaging.formats import picture_format
from catalog_gen.imaging.metadata import label_png
from catalog_gen.imaging.provenance import Provenance
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.method import Need
from catalog_gen.planning import recipes_for
from catalog_gen.recipe import Environment, Failure, Recipe, candidate_seed
from catalog_gen.settings.views import ViewSettings
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.cutouts import MASK_HASH
from catalog_gen.stages.drawer import Drawer
from catalog_gen.stages.products import REFERENCE_HASH
from catalog_gen.stages.scores import Scoring
from catalog_gen.stages.verdicts import judge_unstored
from catalog_gen.stages.views import CONCEPT_HASH
from catalog_gen.store.concepts import stored_concepts
from catalog_gen.store.cutouts import stored_masks
from catalog_gen.store.files import write_whole
from catalog_gen.store.products import PRODUCT_COLUMNS, stored_product
from catalog_gen.store.relations import first_row
from catalog_gen.store.scores import ScoreRow, ToScore
from catalog_gen.store.verdicts import ToJudge, VerdictRow

#: The view of a trial that starts from free words.
FREE: Final = ""
_RUN: Final = "trial"
#: What to do about a product that lacks what a method needs.
_REMEDIES: Final[Mapping[Need, str]] = {
    "photo": "Choose a product that has one, or add a photo.",
    "mask": "Choose a product whose photo was cut out: a refresh does so where a view draws by "
    "such a method.",
    "concept": "Choose a view that draws with concepts, and a product that a refresh has learned.",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a picture is asked to show.

    ``view`` is FREE, and ``product`` has no id, for free words. ``form`` decides the seeds.
    ``photo_sha256``, ``mask_sha256`` and ``concept_sha256`` are those of the product, '' where it
    has none.
    """

    view: str
    product: Product
    prompt: str
    negative_prompt: str
    form: str
    inputs: dict[str, str]
    asked: dict[str, str]
    photo_sha256: str = ""
    mask_sha256: str = ""
    mask: bytes | None = None
    concept_sha256: str = ""
    concept: bytes | None = None

    @property
    def first_seed(self) -> int:
        """The seed of the night's first candidate."""
        return candidate_seed(self.form, 0, 0)

    def photo(self, catalog: Catalog) -> NDArray[np.uint8] | None:
        """The product's photo, (H, W, 3); None: it has none.

        Raises:
            InputError: it can't be read.
        """
        if not self.product.reference:
            return None
        path = resolve_reference(self.product.reference, catalog.photo_folders)
        return decode_picture(read_bytes(path), name=path.name)

    def saying(self, prompt: str, negative_prompt: str) -> "Wish":
        """The same wish in other words."""
        return replace(self, prompt=prompt, negative_prompt=negative_prompt)

    def from_photo(self, reference: str, sha256: str) -> "Wish":
        """The same wish, started from another photo in the catalog's folders; without a mask."""
        product = replace(self.product, reference=reference)
        return replace(self, product=product, photo_sha256=sha256, mask_sha256="", mask=None)


@dataclass(frozen=True, slots=True)
class Trial:
    """A wish with everything that is chosen to draw it.

    ``settings`` are the view's, as tried: the judge reads background and edit policy from them.
    """

    wish: Wish
    settings: ViewSettings
    recipe: Recipe


@dataclass(frozen=True, eq=False, slots=True)
class Tried:
    """A drawn trial. ``problem`` says why it could not be judged; then it has neither score nor
    verdict.
    """

    trial: Trial
    png: bytes
    seconds: float
    environment: Environment
    score: ScoreRow | None = None
    verdict: VerdictRow | None = None
    problem: str = ""


def wish_of(connection: DuckDBPyConnection, product_id: str, view: str) -> Wish:
    """What a view asks of a product today.

    Raises:
        InputError: the product does not ask for this view, or the model can't draw what it asks.
    """
    row = first_row(
        connection.execute(
            f"""
            SELECT prompt, negative_prompt, form, inputs, asked, unsupported, {PRODUCT_COLUMNS}
            FROM current_prompts JOIN products USING (product_id)
            WHERE product_id = ? AND view = ?
            """,
            [product_id, view],
        )
    )
    if row is None:
        raise InputError(
            f"product '{product_id}', view '{view}'",
            "the store has no such wish",
            "Choose another view: this one may need a photo that the product lacks. Products of a "
            "new feed are known after a refresh.",
        )
    prompt, negative_prompt, form, inputs, asked, unsupported, *columns = row
    if unsupported:
        raise InputError(f"product '{product_id}', view '{view}'", unsupported, "Try free words.")
    product = stored_product(columns)
    facts = product.attributes
    mask, concept = facts.get(MASK_HASH, ""), inputs.get(CONCEPT_HASH, "")
    return Wish(
        view=view,
        product=product,
        prompt=prompt,
        negative_prompt=negative_prompt,
        form=form,
        inputs=inputs,
        asked=asked,
        photo_sha256=facts.get(REFERENCE_HASH, ""),
        mask_sha256=mask,
        mask=stored_masks(connection, [mask]).get(mask) if mask else None,
        concept_sha256=concept,
        concept=stored_concepts(connection, [concept]).get(concept) if concept else None,
    )


def free_wish(prompt: str, negative_prompt: str = "") -> Wish:
    """A wish in free words, of no product. All of them start from the same noise."""
    return Wish(FREE, Product("", ""), prompt, negative_prompt, FREE, {}, {})


def trial_of(drawer: Drawer, wish: Wish, settings: ViewSettings, seed: int | None = None) -> Trial:
    """The trial that draws a wish with a view's settings.

    Args:
        seed: None: that of the night's first candidate.

    Raises:
        InputError: the method needs a photo or a mask that the wish lacks, or the model can't draw
            such a picture.
    """
    needs = settings.method.needs
    has = {"photo": wish.photo_sha256, "mask": wish.mask_sha256, "concept": wish.concept_sha256}
    for need in sorted(needs):
        if not has[need]:
            raise InputError(
                f"method '{settings.method.name}'",
                f"it needs a {need}, and there is none",
                _REMEDIES[need],
            )
    problem = drawer.model.problem(settings)
    if problem is not None:
        raise InputError(*problem)
    recipe = recipes_for(
        settings,
        form=wish.form,
        prompt=drawer.budget.fit(wish.prompt).text,
        negative_prompt=drawer.budget.fit(wish.negative_prompt).text,
        model_hash=drawer.hash,
        reference_sha256=wish.photo_sha256 if "photo" in needs else None,
        mask_sha256=wish.mask_sha256 if "mask" in needs else None,
        concept_sha256=wish.concept_sha256 if "concept" in needs else None,
    )[0]
    if seed is not None:
        recipe = Recipe.model_validate(recipe.chosen() | {"seed": seed})
    return Trial(wish, settings, recipe)


def job_of(catalog: Catalog, trial: Trial) -> DrawJob:
    """The engine's job.

    Raises:
        InputError: the photo can't be read.
    """
    photo = None
    if "photo" in trial.settings.method.needs:
        photo = resolve_reference(trial.wish.product.reference, catalog.photo_folders)
    wish = trial.wish
    return DrawJob(trial.recipe.recipe_id, trial.recipe, photo, wish.mask, wish.concept)


def draw_recipe(catalog: Catalog, recipe: Recipe, photo: str | None) -> Drawn:
    """Draw one recipe in this process, alone in its batch.

    Args:
        photo: its reference photo, below one of the catalog's folders.

    Raises:
        InputError: the model can't draw it, or the photo can't be read.
        ModelError: the model can't be loaded.
    """
    from catalog_gen.diffusion.engine import Engine
    from catalog_gen.diffusion.loading import load_model

    path = None if photo is None else resolve_reference(photo, catalog.photo_folders)
    with catalog.store.peek() as connection:
        mask = recipe.mask_sha256 or ""
        masks = stored_masks(connection, [mask] if mask else [])
        concept = recipe.concept_sha256 or ""
        concepts = stored_concepts(connection, [concept] if concept else [])
    engine = Engine(load_model(catalog.settings.model, catalog.home.hashes), batch_size=1)
    job = DrawJob(recipe.recipe_id, recipe, path, masks.get(mask), concepts.get(concept))
    (outcome,) = engine.draw([job])
    if isinstance(outcome, Failure):
        raise InputError(f"recipe {recipe.recipe_id[:16]}", outcome.error, "Change the recipe.")
    return outcome


class Judge:
    """Scores and judges trials as a refresh would: against today's prompts and pictures."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._scorer = ClipScorer(catalog.settings.scorer)
        self._scoring = Scoring.of(catalog, self._scorer)

    def look(self, trial: Trial, drawn: Drawn) -> Tried:
        """Score and judge a drawn trial.

        Raises:
            CatalogError: the scorer, the critic or the rubric can't be used, or another process
                holds the database.
        """
        stamp = Stamp.at_once(_RUN)
        item = ToScore(
            image_id=drawn.recipe_id,
            view=trial.wish.view,
            prompt_id="",
            inputs=trial.wish.inputs,
            asked=trial.wish.asked,
            recipe=trial.recipe,
            product=trial.wish.product,
        )
        score = self._scoring.score(item, drawn.png, trial.wish.mask, stamp)
        scored = ToJudge(
            image_id=drawn.recipe_id,
            product_id=item.product_id,
            view=item.view,
            candidate=0,
            attempt=0,
            recipe=trial.recipe,
            environment_id=drawn.environment.environment_id,
            similarity=score.similarity,
            margin=score.margin,
            embedding=score.embedding,
            signals=score.signals,
            lookers=score.lookers,
        )
        verdict = judge_unstored(
            self._catalog, self._scorer.scorer_hash, scored, trial.settings, stamp
        )
        return replace(drawn_trial(trial, drawn), score=score, verdict=verdict)


def drawn_trial(trial: Trial, drawn: Drawn) -> Tried:
    """A trial that was drawn, and not judged yet."""
    return Tried(trial, drawn.png, drawn.seconds, drawn.environment)


def with_settings(base: ViewSettings, changes: Mapping[str, Any]) -> ViewSettings:
    """A view's settings with changes, checked as those of ``catalog.toml`` are.

    Raises:
        InputError: a value breaks a rule; all of them are listed.
    """
    try:
        return ViewSettings.model_validate(base.model_dump(mode="json") | dict(changes))
    except ValidationError as error:
        broken = broken_rules(error, ViewSettings)
        rules = "; ".join(f"{each.key}: {each.rule}" for each in broken)
        raise InputError("these settings", rules, "Change them.") from error


def as_view(trial: Trial, template: str | None, name: str = "tried") -> str:
    """The trial as a section of ``catalog.toml``; what is the default is left out.

    Args:
        template: the template that gave the prompt; None: the prompt itself becomes one.
    """
    chosen = trial.settings.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    chosen.pop("method", None)
    method = trial.settings.method.chosen()
    said = literal(trial.wish.prompt) if template is None else template
    chosen["template"] = said
    if template is None and trial.wish.negative_prompt:
        chosen["negative_prompt"] = literal(trial.wish.negative_prompt)
    section = tomlkit.table()
    for key, value in chosen.items():
        section[key] = tomlkit.string(value, multiline=True) if "\n" in str(value) else value
    inline = tomlkit.inline_table()
    inline.update(method)
    section["method"] = inline if len(method) > 1 else method["name"]
    document = tomlkit.document()
    views = tomlkit.table(is_super_table=True)
    views[name] = section
    document["views"] = views
    return tomlkit.dumps(document)


def literal(prompt: str) -> str:
    """A template that says exactly this, whatever braces are in it."""
    special = any(sign in prompt for sign in ("{{", "{%", "{#"))
    return f"{{% raw %}}{prompt}{{% endraw %}}" if special else prompt


def as_command(trial: Trial) -> str:
    """The shell command that draws the trial."""
    parts = ["catalog-gen", "draw", trial.recipe.canonical]
    if "photo" in trial.settings.method.needs:
        parts += ["--photo", trial.wish.product.reference]
    return shlex.join([*parts, "--out", "picture.png"])


def add_photo(catalog: Catalog, content: bytes) -> str:
    """Keep a photo to start trials from; returns its reference.

    Raises:
        InputError: it is no picture in a format that is read.
    """
    found = picture_format(content)
    if found is None:
        raise InputError("the photo", "is no picture in a format that is read", "Try a JPEG.")
    digest = sha256(content).hexdigest()
    name = f"{digest[:2]}/{digest}.{found.suffix}"
    path = catalog.home.photos / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    return name


def keep(catalog: Catalog, tried: Tried, note: str) -> Path:
    """Keep a trial as a PNG with its recipe inside, and a JSON file with what was said of it.

    They lie beside the store and not in it: no night publishes them.
    """
    recipe, now = tried.trial.recipe, datetime.now(UTC)
    folder = catalog.home.trials
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{recipe.recipe_id[:16]}.png"
    facts = {
        "image_id": recipe.recipe_id,
        "product_id": tried.trial.wish.product.product_id,
        "view": tried.trial.wish.view,
        "note": note,
        "kept_at": now.isoformat(timespec="seconds"),
        "recipe": recipe.chosen(),
        "settings": tried.trial.settings.chosen(),
        "environment": tried.environment.chosen(),
        "similarity": None if tried.score is None else tried.score.similarity,
        "margin": None if tried.score is None else tried.score.margin,
        "decision": None if tried.verdict is None else tried.verdict.decision,
        "total": None if tried.verdict is None else tried.verdict.total,
        "criteria": None if tried.verdict is None else json.loads(tried.verdict.criteria),
    }
    write_whole(path.with_suffix(".json"), json.dumps(facts, indent=2).encode())
    write_whole(path, label_png(tried.png, Provenance(recipe, now)))
    return path
