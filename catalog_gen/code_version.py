"""The version of the code at hand: of all of its sources, so that nobody has to count it up."""

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

#: Libraries whose version changes the bytes of a written picture.
_ENCODING: Final = ("numpy", "pillow", "isal", "torch", "torchvision", "c2pa-python")


@cache
def code_version() -> str:
    """SHA-256 of the package's sources and of the versions of what encodes pictures."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(package)}:{len(content)}:".encode() + content)
    for name in _ENCODING:
        digest.update(f"{name} {_version(name)},".encode())
    return digest.hexdigest()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
