"""Read a picture's format, completeness and number of scans from its bytes, undecoded."""

import re
from typing import Final, NamedTuple


class Format(NamedTuple):
    """A picture format: its first bytes, and in ``end`` its closing bytes, if it has any."""

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
#: Cameras and editors may append this many bytes of other data to a picture.
_TAIL: Final = 64 * 1024
#: JPEG markers, other than those inside entropy-coded data: stuffed and fill bytes, restarts.
_MARKER: Final = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])", re.DOTALL)
_START_OF_IMAGE: Final = 0xD8
_END_OF_IMAGE: Final = 0xD9
_START_OF_SCAN: Final = 0xDA


def picture_format(data: bytes) -> Format | None:
    """The format of a picture; None if it is not one that can be read here."""
    found = next((each for each in FORMATS if data.startswith(each.start)), None)
    if found is not None and found.name == "WebP" and data[8:12] != b"WEBP":
        return None
    return found


def why_not_whole(data: bytes, found: Format) -> str:
    """Why a picture's bytes must be incomplete; '' if nothing indicates that."""
    if found.name == "WebP":
        length = int.from_bytes(data[4:8], "little") + 8
        return f"has {len(data):,} of {length:,} bytes" if len(data) < length else ""
    ended = data.endswith(found.end) or found.end in data[-_TAIL:]
    return "" if ended else "ends before the picture does"


def jpeg_scans(data: bytes, most: int) -> int:
    """The number of scans of a JPEG's first picture, counted up to ``most`` + 1.

    Each scan of a progressive picture costs as much time as decoding the whole picture, however
    few bytes it has (ITU-T T.81, annex B).
    """
    scans = place = 0
    while scans <= most and (found := _MARKER.search(data, place)):
        marker, place = found[1][0], found.end()
        if marker == _END_OF_IMAGE:
            break
        scans += marker == _START_OF_SCAN
        if marker != _START_OF_IMAGE:  # all others that can follow have a length
            place += int.from_bytes(data[place : place + 2])
    return scans
