"""Nights in which a few products change: how big the store gets, with and without retention.

Every product has pictures of random pixels, so that nothing compresses; the best candidate of each
goes live. A night changes some products' colours for good. Rows are stored as a refresh does.

From the numbers of pictures that are kept follows what a larger shop would keep after a year of
such nights, with one view: a line through the second half of the nights, times its products.

    python benchmarks/retention.py [--nights N] [--products N] [--changed N] [--keep N] [--json]
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np

ROOT: Final = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from rig.children import in_child  # noqa: E402

#: Candidates per look, and the side of a picture in pixels: 49 KB.
CANDIDATES: Final = 2
SIDE: Final = 128
#: The larger shop: its products, and the bytes of a picture of 1,024 pixels (`rig.ready.masters`).
SHOP: Final = 50_000
PICTURE: Final = 1.3e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nights", type=int, default=40)
    parser.add_argument("--products", type=int, default=100)
    parser.add_argument("--changed", type=int, default=2, help="products that change each night")
    parser.add_argument("--keep", type=int, default=10, help="retention's nights")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {}
    for name, keep in (("with", arguments.keep), ("without", None)):
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            figures[name] = in_child(
                lambda home=home, keep=keep: simulate(  # type: ignore[misc]
                    home, arguments.nights, arguments.products, arguments.changed, keep
                )
            )
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    for name, nights in figures.items():
        print(f"{name} retention, MB of pictures and of the database, and pictures that are kept")
        for night in range(0, len(nights), max(1, len(nights) // 8)):
            each = nights[night]
            print(
                f"  night {night + 1:3}: {each['pictures_mb']:7.2f} {each['database_mb']:7.2f} "
                f"{each['kept']:5}"
            )
        kept = year([each["kept"] for each in nights]) / arguments.products * SHOP
        print(
            f"  after 365 nights of {SHOP} products, {arguments.changed / arguments.products:.0%} "
            f"changed a night: {kept:.0f} pictures of 1,024 pixels, {kept * PICTURE / 1e12:.2f} TB"
        )


def year(kept: Sequence[float]) -> float:
    """Pictures kept after 365 nights, from the number after each of the nights so far."""
    nights = np.arange(1, len(kept) + 1)
    later = len(kept) // 2
    slope, start = np.polyfit(nights[later:], kept[later:], 1)
    return float(start + 365 * slope)


def simulate(
    folder: Path, nights: int, products: int, changed: int, keep: int | None
) -> list[dict[str, float]]:
    """What is on the disk after each night."""
    from catalog_gen.home import Home
    from catalog_gen.settings.catalog import load_settings
    from catalog_gen.stages.catalog import Catalog, Stamp
    from catalog_gen.stages.retention import drop_old_pictures
    from catalog_gen.store.connection import Store
    from catalog_gen.store.gates import Gate, save_gates
    from catalog_gen.store.ingestion import ingest
    from catalog_gen.store.ledger import open_work
    from catalog_gen.store.outbox import Outbox
    from catalog_gen.store.pictures.in_folder import InFolder
    from tests.store.shop import ENVIRONMENT, Shop, mug

    home = Home(folder)
    settings = load_settings(ROOT / "data" / "catalog.toml")
    retention = settings.retention.model_copy(update={"nights": keep, "publications": 1})
    catalog = Catalog(settings.model_copy(update={"retention": retention}), home)
    shop = Shop(Store(home), Outbox(home.outbox), candidates=CANDIDATES)
    colours = dict.fromkeys(range(products), 0)
    seen: list[dict[str, float]] = []
    chance = np.random.default_rng(1)
    for night in range(nights):
        shop.night += 1
        for place in range(changed if night else 0):
            colours[(night * changed + place) % products] += 1
        shop.record(mug(number, f"colour {colour}") for number, colour in colours.items())
        shop.plan()
        with shop.store.reading() as connection:
            recipes = [item.recipe_id for item in open_work(connection, None, 3)]
        shop.outbox.write([_drawn(recipe_id, chance) for recipe_id in recipes], [], ENVIRONMENT)
        ingest(shop.store, shop.outbox, shop.run_id, max_tries=2)
        shop.judge()
        live = shop.publish()
        with shop.store.writing() as connection:
            gate = Gate("coverage", True, 1.0, 0.5, "covered")
            number = live.publication_id
            save_gates(connection, [gate], publication_id=number, run_id=shop.run_id, now=shop.now)
        drop_old_pictures(catalog, Stamp(shop.run_id, datetime.now(UTC)))
        sizes = [size for _, size in InFolder(home.pictures).listed()]
        seen.append(
            {
                "pictures_mb": round(sum(sizes) / 1e6, 2),
                "database_mb": round(home.database.stat().st_size / 1e6, 2),
                "kept": len(sizes),
            }
        )
    return seen


def _drawn(recipe_id: str, chance: np.random.Generator) -> Any:
    from catalog_gen.imaging.encode import encode_png
    from catalog_gen.store.outbox_file import DrawnImage

    png = encode_png(chance.integers(0, 256, (SIDE, SIDE, 3), np.uint8))
    return DrawnImage(recipe_id, png, sha256(png).hexdigest(), SIDE, SIDE, 0.1)


if __name__ == "__main__":
    main()
