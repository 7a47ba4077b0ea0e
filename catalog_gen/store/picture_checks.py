"""The nightly checks of pictures' bytes against their hashes.

The first byte of their address divides pictures into 256 slices of about the same size. A night
checks the slices whose last check is longest ago, and those that had broken pictures.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import Final

from duckdb import DuckDBPyConnection

#: Slices of all pictures.
SLICES: Final = 256
#: Minimum number of pictures that a night checks, so that a small catalog is checked as a whole.
LEAST: Final = 1000


def slice_of(address: str) -> int:
    """The slice of a picture, 0..255."""
    return int(address[:2], 16)


def due_slices(
    connection: DuckDBPyConnection, sizes: Mapping[int, int], nights: int
) -> frozenset[int]:
    """The slices to check now, so that all are checked within ``nights`` nights.

    Args:
        sizes: number of pictures by slice; slices without any need no check.
    """
    known = connection.execute("SELECT slice, seq, len(broken) FROM picture_checks").fetchall()
    last = {number: seq for number, seq, _ in known}
    again = {number for number, _, broken in known if broken and sizes.get(number)}
    due: set[int] = set()
    pictures = 0
    for number in sorted(filter(sizes.get, sizes), key=lambda each: (last.get(each, -1), each)):
        if len(due) >= ceil(SLICES / nights) and pictures >= LEAST:
            break
        due.add(number)
        pictures += sizes[number]
    return frozenset(due | again)


def record_checks(
    connection: DuckDBPyConnection,
    sizes: Mapping[int, int],
    broken: Mapping[int, Sequence[str]],
    run_id: str,
    now: datetime,
) -> None:
    """Store the results for the slices of ``sizes``."""
    connection.executemany(
        """
        INSERT OR REPLACE INTO picture_checks BY NAME
        SELECT $slice AS slice, nextval('seq') AS seq, $pictures AS pictures,
            $broken::VARCHAR[] AS broken, $now AS checked_at, $run_id AS run_id
        """,
        [
            {
                "slice": number,
                "pictures": size,
                "broken": list(broken.get(number, ())),
                "now": now,
                "run_id": run_id,
            }
            for number, size in sorted(sizes.items())
        ],
    )
