"""Decodes pictures from outside in processes of their own, with limits on time and memory.

A file can be small and well-formed and still take minutes or gigabytes to decode, or crash a
decoder. Here that costs its own process, and the picture fails by name. Processes are started when
needed and used again; they end with this process, whose pipes they read.
"""

import atexit
import json
import os
import subprocess
import sys
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from catalog_gen.errors import InfrastructureError
from catalog_gen.imaging.decode import MAX_PIXELS, PictureError, read_bytes
from catalog_gen.imaging.pixels import Pixels

_COMMAND: Final = (sys.executable, "-m", "catalog_gen.imaging.decoder_process")
_ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_LONGEST_LINE: Final = 10_000

#: Processes that wait for their next picture; a thread takes one out while it uses it.
_idle: Final[list["_Decoder"]] = []
#: Pictures that ended their process: none is tried twice, by name and SHA-256.
_deadly: Final[dict[tuple[str, bytes], PictureError]] = {}


def decode_picture(
    source: Path | bytes, max_pixels: int = MAX_PIXELS, name: str | None = None
) -> Pixels:
    """Decode one still picture to (H, W, 3) uint8 in sRGB, as ``read_image`` does.

    Raises:
        PictureError: as by ``read_image``; or decoding takes too long or too much memory, or
            crashes.
        InfrastructureError: no process can be started.
    """
    if name is None:
        name = source.name if isinstance(source, Path) else "the picture"
    data = read_bytes(source) if isinstance(source, Path) else source
    key = name, sha256(data).digest()
    if key in _deadly:
        raise _deadly[key]
    decoder = _idle.pop() if _idle else _Decoder()
    try:
        pixels = decoder.decode(data, max_pixels, name)
    except _Ended as ended:
        error = _deadly[key] = PictureError(name, ended.why, "Save it as a plain JPEG or PNG.")
        raise error from None
    except PictureError:
        _idle.append(decoder)
        raise
    except BaseException:  # interrupted half-way: the rest of the answer would be the next one's
        decoder.close()
        raise
    _idle.append(decoder)
    return pixels


class _Ended(Exception):
    """The process ended while it decoded; ``why`` completes "the picture ..."."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class _Decoder:
    """One process, for one thread at a time."""

    def __init__(self) -> None:
        try:
            self._process = subprocess.Popen(
                _COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # libtiff reports to it what is wrong with files
                env=os.environ | _ONE_THREAD,
            )
            ready = _stream(self._process.stdout).readline(_LONGEST_LINE)
        except OSError as error:
            raise _cannot_start(str(error)) from error
        if not ready:
            raise _cannot_start(f"it ended with {self._ended()}")

    def decode(self, data: bytes, max_pixels: int, name: str) -> Pixels:
        """Send one picture and wait for its pixels.

        Raises:
            PictureError: the process refused the picture and waits for another.
            _Ended: the process ended.
        """
        request = {"bytes": len(data), "max_pixels": max_pixels, "name": name}
        to, back = _stream(self._process.stdin), _stream(self._process.stdout)
        try:
            to.write(json.dumps(request).encode() + b"\n")
            to.write(data)
            to.flush()
        except BrokenPipeError:
            raise _Ended(_reason(self._ended())) from None
        answer: dict[str, Any] = json.loads(back.readline(_LONGEST_LINE) or b"{}")
        if "error" in answer:
            raise PictureError(*map(str, answer["error"]))
        shape = tuple(answer.get("shape", (0, 0, 3)))
        pixels = back.read(int(np.prod(shape)))
        if not answer or len(pixels) < int(np.prod(shape)):
            raise _Ended(_reason(self._ended()))
        return np.frombuffer(pixels, np.uint8).reshape(shape)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._ended()

    def _ended(self) -> int:
        code = self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                _stream(stream).close()
        return code


def _reason(code: int) -> str:
    from signal import SIGXCPU, Signals

    if code == -SIGXCPU:
        return "takes too long to decode: far longer than pictures of its size do"
    what = Signals(-code).name if code < 0 else f"exit code {code}"
    return f"ends the process that decodes it ({what})"


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # all are pipes
    return stream


def _cannot_start(why: str) -> InfrastructureError:
    return InfrastructureError(
        "the process that decodes pictures",
        f"can't be started ({why})",
        "Free memory or raise the limit on processes, and run again.",
    )


@atexit.register
def _close_idle() -> None:
    while _idle:
        _idle.pop().close()


# A fork would share the pipes with this process, and take its answers.
os.register_at_fork(after_in_child=_idle.clear)
