"""The pictures that are to go live, as a temporary table in the database.

A million products' pictures would take gigabytes as Python's objects, so only counts and what is
wrong with them leave the database. The table has the columns of ``LiveImage``, a row for each
product and view, and lives as long as the connection.
"""

from typing import Final, NamedTuple

from duckdb import DuckDBPyConnection

from catalog_gen.store.pictures.pictures import Pictures, portions
from catalog_gen.store.relations import CHUNK, id_ranges, only_row, registered, strings

#: Planned pictures among which the best are chosen at a time.
PORTION: Final = 250_000

_NAME: Final = "selection"

#: For the looks of one range. Scores decide only between accepted pictures, so only theirs are
#: looked up.
_BEST: Final = f"""
    INSERT INTO {_NAME} BY NAME
    WITH asked AS MATERIALIZED (
        SELECT product_id, view, look_id FROM current_prompts
        WHERE look_id >= $least AND look_id < $below
    ), accepted AS MATERIALIZED (
        SELECT ledger.look_id, ledger.recipe_id, ledger.candidate, ledger.attempt,
            review.decision IS NOT NULL AS reviewed,
            verdicts.total, verdicts.soundness, verdicts.preference
        FROM ledger SEMI JOIN asked USING (look_id)
        JOIN images ON images.image_id = ledger.recipe_id
        LEFT JOIN verdicts ON verdicts.image_id = ledger.recipe_id AND verdicts.rubric = $rubric
        LEFT JOIN newest_reviews AS review ON review.image_id = ledger.recipe_id
        WHERE ledger.look_id >= $least AND ledger.look_id < $below
            AND ledger.status = 'made' AND images.dropped_at IS NULL
            AND coalesce(review.decision, verdicts.decision) = 'accepted'
    ), score AS (
        SELECT image_id, arg_max(margin, seq) AS margin
        FROM scores SEMI JOIN accepted ON accepted.recipe_id = scores.image_id GROUP BY image_id
    ), best AS (
        SELECT look_id, recipe_id
        FROM accepted LEFT JOIN score ON score.image_id = recipe_id
        QUALIFY row_number() OVER (
            PARTITION BY look_id
            ORDER BY reviewed DESC, total DESC NULLS LAST, soundness DESC NULLS LAST,
                preference DESC NULLS LAST, margin DESC NULLS LAST, candidate, attempt, recipe_id
        ) = 1
    )
    SELECT product_id, view, recipe_id AS image_id FROM asked JOIN best USING (look_id)
"""


class SelectionFigures(NamedTuple):
    """The numbers of products and of distinct pictures in a selection."""

    products: int
    images: int


def best_pictures(connection: DuckDBPyConnection, rubric: str) -> str:
    """Select the best accepted picture of each current product and view; returns the table's name.

    Reviews overrule the rubric. Products of one look show the same picture. Best is the highest
    total, then the soundest form, then what the critic prefers, then the widest margin over other
    products' prompts, then the first candidate, so that the choice is deterministic. A product and
    view without an accepted picture is absent.
    """
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {_NAME} (product_id TEXT, view TEXT, image_id TEXT)"
    )
    (planned,) = only_row(connection.execute("SELECT count(*) FROM ledger"))
    for least, below in id_ranges(planned, PORTION):
        connection.execute(_BEST, {"rubric": rubric, "least": least, "below": below})
    return _NAME


def published_pictures(connection: DuckDBPyConnection, publication_id: int) -> str:
    """Select what a publication shows; returns the table's name."""
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {_NAME} AS
        SELECT product_id, view, image_id FROM publication_items
        WHERE since <= $number AND (until IS NULL OR until > $number)
        """,
        {"number": publication_id},
    )
    return _NAME


def selection_figures(connection: DuckDBPyConnection, selection: str) -> SelectionFigures:
    """Count a selection."""
    row = only_row(
        connection.execute(
            f'SELECT count(DISTINCT product_id), count(DISTINCT image_id) FROM "{selection}"'
        )
    )
    return SelectionFigures(*row)


def damaged_among(
    connection: DuckDBPyConnection, pictures: Pictures, selection: str, *, only_new: bool
) -> list[str]:
    """Ids of a selection's pictures whose bytes are gone, or no longer hash to their address.

    Args:
        only_new: hash only pictures that are not live yet, so that the cost of a night depends on
            what changed; missing ones are found for all of them.
    """
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE selected_bytes AS
        SELECT sha256,
            bool_or(NOT ($only_new AND image_id IN (SELECT image_id FROM live_items))) AS to_hash
        FROM "{selection}" LEFT JOIN images USING (image_id) GROUP BY sha256
        """,
        {"only_new": only_new},
    )
    broken = _broken(connection, pictures) | _absent(connection, pictures)
    (without_row,) = only_row(
        connection.execute("SELECT count(*) FROM selected_bytes WHERE sha256 IS NULL")
    )
    if not broken and not without_row:
        return []
    with registered(connection, "broken_bytes", strings(broken)):
        rows = connection.execute(
            f"""
            SELECT DISTINCT image_id FROM "{selection}" LEFT JOIN images USING (image_id)
            WHERE sha256 IS NULL OR sha256 IN (SELECT value FROM broken_bytes) ORDER BY image_id
            """
        ).fetchall()
    return [image_id for (image_id,) in rows]


def _broken(connection: DuckDBPyConnection, pictures: Pictures) -> set[str]:
    """Those of the bytes to hash that are gone, or do not hash to their address."""
    (count,) = only_row(connection.execute("SELECT count(*) FROM selected_bytes WHERE to_hash"))
    broken: set[str] = set()
    for least, below in id_ranges(count, CHUNK):
        rows = connection.execute(
            """
            SELECT sha256 FROM selected_bytes
            WHERE to_hash AND sha256 >= $least AND sha256 < $below ORDER BY sha256
            """,
            {"least": least, "below": below},
        ).fetchall()
        broken |= pictures.broken(address for (address,) in rows)
    return broken


def _absent(connection: DuckDBPyConnection, pictures: Pictures) -> set[str]:
    """Those of the other bytes that are gone, found without reading them."""
    (count,) = only_row(connection.execute("SELECT count(*) FROM selected_bytes WHERE NOT to_hash"))
    if not count:
        return set()
    connection.execute("CREATE OR REPLACE TEMP TABLE stored_bytes (sha256 TEXT)")
    for some in portions((address for address, _ in pictures.listed()), CHUNK):
        with registered(connection, "listed_bytes", strings(some)):
            connection.execute("INSERT INTO stored_bytes FROM listed_bytes")
    rows = connection.execute(
        """
        SELECT sha256 FROM selected_bytes ANTI JOIN stored_bytes USING (sha256)
        WHERE NOT to_hash AND sha256 IS NOT NULL
        """
    ).fetchall()
    return {address for (address,) in rows}
