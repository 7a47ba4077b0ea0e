"""The models table: what a model hash stands for."""

from collections.abc import Mapping
from datetime import datetime

from duckdb import DuckDBPyConnection

from catalog_gen.fingerprint import canonical_json
from catalog_gen.store.relations import insert_row


def save_model(
    connection: DuckDBPyConnection,
    model_hash: str,
    model_id: str,
    parts: Mapping[str, object],
    now: datetime,
) -> None:
    """Store a model's name and parts; a known model keeps its first name."""
    insert_row(
        connection,
        "models",
        {
            "model_hash": model_hash,
            "id": model_id,
            "parts": canonical_json(parts),
            "first_used": now,
        },
        unless_known=True,
    )
