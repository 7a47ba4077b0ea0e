"""Keep a trial as an experiment: a file with one cell, drawn beside the view's own settings."""

from pathlib import Path
from typing import Any, Final

from catalog_gen.errors import InputError
from catalog_gen.experiments.definition import Experiment, Grid, PhotoPrompt
from catalog_gen.experiments.recipes import usual_values
from catalog_gen.experiments.writing import experiment_toml
from catalog_gen.planning import recipes_for
from catalog_gen.settings.views import ViewSettings
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.cutouts import MASK_HASH
from catalog_gen.stages.drawer import Drawer
from catalog_gen.stages.experiment_files import experiment_file, save_experiment_file
from catalog_gen.stages.experiment_plan import planned
from catalog_gen.stages.products import REFERENCE_HASH
from catalog_gen.stages.trials import Trial, Wish, literal, wish_of

_NAME: Final = "tried"
#: Fields of a product that a file does not say: its ids, and what is measured.
_NOT_SAID: Final = frozenset({"product_id", "group_id", REFERENCE_HASH, MASK_HASH})
#: Values of a recipe that the subject decides, where the file does not; the feed's are known.
_SUBJECTS_OWN: Final = frozenset({"seed", "negative_prompt"})


def keep_as_experiment(
    catalog: Catalog, drawer: Drawer, trial: Trial, view: str, folder: Path, name: str
) -> Path:
    """Write the experiment file that has the trial's recipe as a cell; nothing is drawn.

    Args:
        view: the view whose settings the trial began with.

    Raises:
        InputError: the name can't be used or is taken, or no experiment file can say this trial.
    """
    path = experiment_file(folder, name)
    feeds = _feeds_wish(catalog, trial.wish)
    axes = _changes(drawer, trial, feeds, catalog.settings.views[view])
    is_able = "photo" not in catalog.settings.views[view].method.needs or bool(
        trial.wish.photo_sha256
    )
    grid = Grid(view=view, axes=axes, control=is_able, **_subject(trial, feeds))
    experiment = Experiment(title=f"Tried: {trial.wish.prompt}", grids={_NAME: grid})
    cells = planned(catalog, experiment, path).cells
    if trial.recipe.recipe_id not in {each.recipe_id for each in cells}:
        raise InputError(
            "this trial",
            f"no experiment file can say it: views.{view} has a setting that the trial unsets",
            "Keep it as a picture.",
        )
    return save_experiment_file(folder, name, experiment_toml(experiment))


def _feeds_wish(catalog: Catalog, wish: Wish) -> Wish | None:
    """What the view asks of the trial's product; None for free words."""
    if not wish.product.product_id:
        return None
    with catalog.store.reading() as connection:
        return wish_of(connection, wish.product.product_id, wish.view)


def _subject(trial: Trial, feeds: Wish | None) -> dict[str, Any]:
    """What is drawn, as a grid says it: words, the feed's product, or one with another photo."""
    wish = trial.wish
    if feeds is None:
        words = literal(wish.prompt)
        if "photo" in trial.settings.method.needs:
            photo = PhotoPrompt(prompt=words, reference=wish.product.reference)
            return {"prompts": {_NAME: photo}}
        return {"prompts": {_NAME: words}}
    if feeds.photo_sha256 == wish.photo_sha256:
        return {"products": (wish.product.product_id,)}
    said = wish.product.fields().items()
    fields = {name: value for name, value in said if value and name not in _NOT_SAID}
    return {"subjects": {_NAME: fields}}


def _changes(
    drawer: Drawer, trial: Trial, feeds: Wish | None, settings: ViewSettings
) -> dict[str, Any]:
    """The trial's values that are not the view's own, each as an axis of one level."""
    wish, recipe = feeds or trial.wish, trial.recipe
    # By the trial's method: the view's own may need a photo that this wish lacks.
    (own, *_) = recipes_for(
        settings.model_copy(update={"method": recipe.method}),
        form=wish.form,
        prompt=drawer.budget.fit(wish.prompt).text,
        negative_prompt=drawer.budget.fit(wish.negative_prompt).text,
        model_hash=recipe.model_hash,
        reference_sha256=recipe.reference_sha256,
        mask_sha256=recipe.mask_sha256,
        concept_sha256=recipe.concept_sha256,
    )
    usual = usual_values(own)
    if feeds is None or feeds.photo_sha256 != trial.wish.photo_sha256:
        usual = {name: value for name, value in usual.items() if name not in _SUBJECTS_OWN}
    said = usual_values(recipe).items()
    axes = {name: [value] for name, value in said if usual.get(name) != value}
    if recipe.method != settings.method:
        axes["method"] = [recipe.method.chosen()]
    return axes
