"""``python -m studio.evaluation.eye``: sheets of drawn pictures for two judges, and their verdicts.

``sheets`` draws the pictures of tables that nobody judged yet, and writes numbered sheets for the
judges a and b, who see them in opposite orders: ``a-01.png`` to the last, ``b-01.png`` to the last,
and ``pictures.json``, which tells what is where. A judge writes one or more files ``a-*.csv`` or
``b-*.csv`` beside them, with the columns sheet, number, word and why, and opens nothing else.
``verdicts`` puts what both said into the tables. ``data/eye/README.md`` defines the words.
"""

import argparse
import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from catalog_gen.errors import InputError
from catalog_gen.fingerprint import sha256_text
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.settings.catalog import load_settings
from studio.command import reported_errors
from studio.evaluation.labels import (
    JUDGES,
    Opinion,
    Seen,
    checked_word,
    draw_again,
    read_table,
    write_table,
)
from studio.files import whole_file

#: A sheet's pictures across and down, their side on it, and the height of the words below.
ACROSS, DOWN, SHOWN, CAPTION = 5, 4, 224, 34
ON_A_SHEET: Final = ACROSS * DOWN

#: Of each judge, the pictures on each of the sheets, in order.
Places = Mapping[str, Sequence[Sequence[str]]]


def blind_order(pictures: Sequence[str]) -> list[str]:
    """Names of pictures in an order that reveals nothing about them."""
    return sorted(pictures, key=sha256_text)


def places_of(pictures: Sequence[str]) -> Places:
    """Where each picture is, for both judges: the second sees them in the opposite order."""
    first = blind_order(pictures)
    orders = dict(zip(JUDGES, (first, first[::-1]), strict=True))
    return {
        judge: [order[start : start + ON_A_SHEET] for start in range(0, len(order), ON_A_SHEET)]
        for judge, order in orders.items()
    }


def sheet(prompts: Sequence[str], pictures: Sequence[Pixels]) -> Image.Image:
    """Up to ``ON_A_SHEET`` numbered pictures, enlarged, with only their wishes below."""
    page = Image.new("RGB", (ACROSS * SHOWN, DOWN * (SHOWN + CAPTION)), "white")
    pen = ImageDraw.Draw(page)
    face = ImageFont.load_default(12)
    for place, (prompt, pixels) in enumerate(zip(prompts, pictures, strict=True)):
        x, y = place % ACROSS * SHOWN, place // ACROSS * (SHOWN + CAPTION)
        large = Image.fromarray(pixels).resize((SHOWN, SHOWN), Image.Resampling.LANCZOS)
        page.paste(large, (x, y))
        thing, _, scene = prompt.removeprefix("product photo of ").partition(", ")
        pen.text((x + 3, y + SHOWN + 2), f"{place + 1}: {thing}", fill="black", font=face)
        pen.text((x + 3, y + SHOWN + 16), scene, fill="black", font=face)
    return page


def unjudged(tables: Mapping[Path, Sequence[Seen]], again: bool) -> list[Seen]:
    """The rows that nobody judged yet, or all with ``again``.

    Raises:
        InputError: there are none, or one's name is another's, too.
    """
    rows = [row for rows in tables.values() for row in rows if again or not row.opinions]
    if not rows:
        raise InputError(
            ", ".join(map(str, tables)), "have no unjudged picture", "Add wishes, or --again."
        )
    for name, times in Counter(row.picture for row in rows).items():
        if times > 1:
            raise InputError(f"picture {name}", f"is there {times} times", "Give it another name.")
    return rows


def make_empty(folder: Path) -> None:
    """Make the folder, unless it is there and empty.

    Raises:
        InputError: something is in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise InputError(str(folder), "is not empty", "Name another --folder, or empty it.")


def write_sheets(rows: Sequence[Seen], pictures: Sequence[Pixels], folder: Path) -> Places:
    """Write both judges' sheets of pictures (H, W, 3), and ``pictures.json``.

    Raises:
        InputError: the folder is not empty: verdicts on other sheets would count for these.
    """
    make_empty(folder)
    prompts = {row.picture: row.prompt for row in rows}
    pixels = {row.picture: drawn for row, drawn in zip(rows, pictures, strict=True)}
    places = places_of(list(prompts))
    for judge, sheets in places.items():
        for number, names in enumerate(sheets, 1):
            page = sheet([prompts[name] for name in names], [pixels[name] for name in names])
            page.save(folder / f"{judge}-{number:02d}.png")
    with whole_file(folder / "pictures.json") as stream:
        stream.write(json.dumps(places, indent=1).encode())
    return places


def read_opinions(folder: Path) -> dict[str, tuple[Opinion, ...]]:
    """What the judges said of each picture on the sheets of a folder.

    Raises:
        InputError: the folder has no sheets; a line names no picture or no verdict, or a picture
            that was judged before; or a picture was not judged.
    """
    path = folder / "pictures.json"
    try:
        places: Places = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            str(path), "is not there", "Make sheets: python -m studio.evaluation.eye sheets."
        ) from error
    said = {judge: _opinions_of(judge, sheets, folder) for judge, sheets in places.items()}
    for judge, sheets in places.items():
        unseen = [
            f"{number} on sheet {page}"
            for page, names in enumerate(sheets, 1)
            for number, name in enumerate(names, 1)
            if name not in said[judge]
        ]
        if unseen:
            raise InputError(
                f"judge {judge}: picture {unseen[0]}",
                f"has no verdict, as {len(unseen) - 1} more" if unseen[1:] else "has no verdict",
                f"Add them to a file {judge}-*.csv in {folder}; nothing was changed.",
            )
    return {
        name: tuple(said[judge][name] for judge in places)
        for sheets in places.values()
        for names in sheets
        for name in names
    }


def _opinions_of(judge: str, sheets: Sequence[Sequence[str]], folder: Path) -> dict[str, Opinion]:
    said: dict[str, Opinion] = {}
    for path in sorted(folder.glob(f"{judge}-*.csv")):
        with path.open(newline="", encoding="utf-8") as stream:
            for number, row in enumerate(csv.DictReader(stream, restval=""), 2):
                where = f"{path}, line {number}"
                try:
                    page, place = int(row["sheet"]), int(row["number"])
                    opinion = Opinion(checked_word(row["word"], where), row["why"])
                except (KeyError, TypeError, ValueError) as error:
                    raise InputError(
                        where, "is no verdict", "Give each line a sheet, number, word and why."
                    ) from error
                if not (0 < page <= len(sheets) and 0 < place <= len(sheets[page - 1])):
                    raise InputError(
                        f"{where}: number {place} on sheet {page}",
                        "is no picture",
                        f"Sheets run from 1 to {len(sheets)}, numbers from 1 as they stand there.",
                    )
                name = sheets[page - 1][place - 1]
                if name in said:
                    raise InputError(
                        f"{where}: number {place} on sheet {page}",
                        "was judged before",
                        "Keep the first verdict.",
                    )
                said[name] = opinion
    return said


def with_opinions(rows: Sequence[Seen], opinions: Mapping[str, tuple[Opinion, ...]]) -> list[Seen]:
    """The rows, those that were on the sheets with the new opinions."""
    return [replace(row, opinions=opinions.get(row.picture, row.opinions)) for row in rows]


def report(rows: Sequence[Seen]) -> str:
    """How many pictures have which verdict, and how far the judges agree."""
    words = [tuple(opinion.word for opinion in row.opinions) for row in rows]
    verdicts = Counter(row.verdict for row in rows)
    counts = ", ".join(f"{verdicts[word]} {word}" for word in ("fine", "soft", "wrong"))
    agree = sum(len(set(each)) == 1 for each in words)
    contrary = sum({"fine", "wrong"} <= set(each) for each in words)
    return (
        f"{len(rows)} pictures: {counts}; the judges agree on {agree}, "
        f"and say fine against wrong of {contrary}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description="Sheets for two judges, and their verdicts.")
    parser.add_argument("what", choices=("sheets", "verdicts"))
    parser.add_argument("tables", nargs="+", type=Path, help="such as data/eye/labels.csv")
    parser.add_argument("--folder", type=Path, default=Path(".studio/eye"), help="of the sheets")
    parser.add_argument("--again", action="store_true", help="sheets of judged pictures, too")
    parser.add_argument("--config", type=Path, default=Path("data/catalog.toml"))
    given = parser.parse_args(arguments)
    with reported_errors():
        tables = {path: read_table(path) for path in given.tables}
        if given.what == "verdicts":
            opinions = read_opinions(given.folder)
            known = {row.picture for rows in tables.values() for row in rows}
            if missing := sorted(opinions.keys() - known):
                raise InputError(
                    f"picture {missing[0]}", "is in none of the tables", "Name its table, too."
                )
            for path, rows in tables.items():
                seen = with_opinions(rows, opinions)
                print(f"{path}: {report([row for row in seen if row.picture in opinions])}")
                write_table(path, seen)
            return
        rows = unjudged(tables, given.again)
        make_empty(given.folder)
        model = load_settings(given.config).model
        places = write_sheets(rows, draw_again(rows, model), given.folder)
        print(f"{len(rows)} pictures; sheets a judge: {len(places[JUDGES[0]])}; in {given.folder}")


if __name__ == "__main__":
    main()
