"""Time `catalog-gen search` over a large store of synthesised rows.

The rows of `benchmarks/lineage.py`, all of them scored by one scorer, with random unit embeddings.
The figure is the median of the repeats, each with a new connection, as a command has; the cold one
comes first. Loading the scorer and embedding a text is measured in a process of its own.

    python benchmarks/search.py [--images N] [--size D] [--repeats N] [--json]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa

ROOT: Final = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from lineage import synthesise  # noqa: E402

#: Seconds that the project asks for at 100,000 pictures.
ASKED: Final = 0.2
_PORTION: Final = 10_000
_LOADING: Final = """
from time import perf_counter
started = perf_counter()
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.settings.judge import ScorerSettings
scorer = ClipScorer(ScorerSettings(id="local-dir:data/models/studio/clip"))
scorer.embed_texts(["red glass vase"])
loaded = perf_counter()
scorer.embed_texts(["two blue chairs"])
print(loaded - started, perf_counter() - loaded)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=128, help="numbers of an embedding")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), arguments.images, arguments.size, arguments.repeats)
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{figures['images']} pictures, {figures['live']} live, embeddings of {arguments.size}")
    for name in ("all", "live"):
        each = figures["seconds"][name]
        median_ms, cold, processor = (each[key] * 1000 for key in ("median", "cold", "processor"))
        mark = "" if each["median"] < ASKED else "   <- slower than asked"
        print(
            f"{median_ms:8.0f} ms   cold {cold:5.0f}   processor time {processor:5.0f}   "
            f"asked {ASKED * 1000:.0f}   {name}: open, count, compare{mark}"
        )
    print(f"{figures['load']:8.1f} s    importing and loading the studio's scorer, and one text")
    print(f"{figures['text'] * 1000:8.0f} ms   another text")


def measure(folder: Path, images: int, size: int, repeats: int) -> dict[str, Any]:
    """Synthesise the store and search it; see ``main``."""
    from catalog_gen.home import Home
    from catalog_gen.store.connection import Store
    from catalog_gen.store.similar import searchable, similar_pictures

    store = Store(Home(folder))
    chance = np.random.default_rng(0)
    with store.writing(checkpoint=True) as connection:
        synthesise(connection, images)
        _embed(connection, size, chance)
    (wanted,) = _unit(1, size, chance)
    seconds: dict[str, dict[str, float]] = {}
    seen = 0
    for name, live in (("all", False), ("live", True)):
        times, processor = [], []
        for _ in range(repeats + 1):
            started, work = perf_counter(), process_time()
            with store.peek() as connection:
                seen, _ = searchable(connection, "scorer-1", live=live)
                found = similar_pictures(connection, "scorer-1", wanted, live=live, limit=10)
            times.append(perf_counter() - started)
            processor.append(process_time() - work)
            assert len(found) == 10, found
        seconds[name] = {
            "median": median(times[1:]),
            "cold": times[0],
            "processor": median(processor[1:]),
        }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _LOADING],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    load, text = map(float, done.stdout.split())
    return {"images": images, "live": seen, "seconds": seconds, "load": load, "text": text}


def _unit(count: int, size: int, chance: np.random.Generator) -> np.ndarray[Any, Any]:
    numbers = chance.standard_normal((count, size)).astype(np.float32)
    return np.asarray(numbers / np.linalg.norm(numbers, axis=1, keepdims=True))


def _embed(connection: duckdb.DuckDBPyConnection, size: int, chance: np.random.Generator) -> None:
    """Write the scores again with random embeddings: an update of a list writes rows anew, too."""
    connection.execute("CREATE TEMP TABLE rewritten AS FROM scores ORDER BY seq")
    connection.execute("DELETE FROM scores")
    (rows,) = connection.execute("SELECT count(*) FROM rewritten").fetchall()[0]
    for start in range(0, rows, _PORTION):
        count = min(_PORTION, rows - start)
        places = np.arange(0, (count + 1) * size, size, dtype=np.int32)
        lists = pa.ListArray.from_arrays(places, _unit(count, size, chance).ravel())
        connection.register("lists", pa.table({"place": range(count), "embedding": lists}))
        connection.execute(
            """
            INSERT INTO scores BY NAME
            SELECT rewritten.* EXCLUDE (place) REPLACE (lists.embedding AS embedding)
            FROM (SELECT *, row_number() OVER (ORDER BY seq) - 1 - $start AS place FROM rewritten)
                AS rewritten
            JOIN lists USING (place)
            """,
            {"start": start},
        )
        connection.unregister("lists")


if __name__ == "__main__":
    main()
