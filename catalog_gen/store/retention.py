"""Find pictures whose bytes are no longer needed, and record that they were deleted.

Rows, recipes, scores and verdicts stay forever, so that such a picture can be drawn again. A night
is a run that tried to publish; nights are counted, never read from a clock.

Kept are: what is live; the sets of the newest publications, which a rollback can restore; all that
a person reviewed; the pictures of a look that has no live one, for a person to decide; pictures
that wait for a review; and everything that is younger than the nights of the settings.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from duckdb import DuckDBPyConnection

from catalog_gen.store.relations import first_row, only_row, registered_rows

#: Looks with a live picture that no person has rejected since.
LOOKS_LIVE: Final = """
    SELECT ledger.look_id FROM live_items
    JOIN ledger ON ledger.recipe_id = live_items.image_id
    LEFT JOIN newest_reviews AS review ON review.image_id = live_items.image_id
    WHERE review.decision IS DISTINCT FROM 'rejected'
"""


@dataclass(frozen=True, slots=True)
class OldPicture:
    """A picture whose bytes can be deleted."""

    image_id: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class DroppedRow:
    """A picture whose bytes are deleted, and the SHA-256 of its pixels for later comparison."""

    image_id: str
    pixels_sha256: str


def old_pictures(
    connection: DuckDBPyConnection, *, nights: int, publications: int
) -> list[OldPicture]:
    """The pictures that lost, were replaced, or whose products have gone, by address.

    Args:
        nights: how many nights must have passed since a picture was stored, and replaced.
        publications: newest sets whose pictures stay.
    """
    row = first_row(
        connection.execute(
            """
            SELECT max(seq) AS seq FROM gates GROUP BY run_id ORDER BY seq DESC LIMIT 1 OFFSET ?
            """,
            [nights],
        )
    )
    if row is None:
        return []
    horizon = row[0]
    rows = connection.execute(
        f"""
        WITH shown AS (
            SELECT image_id FROM publication_items
            WHERE until IS NULL
                OR until > (SELECT max(publication_id) FROM publications) - $publications + 1
                OR until > coalesce(
                    (SELECT max(publication_id) FROM gates WHERE seq <= $horizon), 0
                )
        ),
        wanted AS (SELECT look_id FROM current_prompts)
        SELECT images.image_id, images.sha256, images.size
        FROM images
        JOIN ledger ON ledger.recipe_id = images.image_id
        JOIN newest_verdicts AS verdict ON verdict.image_id = images.image_id
        WHERE images.dropped_at IS NULL
            AND coalesce(images.kept_seq, images.seq) < $horizon
            AND images.image_id NOT IN (FROM shown)
            AND images.image_id NOT IN (SELECT image_id FROM reviews)
            AND (
                ledger.look_id NOT IN (SELECT look_id FROM wanted WHERE look_id IS NOT NULL)
                OR (verdict.decision <> 'review' AND ledger.look_id IN ({LOOKS_LIVE}))
            )
        ORDER BY images.sha256, images.image_id
        """,
        {"horizon": horizon, "publications": publications},
    ).fetchall()
    return [OldPicture(*row) for row in rows]


def mark_dropped(
    connection: DuckDBPyConnection, rows: Iterable[DroppedRow], *, now: datetime
) -> None:
    """Record that these pictures' bytes are no longer kept; only then may they be deleted."""
    with registered_rows(connection, "pictures_dropped", DroppedRow, rows):
        connection.execute(
            """
            UPDATE images SET dropped_at = $now, pixels_sha256 = dropped.pixels_sha256
            FROM pictures_dropped AS dropped WHERE dropped.image_id = images.image_id
            """,
            {"now": now},
        )


def unneeded_addresses(connection: DuckDBPyConnection) -> list[str]:
    """Addresses of dropped pictures that no other picture has."""
    rows = connection.execute(
        """
        SELECT sha256 FROM images GROUP BY sha256
        HAVING bool_and(dropped_at IS NOT NULL) ORDER BY sha256
        """
    ).fetchall()
    return [address for (address,) in rows]


def mark_kept(connection: DuckDBPyConnection, image_ids: Iterable[str]) -> None:
    """Record that the bytes of dropped pictures are kept again, as if they were new."""
    connection.execute(
        """
        UPDATE images SET dropped_at = NULL, kept_seq = nextval('seq')
        WHERE image_id IN (SELECT unnest($ids::VARCHAR[]))
        """,
        {"ids": list(image_ids)},
    )


def plan_dropped(connection: DuckDBPyConnection, run_id: str, now: datetime) -> int:
    """Plan again what is wanted, was not rejected, and whose bytes were deleted.

    This happens when a product returns after a long time. A look that shows another picture needs
    none of them. Returns their number.
    """
    deleted = "SELECT count(*) FROM images WHERE dropped_at IS NOT NULL"
    if only_row(connection.execute(deleted)) == (0,):
        return 0  # what follows goes through all verdicts
    row = first_row(
        connection.execute(
            f"""
            UPDATE ledger SET status = 'planned', updated_at = $now, run_id = $run_id
            WHERE status = 'made'
                AND recipe_id IN (
                    SELECT images.image_id FROM images
                    JOIN newest_verdicts AS verdict ON verdict.image_id = images.image_id
                    WHERE images.dropped_at IS NOT NULL AND verdict.decision <> 'rejected'
                )
                AND recipe_id IN (SELECT recipe_id FROM wanted_candidates)
                AND look_id NOT IN ({LOOKS_LIVE})
            """,
            {"now": now, "run_id": run_id},
        )
    )
    return int(row[0]) if row else 0


@dataclass(frozen=True, slots=True)
class StorageFigures:
    """Pictures and bytes that are kept, those whose bytes were deleted, and the growth.

    ``nightly_bytes`` is the mean of what the newest runs that drew stored; ``nights`` of them.
    """

    kept: int
    kept_bytes: int
    dropped: int
    dropped_bytes: int
    nights: int
    nightly_bytes: float


def storage_figures(connection: DuckDBPyConnection, nights: int = 7) -> StorageFigures:
    """The size of the pictures, and its growth."""
    row = only_row(
        connection.execute(
            """
            WITH files AS (
                SELECT sha256, any_value(size) AS size, bool_or(dropped_at IS NULL) AS kept
                FROM images GROUP BY sha256
            ),
            newest AS (
                SELECT run_id, sum(size) AS bytes FROM images
                GROUP BY run_id ORDER BY max(seq) DESC LIMIT $nights
            )
            SELECT count(*) FILTER (kept), coalesce(sum(size) FILTER (kept), 0),
                count(*) FILTER (NOT kept), coalesce(sum(size) FILTER (NOT kept), 0),
                (SELECT count(*) FROM newest), coalesce((SELECT avg(bytes) FROM newest), 0)
            FROM files
            """,
            {"nights": nights},
        )
    )
    return StorageFigures(*row)
