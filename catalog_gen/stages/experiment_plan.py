"""What an experiment would draw: its cells as recipes, those that exist, and the cost of the rest.

Nothing is written. A cell starts from a view's own recipe for its subject, seed included, so that
cells which say what a night says share the night's pictures.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from catalog_gen.broken_rules import nearest
from catalog_gen.catalog.aliases import canonical_field
from catalog_gen.catalog.product import CORE_FIELDS, Product
from catalog_gen.concept import without_word
from catalog_gen.errors import ConfigError, InputError
from catalog_gen.experiments.definition import (
    Experiment,
    Grid,
    Level,
    PhotoPrompt,
    load_experiment,
)
from catalog_gen.experiments.grid import Cell, cells_of
from catalog_gen.experiments.recipes import MODEL, WORDS, recipe_of, usual_values
from catalog_gen.fingerprint import sha256_json, shard_of
from catalog_gen.planning import UNMEASURED_SECONDS
from catalog_gen.recipe import Recipe
from catalog_gen.settings.model import ModelSettings
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.cutouts import MASK_HASH
from catalog_gen.stages.drawer import Drawer
from catalog_gen.stages.products import REFERENCE_HASH, photo_hash
from catalog_gen.stages.prompts import DesiredPrompt, wish_for
from catalog_gen.stages.views import CONCEPT, CONCEPT_HASH, Teaching, View, compile_views
from catalog_gen.store.concepts import known_concepts
from catalog_gen.store.figures import seconds_a_step
from catalog_gen.store.images import kept_among
from catalog_gen.store.products import products_named
from catalog_gen.store.prompts import StaleInput, known_attributes

#: What a subject needs for methods with such a need: the attribute, and what to do without it.
_NEEDED: Final = {
    "photo": (REFERENCE_HASH, "Give it a reference photo in one of feed.reference_folders."),
    "mask": (MASK_HASH, "Add a view with this method and refresh: that cuts photos out."),
    "concept": (CONCEPT_HASH, "Name a view that draws with concepts, for its products."),
}


@dataclass(frozen=True)
class PlannedCell:
    """A cell with its recipe, and what it asks for, ``wish``, in its view's words."""

    cell: Cell
    view: str
    recipe: Recipe
    wish: DesiredPrompt
    model: str

    @cached_property
    def recipe_id(self) -> str:
        """The id of its picture."""
        return self.recipe.recipe_id


@dataclass(frozen=True)
class PlannedExperiment:
    """An experiment that can be drawn.

    Attributes:
        name: the file's, without its suffix.
        models: the settings of each model, by the id that the file gives it; '' is the catalog's.
        drawn: recipes whose pictures exist.
        seconds: of drawing the others, estimated.
    """

    name: str
    experiment: Experiment
    cells: tuple[PlannedCell, ...]
    models: Mapping[str, ModelSettings]
    drawn: frozenset[str]
    seconds: float

    @cached_property
    def experiment_id(self) -> str:
        """SHA-256 over name and cells: the same cells are the same experiment."""
        cells = [
            [each.cell.grid, each.cell.subject, dict(each.cell.levels), each.recipe_id]
            for each in self.cells
        ]
        return sha256_json([self.name, cells])

    @property
    def missing(self) -> int:
        """How many pictures are to be drawn."""
        return len({each.recipe_id for each in self.cells} - self.drawn)


def plan_experiment(catalog: Catalog, file: Path) -> PlannedExperiment:
    """Read an experiment file and turn its grids into recipes.

    Raises:
        ConfigError: the file breaks a rule, or a cell is nothing that its model can draw.
        InputError: a product that it names is not in the newest feed.
        ModelError: a model can't be used.
    """
    return planned(catalog, load_experiment(file), file)


def planned(catalog: Catalog, experiment: Experiment, file: Path) -> PlannedExperiment:
    """The same for what a file says, or is to say; raises as ``plan_experiment`` does."""
    drawing = _Drawing(catalog, file.absolute().parent)
    each_grids: list[PlannedCell] = []
    for name, grid in experiment.grids.items():
        each_grids += _planned(name, grid, drawing)
    cells = _each_once(each_grids)
    work: dict[str, dict[str, float]] = {}
    with catalog.store.peek() as connection:
        drawn = frozenset(kept_among(connection, [each.recipe_id for each in cells]))
        for each in cells:
            if each.recipe_id not in drawn:
                work.setdefault(each.recipe.model_hash, {})[each.recipe_id] = each.recipe.work
        seconds = 0.0
        for model_hash, recipes in work.items():
            rate = seconds_a_step(connection, model_hash)
            seconds += len(recipes) * UNMEASURED_SECONDS if rate is None else 0.0
            seconds += sum(recipes.values()) * (rate or 0.0)
    models = {name: drawing.settings(name) for name in dict.fromkeys(c.model for c in cells)}
    return PlannedExperiment(file.stem, experiment, cells, models, drawn, seconds)


def with_model(catalog: Catalog, model: ModelSettings) -> Catalog:
    """The catalog with another model."""
    return replace(catalog, settings=catalog.settings.model_copy(update={"model": model}))


@dataclass(frozen=True)
class _Subject:
    """What a grid draws: a product, of the feed or made up, and the view that words it."""

    name: str
    product: Product
    template: str | None = None


class _Drawing:
    """The catalog's views and products as each of the experiment's models sees them."""

    def __init__(self, catalog: Catalog, folder: Path) -> None:
        self.catalog = catalog
        self.models: dict[str, ModelSettings] = {}
        self._folder = folder
        self._drawers: dict[tuple[str, str], Drawer] = {}
        with catalog.store.peek() as connection:
            self._attributes = set(known_attributes(connection))

    def settings(self, model: str) -> ModelSettings:
        """The settings of a model that the file names; '' is the catalog's own."""
        if model not in self.models:
            own = self.catalog.settings.model
            path = self._folder / model
            changed = {"id": str(path) if path.exists() else model, "sha256": None}
            self.models[model] = own.model_copy(update=changed) if model else own
        return self.models[model]

    def drawer(self, model: str, view: str) -> Drawer:
        """The model, which must be able to draw the view."""
        if (model, view) not in self._drawers:
            settings = self.catalog.settings
            only = {"model": self.settings(model), "views": {view: settings.views[view]}}
            alone = replace(self.catalog, settings=settings.model_copy(update=only))
            self._drawers[model, view] = Drawer.of(alone)
        return self._drawers[model, view]

    def wish(self, view: str, subject: _Subject, model: str) -> DesiredPrompt:
        """What the view asks for a subject, in the model's words."""
        drawer = self.drawer(model, view)
        settings = self.catalog.settings.views[view]
        if subject.template is not None:
            settings = settings.model_copy(update={"template": subject.template, "asks": {}})
        only = self.catalog.settings.model_copy(update={"views": {view: settings}})
        known = self._attributes | subject.product.attributes.keys()
        (compiled,) = compile_views(only, known, drawer.dialect)
        if compiled.teaching is not None:
            subject = self._taught(view, subject, compiled.teaching, drawer)
        return _wish(compiled, subject, drawer)

    def _taught(self, view: str, subject: _Subject, teaching: Teaching, drawer: Drawer) -> _Subject:
        """The subject with what a refresh has learned about it."""
        product = subject.product
        photo = product.attributes.get(REFERENCE_HASH, "")
        lesson_id = teaching.lesson(product.fields(), photo, drawer).lesson_id if photo else ""
        with self.catalog.store.peek() as connection:
            known = known_concepts(connection, [lesson_id]).get(lesson_id)
        if known is None or not known.concept_sha256:
            failed = f"; it failed: {known.problem}" if known else ""
            raise ConfigError(
                f"views.{view} draws with concepts.{teaching.name}, and {subject.name}",
                f"was not learned with this photo, model and these settings{failed}",
                "`catalog-gen refresh` learns it, if the feed has the product and the view is for "
                "it; `catalog-gen concepts` lists what was learned.",
            )
        learned = {CONCEPT: teaching.word, CONCEPT_HASH: known.concept_sha256}
        attributes = {**product.attributes, **learned}
        return replace(subject, product=replace(product, attributes=attributes))

    def products(self, ids: Sequence[str]) -> list[Product]:
        """Products of the newest feed, in the order of the file."""
        with self.catalog.store.peek() as connection:
            found = {each.product_id: each for each in products_named(connection, ids)}
        missing = [each for each in ids if each not in found]
        if missing:
            raise InputError(
                ", ".join(missing),
                "no refresh has read such a product",
                "Refresh first, name another, or describe it under [subjects].",
            )
        return [found[each] for each in ids]

    def made_up(self, fields: Mapping[str, str]) -> Product:
        """A product from fields that no feed has."""
        known = {canonical_field(name): value for name, value in fields.items()}
        core = {name: known.pop(name) for name in CORE_FIELDS if name in known}
        product = Product(**{"product_id": "", "title": "", **core}, attributes=known)
        digest = photo_hash(product, self.catalog.photo_folders) if product.reference else ""
        return replace(product, attributes={**known, REFERENCE_HASH: digest} if digest else known)


def _planned(name: str, grid: Grid, drawing: _Drawing) -> Iterator[PlannedCell]:
    view = _view(name, grid, drawing.catalog)
    subjects = {each.name: each for each in _subjects(grid, drawing)}
    first = str(grid.base.get(MODEL, ""))
    usual: dict[str, dict[str, Level]] = {}
    for subject in subjects.values():
        wish = _supported(name, drawing.wish(view, subject, first), subject)
        own = first or Path(drawing.catalog.settings.model.id).name
        usual[subject.name] = {**usual_values(wish.recipes[0]), MODEL: own, WORDS: {}}
    wishes: dict[tuple[str, str], DesiredPrompt] = {}
    for cell in cells_of(name, grid, list(subjects), usual):
        subject, model = subjects[cell.subject], str(cell.values.get(MODEL, ""))
        if (subject.name, model) not in wishes:
            found = drawing.wish(view, subject, model)
            wishes[subject.name, model] = _supported(name, found, subject)
        wish, drawer = wishes[subject.name, model], drawing.drawer(model, view)
        where = f"grids.{name}, {subject.name}"
        recipe = recipe_of(where, wish.recipes[0], cell.values)
        if recipe.prompt != wish.look.prompt:
            recipe = recipe.model_copy(update={"prompt": drawer.budget.fit(recipe.prompt).text})
        recipe = _with_inputs(where, recipe, wish.stale.product)
        problem = drawer.model.problem(recipe)
        if problem is not None:
            value, rule, next_step = problem
            raise ConfigError(f"{where}: {value}", rule, next_step)
        yield PlannedCell(cell, view, recipe, wish, model)


def _each_once(cells: Iterable[PlannedCell]) -> tuple[PlannedCell, ...]:
    """The first of a grid's cells that have one recipe; a control stays beside such a cell."""
    found: dict[tuple[object, ...], PlannedCell] = {}
    for each in cells:
        cell = each.cell
        key = (cell.grid, cell.subject, cell.is_control, each.recipe_id)
        found.setdefault(key, each)
    return tuple(found.values())


def _view(name: str, grid: Grid, catalog: Catalog) -> str:
    views = catalog.settings.views
    if not grid.view:
        return next(iter(views))
    if grid.view not in views:
        near = nearest(grid.view, views)
        raise ConfigError(
            f"grids.{name}.view = '{grid.view}'",
            f"catalog.toml has the views {', '.join(views)}",
            f"Did you mean '{near}'?" if near else "Name one of them.",
        )
    return grid.view


def _subjects(grid: Grid, drawing: _Drawing) -> Iterator[_Subject]:
    for product in drawing.products(grid.products):
        yield _Subject(product.product_id, product)
    for name, fields in grid.subjects.items():
        yield _Subject(name, drawing.made_up(fields))
    for name, prompt in grid.prompts.items():
        if isinstance(prompt, PhotoPrompt):
            product = drawing.made_up({"title": name, "reference": prompt.reference})
            yield _Subject(name, product, prompt.prompt)
        else:
            yield _Subject(name, Product("", name), prompt)


def _wish(view: View, subject: _Subject, drawer: Drawer) -> DesiredPrompt:
    product, spec = subject.product, view.spec(drawer)
    values = product.fields()
    inputs = {field: values.get(field, "") for field in spec.fields}
    stale = StaleInput(
        product_id=product.product_id,
        shard=shard_of(product.product_id),
        view=view.name,
        fingerprint=spec.fingerprint(values),
        inputs=inputs,
        spec=dict(spec.spec),
        product=product,
    )
    return wish_for(view, stale, drawer)


def _supported(grid: str, wish: DesiredPrompt, subject: _Subject) -> DesiredPrompt:
    if wish.unsupported:
        raise ConfigError(
            f"grids.{grid}, {subject.name}", wish.unsupported, "Name what the model can draw."
        )
    return wish


def _with_inputs(where: str, recipe: Recipe, product: Product) -> Recipe:
    """The recipe with the photo, the mask and the concept that its method needs, and no other.

    Without the concept its word says nothing, and is left out.
    """
    found: dict[str, str | None] = {"photo": None, "mask": None, "concept": None}
    for need in recipe.method.needs:
        attribute, next_step = _NEEDED[need]
        found[need] = product.attributes.get(attribute)
        if not found[need]:
            raise ConfigError(
                f"{where}: method {recipe.method.name}", f"it needs a {need}", next_step
            )
    changed = {
        "reference_sha256": found["photo"],
        "mask_sha256": found["mask"],
        "concept_sha256": found["concept"],
    }
    if not found["concept"]:
        changed["prompt"] = without_word(recipe.prompt, product.attributes.get(CONCEPT, ""))
    return recipe.model_copy(update=changed)
