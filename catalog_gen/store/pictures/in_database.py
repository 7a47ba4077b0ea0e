"""Pictures in the catalog's database: a single file, for small catalogs.

A checkpoint rewrites the last row group with its pictures, and the space of deleted ones is free
only when the database is compacted.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import pyarrow as pa
from duckdb import DuckDBPyConnection

from catalog_gen.arrow_text import TEXT
from catalog_gen.store.pictures.pictures import Pictures, is_whole
from catalog_gen.store.relations import first_row, registered, streaming, strings

#: Rows fetched into Python at a time.
_FETCHED = 10_000


class InDatabase(Pictures):
    """The table ``image_bytes``, through an open connection; a transaction of it covers ``put``."""

    def __init__(self, connection: DuckDBPyConnection) -> None:
        self._connection = connection

    def put(self, pictures: Mapping[str, bytes]) -> None:
        kept = self.get(list(pictures))
        damaged = [address for address, found in kept.items() if not is_whole(address, found)]
        self.drop(damaged)
        new = {each: pictures[each] for each in pictures if each not in kept or each in damaged}
        if not new:
            return
        table = pa.table(
            {"sha256": pa.array(new, TEXT), "bytes": pa.array(new.values(), pa.binary())}
        )
        with registered(self._connection, "pictures_to_put", table):
            self._connection.execute("INSERT INTO image_bytes BY NAME FROM pictures_to_put")

    def get(self, addresses: Sequence[str]) -> dict[str, bytes]:
        # One by one through the primary key: a join would read the pictures of all rows.
        found: dict[str, bytes] = {}
        for address in addresses:
            row = first_row(
                self._connection.execute(
                    "SELECT bytes FROM image_bytes WHERE sha256 = ?", [address]
                )
            )
            if row is not None:
                found[address] = bytes(row[0])
        return found

    def listed(self) -> Iterator[tuple[str, int]]:
        # Sizes come from the images' rows, so that no picture is read.
        with streaming(self._connection) as cursor:
            result = cursor.execute(
                """
                SELECT sha256, coalesce(any_value(size), 0) FROM image_bytes
                LEFT JOIN images USING (sha256) GROUP BY sha256
                """
            )
            while rows := result.fetchmany(_FETCHED):
                yield from rows

    def drop(self, addresses: Iterable[str]) -> None:
        with registered(self._connection, "pictures_to_drop", strings(addresses)):
            self._connection.execute(
                "DELETE FROM image_bytes WHERE sha256 IN (SELECT value FROM pictures_to_drop)"
            )
