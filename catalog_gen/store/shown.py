"""What the gallery shows of the whole catalog, in temporary tables, and the hash of each part.

The gallery's products lie in parts of neighbouring ids, a file of the page each. A part's state is
the hash of all that it shows and that can change. A picture's recipe and prompt never do, so its id
stands for them. Every write of a score, a verdict or a review has a number and a time of its own,
which stand for what was said.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self

from duckdb import DuckDBPyConnection

from catalog_gen.store.live_products import SHOWN_ITEMS
from catalog_gen.store.relations import only_row, registered_rows

#: A part ends after a product of the first shard, so that an added or removed product changes one
#: part only; it also ends after a maximum number.
_LONGEST: Final = 48
#: Pictures whose rows are in Python at a time.
_FETCHED: Final = 20_000

#: A picture that a product asks for or shows. After a rollback, and while a gate holds a night
#: back, what is live is no longer wanted.
_SHOWN: Final = f"""
    CREATE OR REPLACE TEMP TABLE shown AS
    SELECT product_id, image_id, any_value(view) AS view, bool_or(live) AS live
    FROM (
        SELECT wish.product_id, ledger.recipe_id AS image_id, wish.view, false AS live
        FROM current_prompts AS wish JOIN ledger USING (look_id)
        UNION ALL
        SELECT product_id, image_id, view, true AS live
        FROM {SHOWN_ITEMS}
    )
    SEMI JOIN shown_views USING (view)
    GROUP BY product_id, image_id
"""

#: The kept ones of them. Of what was said of a picture the newest counts, and a review before a
#: verdict: ``rank`` orders them. Products that share a picture count it once.
_PICTURES: Final = f"""
    CREATE OR REPLACE TEMP TABLE shown_pictures AS
    WITH facts AS (
        SELECT image_id, concat_ws(' ', sha256, size, width, height) AS fact,
            NULL AS rank, NULL AS decision
        FROM images
        UNION ALL
        SELECT image_id, concat_ws(' ', 'score', seq, epoch_us(scored_at)), NULL, NULL FROM scores
        UNION ALL
        SELECT image_id, concat_ws(' ', 'verdict', seq, epoch_us(judged_at), decision, total),
            seq, decision
        FROM verdicts
        UNION ALL
        SELECT image_id, concat_ws(' ', 'review', seq, epoch_us(reviewed_at), decision),
            seq + {1 << 62}, decision
        FROM reviews
        UNION ALL
        SELECT recipe_id, concat_ws(' ', candidate, attempt, coalesce(products, 0), reason),
            NULL, NULL
        FROM ledger LEFT JOIN (
            SELECT look_id, count(*) AS products FROM current_prompts GROUP BY look_id
        ) USING (look_id)
    ), said AS (
        SELECT image_id, bit_xor(hash(fact)) AS state,
            coalesce(arg_max(decision, rank), 'unjudged') AS decision
        FROM facts GROUP BY image_id
    )
    SELECT image_id, sha256, size, state, decision, live
    FROM (SELECT image_id, bool_or(live) AS live FROM shown GROUP BY image_id)
    JOIN (SELECT image_id, sha256, size FROM images WHERE dropped_at IS NULL) USING (image_id)
    JOIN said USING (image_id)
"""

#: Wanted views that have no picture, and why: the model can't draw them, or drawing failed.
_TROUBLES: Final = """
    CREATE OR REPLACE TEMP TABLE shown_troubles AS
    SELECT product_id, wish.view, any_value(unsupported) AS unsupported,
        coalesce(
            list_sort(list(DISTINCT error) FILTER (status IN ('failed', 'given up'))), []
        ) AS errors
    FROM current_prompts AS wish LEFT JOIN ledger USING (look_id)
    SEMI JOIN shown_views ON shown_views.view = wish.view
    WHERE unsupported <> '' OR status IN ('failed', 'given up')
    GROUP BY product_id, wish.view
"""

_PARTED: Final = f"""
    CREATE OR REPLACE TEMP TABLE parted AS
    WITH stretched AS (
        SELECT product_id, row_hash, coalesce(sum((shard = 0)::INTEGER) OVER (
                ORDER BY product_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ), 0) AS stretch
        FROM active_products
    ), cut AS (
        SELECT product_id, row_hash, stretch,
            (row_number() OVER (PARTITION BY stretch ORDER BY product_id) - 1) // {_LONGEST} AS cut
        FROM stretched
    )
    SELECT product_id, row_hash, (dense_rank() OVER (ORDER BY stretch, cut) - 1)::INTEGER AS part
    FROM cut
"""

#: What differs in any way is another text, so the order of the texts' hashes does not matter.
_STATES: Final = """
    WITH facts AS (
        SELECT product_id, hash(concat_ws(' ', row_hash, product_id)) AS fact FROM parted
        UNION ALL
        SELECT product_id, hash(concat_ws(chr(31), image_id, state, shown.live, view, product_id))
        FROM shown JOIN shown_pictures USING (image_id)
        UNION ALL
        SELECT product_id, hash(to_json(shown_troubles)::VARCHAR) FROM shown_troubles
    )
    SELECT part, bit_xor(fact) FROM facts JOIN parted USING (product_id)
    GROUP BY part ORDER BY part
"""

#: Pictures that are to be in a folder and are not, in the order of their addresses. A file of
#: another size is torn.
_MISSING: Final = """
    CREATE OR REPLACE TEMP TABLE missing AS
    SELECT min(image_id) AS image_id, sha256
    FROM shown_pictures ANTI JOIN present USING (sha256, size)
    GROUP BY sha256 ORDER BY sha256
"""


@dataclass(frozen=True, slots=True)
class ShownCounts:
    """Pictures, each once, by what was decided about them, and views that lack one."""

    products: int
    live: int
    review: int
    rejected: int
    failed: int
    """Products' views with a failure."""
    troubles: int
    """All failures, and products' views that the model can't draw."""


@dataclass(frozen=True, slots=True)
class ViewTrouble:
    """Why a product's view lacks a picture: the model can't draw it, or drawing failed."""

    product_id: str
    title: str
    view: str
    unsupported: str
    errors: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Present:
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class ShownCatalog:
    """The active products, as far as these views show them, as they are when it is made."""

    connection: DuckDBPyConnection
    views: Sequence[str]

    @classmethod
    def of(cls, connection: DuckDBPyConnection, views: Iterable[str]) -> Self:
        """Fill the temporary tables, which live as long as the connection."""
        names = list(views)
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE shown_views AS SELECT unnest($views::VARCHAR[]) AS view",
            {"views": names},
        )
        for statement in (_SHOWN, _PICTURES, _TROUBLES, _PARTED):
            connection.execute(statement)
        return cls(connection, names)

    def states(self) -> list[int]:
        """The hash of what each part shows, by the parts' number."""
        return [state for _, state in self.connection.execute(_STATES).fetchall()]

    def counts(self) -> ShownCounts:
        """The figures of the whole."""
        row = only_row(
            self.connection.execute(
                """
                SELECT (SELECT count(*) FROM parted), count(*) FILTER (live),
                    count(*) FILTER (decision = 'review'), count(*) FILTER (decision = 'rejected'),
                    (SELECT count(*) FROM shown_troubles WHERE len(errors) > 0),
                    (
                        SELECT coalesce(sum(len(errors) + (unsupported <> '')::INTEGER), 0)::BIGINT
                        FROM shown_troubles
                    )
                FROM shown_pictures
                """
            )
        )
        return ShownCounts(*row)

    def first_troubles(self, most: int) -> list[ViewTrouble]:
        """The first views that lack a picture, by product and the order of the views."""
        rows = self.connection.execute(
            """
            SELECT product_id, title, view, unsupported, errors
            FROM shown_troubles JOIN products USING (product_id)
            ORDER BY product_id, list_position($views::VARCHAR[], view) LIMIT $most
            """,
            {"views": list(self.views), "most": most},
        ).fetchall()
        return [ViewTrouble(*row) for row in rows]

    def missing(self) -> Iterator[tuple[str, str]]:
        """Id and address of the pictures that ``compare`` found missing."""
        (most,) = only_row(self.connection.execute("SELECT count(*) FROM missing"))
        for start in range(0, most, _FETCHED):
            yield from self.connection.execute(
                "SELECT image_id, sha256 FROM missing WHERE rowid >= $start AND rowid < $end",
                {"start": start, "end": start + _FETCHED},
            ).fetchall()

    def compare(self, present: Iterable[tuple[str, int]]) -> list[str]:
        """Compare pictures in a folder with those that are shown.

        Args:
            present: their addresses and their sizes in bytes.

        Returns:
            The addresses of those that no product shows. ``missing`` returns what is not there.
        """
        rows = (_Present(*each) for each in present)
        with registered_rows(self.connection, "present", _Present, rows):
            self.connection.execute(_MISSING)
            surplus = self.connection.execute(
                "SELECT sha256 FROM present ANTI JOIN shown_pictures USING (sha256) ORDER BY sha256"
            ).fetchall()
        return [address for (address,) in surplus]
