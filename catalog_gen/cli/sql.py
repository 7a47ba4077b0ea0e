"""`catalog-gen sql`: a query over the newest snapshot."""

import math
from collections import Counter
from collections.abc import Iterable

from rich.markup import escape
from rich.table import Table

from catalog_gen.cli.output import answers, print_json
from catalog_gen.settings import Home
from catalog_gen.store.snapshot import query_snapshot


def run(query: str, as_json: bool) -> None:
    """Run one query and print its rows."""
    result = query_snapshot(Home.from_environment(), query)
    if as_json:
        columns = _told_apart(result.columns)
        rows = [dict(zip(columns, map(_json_value, row), strict=True)) for row in result.rows]
        print_json({"columns": columns, "rows": rows})
        return
    table = Table(header_style="bold", show_lines=False)
    for column in result.columns:
        table.add_column(escape(column), overflow="fold")
    for row in result.rows:
        table.add_row(*("" if value is None else escape(str(value)) for value in row))
    answers.print(table)


def _told_apart(columns: Iterable[str]) -> list[str]:
    """Names that can be keys: a second "count" is "count_2"."""
    seen: Counter[str] = Counter()
    names: list[str] = []
    for column in columns:
        seen[column] += 1
        names.append(column if seen[column] == 1 else f"{column}_{seen[column]}")
    return names


def _json_value(value: object) -> object:
    """JSON knows no infinity and no NaN."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
