import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from catalog_gen.imaging.decode import PictureError, contain_on_white, read_image

# Four corners of different colours, so that every turn and mirror image is told apart.
CORNERS = np.zeros((16, 24, 3), np.uint8)
CORNERS[:8, :12] = (250, 10, 10)
CORNERS[:8, 12:] = (10, 250, 10)
CORNERS[8:, :12] = (10, 10, 250)
CORNERS[8:, 12:] = (240, 240, 10)


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _refusal(source: Path | bytes, **options: int) -> str:
    with pytest.raises(PictureError) as caught:
        read_image(source, **options)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "WEBP"])
def test_lossless_pictures_are_read_to_the_bit(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    data = _saved(Image.fromarray(CORNERS), kind, **options)
    assert np.array_equal(read_image(data), CORNERS)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_rotation_of_the_camera_is_applied(orientation: int) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = Image.fromarray(CORNERS)
    if orientation in undo:
        image = image.transpose(undo[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(read_image(_saved(image, "PNG", exif=exif)), CORNERS)


def test_cmyk_is_read_as_colours() -> None:
    cmyk = Image.fromarray(CORNERS).convert("CMYK")
    assert np.abs(read_image(_saved(cmyk, "TIFF")).astype(int) - CORNERS).max() <= 2
    assert read_image(_saved(cmyk, "JPEG", quality=95)).shape == CORNERS.shape


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    grey = np.linspace(0, 65_535, 256).astype(np.uint16).reshape(16, 16)
    for kind in ("PNG", "TIFF"):
        read = read_image(_saved(Image.fromarray(grey), kind))
        assert np.array_equal(read[..., 0].ravel(), np.arange(256))


def test_samples_beyond_sixteen_bits_are_refused() -> None:
    floats = Image.fromarray(np.ones((4, 4), np.float32))
    assert "mode F" in _refusal(_saved(floats, "TIFF"))


def test_transparency_becomes_white() -> None:
    clear = np.dstack([CORNERS, np.zeros(CORNERS.shape[:2], np.uint8)])
    assert (read_image(_saved(Image.fromarray(clear), "PNG")) == 255).all()
    palette = Image.fromarray(CORNERS).quantize(4)
    transparent = palette.getpixel((0, 0))
    read = read_image(_saved(palette, "PNG", transparency=transparent))
    assert (read[:8, :12] == 255).all()
    assert np.abs(read[8:, :12].astype(int) - CORNERS[8:, :12]).max() <= 3


def test_grey_one_bit_and_palette_are_read() -> None:
    for mode in ("L", "1", "P", "LA"):
        assert read_image(_saved(Image.fromarray(CORNERS).convert(mode), "PNG")).shape == (
            16,
            24,
            3,
        )


def test_a_wider_colour_space_is_converted_and_a_broken_profile_ignored() -> None:
    image = Image.fromarray(CORNERS)
    broken = _saved(image, "PNG", icc_profile=b"no profile at all")
    assert np.array_equal(read_image(broken), CORNERS)


@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_a_transparent_colour_is_white_with_a_profile_and_without(mode: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.new(mode, (16, 16))  # black, and black is what counts as transparent
    hidden = (0, 0, 0) if mode == "RGB" else 0
    for options in ({}, {"icc_profile": profile}):
        assert (read_image(_saved(image, "PNG", transparency=hidden, **options)) == 255).all()


def test_animations_are_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.roll(CORNERS, k, 1)) for k in range(3)]
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        path = tmp_path / f"turning.{kind.lower()}"
        frames[0].save(path, kind, save_all=True, append_images=frames[1:])
        message = _refusal(path)
        assert path.name in message
        assert "several frames" in message


def test_a_still_gif_is_read() -> None:
    assert read_image(_saved(Image.fromarray(CORNERS), "GIF")).shape == CORNERS.shape


def _png_that_claims(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [9_000, 12_000, 200_000])
def test_decompression_bombs_are_refused_undecoded(side: int) -> None:
    assert "pixels" in _refusal(_png_that_claims(side, side))


def test_the_limit_is_the_callers() -> None:
    data = _saved(Image.fromarray(CORNERS), "PNG")
    assert read_image(data, max_pixels=CORNERS.shape[0] * CORNERS.shape[1]).shape == CORNERS.shape
    assert "more than 100 pixels" in _refusal(data, max_pixels=100)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_truncated_pictures_are_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "cut"
    data = _saved(Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64, 3)).astype("uint8")), kind)  # fmt: skip # noqa: E501
    path.write_bytes(data[: len(data) // 2])
    assert "damaged" in _refusal(path) or "none of" in _refusal(path)


def test_a_file_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    assert "not one of JPEG" in _refusal(b"%PDF-1.7 a catalogue")
    assert "not one of JPEG" in _refusal(b"")
    assert "no such file" in _refusal(tmp_path / "gone.jpg")
    assert "no such file" in _refusal(tmp_path)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP"]),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=12),
)
@pytest.mark.filterwarnings("ignore")
def test_damaged_bytes_are_read_or_refused_and_never_crash(
    kind: str, changes: list[tuple[int, int]]
) -> None:
    data = bytearray(_saved(Image.fromarray(CORNERS), kind))
    for position, value in changes:
        data[position % len(data)] = value
    try:
        pixels = read_image(bytes(data), max_pixels=100_000)
    except PictureError:
        return
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3


def test_containing_keeps_the_whole_picture_centred_on_white() -> None:
    contained = contain_on_white(CORNERS, 48, 48)
    assert contained.shape == (48, 48, 3)
    assert (contained[:8] == 255).all()
    assert (contained[40:] == 255).all()
    assert np.abs(contained[12, 4].astype(int) - CORNERS[2, 2]).max() <= 2
    assert contain_on_white(CORNERS, 24, 16) is CORNERS
    assert contain_on_white(CORNERS, 8, 64).shape == (64, 8, 3)
