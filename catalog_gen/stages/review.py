"""People's decisions: the queue, what is shown with a picture, and what they decide.

Shared by `review`, `status`, Dagster's check and the page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from catalog_gen.catalog.reference import resolve_reference
from catalog_gen.decision import PersonsDecision
from catalog_gen.errors import InputError
from catalog_gen.imaging.decode import read_bytes
from catalog_gen.imaging.decoder import decode_picture
from catalog_gen.settings.catalog import CatalogSettings
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.retries import out_of_retries
from catalog_gen.store.connection import Store
from catalog_gen.store.images import stored_pngs
from catalog_gen.store.lineage import lineage_of
from catalog_gen.store.relations import first_row
from catalog_gen.store.verdicts import (
    Review,
    ToReview,
    newest_review,
    save_review,
    unreviewed,
    withdraw_review,
)

#: More than a person reviews in one session.
MOST: int = 10_000


def waiting_for_a_person(
    connection: DuckDBPyConnection, settings: CatalogSettings, limit: int = MOST
) -> list[ToReview]:
    """Pictures that the rubric sent to review, and the best of each look whose every attempt was
    rejected, without those that a person has decided about; best first.
    """
    stuck = out_of_retries(connection, settings)
    return unreviewed(connection, limit, [each.look_id for each in stuck])


@dataclass(frozen=True, slots=True)
class Beside:
    """Another picture beside the one that waits; ``decision`` is the one that counts."""

    image_id: str
    decision: str
    total: int | None
    png: bytes


@dataclass(frozen=True, eq=False, slots=True)
class Case:
    """A picture with everything that a person needs to decide about it.

    Attributes:
        facts: its row of ``lineage``.
        photo: the photo that it started from, (H, W, 3); None: none, or it is gone.
        siblings: the look's other candidates.
        live: what its product shows in this view today; None: nothing, or this picture.
        review: a decision that somebody has made about it.
    """

    facts: dict[str, Any]
    png: bytes
    photo: NDArray[np.uint8] | None
    siblings: tuple[Beside, ...]
    live: Beside | None
    review: Review | None

    @property
    def image_id(self) -> str:
        return str(self.facts["image_id"])


def case_of(catalog: Catalog, image_id: str) -> Case:
    """Everything about a picture that a person decides about.

    Raises:
        InputError: there is no such picture, or retention has deleted its bytes.
        CorruptionError: its bytes are damaged.
    """
    with catalog.store.reading() as connection:
        facts = lineage_of(connection, image_id)
        live_id = _live(connection, facts["product_id"], facts["view"])
        shown = {
            name: (decision, total)
            for name, decision, total in _others(connection, facts["look_id"], live_id)
            if name != image_id
        }
        pngs = stored_pngs(connection, catalog.store.pictures(connection), [image_id, *shown])
        review = newest_review(connection, image_id)
        reference = _reference(connection, facts["product_id"])
    others = {name: Beside(name, *judged, pngs[name]) for name, judged in shown.items()}
    photo = _photo(catalog, reference) if facts["reference_sha256"] else None
    return Case(
        facts=facts,
        png=pngs[image_id],
        photo=photo,
        siblings=tuple(each for name, each in others.items() if name != live_id),
        live=others.get(live_id or ""),
        review=review,
    )


def decide(
    store: Store, image_id: str, decision: PersonsDecision, *, reviewer: str, note: str
) -> int:
    """Store a person's decision about a picture; it applies from the next refresh on.

    Two people may decide about one picture: both decisions are kept, and the newer one counts.

    Returns the decision's number, for ``take_back``.

    Raises:
        InputError: nobody is named.
        StoreBusyError: another process holds the database; nothing was stored.
    """
    if not reviewer.strip():
        raise InputError("reviewer ''", "a decision is somebody's", "Give your name.")
    with store.writing() as connection:
        return save_review(
            connection,
            image_id,
            decision,
            reviewer=reviewer.strip(),
            note=note,
            now=datetime.now(UTC),
        )


def take_back(store: Store, seq: int, *, reviewer: str) -> bool:
    """Undo one's own decision; False if it is gone. Whatever was decided before counts again."""
    with store.writing() as connection:
        return withdraw_review(connection, seq, reviewer.strip())


def restore(store: Store, image_id: str, *, reviewer: str) -> int:
    """Let an earlier picture go live again with the next refresh, by a person's acceptance.

    Returns the decision's number, for ``take_back``.

    Raises:
        InputError: nothing asks for it any more, its bytes are gone, or the live picture would be
            chosen before it.
    """
    with store.reading() as connection:
        facts = lineage_of(connection, image_id)
        name = f"image {image_id[:16]}"
        if facts["dropped_at"] is not None:
            raise InputError(
                name,
                f"its bytes were deleted on {facts['dropped_at']:%Y-%m-%d}",
                f"`catalog-gen reproduce {image_id[:16]}` draws it again; then restore it.",
            )
        if not facts["still_wanted"]:
            raise InputError(
                name,
                "its product asks for another picture today, as its fields or the view changed",
                "Undo that change, and the picture comes back by itself; or restore the whole set "
                "of a night: `catalog-gen rollback`.",
            )
        live = _live(connection, facts["product_id"], facts["view"])
        accepted = None if live in (None, image_id) else newest_review(connection, str(live))
        if accepted is not None and accepted.decision == "accepted":
            total = lineage_of(connection, accepted.image_id)["total"] or 0
            if total >= (facts["total"] or 0):
                raise InputError(
                    name,
                    f"{accepted.reviewer} accepted the live picture, which has {total} points",
                    "Reject that one first; then this one goes live.",
                )
    return decide(store, image_id, "accepted", reviewer=reviewer, note="restored")


def _live(connection: DuckDBPyConnection, product_id: str, view: str) -> str | None:
    row = first_row(
        connection.execute(
            "SELECT image_id FROM live_items WHERE product_id = ? AND view = ?", [product_id, view]
        )
    )
    return None if row is None else str(row[0])


def _others(
    connection: DuckDBPyConnection, look_id: str | None, live: str | None
) -> Sequence[tuple[str, str, int | None]]:
    """The look's pictures, and the live one, with what was decided about each."""
    return connection.execute(
        """
        WITH shown AS (
            SELECT recipe_id AS image_id, candidate, attempt FROM ledger
            WHERE look_id = $look OR recipe_id = $live
        ), verdict AS (
            SELECT image_id, arg_max(decision, seq) AS decision, arg_max(total, seq) AS total
            FROM verdicts WHERE image_id IN (SELECT image_id FROM shown) GROUP BY image_id
        ), review AS (
            SELECT image_id, arg_max(decision, seq) AS decision
            FROM reviews WHERE image_id IN (SELECT image_id FROM shown) GROUP BY image_id
        )
        SELECT image_id, coalesce(review.decision, verdict.decision, 'unjudged'), total
        FROM shown JOIN images USING (image_id)
        LEFT JOIN verdict USING (image_id) LEFT JOIN review USING (image_id)
        WHERE dropped_at IS NULL ORDER BY attempt, candidate, image_id
        """,
        {"look": look_id, "live": live},
    ).fetchall()


def _reference(connection: DuckDBPyConnection, product_id: str) -> str:
    row = first_row(
        connection.execute("SELECT reference FROM products WHERE product_id = ?", [product_id])
    )
    return "" if row is None else str(row[0])


def _photo(catalog: Catalog, reference: str) -> NDArray[np.uint8] | None:
    try:
        path = resolve_reference(reference, catalog.photo_folders)
        return decode_picture(read_bytes(path), name=path.name)
    except InputError:
        return None  # moved or changed since; the picture itself can still be judged
