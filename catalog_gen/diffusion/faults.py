"""Classify what can go wrong while drawing: memory, time, the GPU, and bad pictures."""

from typing import Final

import numpy as np
import torch

from catalog_gen.diffusion.jobs import Pixels

#: Torch's messages for a lack of memory where it does not raise OutOfMemoryError (the CPU's
#: allocator, cuBLAS and cuDNN workspaces).
_MEMORY_SIGNS: Final = (
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
#: Levels of 0..255. A photo of a black product on black still has lights above this.
_BLACK: Final = 8
#: Minimum range of a channel, in levels; below it a picture counts as flat.
_FLAT: Final = 4


class DeadlineExceeded(Exception):
    """A batch exceeded its deadline; raised at the end of a step, inside the engine only."""


class Stopped(Exception):
    """The caller no longer wants the pictures; inside the engine only."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a smaller batch may help."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _MEMORY_SIGNS)


def defect(pixels: Pixels, *, finite: bool) -> str | None:
    """The defect of a picture, as a noun phrase; None if it has none.

    Args:
        pixels: (H, W, 3).
        finite: whether the values that the pixels were rounded from were finite.
    """
    if not finite:
        return "a picture with NaN or infinite values"
    if int(pixels.max()) <= _BLACK:
        return "a black picture"
    spread = pixels.max(axis=(0, 1)).astype(np.int16) - pixels.min(axis=(0, 1))
    if int(spread.max()) <= _FLAT:
        return "a picture of one flat colour"
    return None
