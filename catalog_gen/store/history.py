"""A product's history: its feed rows, wishes, pictures, verdicts, reviews and publications."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from duckdb import DuckDBPyConnection

Kind = Literal["feed", "asked", "drawn", "decided", "live", "replaced"]


@dataclass(frozen=True, slots=True)
class Event:
    """One event, described by ``words``; ``image_id`` is '' if it is not about a picture."""

    at: datetime
    kind: Kind
    view: str
    words: str
    image_id: str = ""


def history_of(connection: DuckDBPyConnection, product_id: str) -> list[Event]:
    """Everything about a product, the newest first."""
    events = [
        *_fed(connection, product_id),
        *_asked(connection, product_id),
        *_drawn(connection, product_id),
        *_decided(connection, product_id),
        *_shown(connection, product_id),
    ]
    return sorted(events, key=lambda event: event.at, reverse=True)


def _rows(connection: DuckDBPyConnection, query: str, product_id: str) -> list[tuple[Any, ...]]:
    return connection.execute(query, {"product": product_id}).fetchall()


def _fed(connection: DuckDBPyConnection, product_id: str) -> Iterator[Event]:
    query = "SELECT first_seen, retired_at FROM products WHERE product_id = $product"
    for first_seen, retired_at in _rows(connection, query, product_id):
        yield Event(first_seen, "feed", "", "first in the feed")
        if retired_at is not None:
            yield Event(retired_at, "feed", "", "left the feed")


def _asked(connection: DuckDBPyConnection, product_id: str) -> Iterator[Event]:
    query = """
        SELECT prompts.created_at, prompts.view, prompts.reason, prompt, unsupported, changes
        FROM prompts LEFT JOIN why_regenerated USING (prompt_id)
        WHERE prompts.product_id = $product
    """
    for at, view, reason, prompt, unsupported, changes in _rows(connection, query, product_id):
        edits = ", ".join(
            f"{each['field']} {each['old'] or '-'} to {each['new'] or '-'}"
            for each in changes or ()
        )
        words = unsupported or prompt
        yield Event(at, "asked", view, f"{reason}{f' ({edits})' if edits else ''}: {words}")


def _drawn(connection: DuckDBPyConnection, product_id: str) -> Iterator[Event]:
    query = """
        WITH own AS (
            SELECT DISTINCT look_id FROM prompts WHERE product_id = $product
        )
        SELECT images.created_at, ledger.view, images.image_id, ledger.reason, ledger.attempt,
            verdict.decision, verdict.total
        FROM ledger SEMI JOIN own USING (look_id)
        JOIN images ON images.image_id = ledger.recipe_id
        LEFT JOIN newest_verdicts AS verdict ON verdict.image_id = images.image_id
    """
    for at, view, image_id, reason, attempt, decision, total in _rows(
        connection, query, product_id
    ):
        judged = f"; {decision}, {total} of 10" if decision else ""
        again = f", attempt {attempt + 1}" if attempt else ""
        yield Event(at, "drawn", view, f"{reason}{again}{judged}", image_id)


def _decided(connection: DuckDBPyConnection, product_id: str) -> Iterator[Event]:
    query = """
        WITH own AS (
            SELECT DISTINCT look_id FROM prompts WHERE product_id = $product
        )
        SELECT reviewed_at, ledger.view, image_id, decision, reviewer, note
        FROM reviews JOIN ledger ON ledger.recipe_id = image_id SEMI JOIN own USING (look_id)
    """
    for at, view, image_id, decision, reviewer, note in _rows(connection, query, product_id):
        why = f": {note}" if note else ""
        yield Event(at, "decided", view, f"{decision} by {reviewer}{why}", image_id)


def _shown(connection: DuckDBPyConnection, product_id: str) -> Iterator[Event]:
    query = """
        SELECT items.view, items.image_id, since, begun.published_at, until, ended.published_at
        FROM publication_items AS items
        JOIN publications AS begun ON begun.publication_id = since
        LEFT JOIN publications AS ended ON ended.publication_id = until
        WHERE product_id = $product
    """
    for view, image_id, since, begun, until, ended in _rows(connection, query, product_id):
        yield Event(begun, "live", view, f"live from publication {since} on", image_id)
        if until is not None:
            yield Event(ended, "replaced", view, f"no longer in publication {until}", image_id)
