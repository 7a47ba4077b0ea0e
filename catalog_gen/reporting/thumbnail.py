"""Small pictures as data URLs, for places that take text and little of it."""

import base64
import io
from typing import Final

from PIL import Image

#: Longest side in pixels and WebP's quality, the best first: a studio picture of a product takes
#: 800 characters at the first step, 300 at the last.
_STEPS: Final = ((96, 70), (96, 50), (80, 50), (64, 50), (64, 35), (48, 35), (32, 35))


def thumbnail(picture: bytes, most: int) -> str:
    """A picture as a ``data:`` URL of at most ``most`` characters, as good as that allows.

    Empty where even the smallest one is longer.

    Raises:
        OSError: bytes that are no picture (PIL.UnidentifiedImageError).
    """
    with Image.open(io.BytesIO(picture)) as image:
        whole = image.convert("RGB")
    for side, quality in _STEPS:
        small = whole.copy()
        small.thumbnail((side, side), Image.Resampling.LANCZOS)
        stream = io.BytesIO()
        small.save(stream, "WEBP", quality=quality, method=6)
        url = f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
        if len(url) <= most:
            return url
    return ""
