"""Provenance into picture files and out of them again: PNG, JPEG and WebP.

A PNG keeps its pixels byte for byte; only chunks are added. JPEG and WebP get theirs while they are
encoded. Every re-encoding drops metadata, so every rendition goes through here.
"""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Final
from xml.etree.ElementTree import ParseError

from catalog_gen.imaging.encode import Rendition, encode, encode_png
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.imaging.provenance import CREATOR_TOOL, NAMESPACE, Provenance, ProvenanceError

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
#: The keyword of the PNG text chunk with the recipe, and the one that other tools read.
_RECIPE_KEY: Final = "catalog_gen"
_PARAMETERS_KEY: Final = "parameters"
#: XMP specification, part 3: the keyword under which PNG holds XMP.
_XMP_KEY: Final = "XML:com.adobe.xmp"

#: Exif 2.32: tags by number, and the marks before a comment in UTF-16.
_SOFTWARE: Final = 0x0131
_EXIF_IFD: Final = 0x8769
_EXIF_VERSION: Final = 0x9000
_DATE_TIME_ORIGINAL: Final = 0x9003
_OFFSET_TIME_ORIGINAL: Final = 0x9011
_USER_COMMENT: Final = 0x9286
_UNICODE: Final = b"UNICODE\x00"


def render(
    pixels: Pixels,
    rendition: Rendition,
    provenance: Provenance,
    quality: int = 90,
) -> bytes:
    """Encode a picture with its provenance inside.

    Args:
        pixels: (H, W, 3) of uint8, sRGB.
        rendition: PNG is lossless and ignores the quality.
        quality: 1..100, for JPEG (with full-resolution colour from 90 up) and WebP.
    """
    if rendition == "PNG":
        return label_png(encode_png(pixels), provenance)
    return encode(pixels, rendition, quality, xmp=provenance.xmp(), exif=_exif(provenance))


def label_png(png: bytes, provenance: Provenance) -> bytes:
    """Replace all text chunks of a PNG with provenance; the image data stays byte for byte.

    Raises:
        ProvenanceError: ``png`` is not a complete PNG.
    """
    chunks = [(name, data) for name, data in _png_chunks(png) if name not in _TEXT_CHUNKS]
    added = [
        _text_chunk(_PARAMETERS_KEY, provenance.parameters()),
        _text_chunk(_RECIPE_KEY, provenance.as_json()),
        _text_chunk("Software", CREATOR_TOOL),
        (b"iTXt", _XMP_KEY.encode() + b"\0\0\0\0\0" + provenance.xmp()),
    ]
    first_data = next(place for place, (name, _) in enumerate(chunks) if name == b"IDAT")
    labelled = [*chunks[:first_data], *added, *chunks[first_data:]]
    return _PNG_SIGNATURE + b"".join(_chunk(name, data) for name, data in labelled)


def read_provenance(content: bytes) -> Provenance:
    """Read the provenance that catalog_gen wrote into a PNG, JPEG or WebP file.

    In a PNG, either the text chunk or the XMP is enough.

    Raises:
        ProvenanceError: the file has no provenance, is damaged, or its recipe was changed.
    """
    if content.startswith(_PNG_SIGNATURE):
        found = _png_text(content)
        if _RECIPE_KEY in found:
            return Provenance.from_json(found[_RECIPE_KEY])
        packet: str | bytes | None = found.get(_XMP_KEY)
    else:
        packet = _xmp_of(content)
    text = None if packet is None else _from_xmp(packet)
    if text is None:
        raise ProvenanceError(
            "the file",
            "carries no catalog_gen recipe; a program that saved it again may have removed it",
            "Take the file as exported, or name the image by its id or SHA-256.",
        )
    return Provenance.from_json(text)


def _exif(provenance: Provenance) -> bytes:
    """An Exif block (Exif 2.32, TIFF 6.0): big-endian, one directory and the Exif one behind it.

    Written by hand, since Pillow gives UserComment another type than the standard.
    """
    comment = _UNICODE + provenance.parameters().encode("utf-16-be", "replace")
    software = CREATOR_TOOL.encode() + b"\0"
    date = provenance.created_at.strftime("%Y:%m:%d %H:%M:%S").encode() + b"\0"
    header = struct.pack(">2sHI", b"MM", 42, 8)
    start = len(header) + _directory_size(2)
    pointer = struct.pack(">I", start + len(software) + len(software) % 2)
    first = _directory([(_SOFTWARE, 2, software), (_EXIF_IFD, 4, pointer)], len(header))
    entries = [
        (_EXIF_VERSION, 7, b"0232"),
        (_DATE_TIME_ORIGINAL, 2, date),
        (_OFFSET_TIME_ORIGINAL, 2, b"+00:00\0"),
        (_USER_COMMENT, 7, comment),
    ]
    second = _directory(entries, len(header) + len(first))
    return b"Exif\0\0" + header + first + second


#: Bytes that one value of a TIFF type takes: ASCII, LONG, UNDEFINED.
_TIFF_SIZES: Final = {2: 1, 4: 4, 7: 1}


def _directory_size(entries: int) -> int:
    return 2 + 12 * entries + 4


def _directory(entries: list[tuple[int, int, bytes]], offset: int) -> bytes:
    """A TIFF directory at ``offset`` of (tag, type, value), long values behind it."""
    head = struct.pack(">H", len(entries))
    values = b""
    for tag, kind, value in entries:
        count = len(value) // _TIFF_SIZES[kind]
        if len(value) <= 4:
            field = value.ljust(4, b"\0")
        else:
            field = struct.pack(">I", offset + _directory_size(len(entries)) + len(values))
            values += value + b"\0" * (len(value) % 2)
        head += struct.pack(">HHI", tag, kind, count) + field
    return head + struct.pack(">I", 0) + values


def _xmp_of(content: bytes) -> bytes | None:
    """The XMP packet of a JPEG or WebP file."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(BytesIO(content), formats=("JPEG", "WEBP")) as image:
            packet = image.info.get("xmp")
    except UnidentifiedImageError:
        raise ProvenanceError(
            "the file", "is not a PNG, JPEG or WebP", "Name a picture, or an image's id."
        ) from None
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise ProvenanceError(
            "the file", f"is damaged ({error})", "Take the file as exported."
        ) from error
    return bytes(packet) if packet is not None else None


def _from_xmp(packet: str | bytes) -> str | None:
    """Catalog_gen's property in an XMP packet, stored as an attribute or as an element."""
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    name = f"{{{NAMESPACE}}}Provenance"
    try:
        root = fromstring(packet.strip("\ufeff\0 ") if isinstance(packet, str) else packet)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise ProvenanceError(
            "the XMP in the file", f"is malformed or unsafe XML ({error})", "Export it again."
        ) from error
    for element in root.iter():
        found = element.get(name) or (element.text if element.tag == name else None)
        if found:
            return str(found)
    return None


_TEXT_CHUNKS: Final = frozenset({b"tEXt", b"zTXt", b"iTXt"})


def _text_chunk(key: str, text: str) -> tuple[bytes, bytes]:
    """Latin-1 as tEXt, which every reader knows; everything else as iTXt in UTF-8.

    PNG specification, 11.3.3: https://www.w3.org/TR/png-3/#11textinfo
    """
    clean = text.replace("\0", " ")
    try:
        return b"tEXt", key.encode() + b"\0" + clean.encode("latin-1")
    except UnicodeEncodeError:
        return b"iTXt", key.encode() + b"\0\0\0\0\0" + clean.encode("utf-8", "replace")


def _png_text(png: bytes) -> dict[str, str]:
    """The text chunks that this module writes, by keyword; it never writes compressed ones."""
    found: dict[str, str] = {}
    for name, data in _png_chunks(png):
        key, _, rest = data.partition(b"\0")
        if name == b"tEXt":
            found[key.decode("latin-1")] = rest.decode("latin-1")
        elif name == b"iTXt" and rest[:1] == b"\0":
            text = rest[2:].split(b"\0", 2)[-1]
            found[key.decode("latin-1")] = text.decode("utf-8", "replace")
    return found


def _png_chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = len(_PNG_SIGNATURE)
    if not png.startswith(_PNG_SIGNATURE):
        raise ProvenanceError("the file", "is not a PNG", "Take the file as exported.")
    while place < len(png):
        if place + 12 > len(png):
            raise _cut_off()
        (length,) = struct.unpack_from(">I", png, place)
        end = place + 12 + length
        if end > len(png):
            raise _cut_off()
        name, data = png[place + 4 : place + 8], png[place + 8 : end - 4]
        if zlib.crc32(data, zlib.crc32(name)) != int.from_bytes(png[end - 4 : end], "big"):
            raise ProvenanceError(
                "the file", f"has a damaged {name!r} chunk", "Take the file as exported."
            )
        yield name, data
        place = end
        if name == b"IEND":
            return
    raise _cut_off()


def _cut_off() -> ProvenanceError:
    return ProvenanceError("the file", "ends in the middle", "Copy or download it again.")


def _chunk(name: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(data, zlib.crc32(name))
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)
