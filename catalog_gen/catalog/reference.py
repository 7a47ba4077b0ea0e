"""Resolve reference photos: from a feed's path or URL to a file inside an allowed folder.

Nothing is fetched from the network, and the file is not opened.
"""

import os
import stat
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from catalog_gen.catalog.readers.record import shorten
from catalog_gen.errors import InputError
from catalog_gen.redaction import without_credentials

_NEXT: Final = "Put the photo into one of feed.reference_folders and give its path from there."
_MAX_PATH: Final = 4096


class ReferencePhotoError(InputError):
    """A reference photo that is missing or may not be read."""


def resolve_reference(reference: str, folders: Sequence[Path]) -> Path:
    """The real path of a reference photo, with every symbolic link followed.

    Args:
        reference: a path relative to one of the folders (the first that has it is used), an
            absolute path inside one, or such a path as a ``file://`` URL.
        folders: the only folders that may be read from.

    Raises:
        ReferencePhotoError: the path leaves the folders, even through a link; is another kind of
            URL, a device, a folder or missing; or contains control characters.
    """
    path = _local_path(reference)
    if not folders:
        raise _refuse(reference, "no folder is allowed to be read", _NEXT)
    for folder in folders:
        try:
            root = folder.resolve(strict=True)
            real = (root / path).resolve(strict=True)
            status = os.stat(real)
        except (OSError, RuntimeError, ValueError):  # RuntimeError: a loop of links, before 3.13
            continue
        if not real.is_relative_to(root):
            continue
        if not stat.S_ISREG(status.st_mode):
            raise _refuse(reference, "is not a regular file", "Name a picture file.")
        return real
    raise _refuse(reference, "is not a file inside the allowed folders", _NEXT)


def _local_path(reference: str) -> PurePosixPath:
    if not reference.strip():
        raise _refuse(reference, "a reference must name a file", _NEXT)
    if not reference.isprintable():
        raise _refuse(reference, "a path must not contain control or invisible characters", _NEXT)
    text = reference
    if "://" in reference or reference[:5].casefold() == "file:":
        text = _path_of_url(reference)
    if not text.isprintable() or "\\" in text:
        raise _refuse(
            reference, "a path must not contain a backslash, control or invisible character", _NEXT
        )
    if len(text) > _MAX_PATH:
        raise _refuse(reference, f"a path has at most {_MAX_PATH:,} characters", _NEXT)
    path = PurePosixPath(text)
    if ".." in path.parts:
        raise _refuse(reference, "a path must not contain '..'", _NEXT)
    return path


def _path_of_url(reference: str) -> str:
    try:
        url = urlsplit(reference)
    except ValueError as error:
        raise _refuse(reference, f"is not a URL ({error})", _NEXT) from error
    if url.scheme.casefold() != "file" or url.netloc not in ("", "localhost"):
        if url.scheme.casefold() in ("http", "https"):
            host = url.hostname or "its host"
            listed = f"List {host} in feed.fetch_photos, and refresh; or put the photo into one of "
            raise _refuse(reference, "was not fetched", f"{listed}feed.reference_folders.")
        raise _refuse(reference, "only local paths and file URLs are read", _NEXT)
    if url.query or url.fragment:
        raise _refuse(reference, "a file URL must not have a query or a fragment", _NEXT)
    return unquote(url.path)


def _refuse(reference: str, rule: str, next_step: str) -> ReferencePhotoError:
    shown = shorten(without_credentials(reference[:_MAX_PATH]))
    return ReferencePhotoError(f"reference '{shown}'", rule, next_step)
