"""A product, and a rejected row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

#: Fields with their own column; everything else in a feed is an attribute.
CORE_FIELDS: Final = ("product_id", "title", "category", "description", "group_id", "reference")


@dataclass(frozen=True, slots=True)
class Product:
    """One validated row of a feed.

    ``attributes`` holds the other fields under their canonical names (``colour``, ``material``,
    ``brand``, ``price``, ``size``, ...), as text. ``reference`` is the reference photo as the
    feed names it: a local path or a file URL; it is resolved and checked only when it is needed.
    """

    product_id: str
    title: str
    category: str = ""
    description: str = ""
    group_id: str = ""
    reference: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)

    def fields(self) -> dict[str, str]:
        """All fields by name, core fields and attributes, as templates see them."""
        core = {name: getattr(self, name) for name in CORE_FIELDS}
        return {**self.attributes, **core}


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that did not become a product, and the rule it broke."""

    line: int
    field: str
    value: str
    rule: str
    product_id: str = ""
