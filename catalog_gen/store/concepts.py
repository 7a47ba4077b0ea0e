"""The concepts table: what was learned about products, by lesson."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from duckdb import DuckDBPyConnection

from catalog_gen.store.pictures.in_database import InDatabase
from catalog_gen.store.relations import columns_of, registered, registered_rows, strings


@dataclass(frozen=True, slots=True)
class ConceptRow:
    """One lesson and what came of it, or why nothing did."""

    lesson_id: str
    lesson: str
    name: str
    product_id: str
    concept_sha256: str
    problem: str
    tries: int
    size: int
    work: float
    seconds: float
    environment: str
    learned_at: datetime
    run_id: str


@dataclass(frozen=True, slots=True)
class KnownConcept:
    """The hash of what was learned; or, where it is empty, why nothing was, and after what."""

    concept_sha256: str
    problem: str
    tries: int
    seconds: float


@dataclass(frozen=True, slots=True)
class FailedLesson:
    """A lesson about a product's current photo of which nothing came, ``tries`` times.

    ``name`` is the section of [concepts]; ``shards`` are those of all active products with that
    photo, by id, the product that first asked for it among them; ``product_id`` is that one.
    """

    lesson_id: str
    name: str
    product_id: str
    problem: str
    tries: int
    shards: Mapping[str, int]

    @property
    def shard(self) -> int:
        """The product's."""
        return self.shards[self.product_id]


def save_concept(connection: DuckDBPyConnection, row: ConceptRow, content: bytes) -> None:
    """Store what came of a lesson, in place of an earlier failure; ``content`` is empty for one."""
    if content:
        InDatabase(connection).put({row.concept_sha256: content})
    with registered_rows(connection, "new_concept", ConceptRow, [row]):
        connection.execute("INSERT OR REPLACE INTO concepts BY NAME FROM new_concept")


def known_concepts(
    connection: DuckDBPyConnection, lesson_ids: Collection[str]
) -> dict[str, KnownConcept]:
    """What came of these lessons so far, by id."""
    with registered(connection, "wanted_lessons", strings(lesson_ids)):
        rows = connection.execute(
            """
            SELECT lesson_id, concept_sha256, problem, tries, seconds FROM concepts
            SEMI JOIN wanted_lessons ON lesson_id = value
            """
        ).fetchall()
    return {lesson_id: KnownConcept(*rest) for lesson_id, *rest in rows}


def failed_lessons(connection: DuckDBPyConnection, photo: str) -> list[FailedLesson]:
    """The newest lesson of each active product and section, where it failed: by product and name.

    Args:
        photo: the attribute that has the photo's hash. Lessons about an earlier photo are past.
    """
    rows = connection.execute(
        """
        SELECT lesson_id, name, product_id, problem, tries, (
            SELECT map(list(alike.product_id), list(alike.shard)) FROM active_products AS alike
            WHERE alike.attributes[$photo] = active_products.attributes[$photo]
        )
        FROM concepts JOIN active_products USING (product_id)
        WHERE list_contains((lesson -> '$.photos')::VARCHAR[], attributes[$photo])
        QUALIFY row_number() OVER (
            PARTITION BY product_id, name ORDER BY learned_at DESC, lesson_id
        ) = 1 AND concept_sha256 = ''
        ORDER BY product_id, name
        """,
        {"photo": photo},
    ).fetchall()
    return [FailedLesson(*row) for row in rows]


def forget_tries(connection: DuckDBPyConnection, lesson_ids: Collection[str]) -> None:
    """Count the tries of failed lessons from zero."""
    with registered(connection, "lessons_to_try", strings(lesson_ids)):
        connection.execute(
            """
            UPDATE concepts SET tries = 0
            WHERE concept_sha256 = '' AND lesson_id IN (SELECT value FROM lessons_to_try)
            """
        )


def stored_concepts(connection: DuckDBPyConnection, hashes: Collection[str]) -> dict[str, bytes]:
    """The files of these concepts, by SHA-256; those that are gone are left out.

    Who reads a concept hashes it.
    """
    return InDatabase(connection).get(sorted(hashes))


def stored_lessons(
    connection: DuckDBPyConnection, product_ids: Collection[str] = ()
) -> list[ConceptRow]:
    """All lessons, or those that these products asked for first: by product, newest first."""
    rows = connection.execute(
        f"""
        SELECT {columns_of(ConceptRow)} FROM concepts
        WHERE $everything OR product_id IN (SELECT unnest($ids::VARCHAR[]))
        ORDER BY product_id, name, learned_at DESC, lesson_id
        """,
        {"everything": not product_ids, "ids": list(product_ids)},
    ).fetchall()
    return [ConceptRow(*row) for row in rows]


def concept_sizes(connection: DuckDBPyConnection) -> dict[str, int]:
    """The bytes of every concept, by SHA-256."""
    rows = connection.execute(
        "SELECT concept_sha256, any_value(size) FROM concepts WHERE concept_sha256 <> '' GROUP BY 1"
    ).fetchall()
    return dict(rows)


def learning_pace(connection: DuckDBPyConnection) -> Mapping[str, float]:
    """Seconds for each pixel of the photos that were looked at, by learner: of the newest 500."""
    rows = connection.execute(
        """
        SELECT lesson ->> '$.learner.name', sum(seconds) / sum(work)
        FROM (FROM concepts WHERE concept_sha256 <> '' ORDER BY learned_at DESC LIMIT 500)
        GROUP BY 1
        """
    ).fetchall()
    return dict(rows)
