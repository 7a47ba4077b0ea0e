"""Find a stored picture by its id, its hash, or an exported file."""

from hashlib import sha256
from pathlib import Path

from duckdb import DuckDBPyConnection

from catalog_gen.errors import InputError
from catalog_gen.imaging.decode import read_bytes
from catalog_gen.imaging.metadata import read_provenance
from catalog_gen.imaging.provenance import ProvenanceError
from catalog_gen.store.images import find_image


def identify(connection: DuckDBPyConnection, name: str) -> str:
    """The id of the picture that ``name`` means.

    Args:
        name: the start of its id or SHA-256, or a picture file: a rendition with our provenance
            embedded, or a copy of the stored bytes.

    Raises:
        InputError: no picture or several match, or the file's recipe was changed.
    """
    path = Path(name)
    if not path.is_file():
        return find_image(connection, name)
    content = read_bytes(path)
    try:
        image_id = read_provenance(content).image_id
    except ProvenanceError as error:
        try:
            return find_image(connection, sha256(content).hexdigest())
        except InputError:
            raise InputError(path.name, error.rule, error.next_step) from error
    try:
        return find_image(connection, image_id)
    except InputError as error:
        raise InputError(
            path.name,
            f"was drawn as image {image_id[:16]}, which this store does not have",
            "Set CATALOG_HOME to the catalog that drew it.",
        ) from error
