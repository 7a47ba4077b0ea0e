"""Contact sheets: many pictures in one labelled grid, and small previews for Dagster's metadata."""

import base64
import io
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]

_GAP: Final = 12
_LABEL: Final = 22
_FONT_SIZE: Final = 13
_PAPER: Final = (246, 245, 242)
_INK: Final = (70, 66, 60)

#: Side of a preview in pixels, and the quality that keeps one at two or three kilobytes.
_PREVIEW_SIDE: Final = 96
_PREVIEW_QUALITY: Final = 72


def contact_sheet(images: Sequence[Pixels], labels: Sequence[str], columns: int) -> Pixels:
    """A grid of pictures, uint8 (H, W, 3) each, with a line of text under each: uint8 (H, W, 3).

    Every cell is as large as the largest picture; smaller ones are centred. A label that is too
    long for its cell ends in an ellipsis.

    Raises:
        ValueError: no pictures, not one label for each, or no columns.
    """
    if not images or len(images) != len(labels) or columns < 1:
        raise ValueError(
            f"{len(images)} pictures with {len(labels)} labels don't fit {columns} columns"
        )
    tall = max(image.shape[0] for image in images)
    wide = max(image.shape[1] for image in images)
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    size = (
        _GAP + columns * (wide + _GAP),
        _GAP + rows * (tall + _LABEL + _GAP),
    )
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_FONT_SIZE)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        row, column = divmod(number, columns)
        left = _GAP + column * (wide + _GAP)
        top = _GAP + row * (tall + _LABEL + _GAP)
        height, width = image.shape[:2]
        sheet.paste(
            Image.fromarray(image), (left + (wide - width) // 2, top + (tall - height) // 2)
        )
        text = _fitting(label, wide, draw, font)
        draw.text((left + wide / 2, top + tall + 4), text, _INK, font, anchor="ma")
    return np.asarray(sheet).copy()


def _fitting(
    label: str,
    width: int,
    draw: ImageDraw.ImageDraw,
    font: "ImageFont.FreeTypeFont | ImageFont.ImageFont",
) -> str:
    label = " ".join(label.split())
    if draw.textlength(label, font) <= width:
        return label
    while label and draw.textlength(f"{label}…", font) > width:
        label = label[:-1]
    return f"{label.rstrip()}…"


def preview_markdown(png_bytes: Sequence[bytes], max_bytes: int = 50_000) -> str:
    """Markdown with as many small inline pictures as fit into ``max_bytes``, and how many didn't.

    Dagster keeps metadata in its database about four times over, so a step's previews stay small:
    WebP thumbnails of at most 96 pixels.

    Raises:
        OSError: bytes that are no picture (PIL.UnidentifiedImageError).
    """
    parts: list[str] = []
    used = 0
    for number, data in enumerate(png_bytes):
        part = f"![]({_thumbnail(data)})"
        left = len(png_bytes) - number
        if used + len(part) + len(_remainder(left)) > max_bytes:
            return "".join([*parts, _remainder(left)])
        parts.append(part)
        used += len(part)
    return "".join(parts)


def _remainder(count: int) -> str:
    return f" and {count} more"


def _thumbnail(data: bytes) -> str:
    with Image.open(io.BytesIO(data)) as image:
        small = image.convert("RGB")
    small.thumbnail((_PREVIEW_SIDE, _PREVIEW_SIDE), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    small.save(stream, "WEBP", quality=_PREVIEW_QUALITY, method=4)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
