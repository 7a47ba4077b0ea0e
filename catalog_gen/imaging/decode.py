"""Decodes picture files to 8-bit sRGB pixels.

A file that is too large, damaged, animated or of an unsupported format raises a ``PictureError``;
sizes and scans are checked before the pixels are decoded. Time and memory are not limited here:
``decoder`` does that for files from outside.
"""

import struct
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import numpy as np

from catalog_gen.errors import InputError
from catalog_gen.imaging.formats import jpeg_scans
from catalog_gen.imaging.pixels import Pixels

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

#: 64 megapixels: more than most cameras, 192 MB as pixels.
MAX_PIXELS: Final = 64_000_000
#: A file larger than this is refused before it is read.
MAX_BYTES: Final = 200_000_000
#: Progressive JPEGs have about ten scans.
MAX_SCANS: Final = 100
FORMATS: Final = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP")

#: What Pillow's readers raise on damaged files, besides OSError.
_DAMAGE: Final = (
    *(SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError),
    *(OverflowError, struct.error),
)


class PictureError(InputError):
    """A picture file that is missing, too large, damaged, animated or of an unsupported format."""


def read_image(
    source: Path | bytes,
    max_pixels: int = MAX_PIXELS,
    name: str | None = None,
    before: Callable[[int], object] = lambda pixels: None,
) -> Pixels:
    """Decode one still picture to (H, W, 3) uint8 in sRGB.

    The EXIF rotation is applied; an embedded colour profile, CMYK, grey, palettes and 16 bits a
    channel are converted; transparency becomes white.

    Args:
        source: a file, or its bytes.
        max_pixels: limit on width times height, checked before decoding.
        name: the picture's name in error messages; the file's name by default.
        before: called with the number of pixels before they are decoded.

    Raises:
        PictureError: the file can't be decoded as one still picture within the limits.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    if name is None:
        name = source.name if isinstance(source, Path) else "the picture"
    data = read_bytes(source) if isinstance(source, Path) else source
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            _check_kind(image, data, name, max_pixels)
            before(image.width * image.height)
            image.load()
            return _to_srgb(ImageOps.exif_transpose(image), name)
    except UnidentifiedImageError:
        raise PictureError(
            name, f"is not one of {', '.join(FORMATS)}", "Convert it to JPEG or PNG."
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(name, max_pixels) from None
    except MemoryError:
        raise PictureError(
            name, "needs more memory than there is", "Scale it down, or save it as a plain JPEG."
        ) from None
    except (OSError, *_DAMAGE) as error:
        raise PictureError(
            name, f"is damaged ({type(error).__name__}: {error})", "Export or copy it again."
        ) from error


def read_bytes(path: Path) -> bytes:
    """Read a picture file.

    Raises:
        PictureError: the file is missing, not regular, unreadable, or above ``MAX_BYTES``.
    """
    try:
        if not path.is_file():
            raise PictureError(path.name, "there is no such file", "Put it back, or name another.")
        if path.stat().st_size > MAX_BYTES:
            raise PictureError(
                path.name, f"has more than {MAX_BYTES:,} bytes", "Export a smaller one."
            )
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise PictureError(path.name, f"can't be read ({error})", "Fix its permissions.") from error


def contain_on_white(pixels: Pixels, width: int, height: int) -> Pixels:
    """Scale the whole picture to fit ``width`` x ``height`` and centre it on white.

    Cropping could cut the product off; stretching would distort it.
    """
    return _contained(pixels, width, height, "RGB")


def contain_mask(mask: Pixels, width: int, height: int) -> Pixels:
    """The mask (H, W) of a picture where ``contain_on_white`` puts the picture; 0 around it.

    Not by Lanczos, whose ringing would put holes into what is whole.
    """
    return _contained(mask, width, height, "L")


def _contained(pixels: Pixels, width: int, height: int, mode: Literal["RGB", "L"]) -> Pixels:
    if pixels.shape[:2] == (height, width):
        return pixels
    from PIL import Image

    scale = min(width / pixels.shape[1], height / pixels.shape[0])
    inner = (
        max(1, min(width, round(pixels.shape[1] * scale))),
        max(1, min(height, round(pixels.shape[0] * scale))),
    )
    sampling, around = {
        "RGB": (Image.Resampling.LANCZOS, "white"),
        "L": (Image.Resampling.BILINEAR, "black"),
    }[mode]
    resized = Image.fromarray(pixels).resize(inner, sampling)
    canvas = Image.new(mode, (width, height), around)
    canvas.paste(resized, ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return np.asarray(canvas)


def _check_kind(image: "PillowImage", data: bytes, name: str, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise _too_large(name, max_pixels)
    if image.format in {"JPEG", "MPO"} and jpeg_scans(data, MAX_SCANS) > MAX_SCANS:
        raise PictureError(name, f"has more than {MAX_SCANS} scans", "Save it as a plain JPEG.")
    # A multi-picture JPEG is a still with extras (depth, a second exposure) that cameras append.
    # Not n_frames: counting the pages of a TIFF of 10 MB takes a minute.
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise PictureError(
            name, "has several frames or pages", "Save the one that shows the product."
        )


def _too_large(name: str, max_pixels: int) -> PictureError:
    return PictureError(name, f"has more than {max_pixels:,} pixels", "Scale it down first.")


def _to_srgb(image: "PillowImage", name: str) -> Pixels:
    from PIL import Image

    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image, name)
    profiled = _through_profile(image)
    # A palette or a plain colour can be transparent, too: PNG's tRNS chunk.
    if profiled.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in profiled.info:
        layer = profiled.convert("RGBA")
        profiled = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return np.asarray(profiled.convert("RGB"))


def _eight_bits(image: "PillowImage", name: str) -> "PillowImage":
    """Scale 16-bit grey, in any of Pillow's modes, to 8 bits; Pillow itself would clip it."""
    from PIL import Image

    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > 65_535:
        raise PictureError(
            name, f"has samples beyond 16 bits (mode {image.mode})", "Save it with 8 bits."
        )
    return Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))


def _through_profile(image: "PillowImage") -> "PillowImage":
    """Convert from the embedded colour profile to sRGB; a broken profile is ignored."""
    from PIL import Image, ImageCms

    embedded = image.info.get("icc_profile")
    if not embedded:
        return image
    if image.mode in {"P", "PA"} or (image.mode == "RGB" and "transparency" in image.info):
        image = image.convert("RGBA")  # conversion would lose the transparent colour
    if image.mode not in {"RGB", "RGBA", "CMYK", "L", "LA"}:
        return image
    alpha = image.getchannel("A") if image.mode in {"RGBA", "LA"} else None
    opaque = image.convert(image.mode.removesuffix("A")) if alpha is not None else image
    try:
        converted: Any = ImageCms.profileToProfile(
            opaque,
            ImageCms.ImageCmsProfile(BytesIO(embedded)),
            ImageCms.createProfile("sRGB"),
            outputMode="RGB",
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    if alpha is not None:
        converted.putalpha(alpha)
    return cast(Image.Image, converted)
