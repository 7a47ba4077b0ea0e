"""The cells of a grid: every combination of levels that its conditions allow."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from catalog_gen.errors import ConfigError
from catalog_gen.experiments.definition import REPLICATES, Grid, Level

#: Most cells of a grid over one subject: more is a mistyped step.
MOST_CELLS: Final = 10_000

Levels = Mapping[str, Level]


@dataclass(frozen=True, slots=True)
class Cell:
    """One picture of a grid: its subject, and the values that it does not take from the view.

    Attributes:
        levels: the values on the axes, in the order of the file.
        values: the same over those of the base.
        is_control: it has the view's own values.
    """

    grid: str
    subject: str
    levels: Levels
    values: Levels
    is_control: bool = False


def cells_of(
    name: str, grid: Grid, subjects: Sequence[str], usual: Mapping[str, Mapping[str, Level]]
) -> list[Cell]:
    """All cells of a grid, subject by subject, the first axis turning slowest.

    Args:
        usual: by subject, the values that a recipe has where neither base nor axis says another;
            conditions may name them, and ``changes`` counts from them.

    Raises:
        ConfigError: a condition can't be evaluated, or the grid has too many cells or none.
    """
    count = 1
    for levels in grid.axes.values():
        count *= len(levels)
    if count > MOST_CELLS:
        raise ConfigError(
            f"grids.{name}",
            f"its axes have {count} combinations, and a grid at most {MOST_CELLS}",
            "Vary fewer fields, or in larger steps.",
        )
    conditions = [(text, _compiled(name, text)) for text in grid.only]
    cells = [
        Cell(name, subject, levels, {**grid.base, **levels})
        for subject in subjects
        for levels in _combinations(grid)
        if _changes(levels, {**usual[subject], **grid.base}) <= (grid.changes or len(levels))
        and all(
            _met(name, text, condition, {**usual[subject], **grid.base, **levels})
            for text, condition in conditions
        )
    ]
    if not cells:
        raise ConfigError(
            f"grids.{name}", "no cell meets its conditions", "Loosen only, or raise changes."
        )
    return [*_controls(name, grid, cells, usual), *cells] if grid.control else cells


def _controls(
    name: str, grid: Grid, cells: Sequence[Cell], usual: Mapping[str, Mapping[str, Level]]
) -> list[Cell]:
    """A cell with the view's own values for each subject and seed of the others."""
    found: dict[tuple[object, ...], Cell] = {}
    for each in cells:
        repeated = {axis: value for axis, value in each.levels.items() if axis in REPLICATES}
        view = usual[each.subject]
        own = {name: view[name] for name in {**grid.axes, **grid.base} if name in view}
        kept = {axis: value for axis, value in each.values.items() if axis in REPLICATES}
        levels = {**own, **repeated}
        found.setdefault(
            (each.subject, *repeated.values()),
            Cell(name, each.subject, levels, kept, is_control=True),
        )
    return list(found.values())


def _combinations(grid: Grid) -> Iterator[dict[str, Level]]:
    for levels in product(*grid.axes.values()):
        yield dict(zip(grid.axes, levels, strict=True))


def _changes(levels: Levels, base: Levels) -> int:
    """In how many axes the levels differ from the base; seeds repeat a cell and don't count."""
    return sum(name not in REPLICATES and value != base.get(name) for name, value in levels.items())


def _compiled(grid: str, text: str) -> Any:
    environment = SandboxedEnvironment(undefined=StrictUndefined)
    try:
        return environment.compile_expression(text, undefined_to_none=False)
    except TemplateError as error:
        raise _unusable(grid, text, str(error)) from error


def _met(grid: str, text: str, condition: Any, values: Levels) -> bool:
    try:
        return bool(condition(**values))
    except (TemplateError, TypeError, ArithmeticError, LookupError) as error:
        raise _unusable(grid, text, str(error)) from error


def _unusable(grid: str, text: str, why: str) -> ConfigError:
    return ConfigError(
        f"grids.{grid}.only: {text!r}",
        f"it can't be evaluated ({why.rstrip('.')})",
        "Compare fields of the recipe, such as: steps < 50 or scheduler == 'ddim'.",
    )
