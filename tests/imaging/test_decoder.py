"""What a picture from outside can cost: time and memory of a process of its own, nothing else."""

import os
import signal
import subprocess
import sys
import threading
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catalog_gen.imaging import decoder
from catalog_gen.imaging.decode import MAX_PIXELS, PictureError, read_image
from catalog_gen.imaging.decoder import decode_picture
from catalog_gen.imaging.formats import jpeg_scans
from tests.imaging.bombs import claims, many_frames, many_pages, many_scans, many_segments


def saved(kind: str, size: tuple[int, int] = (48, 32), mode: str = "RGB", **options: bool) -> bytes:
    stream = BytesIO()
    noise = np.random.default_rng(5).integers(0, 255, (size[1], size[0], 3), np.uint8)
    Image.fromarray(noise).convert(mode).save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP"])
def test_it_decodes_as_without_a_process(kind: str, tmp_path: Path) -> None:
    data = saved(kind)
    assert np.array_equal(decode_picture(data), read_image(data))
    path = tmp_path / "a picture"
    path.write_bytes(data)
    assert np.array_equal(decode_picture(path), read_image(path))


def test_one_process_decodes_one_picture_after_another() -> None:
    decode_picture(saved("PNG"))
    (before,) = {each._process.pid for each in decoder._idle}
    for kind in ("JPEG", "TIFF"):
        decode_picture(saved(kind))
    with pytest.raises(PictureError, match=r"text.png: is not one of"):
        decode_picture(b"no picture", name="text.png")
    assert {each._process.pid for each in decoder._idle} == {before}


@pytest.mark.parametrize(
    ("bomb", "why"),
    [
        (many_scans(8000, 2000), "has more than 100 scans"),
        (many_pages(100_000), "has several frames or pages"),
        (many_frames(500_000), "has several frames or pages"),
        (claims(60_000, 60_000), "has more than 64,000,000 pixels"),
    ],
)
def test_a_bomb_is_refused_before_it_is_decoded(bomb: bytes, why: str) -> None:
    decode_picture(saved("PNG"))
    began = time.monotonic()
    with pytest.raises(PictureError, match=f"mug.jpg: {why}"):
        decode_picture(bomb, name="mug.jpg")
    assert time.monotonic() - began < 5  # 40 to 80 s if it were decoded


@pytest.mark.slow
def test_a_slow_photo_ends_its_process_and_is_not_tried_twice() -> None:
    bomb = many_segments(6_000_000)
    with pytest.raises(PictureError, match=r"mug.jpg: takes too long to decode"):
        decode_picture(bomb, name="mug.jpg")
    began = time.monotonic()
    with pytest.raises(PictureError, match=r"mug.jpg: takes too long to decode"):
        decode_picture(bomb, name="mug.jpg")
    assert time.monotonic() - began < 2
    assert decode_picture(saved("PNG")).shape == (32, 48, 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "mode", "options"), [("PNG", "RGBA", {}), ("JPEG", "CMYK", {"progressive": True})]
)
def test_the_largest_photos_that_are_allowed_stay_within_the_limits(
    kind: str, mode: str, options: dict[str, bool]
) -> None:
    stream = BytesIO()
    Image.new(mode, (8000, 8000)).save(stream, kind, **options)
    assert decode_picture(stream.getvalue()).size == 3 * MAX_PIXELS


def test_a_process_that_dies_fails_its_picture_alone() -> None:
    decode_picture(saved("PNG"))
    (victim,) = decoder._idle
    stopped = victim._process.pid
    os.kill(stopped, signal.SIGSTOP)
    threading.Timer(0.5, os.kill, (stopped, signal.SIGKILL)).start()
    with pytest.raises(PictureError, match=r"mug.png: ends the process .*SIGKILL"):
        decode_picture(saved("PNG", (64, 64)), name="mug.png")
    assert decode_picture(saved("PNG", (64, 64)), name="other.png").shape == (64, 64, 3)


def test_threads_have_separate_processes_that_end_with_them() -> None:
    script = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from catalog_gen.imaging import decoder
with ThreadPoolExecutor(2) as threads:
    shapes = set(threads.map(lambda _: decoder.decode_picture(Path(sys.argv[1])).shape, range(40)))
print(*shapes, *(each._process.pid for each in decoder._idle), sep="\\n", flush=True)
os._exit(0)
"""
    path = Path(__file__).parents[2] / "data" / "reference"
    photo = next(each for each in sorted(path.iterdir()) if each.suffix in {".png", ".jpg"})
    done = subprocess.run(
        [sys.executable, "-c", script, str(photo)], capture_output=True, text=True, check=True
    )
    shape, *ids = done.stdout.splitlines()
    assert shape == str(read_image(photo).shape)
    assert 1 <= len(ids) <= 2
    until = time.monotonic() + 20
    while any(Path(f"/proc/{each}").exists() for each in ids):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_scans_are_counted_as_a_decoder_meets_them() -> None:
    assert jpeg_scans(saved("JPEG"), 100) == 1
    progressive = saved("JPEG", progressive=True)
    assert jpeg_scans(progressive, 100) == 10
    thumbnail = b"\xff\xe1" + (2 + len(progressive)).to_bytes(2) + progressive
    within = progressive[:2] + thumbnail + progressive[2:]
    assert jpeg_scans(within, 100) == 10
    assert jpeg_scans(progressive + progressive, 100) == 10
    assert jpeg_scans(many_scans(16, 500), 100) == 101
