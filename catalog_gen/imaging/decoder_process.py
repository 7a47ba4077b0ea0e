"""The process behind ``decoder``: decodes the pictures that come on its standard input.

A request is a line of JSON (``bytes``, ``max_pixels``, ``name``) and the file's bytes; the answer
is a line of JSON and the pixels (``shape``), or why there are none (``error``). No pickles: a
decoder that a picture has taken over can send nothing but pixels and text.
"""

import json
import math
import resource
import signal
import sys
import time
from typing import Final

from catalog_gen.imaging.decode import PictureError, read_image

#: Of addresses: 64 megapixels of RGBA take 1.7 GB.
MEMORY: Final = 3 * 1024**3
#: Seconds of a processor: for reading headers, and for a million pixels, which take 0.06.
SECONDS: Final = 4.0
SECONDS_PER_MEGAPIXEL: Final = 0.25


def main() -> None:
    """Decode until the input ends."""
    from PIL import Image, ImageCms

    Image.init()  # all readers, and LittleCMS: they take memory and time that no picture caused
    ImageCms.createProfile("sRGB")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever asks
    _limit(resource.RLIMIT_AS, MEMORY)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    source, target = sys.stdin.buffer, sys.stdout.buffer
    target.write(b"ready\n")
    target.flush()
    while line := source.readline():
        request = json.loads(line)
        data = source.read(request["bytes"])
        _allow(SECONDS)
        try:
            pixels = read_image(data, request["max_pixels"], request["name"], _allow_pixels)
            answer, content = {"shape": pixels.shape}, pixels.tobytes()
        except PictureError as error:
            answer, content = {"error": (error.value, error.rule, error.next_step)}, b""
        del data
        target.write(json.dumps(answer).encode() + b"\n")
        target.write(content)
        target.flush()


def _allow_pixels(pixels: int) -> None:
    _allow(SECONDS + SECONDS_PER_MEGAPIXEL * pixels / 1e6)


def _allow(seconds: float) -> None:
    """Let the system end this process after so much more time of a processor (SIGXCPU)."""
    _limit(resource.RLIMIT_CPU, math.ceil(time.process_time() + seconds))


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    within = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (within, hard))


if __name__ == "__main__":
    main()
