"""A feed's bytes: decompressed within limits, and readable more than once."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from catalog_gen.errors import FeedError

HEAD_BYTES: Final = 64 * 1024
MAX_UNPACKED: Final = 4 * 1024**3
MAX_RATIO: Final = 200
#: Small files may exceed the ratio: what a few KiB of gzip can unpack to is harmless.
RATIO_FREE: Final = 16 * 1024**2

_GZIP_MAGIC: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class FeedSource:
    """A readable file; ``head`` is its first 64 KiB, unpacked."""

    path: Path
    packed: bool
    head: bytes

    @property
    def name(self) -> str:
        """The file's name in lower case, without ``.gz``."""
        return self.path.name.lower().removesuffix(".gz")

    @contextmanager
    def open(self) -> Iterator[io.BufferedReader]:
        """The unpacked bytes from the start.

        Raises:
            FeedError: while reading, if the gzip data is broken or exceeds the limits.
        """
        with _open(self.path, self.packed) as stream:
            yield stream


def inspect_source(path: Path) -> FeedSource:
    """Look at a feed's first bytes.

    Raises:
        FeedError: the file is missing, not a regular file, unreadable or empty.
    """
    try:
        if not path.is_file():
            problem = "is not a regular file" if path.exists() else "there is no such file"
            raise FeedError(str(path), problem, "Set feed.path in catalog.toml to the feed.")
        with path.open("rb") as stream:
            packed = stream.read(2) == _GZIP_MAGIC
        with _open(path, packed) as unpacked:
            head = unpacked.read(HEAD_BYTES)
    except OSError as error:
        rule = f"can't be read ({error.strerror or error})"
        raise FeedError(str(path), rule, "Check the file and its permissions.") from error
    if not head.strip():
        raise FeedError(str(path), "is empty", "Export the feed again.")
    return FeedSource(path, packed, head)


def half_written(source: FeedSource, line: int) -> FeedError:
    """The error of a feed whose last row, on this line, is cut off."""
    return FeedError(
        str(source.path),
        f"ends in the middle of the row on line {line}, without a line end: it is half written",
        "Wait until the export is finished, or export it again. The export should write under "
        "another name and rename the file when it is whole.",
    )


def unpacked_limit(packed_size: int) -> int:
    """Bytes that a packed file of this size may unpack to."""
    return min(MAX_UNPACKED, max(RATIO_FREE, MAX_RATIO * packed_size))


@contextmanager
def _open(path: Path, packed: bool) -> Iterator[io.BufferedReader]:
    with path.open("rb") as stream:
        if packed:
            with gzip.GzipFile(fileobj=stream, mode="rb") as unpacked:
                bounded = _BoundedGzip(unpacked, path, path.stat().st_size)
                yield io.BufferedReader(bounded, HEAD_BYTES)
        else:
            yield stream


class _BoundedGzip(io.RawIOBase):
    """Gzip output that raises a FeedError at the size or ratio limit, or at broken data."""

    def __init__(self, stream: gzip.GzipFile, path: Path, packed_size: int) -> None:
        self._stream = stream
        self._path = path
        self._limit = unpacked_limit(packed_size)
        self._total = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            block = self._stream.read(len(buffer))
        except (OSError, EOFError, zlib.error) as error:
            rule = f"is broken gzip ({error})"
            raise FeedError(str(self._path), rule, "Transfer the whole file again.") from error
        self._total += len(block)
        if self._total > self._limit:
            raise FeedError(
                str(self._path),
                f"unpacks to more than {self._limit:,} bytes, {MAX_RATIO} times its size or 4 GiB",
                "If the feed is genuine, unpack it first.",
            )
        buffer[: len(block)] = block
        return len(block)
