"""`catalog-gen search`: find pictures by words, by a picture, or by a product."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from catalog_gen.cli.output import answers, counted, messages, print_json
from catalog_gen.home import Home
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.search import Found, LikePicture, LikeProduct, Words, search
from catalog_gen.store.pictures.place import recorded_place


def run(
    config: Path,
    wanted: Words | LikePicture | LikeProduct,
    everything: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Print the most similar pictures.

    Raises:
        InputError: nothing to look for, or nothing to look in.
        ModelError: the scorer can't be loaded.
    """
    catalog = Catalog.open(config, Home.from_environment())
    scorer = ClipScorer(catalog.settings.scorer)
    found = search(catalog, scorer, wanted, live=not everything, limit=limit)
    places = _places(catalog, found)
    if as_json:
        pictures = [{**asdict(each), "place": places[each.sha256]} for each in found.pictures]
        print_json({"pictures": pictures, "searched": found.searched, "unseen": found.unseen})
        return
    for line in _lines(found, places):
        answers.print(line, markup=False, soft_wrap=True)
    if found.unseen:
        messages.print(
            f"{counted(found.unseen, 'picture')} not searched: today's scorer has not seen them. "
            "A refresh scores them.",
            soft_wrap=True,
        )


def _places(catalog: Catalog, found: Found) -> dict[str, str]:
    """By hash the file of a picture, or the place that holds it."""
    with catalog.store.peek() as connection:
        pictures = catalog.store.pictures(connection)
        place = recorded_place(connection) or ""
        return {each.sha256: str(pictures.file(each.sha256) or place) for each in found.pictures}


def _lines(found: Found, places: dict[str, str]) -> Iterator[str]:
    """Aligned columns with whole paths, to be copied: a terminal wraps them, a table cuts them."""
    rows = [("Score", "Product", "View", "Picture", "File")]
    for each in found.pictures:
        others = f" and {each.products - 1} more" if each.products > 1 else ""
        product = f"{each.product_id}{others}"
        place = places[each.sha256]
        rows.append((f"{each.score:.3f}", product, each.view, each.image_id[:16], place))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
