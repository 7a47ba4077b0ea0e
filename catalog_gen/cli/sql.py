"""`catalog-gen sql`: a query over the newest snapshot."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from rich.markup import escape
from rich.table import Table

from catalog_gen.cli.output import answers, harmless, print_json
from catalog_gen.home import Home
from catalog_gen.store.snapshot import QueryLimits, QueryResult, query_snapshot


def run(query: str, timeout: float, as_json: bool) -> None:
    """Run one query and print its rows: as a table, or line by line if they are wide."""
    result = query_snapshot(Home.from_environment(), query, QueryLimits(seconds=timeout))
    if as_json:
        columns = _told_apart(result.columns)
        rows = [dict(zip(columns, map(_json_value, row), strict=True)) for row in result.rows]
        print_json({"columns": columns, "rows": rows})
        return
    cells = [["" if value is None else str(value) for value in row] for row in result.rows]
    if _width(result.columns, cells) <= answers.width:
        answers.print(_table(result, cells))
    else:
        _print_lines(result.columns, cells)


def _width(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> int:
    """Width in characters of a table with every value on one line."""
    widths = [
        max(_longest(name), *(_longest(row[place]) for row in cells), 0)
        for place, name in enumerate(columns)
    ]
    return sum(widths) + 3 * len(widths) + 1


def _longest(text: str) -> int:
    return max(map(len, harmless(text).split("\n")))


def _table(result: QueryResult, cells: Sequence[Sequence[str]]) -> Table:
    table = Table(header_style="bold", show_lines=False)
    for column in result.columns:
        table.add_column(escape(column), overflow="fold")
    for row in cells:
        table.add_row(*map(escape, row))
    return table


def _print_lines(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """The line mode of DuckDB's shell: "column = value", and an empty line between rows."""
    width = max(map(_longest, columns))
    for place, row in enumerate(cells):
        if place:
            answers.print()
        for name, value in zip(columns, row, strict=True):
            text = value.replace("\n", f"\n{'':{width + 3}}")
            answers.print(f"[bold]{escape(f'{name:>{width}}')}[/] = {escape(text)}", soft_wrap=True)


def _told_apart(columns: Iterable[str]) -> list[str]:
    """Unique column names: a second "count" becomes "count_2"."""
    seen: Counter[str] = Counter()
    names: list[str] = []
    for column in columns:
        seen[column] += 1
        names.append(column if seen[column] == 1 else f"{column}_{seen[column]}")
    return names


def _json_value(value: object) -> object:
    """Replace infinity and NaN, which JSON doesn't have."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
