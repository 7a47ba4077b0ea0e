"""The base of everything that a person or a plan chose: frozen, closed, and hashed.

Such values are stored for years and named by their hashes, so a version of catalog_gen that knows
one more field must find every old hash unchanged: a field that is unset (None) never enters one.
A field that comes later is therefore optional, with None as its default.
"""

from collections.abc import Collection
from typing import Any

from pydantic import BaseModel, ConfigDict

from catalog_gen.fingerprint import canonical_json, sha256_text


class Chosen(BaseModel):
    """Frozen values with a stable identity; an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def chosen(self, *, without: Collection[str] = ()) -> dict[str, Any]:
        """What was chosen as JSON values: unset fields, and those named, are left out."""
        return self.model_dump(mode="json", exclude=set(without), exclude_none=True)

    @property
    def canonical(self) -> str:
        """The canonical JSON that is hashed and stored."""
        return canonical_json(self.chosen())

    @property
    def identity(self) -> str:
        """SHA-256 of the canonical JSON."""
        return sha256_text(self.canonical)
