"""What a site's writer remembers: ``manifest.json``, written before the page that it belongs to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import TypeAdapter, ValidationError

from catalog_gen.errors import CorruptionError

MANIFEST: Final = "manifest.json"


class Listed(NamedTuple):
    """A file as it was written: bytes, and their hash."""

    size: int
    sha256: str


class DataFile(NamedTuple):
    """A file with some neighbouring products, and what the page's index says of them.

    Attributes:
        made_of: the hash of everything that determines it; empty: it is to be written anew, since a
            photo was gone.
        path: below the site.
        products: how many it has.
        rows: bytes of their rows in the index.
        categories: theirs, in the order of the rows' numbers.
        photos: paths of the photos that it names.
    """

    made_of: str
    path: str
    products: int
    rows: int
    categories: tuple[str, ...]
    photos: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """Data and photos by path, the index, and the data files in its order."""

    files: Mapping[str, Listed] = field(default_factory=dict)
    index: str = ""
    data: Sequence[DataFile] = ()


_JSON: Final = TypeAdapter(Manifest)


def to_json(manifest: Manifest) -> bytes:
    """The manifest as it is written."""
    return _JSON.dump_json(manifest)


def read_manifest(root: Path) -> Manifest:
    """The manifest of the site in a folder; an empty one where there is none.

    Raises:
        CorruptionError: it can't be read.
    """
    try:
        content = (root / MANIFEST).read_bytes()
    except FileNotFoundError:
        return Manifest()
    try:
        return _JSON.validate_json(content)
    except ValidationError:
        raise CorruptionError(
            str(root / MANIFEST), "it is not a list of files", "Run `catalog-gen gallery`."
        ) from None
