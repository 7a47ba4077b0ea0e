"""What a large store costs: taking over new pictures, and everything that reads all of them.

Fills a store with pictures of random bytes, by way of the outbox and the database as a refresh
does. Then it ingests 256 pictures of the size of 1,024 pixels, in turns there and in an empty
store: the time must not follow what is stored. Each reader runs in a process of its own: nor must
its memory.

    python benchmarks/store.py [--place PLACE] [--pictures N] [--bytes N] [--folder DIR] [--json]
"""

import argparse
import json
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from rig.children import in_child  # noqa: E402

#: Pictures in an outbox file, as a large batch on a GPU.
_BATCH: Final = 64
#: What is measured on each.
_SIGNALS: Final = '{"contrasts":{}}'
#: Pictures between two take-overs of a night, and the bytes of one of 1,024 x 1,024 pixels.
_NEW: Final = 256
_NEW_BYTES: Final = 1_300_000
_TURNS: Final = 5
#: Peak memory that no reader may exceed, in MB.
ASKED_MB: Final = 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--place", default="folder", help="of the pictures: folder or duckdb")
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--bytes", type=int, default=100_000, help="of each picture")
    parser.add_argument("--folder", type=Path, help="where to build the store")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        figures = measure(Path(folder), arguments.place, arguments.pictures, arguments.bytes)
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        if name == "take_over":
            line = "{empty_seconds} s into an empty store, {full_seconds} s into this: {ratio}"
            print(f"{name:12} {line.format(**value)}")
        elif isinstance(value, dict):
            mark = "" if value["peak_mb"] <= ASKED_MB else f"   <- asked {ASKED_MB}"
            print(f"{name:12} {value['seconds']:8.1f} s {value['peak_mb']:8.0f} MB at most{mark}")
        else:
            print(f"{name:12} {value}")


def measure(folder: Path, place: str, pictures: int, size: int) -> dict[str, Any]:
    """Fill a store below ``folder`` and run everything that reads all of it."""
    home = folder / "home"
    in_child(lambda: _fill(home, pictures, size, place))
    figures: dict[str, Any] = {
        "place": place,
        "pictures": pictures,
        "pictures_mb": round(pictures * size / 1e6),
        "store_mb": round(_size(home) / 1e6),
    }
    empty: list[float] = []
    full: list[float] = []
    for turn in range(_TURNS):
        other = folder / "empty"
        empty.append(in_child(partial(_take_over, other, 0, 0, place)))
        shutil.rmtree(other)
        full.append(in_child(partial(_take_over, home, pictures, turn, place)))
    figures["take_over"] = {
        "empty_seconds": round(median(empty), 2),
        "full_seconds": round(median(full), 2),
        "ratio": round(median(full) / median(empty), 2),
    }
    readers: dict[str, Callable[[Path], None]] = {
        "check": _check,
        "verify": _verify,
        "gallery": _gallery,
        "backup": _backup,
    }
    for name, reader in readers.items():
        figures[name] = in_child(partial(_measured, reader, home))
    return figures


def _measured(reader: Callable[[Path], None], home: Path) -> dict[str, float]:
    started = perf_counter()
    reader(home)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": round(perf_counter() - started, 2), "peak_mb": round(peak)}


def _fill(root: Path, pictures: int, size: int, place: str) -> int:
    """A night that drew so many pictures, judged and published them."""
    from catalog_gen.store.ingestion import ingest
    from tests.store.shop import ENVIRONMENT

    shop = _shop(root, pictures, 0)
    recipes = _planned(shop, pictures)
    for start in range(0, len(recipes), _BATCH):
        batch = recipes[start : start + _BATCH]
        shop.outbox.write(list(_drawn(batch, size)), [], ENVIRONMENT)
        if len(shop.outbox.pending()) == 16:
            ingest(shop.store, shop.outbox, shop.run_id, max_tries=2, place=place)
    ingest(shop.store, shop.outbox, shop.run_id, max_tries=2, place=place)
    shop.judge()
    shop.publish()
    return len(recipes)


def _take_over(root: Path, known: int, turn: int, place: str) -> float:
    """Seconds to ingest new pictures into a store that was filled with ``known`` others."""
    from catalog_gen.store.ingestion import ingest
    from tests.store.shop import ENVIRONMENT

    new = _NEW * (turn + 1)
    shop = _shop(root, known, new)
    recipes = _planned(shop, known + new)
    for start in range(0, len(recipes), _BATCH):
        batch = recipes[start : start + _BATCH]
        shop.outbox.write(list(_drawn(batch, _NEW_BYTES)), [], ENVIRONMENT)
    started = perf_counter()
    taken = ingest(shop.store, shop.outbox, shop.run_id, max_tries=2, place=place)
    seconds = perf_counter() - started
    if taken.images != _NEW:
        raise RuntimeError(f"{taken.images} pictures were ingested")
    return seconds


def _shop(root: Path, pictures: int, new: int) -> Any:
    from catalog_gen.home import Home
    from catalog_gen.store.connection import Store
    from catalog_gen.store.outbox import Outbox
    from tests.store.shop import Shop

    home = Home(root)
    measured = {f"mug-{number}": _SIGNALS for number in range(pictures + new)}
    return Shop(Store(home), Outbox(home.outbox), signals=measured)


def _planned(shop: Any, products: int) -> list[str]:
    """Plan a picture for each of so many products; returns what is not drawn yet."""
    from catalog_gen.store.ledger import open_work
    from tests.store.shop import mug

    shop.night += 1
    shop.record(mug(number, f"colour {number}") for number in range(products))
    shop.plan()
    with shop.store.reading() as connection:
        return [item.recipe_id for item in open_work(connection, None, 3)]


def _drawn(recipes: Sequence[str], size: int) -> Iterator[Any]:
    """Pictures of incompressible bytes between a PNG's first and last."""
    from catalog_gen.reporting.site_folder import PNG_END
    from catalog_gen.store.outbox_file import DrawnImage

    start = b"\x89PNG\r\n\x1a\n"
    for recipe_id in recipes:
        png = start + os.urandom(size - len(start) - len(PNG_END)) + PNG_END
        yield DrawnImage(recipe_id, png, sha256(png).hexdigest(), 128, 128, 0.1)


def _check(root: Path) -> None:
    from catalog_gen.home import Home
    from catalog_gen.store.connection import Store
    from catalog_gen.store.images import damaged_images

    store = Store(Home(root))
    with store.reading() as connection:
        damaged = damaged_images(connection, store.pictures(connection))
    if damaged:
        raise RuntimeError(f"{len(damaged)} pictures are damaged")


def _verify(root: Path) -> None:
    from catalog_gen.home import Home
    from catalog_gen.store.connection import Store
    from catalog_gen.store.outbox import Outbox
    from catalog_gen.store.verify import verify

    home = Home(root)
    if verify(Store(home), Outbox(home.outbox)).damaged:
        raise RuntimeError("the store is damaged")


def _gallery(root: Path) -> None:
    from catalog_gen.home import Home
    from catalog_gen.stages.catalog import Catalog
    from catalog_gen.stages.gallery import write_catalog_gallery

    config = ROOT / "data" / "catalog.toml"
    write_catalog_gallery(Catalog.open(config, Home(root)))


def _backup(root: Path) -> None:
    from catalog_gen.home import Home
    from catalog_gen.store.backup import back_up

    target = root.parent / "backup"
    back_up(Home(root), target)
    shutil.rmtree(target)


def _size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
