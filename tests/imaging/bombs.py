"""Pictures that are small files and large work."""

import struct
import zlib
from io import BytesIO

from PIL import Image


def many_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again: each is decoded."""
    stream = BytesIO()
    Image.new("L", (side, side), 128).save(stream, "JPEG", progressive=True)
    whole = stream.getvalue()
    last = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + last * scans + whole[-2:]


def many_segments(segments: int) -> bytes:
    """A JPEG of 64 pixels behind millions of empty segments."""
    stream = BytesIO()
    Image.new("L", (8, 8), 128).save(stream, "JPEG")
    whole = stream.getvalue()
    return whole[:2] + b"\xff\xe5\0\2" * segments + whole[2:]


def many_pages(pages: int) -> bytes:
    """A TIFF of one pixel a page; to count its pages takes half a millisecond each."""
    fields = ((256, 3, 1), (257, 3, 1), (258, 3, 8), (259, 3, 1), (262, 3, 1), (278, 3, 1))
    size = 2 + 12 * (len(fields) + 2) + 4
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in fields)
    entries += struct.pack("<HHII", 273, 4, 1, 0) + struct.pack("<HHII", 279, 4, 1, 1)
    head = struct.pack("<H", len(fields) + 2) + entries
    following = (*(8 + size * number for number in range(1, pages)), 0)
    return b"II*\0\x08\0\0\0" + b"".join(head + struct.pack("<I", place) for place in following)


def many_frames(frames: int) -> bytes:
    """A GIF of one pixel."""
    stream = BytesIO()
    Image.new("P", (1, 1)).save(stream, "GIF")
    whole = stream.getvalue()
    first = whole.index(b",")
    return whole[:first] + whole[first:-1] * frames + b";"


def claims(width: int, height: int) -> bytes:
    """A PNG whose header promises so many pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (
        chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )
    return b"\x89PNG\r\n\x1a\n" + parts
