"""Small pictures: files, and data URLs for places that take only short texts."""

import base64
import io
from typing import Final

from PIL import Image

#: Longest side in pixels and WebP quality, best first. A studio picture takes 800 characters at the
#: first step and 300 at the last.
_STEPS: Final = ((96, 70), (96, 50), (80, 50), (64, 50), (64, 35), (48, 35), (32, 35))


def thumbnail(picture: bytes, most: int) -> str:
    """A picture as a ``data:`` URL of at most ``most`` characters, as good as fits.

    Empty if even the smallest one is too long.

    Raises:
        OSError: the bytes are not a picture (PIL.UnidentifiedImageError).
    """
    with Image.open(io.BytesIO(picture)) as image:
        whole = image.convert("RGB")
    for side, quality in _STEPS:
        small = _webp(whole, side, quality)
        url = f"data:image/webp;base64,{base64.b64encode(small).decode('ascii')}"
        if len(url) <= most:
            return url
    return ""


def small_file(picture: bytes, side: int) -> bytes:
    """A picture as a WebP file whose longest side has at most ``side`` pixels.

    Raises:
        OSError: the bytes are not a picture (PIL.UnidentifiedImageError).
    """
    with Image.open(io.BytesIO(picture)) as image:
        return _webp(image.convert("RGB"), side, 80)


def _webp(image: Image.Image, side: int, quality: int) -> bytes:
    small = image.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    small.save(stream, "WEBP", quality=quality, method=6)
    return stream.getvalue()
