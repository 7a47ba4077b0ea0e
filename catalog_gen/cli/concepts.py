"""`catalog-gen concepts`: what was learned about products, and its files for other tools."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from catalog_gen.cli.output import answers, counted, duration, print_json
from catalog_gen.errors import InputError
from catalog_gen.home import Home
from catalog_gen.store.concepts import ConceptRow, stored_concepts, stored_lessons
from catalog_gen.store.connection import Store
from catalog_gen.store.files import write_whole


def run(products: Sequence[str], out: Path | None, as_json: bool) -> None:
    """List concepts; with ``out``, write their files below it.

    Raises:
        InputError: nothing was learned about a named product; or a concept can't be read.
    """
    with Store(Home.from_environment()).peek() as connection:
        rows = stored_lessons(connection, products)
        missing = sorted(set(products) - {row.product_id for row in rows})
        if missing:
            raise InputError(
                ", ".join(missing),
                "nothing was learned about it",
                "`catalog-gen concepts` lists what was; a view's concept and only decide it.",
            )
        files: dict[Path, bytes] = {}
        if out is not None:
            learned = stored_concepts(connection, {row.concept_sha256 for row in rows} - {""})
            for row in rows:
                if row.concept_sha256 in learned:
                    files |= _files(out, row, learned[row.concept_sha256])
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    if as_json:
        print_json({"concepts": [_as_json(row) for row in rows], "files": list(map(str, files))})
        return
    answers.print(_table(rows))
    if out is not None:
        answers.print(f"{counted(len(files), 'file')} written below {out}.", markup=False)


def _files(out: Path, row: ConceptRow, content: bytes) -> Mapping[Path, bytes]:
    """A concept's files in a folder of its own, which its hash names."""
    from catalog_gen.diffusion.concepts.file import read

    folder = out / row.concept_sha256[:16]
    return {folder / name: data for name, data in read(content).parts().items()}


def _as_json(row: ConceptRow) -> dict[str, Any]:
    fields = asdict(row)
    fields |= {name: json.loads(fields[name]) for name in ("lesson", "environment")}
    return {**fields, "learned_at": row.learned_at.isoformat()}


def _table(rows: Sequence[ConceptRow]) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("Product", "Concept", "Learner", "What came of it"):
        table.add_column(column)
    for column in ("kB", "Time"):
        table.add_column(column, justify="right")
    for row in rows:
        outcome = row.problem or row.concept_sha256[:16]
        learner = json.loads(row.lesson)["learner"]["name"]
        cells = (escape(each) for each in (row.product_id, row.name, learner, outcome))
        table.add_row(*cells, f"{row.size / 1000:,.1f}", duration(row.seconds))
    return table
