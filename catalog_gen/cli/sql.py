"""`catalog-gen sql`: a query over the newest snapshot."""

from rich.markup import escape
from rich.table import Table

from catalog_gen.cli.output import answers, print_json
from catalog_gen.settings import Home
from catalog_gen.store.snapshot import query_snapshot


def run(query: str, as_json: bool) -> None:
    """Run one query and print its rows."""
    result = query_snapshot(Home.from_environment(), query)
    if as_json:
        rows = [dict(zip(result.columns, row, strict=True)) for row in result.rows]
        print_json({"columns": list(result.columns), "rows": rows})
        return
    table = Table(header_style="bold", show_lines=False)
    for column in result.columns:
        table.add_column(escape(column), overflow="fold")
    for row in result.rows:
        table.add_row(*("" if value is None else escape(str(value)) for value in row))
    answers.print(table)
