"""Cells of a record as the file has them: to change some and leave every other character alone.

A shop's tool may quote everything, or nothing: a TSV with "10" as an inch mark, say. Cells that do
not change keep their quotes.
"""

import re
from collections.abc import Sequence
from functools import cache


def written_cells(text: str, delimiter: str) -> list[str]:
    r"""The cells of a record with their quotes.

    >>> written_cells('1,"a ""b"", c",5" wide', ",")
    ['1', '"a ""b"", c"', '5" wide']
    """
    if '"' not in text:
        return text.split(delimiter)
    cells: list[str] = []
    at = 0
    while True:
        cell = _cell(delimiter).match(text, at)
        end = cell.end() if cell else len(text)
        cells.append(text[at:end])
        if end >= len(text):
            return cells
        at = end + 1


@cache
def _cell(delimiter: str) -> re.Pattern[str]:
    """A quoted cell with what stands before the delimiter, or an unquoted one."""
    other = f"[^{re.escape(delimiter)}]*"
    return re.compile(f'"(?:[^"]|"")*+"{other}|{other}')


def quoted(value: str, delimiter: str, like: str = "") -> str:
    """A new value as a cell, quoted where it must be or where the old one, ``like``, was."""
    must = any(sign in value for sign in (delimiter, '"', "\r", "\n"))
    return '"' + value.replace('"', '""') + '"' if must or like.startswith('"') else value


def changed_text(
    text: str, delimiter: str, before: Sequence[str], after: Sequence[str]
) -> str | None:
    """A record's text with other values; ``after`` may have more of them, which are appended.

    None: the text can't be told apart into the cells that it was read as.
    """
    cells = written_cells(text, delimiter)
    surplus = cells[len(before) :]
    if len(cells) < len(before) or any(surplus):
        return None
    changed = [
        cell if old == new else quoted(new, delimiter, cell)
        for cell, old, new in zip(cells, before, after, strict=False)
    ]
    like = '"' if cells[0].startswith('"') else ""
    return delimiter.join(
        [*changed, *(quoted(new, delimiter, like) for new in after[len(before) :])]
    )
