"""A labelled contact sheet: a column for each choice of settings, a row for each subject and seed.

As data, which the page shows, and as one PNG.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from catalog_gen.experiments.definition import level_text
from catalog_gen.experiments.results import Result, by_settings, varied

if TYPE_CHECKING:
    from PIL import Image

#: Longest side of a picture on the sheet, in pixels; smaller ones are shown as they are.
MOST_SIDE: Final = 256
#: Columns side by side; more go to another band below.
BAND: Final = 8
_GAP: Final = 10
_LINE: Final = 16
_LABEL: Final = 150
_INK: Final = (29, 28, 26)
_QUIET: Final = (102, 98, 91)
_PAPER: Final = (246, 245, 242)
_EMPTY: Final = (227, 224, 217)
_COLOURS: Final = {"accepted": (35, 112, 74), "review": (138, 90, 0), "rejected": (162, 53, 44)}


@dataclass(frozen=True, slots=True)
class Row:
    """One subject and seed, with a result for each column; None: the grid has no such cell."""

    label: str
    results: tuple[Result | None, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A grid's pictures by settings and by subject and seed."""

    grid: str
    columns: tuple[tuple[str, ...], ...]
    """The lines of each column's label: what its settings are where they differ."""
    rows: tuple[Row, ...]


def sheets_of(results: Sequence[Result]) -> list[Sheet]:
    """One sheet for each grid, in the order of the results."""
    return [
        _sheet(grid, [each for each in results if each.grid == grid])
        for grid in dict.fromkeys(each.grid for each in results)
    ]


def outcome(result: Result) -> str:
    """What came of a cell, in two words: "8 accepted", "not drawn"."""
    if result.total is not None:
        return f"{result.total} {result.decision}"
    return "not judged" if result.sha256 else "not drawn"


def sheet_png(sheets: Sequence[Sheet], picture: Callable[[Result], NDArray[np.uint8]]) -> bytes:
    """All sheets, one below another, as a PNG.

    Args:
        picture: a drawn result's pixels, (H, W, 3).
    """
    return _Painter(sheets, picture).png()


def _sheet(grid: str, results: Sequence[Result]) -> Sheet:
    settings = by_settings(results)
    blocks = list(dict.fromkeys(each.block for each in results))
    found = {(each.block, each.key): each for each in results}
    return Sheet(
        grid,
        tuple(_heading(own[0], varied(results)) for own in settings.values()),
        tuple(
            Row(_label(block), tuple(found.get((block, key)) for key in settings))
            for block in blocks
        ),
    )


def _heading(result: Result, axes: Sequence[str]) -> tuple[str, ...]:
    shown = list(result.settings) if result.is_control or not axes else axes
    lines = ", ".join(f"{name} {level_text(result.settings[name])}" for name in shown).split(", ")
    return ("catalog.toml's own:", *lines) if result.is_control else tuple(lines)


def _label(block: tuple[str, ...]) -> str:
    subject, *seeds = block
    return ", ".join([subject, *(f"seed {each}" for each in seeds)])


class _Painter:
    """Paints the sheets; ``side`` is that of the largest picture."""

    def __init__(
        self, sheets: Sequence[Sheet], picture: Callable[[Result], NDArray[np.uint8]]
    ) -> None:
        from PIL import Image, ImageDraw, ImageFont

        self._pictures = {
            each.recipe_id: _fitted(picture(each))
            for sheet in sheets
            for row in sheet.rows
            for each in row.results
            if each is not None and each.sha256
        }
        sizes = [side for each in self._pictures.values() for side in each.size]
        self._side = max(sizes, default=MOST_SIDE // 2)
        self._bands = [
            (sheet, start) for sheet in sheets for start in range(0, len(sheet.columns), BAND)
        ]
        columns = max((min(BAND, len(sheet.columns)) for sheet in sheets), default=0)
        size = _LABEL + columns * (self._side + _GAP), sum(map(self._height, self._bands)) + _GAP
        self._page = Image.new("RGB", size, _PAPER)
        self._draw: Any = ImageDraw.Draw(self._page)
        self._font = ImageFont.load_default(13)
        self._large = ImageFont.load_default(16)

    def png(self) -> bytes:
        top = _GAP
        for band in self._bands:
            self._paint(*band, top)
            top += self._height(band)
        stream = BytesIO()
        self._page.save(stream, "PNG", optimize=True)
        return stream.getvalue()

    def _height(self, band: tuple[Sheet, int]) -> int:
        sheet, _ = band
        return _head(sheet) + len(sheet.rows) * (self._side + _LINE + _GAP) + 2 * _GAP

    def _paint(self, sheet: Sheet, start: int, top: int) -> None:
        self._draw.text((_GAP, top), sheet.grid, _INK, self._large)
        for column, lines in enumerate(sheet.columns[start : start + BAND]):
            for number, line in enumerate(lines, start=1):
                self._write(line, self._left(column), top + number * _LINE, self._side, _INK)
        top += _head(sheet)
        for row in sheet.rows:
            for number, word in enumerate(row.label.split(", ")):
                self._write(word, _GAP, top + number * _LINE, _LABEL - 2 * _GAP, _QUIET)
            for column, result in enumerate(row.results[start : start + BAND]):
                if result is not None:
                    self._show(result, self._left(column), top)
            top += self._side + _LINE + _GAP

    def _left(self, column: int) -> int:
        return _LABEL + column * (self._side + _GAP)

    def _show(self, result: Result, left: int, top: int) -> None:
        if result.recipe_id in self._pictures:
            self._page.paste(self._pictures[result.recipe_id], (left, top))
        else:
            corner = left + self._side - 1, top + self._side - 1
            self._draw.rectangle((left, top, *corner), _EMPTY)
        colour = _COLOURS.get(result.decision or "", _QUIET)
        self._write(outcome(result), left, top + self._side + 1, self._side, colour)

    def _write(
        self, text: str, left: int, top: int, width: int, colour: tuple[int, int, int]
    ) -> None:
        self._draw.text((left, top), _cut(self._draw, text, width, self._font), colour, self._font)


def _head(sheet: Sheet) -> int:
    return _LINE * (1 + max(map(len, sheet.columns))) + _GAP


def _fitted(pixels: NDArray[np.uint8]) -> "Image.Image":
    from PIL import Image

    image = Image.fromarray(pixels)
    image.thumbnail((MOST_SIDE, MOST_SIDE))
    return image


def _cut(draw: Any, text: str, width: int, font: Any) -> str:
    """The text, shortened with an ellipsis where it is too wide."""
    if draw.textlength(text, font) <= width:
        return text
    while text and draw.textlength(f"{text}…", font) > width:
        text = text[:-1]
    return f"{text}…"
