"""The sets of pictures that are or were live: switched as a whole, stored as differences.

Publication ``p`` shows the rows with ``since <= p`` and (``until`` is NULL or ``until > p``), so a
night writes as many rows as changed, and every past moment can be shown again.
"""

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
)
from catalog_gen.store.selection import damaged_among, published_pictures, selection_figures


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


def publish(
    connection: DuckDBPyConnection,
    selection: str,
    *,
    coverage: float,
    run_id: str,
    now: datetime,
) -> Publication:
    """Make exactly the pictures of a selection live, all of them when the transaction commits.

    If they are live already, with the same coverage, nothing is written and the live publication
    is returned.

    Args:
        selection: a relation with a row for each product and view that shows a picture.
        coverage: the share of active products with a picture, 0..1.
    """
    live = newest_publication(connection)
    changed = _compare(connection, selection)
    if live and live.coverage == coverage and not changed:
        return live
    number = live.publication_id + 1 if live else 1
    connection.execute(
        """
        UPDATE publication_items SET until = $number FROM live_changes AS change
        WHERE until IS NULL AND publication_items.product_id = change.product_id
            AND publication_items.view = change.view
        """,
        {"number": number},
    )
    connection.execute(
        """
        INSERT INTO publication_items BY NAME
        SELECT product_id, view, image_id, $number AS since FROM live_changes
        WHERE image_id IS NOT NULL ORDER BY product_id, view
        """,
        {"number": number},
    )
    figures = selection_figures(connection, selection)
    insert_row(
        connection,
        "publications",
        {
            "publication_id": number,
            "coverage": coverage,
            "products": figures.products,
            "images": figures.images,
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
    selection = published_pictures(connection, publication_id)
    damaged = damaged_among(connection, pictures, selection, only_new=False)
    if damaged:
        raise CorruptionError(
            f"publication {publication_id}",
            f"{len(damaged)} of its pictures are gone or damaged ({damaged[0][:16]}, ...)",
            "Choose another, or restore a backup; what is live stays live.",
        )
    covered, active = only_row(
        connection.execute(
            f"""
            SELECT count(*) FILTER (product_id IN (SELECT product_id FROM "{selection}")), count(*)
            FROM active_products
            """
        )
    )
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


def live_at(connection: DuckDBPyConnection, moment: datetime) -> list[LiveImage]:
    """What was live at a moment, by product and view; nothing before the first publication."""
    row = first_row(
        connection.execute(
            "SELECT max(publication_id) FROM publications WHERE published_at <= ?", [moment]
        )
    )
    if row is None or row[0] is None:
        return []
    shown = published_pictures(connection, row[0])
    rows = connection.execute(
        f'SELECT {columns_of(LiveImage)} FROM "{shown}" ORDER BY product_id, view'
    ).fetchall()
    return [LiveImage(*each) for each in rows]


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


def _compare(connection: DuckDBPyConnection, selection: str) -> int:
    """Make ``live_changes``: the products' views that will show another picture, NULL for none.

    Returns how many there are.
    """
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE live_changes AS
        SELECT product_id, view, selected.image_id
        FROM "{selection}" AS selected FULL JOIN live_items AS live USING (product_id, view)
        WHERE selected.image_id IS DISTINCT FROM live.image_id
        """
    )
    (changed,) = only_row(connection.execute("SELECT count(*) FROM live_changes"))
    return int(changed)


def _publication_log() -> str:
    return f"SELECT {columns_of(Publication)} FROM publication_log"
