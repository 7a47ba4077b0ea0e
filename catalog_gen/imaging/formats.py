"""Which format a file's first bytes say it is, and whether its end is there. Nothing is decoded."""

from typing import Final, NamedTuple


class Format(NamedTuple):
    """A picture format by its first bytes; ``end`` are those that close it, where it has some."""

    name: str
    suffix: str
    start: bytes
    end: bytes = b""


FORMATS: Final = (
    Format("JPEG", "jpg", b"\xff\xd8\xff", b"\xff\xd9"),
    Format("PNG", "png", b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"),
    Format("WebP", "webp", b"RIFF"),
    Format("GIF", "gif", b"GIF8", b"\x3b"),
    Format("TIFF", "tif", b"II*\0"),
    Format("TIFF", "tif", b"MM\0*"),
    Format("BMP", "bmp", b"BM"),
)
#: Cameras and editors write further data behind a picture's end; within this many bytes.
_TAIL: Final = 64 * 1024


def picture_format(data: bytes) -> Format | None:
    """The format of a picture that can be read here; None: it is none of them."""
    found = next((each for each in FORMATS if data.startswith(each.start)), None)
    if found is not None and found.name == "WebP" and data[8:12] != b"WEBP":
        return None
    return found


def why_not_whole(data: bytes, found: Format) -> str:
    """Why a picture's bytes can't be all of it; '' where nothing speaks against it."""
    if found.name == "WebP":
        length = int.from_bytes(data[4:8], "little") + 8
        return f"has {len(data):,} of {length:,} bytes" if len(data) < length else ""
    ended = data.endswith(found.end) or found.end in data[-_TAIL:]
    return "" if ended else "ends before the picture does"
