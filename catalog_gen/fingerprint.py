"""Stable identities: canonical JSON, SHA-256 of values, files and folders, and hash shards.

Identities are stored for years, so nothing here may depend on the Python version, on dictionary
order or on the machine. ``chosen`` defines what belongs to an identity.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

#: Number of parts of a catalog that can be redrawn separately; a power of two, since the database
#: takes the last bits of the hash (``store/products.py``).
SHARDS: Final = 16


def canonical_json(value: object) -> str:
    """JSON with sorted keys, no spaces and plain UTF-8; NaN and infinities raise ValueError."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def sha256_text(text: str) -> str:
    """SHA-256 of the UTF-8 bytes, as 64 lower-case hexadecimal digits.

    Lone surrogates, which JSON feeds can carry, are hashed as they are instead of raising.
    """
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def sha256_json(value: object) -> str:
    """SHA-256 of the canonical JSON of a value."""
    return sha256_text(canonical_json(value))


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_files(files: Iterable[Path], hashing: Callable[[Path], str]) -> str:
    """SHA-256 over the names of a folder's files and their hashes, as ``hashing`` gives them."""
    return sha256_json({file.name: hashing(file) for file in files})


def shard_of(product_id: str) -> int:
    """The hash shard of a product, 0..15: uniform, and the same forever."""
    return int(sha256_text(product_id), 16) % SHARDS
