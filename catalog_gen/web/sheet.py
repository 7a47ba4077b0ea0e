"""A grid's pictures as a table of HTML, which Streamlit's columns would stack on a phone."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from catalog_gen.experiments.results import Cell, Result
from catalog_gen.experiments.sheet import Row, Sheet, outcome
from catalog_gen.web.thumbnails import SIDE

#: Cells that are shown at once; more rows are on further pages.
MOST_CELLS: Final = 240


def rows_shown(sheet: Sheet) -> int:
    """How many rows of a sheet are shown at once."""
    return max(1, MOST_CELLS // len(sheet.columns))


def sheet_html(
    sheet: Sheet,
    rows: Sequence[Row],
    *,
    numbers: Mapping[Cell, int],
    small: Mapping[str, str],
    chosen: Collection[int],
    waits: bool,
    link: Callable[[int], str],
) -> str:
    """These rows of the sheet; cells are numbered, and their pictures are links.

    Args:
        numbers: by ``Result.cell``, the cell's number.
        small: by image id, what ``src`` is.
        chosen: numbers of the cells that are marked.
        waits: whether cells without a picture are still to be drawn.
        link: the address behind a number.
    """

    def shown(result: Result | None) -> dict[str, Any] | None:
        if result is None:
            return None
        number = numbers[result.cell]
        waits_for_verdict = waits and result.total is None
        return {
            "number": number,
            "small": small.get(result.recipe_id),
            "link": link(number),
            "chosen": number in chosen,
            "instead": _instead(result, waits),
            "outcome": "" if waits_for_verdict else outcome(result),
        }

    environment = Environment(
        loader=PackageLoader("catalog_gen.web"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
    )
    return environment.get_template("sheet.html.j2").render(
        grid=sheet.grid,
        columns=sheet.columns,
        rows=[{"label": row.label, "cells": [shown(each) for each in row.results]} for row in rows],
        side=SIDE,
    )


def _instead(result: Result, waits: bool) -> str:
    """What stands in the place of a picture that can't be shown."""
    if result.sha256:
        return "deleted"
    if result.error:
        return "failed"
    return "waiting" if waits else "not drawn"
