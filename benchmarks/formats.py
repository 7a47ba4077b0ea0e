"""Lossless formats for stored pictures: bytes, and the time to write and to read them.

Takes PNG files, such as those of the sample's gallery, and their enlargements to 1,024 pixels. All
formats give the same pixels back; the script checks it. JPEG XL needs the package imagecodecs.

    python benchmarks/formats.py FOLDER [--pictures N] [--json]
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from catalog_gen.imaging.encode import encode_png
from catalog_gen.imaging.pixels import Pixels

Encode = Callable[[Pixels], bytes]
Decode = Callable[[bytes], Pixels]

#: Longest side of the enlarged pictures.
_LARGE: Final = 1024


def _saved(form: str, **options: Any) -> Encode:
    def encode(pixels: Pixels) -> bytes:
        stream = BytesIO()
        Image.fromarray(pixels).save(stream, form, **options)
        return stream.getvalue()

    return encode


def _opened(content: bytes) -> Pixels:
    return np.asarray(Image.open(BytesIO(content)).convert("RGB"))


def formats() -> dict[str, tuple[Encode, Decode]]:
    """Encoder and decoder by name; JPEG XL only where imagecodecs is installed."""
    known: dict[str, tuple[Encode, Decode]] = {
        "PNG, as stored (isal 1)": (encode_png, _opened),
        "PNG, Pillow level 6": (_saved("PNG", compress_level=6), _opened),
        "WebP lossless, method 0": (_saved("WEBP", lossless=True, quality=0, method=0), _opened),
        "WebP lossless, method 4": (_saved("WEBP", lossless=True, quality=50, method=4), _opened),
    }
    try:
        import imagecodecs  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return known
    for effort in (1, 3, 7):

        def encode(pixels: Pixels, effort: int = effort) -> bytes:
            return bytes(imagecodecs.jpegxl_encode(pixels, lossless=True, effort=effort))

        known[f"JPEG XL lossless, effort {effort}"] = (encode, imagecodecs.jpegxl_decode)
    return known


def measure(pictures: Sequence[Pixels]) -> dict[str, dict[str, float]]:
    """KB, and milliseconds of processor time to write and read, per picture and format."""
    found: dict[str, dict[str, float]] = {}
    for name, (encode, decode) in formats().items():
        size = writing = reading = 0.0
        for pixels in pictures:
            started = time.process_time()
            content = encode(pixels)
            written = time.process_time()
            again = decode(content)
            reading += time.process_time() - written
            writing += written - started
            size += len(content)
            if not np.array_equal(again, pixels):
                raise RuntimeError(f"{name} is not lossless")
        count = len(pictures)
        found[name] = {
            "kb": round(size / count / 1e3, 1),
            "write_ms": round(1e3 * writing / count, 2),
            "read_ms": round(1e3 * reading / count, 2),
        }
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of PNG files")
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    paths = sorted(arguments.folder.glob("*.png"))[: arguments.pictures]
    small = [_opened(path.read_bytes()) for path in paths]
    large = [
        np.asarray(Image.fromarray(pixels).resize((_LARGE, _LARGE), Image.Resampling.LANCZOS))
        for pixels in small
    ]
    figures = {
        "pictures": len(small),
        "as_they_are": measure(small),
        "enlarged_to_1024": measure(large),
    }
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    for title in ("as_they_are", "enlarged_to_1024"):
        print(f"{title.replace('_', ' ')}, {len(small)} pictures")
        for name, each in figures[title].items():  # type: ignore[attr-defined]
            print(
                f"  {name:28} {each['kb']:8.1f} KB {each['write_ms']:8.2f} ms to write "
                f"{each['read_ms']:8.2f} ms to read"
            )


if __name__ == "__main__":
    main()
