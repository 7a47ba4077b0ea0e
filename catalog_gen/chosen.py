"""The base of everything that a person or a plan chose: frozen, closed, and hashed.

Such values are stored for years under their hashes, so a version of catalog_gen with an additional
field must find every old hash unchanged: an unset field (None) never enters a hash. Fields that are
added later are therefore optional, with None as their default.
"""

from collections.abc import Collection
from typing import Any

from pydantic import BaseModel, ConfigDict

from catalog_gen.fingerprint import canonical_json, sha256_text


class Chosen(BaseModel):
    """Frozen values with a stable identity; an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def chosen(self, *, without: Collection[str] = ()) -> dict[str, Any]:
        """The chosen values as JSON values, without unset and excluded fields."""
        return self.model_dump(mode="json", exclude=set(without), exclude_none=True)

    @property
    def canonical(self) -> str:
        """The canonical JSON that is hashed and stored."""
        return canonical_json(self.chosen())

    @property
    def identity(self) -> str:
        """SHA-256 of the canonical JSON."""
        return sha256_text(self.canonical)
