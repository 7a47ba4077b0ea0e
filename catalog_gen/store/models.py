"""What each model hash stands for, kept for lineage."""

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
    """Keep what a model is made of; one that is known stays as it was first named."""
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
