"""What an experiment file says: grids of recipes over products and prompts.

Names of axes are fields of a recipe (``steps``, ``guidance``, ``seed``, ...), parameters of its
method (``strength``), ``model``, or ``words``, which are replaced in the prompt.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from catalog_gen.chosen import Chosen
from catalog_gen.errors import ConfigError
from catalog_gen.experiments.ranges import MOST_LEVELS, is_range, numbers_of
from catalog_gen.toml_file import checked_toml, load_toml

#: One value on an axis: a number, a name, or a table (a method; words and their replacements).
Level = int | float | str | dict[str, Any]

#: Axes that repeat a picture rather than change its settings.
REPLICATES: Final = frozenset({"seed"})


def _levels(value: object) -> object:
    """The levels of an axis from what the file says: a range, a list of values, or one value."""
    given = value if isinstance(value, list | tuple) else [value]
    levels: list[object] = []
    for each in given:
        if isinstance(each, bool):
            raise ValueError(f"{each} is no level; an axis has numbers, names or tables")
        levels += numbers_of(each) if isinstance(each, str) and is_range(each) else [each]
    if not 1 <= len(levels) <= MOST_LEVELS:
        raise ValueError(f"it has {len(levels)} levels; an axis has 1 to {MOST_LEVELS}")
    if any(each in levels[:place] for place, each in enumerate(levels)):
        raise ValueError("a level is written twice; write each once")
    return levels


Axis = Annotated[tuple[Level, ...], BeforeValidator(_levels)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]


class PhotoPrompt(Chosen):
    """A whole prompt with the photo that its pictures start from."""

    prompt: str
    reference: str = Field(min_length=1, description="a file in one of feed.reference_folders")


class Grid(Chosen):
    """One grid: what is drawn, what is varied, and which cells are left out."""

    view: str = Field("", description="a view of catalog.toml for all that is not said here")
    products: tuple[str, ...] = Field((), description="ids of products in the newest feed")
    subjects: dict[Name, dict[str, str]] = Field(
        {}, description="products that no feed has: their fields by name, as a feed would say them"
    )
    prompts: dict[Name, str | PhotoPrompt] = Field(
        {}, description="whole prompts, without a product"
    )
    base: dict[str, Level] = Field({}, description="values of what is not varied, and of the axes")
    axes: dict[str, Axis] = Field({}, description="what is varied: a range, or a list of values")
    only: tuple[str, ...] = Field(
        (),
        description="conditions (Jinja2) that all cells meet: steps < 50 or scheduler == 'own'",
    )
    control: bool = Field(
        True, description="also draw the view's own settings, which advice starts from"
    )
    changes: int | None = Field(
        None,
        ge=1,
        description="cells differ from the base in at most so many axes; unset: the whole grid",
    )


class Experiment(Chosen):
    """An experiment file."""

    title: str = Field("", description="a sentence that heads the page")
    grids: dict[Name, Grid] = Field(min_length=1)


def load_experiment(path: Path) -> Experiment:
    """Read an experiment file.

    Raises:
        ConfigError: it is missing, no TOML, or breaks a rule; all of them are listed.
    """
    return _drawable(path, load_toml(path, Experiment, "the command's argument"))


def read_experiment(text: str, path: Path) -> Experiment:
    """The experiment of a text that is to become the file ``path``; raises as the file would."""
    return _drawable(path, checked_toml(text, path, Experiment))


def _drawable(path: Path, experiment: Experiment) -> Experiment:
    for name, grid in experiment.grids.items():
        if not (grid.products or grid.subjects or grid.prompts):
            raise ConfigError(
                f"{path}: grids.{name}",
                "it names nothing to draw",
                "Add products = [...], [subjects] or [prompts].",
            )
    return experiment


def level_text(value: Level) -> str:
    """A level for people: "7.5", "euler-a", "img2img, strength 0.35", "oak for wood"."""
    if isinstance(value, float):
        return f"{value:g}"
    if not isinstance(value, Mapping):
        return str(value)
    if "name" in value:
        rest = [f"{key} {level_text(each)}" for key, each in value.items() if key != "name"]
        return ", ".join([str(value["name"]), *rest])
    return ", ".join(f"{new} for {old}" for old, new in value.items()) or "as written"
