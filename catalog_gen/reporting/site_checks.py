"""Find files of a written site that are damaged, or that a killed writer left behind.

``damaged_files`` checks data and photos against the manifest (size and SHA-256), pictures against
their names (SHA-256), and the page's end.
"""

import fcntl
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from catalog_gen.errors import CorruptionError
from catalog_gen.reporting.site_folder import (
    ADDRESSED,
    LOCK,
    PAGE,
    PNG_END,
    partial_files,
    read_end,
)
from catalog_gen.reporting.site_manifest import MANIFEST, read_manifest


def abandoned_files(root: Path) -> list[Path]:
    """Unfinished files of killed writers of a site; none while a writer is at work."""
    try:
        with (root / LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return partial_files(root)
    except OSError:
        return []  # no site, or a writer holds the lock


def damaged_files(root: Path) -> Iterator[tuple[str, str]]:
    """Files of a written site that are missing or changed, with the rule that they break.

    A folder without a manifest has no finished site, so nothing in it counts as damaged.
    """
    try:
        listed = read_manifest(root).files
    except CorruptionError as error:
        yield MANIFEST, error.rule
        return
    page = root / PAGE
    if listed and not (page.exists() and page.read_bytes().rstrip().endswith(b"</html>")):
        yield PAGE, "it is not whole"
    for path, expected in sorted(listed.items()):
        problem = _problem(root / path, expected.sha256)
        if problem:
            yield path, problem
    yield from sorted(
        (f"images/{name}", problem)
        for name in _pictures(root)
        if (problem := _problem(root / "images" / name, name.removesuffix(".png")))
    )


def torn_files(root: Path) -> Iterator[str]:
    """Files of a written site that a crash tore, by their sizes and ends: nothing is hashed."""
    try:
        listed = read_manifest(root).files
    except CorruptionError:
        yield MANIFEST
        return
    if listed and read_end(root / PAGE, 64).rstrip()[-7:] != b"</html>":
        yield PAGE
    for path, expected in sorted(listed.items()):
        file = root / path
        if not file.is_file() or file.stat().st_size != expected.size:
            yield path
    yield from sorted(
        f"images/{name}"
        for name in _pictures(root)
        if read_end(root / "images" / name, len(PNG_END)) != PNG_END
    )


def _pictures(root: Path) -> Iterator[str]:
    """Names of the pictures' files, in any order: there may be millions."""
    folder = root / "images"
    if folder.is_dir():
        with os.scandir(folder) as entries:
            yield from (entry.name for entry in entries if ADDRESSED.fullmatch(entry.name))


def _problem(file: Path, expected: str) -> str:
    try:
        found = sha256(file.read_bytes()).hexdigest()
    except FileNotFoundError:
        return "it is gone"
    except OSError as error:
        return f"it can't be read ({error.strerror})"
    return "" if found == expected else "its bytes are not those that were written"
