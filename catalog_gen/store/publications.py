"""The sets of pictures that are or were live: switched as a whole, stored as differences.

Publication ``p`` shows the rows with ``since <= p`` and (``until`` is NULL or ``until > p``), so a
night writes as many rows as changed, and every past moment can be shown again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from duckdb import DuckDBPyConnection

from catalog_gen.errors import CorruptionError, InputError
from catalog_gen.store.pictures.pictures import Pictures
from catalog_gen.store.relations import (
    columns_of,
    first_row,
    insert_row,
    only_row,
    registered_rows,
)


@dataclass(frozen=True, slots=True)
class LiveImage:
    """The picture that one product shows in one view."""

    product_id: str
    view: str
    image_id: str


@dataclass(frozen=True, slots=True)
class Publication:
    """A set that went live; ``added`` and ``removed`` count the differences to the one before.

    ``restored`` is the publication that a rollback shows again, None for a night's own set.
    """

    publication_id: int
    coverage: float
    products: int
    images: int
    published_at: datetime
    run_id: str
    added: int
    removed: int
    restored: int | None


def candidates_for_publication(connection: DuckDBPyConnection, rubric: str) -> list[LiveImage]:
    """The best accepted picture of each current product and view; reviews overrule the rubric.

    Products of one look show the same one. Best is the highest total, then the soundest form, then
    what the critic prefers, then the widest margin over other products' prompts, then the first
    candidate, so that the choice is deterministic. A product and view without an accepted picture
    is absent.
    """
    rows = connection.execute(
        """
        WITH best AS (
            SELECT ledger.look_id, ledger.recipe_id
            FROM wanted_candidates AS ledger
            JOIN images ON images.image_id = ledger.recipe_id
            LEFT JOIN verdicts ON verdicts.image_id = ledger.recipe_id AND verdicts.rubric = $rubric
            LEFT JOIN newest_reviews AS review ON review.image_id = ledger.recipe_id
            LEFT JOIN newest_scores AS score ON score.image_id = ledger.recipe_id
            WHERE ledger.status = 'made' AND images.dropped_at IS NULL
                AND coalesce(review.decision, verdicts.decision) = 'accepted'
            QUALIFY row_number() OVER (
                PARTITION BY ledger.look_id
                ORDER BY review.decision IS NOT NULL DESC, verdicts.total DESC NULLS LAST,
                    verdicts.soundness DESC NULLS LAST, verdicts.preference DESC NULLS LAST,
                    score.margin DESC NULLS LAST, ledger.candidate, ledger.attempt, ledger.recipe_id
            ) = 1
        )
        SELECT product_id, view, recipe_id FROM current_prompts JOIN best USING (look_id)
        ORDER BY product_id, view
        """,
        {"rubric": rubric},
    ).fetchall()
    return [LiveImage(*row) for row in rows]


def publish(
    connection: DuckDBPyConnection,
    selection: Sequence[LiveImage],
    *,
    coverage: float,
    run_id: str,
    now: datetime,
) -> Publication:
    """Make exactly these pictures live, all of them when the transaction commits.

    If they are live already, with the same coverage, nothing is written and the live publication
    is returned.

    Args:
        coverage: the share of active products with a picture, 0..1.
    """
    with registered_rows(connection, "selection", LiveImage, selection):
        live = newest_publication(connection)
        if live and live.coverage == coverage and not _differences(connection):
            return live
        number = live.publication_id + 1 if live else 1
        connection.execute(
            """
            UPDATE publication_items SET until = $number
            WHERE until IS NULL AND (product_id, view, image_id) NOT IN (FROM selection)
            """,
            {"number": number},
        )
        connection.execute(
            """
            INSERT INTO publication_items BY NAME
            SELECT selection.*, $number AS since
            FROM selection ANTI JOIN live_items USING (product_id, view, image_id)
            """,
            {"number": number},
        )
    insert_row(
        connection,
        "publications",
        {
            "publication_id": number,
            "coverage": coverage,
            "products": len({image.product_id for image in selection}),
            "images": len({image.image_id for image in selection}),
            "published_at": now,
            "run_id": run_id,
        },
    )
    return _publication(connection, number)


def rollback_to(
    connection: DuckDBPyConnection,
    pictures: Pictures,
    publication_id: int,
    *,
    run_id: str,
    now: datetime,
) -> Publication:
    """Make an earlier set live again, as a new publication: history is never rewritten.

    Coverage is counted over the products that are active now. Nights are held back until
    ``release_hold``; otherwise the next one would choose the same pictures again.

    Raises:
        InputError: there is no such publication.
        CorruptionError: a picture of it is gone or damaged.
    """
    _publication(connection, publication_id)
    selection = _items(connection, publication_id)
    _require_whole(connection, pictures, publication_id)
    with registered_rows(connection, "selection", LiveImage, selection):
        row = only_row(
            connection.execute(
                """
            SELECT count(*) FILTER (product_id IN (SELECT product_id FROM selection)), count(*)
            FROM active_products
            """
            )
        )
    covered, active = row
    coverage = covered / active if active else 0.0
    made = publish(connection, selection, coverage=coverage, run_id=run_id, now=now)
    release_hold(connection, now=now)
    insert_row(
        connection,
        "rollbacks",
        {
            "publication_id": made.publication_id,
            "restored": publication_id,
            "rolled_back_at": now,
        },
    )
    return _publication(connection, made.publication_id)


def hold(connection: DuckDBPyConnection) -> int | None:
    """The publication that a rollback restored and nights may not replace; None without a hold."""
    row = first_row(
        connection.execute("SELECT restored FROM rollbacks WHERE released_at IS NULL LIMIT 1")
    )
    return None if row is None else int(row[0])


def release_hold(connection: DuckDBPyConnection, *, now: datetime) -> bool:
    """Let nights publish again; False if nothing held them back."""
    row = first_row(
        connection.execute("UPDATE rollbacks SET released_at = ? WHERE released_at IS NULL", [now])
    )
    return bool(row and row[0])


def damaged_among(
    connection: DuckDBPyConnection,
    pictures: Pictures,
    selection: Sequence[LiveImage],
    *,
    only_new: bool,
) -> list[str]:
    """Ids of pictures whose bytes are gone, or no longer hash to their address.

    Args:
        only_new: hash only pictures that are not live yet, so that the cost of a night depends on
            what changed; missing ones are found for all of them.
    """
    with registered_rows(connection, "selection", LiveImage, selection):
        rows = connection.execute(
            """
            WITH wanted AS (SELECT DISTINCT image_id FROM selection),
            live AS (SELECT DISTINCT image_id FROM live_items)
            SELECT image_id, sha256, image_id IN (FROM live) AS shown
            FROM wanted LEFT JOIN images USING (image_id) ORDER BY image_id
            """
        ).fetchall()
    new = {address for _, address, shown in rows if address and not (shown and only_new)}
    old = {address for _, address, _ in rows if address} - new
    broken = pictures.broken(sorted(new)) | (pictures.absent(old) if old else set())
    return [image_id for image_id, address, _ in rows if address is None or address in broken]


def live_at(connection: DuckDBPyConnection, moment: datetime) -> list[LiveImage]:
    """What was live at a moment, by product and view; nothing before the first publication."""
    row = first_row(
        connection.execute(
            "SELECT max(publication_id) FROM publications WHERE published_at <= ?", [moment]
        )
    )
    return [] if row is None or row[0] is None else _items(connection, row[0])


def publications(connection: DuckDBPyConnection) -> list[Publication]:
    """Everything that ever went live, the newest first."""
    rows = connection.execute(f"{_publication_log()} ORDER BY publication_id DESC").fetchall()
    return [Publication(*row) for row in rows]


def newest_publication(connection: DuckDBPyConnection) -> Publication | None:
    """What is live now; None before the first publication."""
    newest = f"{_publication_log()} ORDER BY publication_id DESC LIMIT 1"
    row = first_row(connection.execute(newest))
    return None if row is None else Publication(*row)


def _publication(connection: DuckDBPyConnection, number: int) -> Publication:
    row = first_row(connection.execute(f"{_publication_log()} WHERE publication_id = ?", [number]))
    if row is None:
        raise InputError(
            f"publication {number}",
            "there is no publication with this number",
            "`catalog-gen publications` lists them.",
        )
    return Publication(*row)


def _require_whole(connection: DuckDBPyConnection, pictures: Pictures, number: int) -> None:
    damaged = damaged_among(connection, pictures, _items(connection, number), only_new=False)
    if damaged:
        raise CorruptionError(
            f"publication {number}",
            f"{len(damaged)} of its pictures are gone or damaged ({damaged[0][:16]}, ...)",
            "Choose another, or restore a backup; what is live stays live.",
        )


def _items(connection: DuckDBPyConnection, number: int) -> list[LiveImage]:
    rows = connection.execute(
        f"""
        SELECT {columns_of(LiveImage)} FROM publication_items
        WHERE since <= $number AND (until IS NULL OR until > $number)
        ORDER BY product_id, view
        """,
        {"number": number},
    ).fetchall()
    return [LiveImage(*row) for row in rows]


def _differences(connection: DuckDBPyConnection) -> bool:
    row = first_row(
        connection.execute(
            f"""
        WITH live AS (SELECT {columns_of(LiveImage)} FROM live_items)
        SELECT EXISTS (FROM selection EXCEPT FROM live) OR EXISTS (FROM live EXCEPT FROM selection)
        """
        )
    )
    return bool(row and row[0])


def _publication_log() -> str:
    return f"SELECT {columns_of(Publication)} FROM publication_log"
