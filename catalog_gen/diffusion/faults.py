"""Classify errors while drawing: memory, time, the GPU, and the pictures themselves.

The class decides the reaction: a smaller batch, the end of the drawing, or a row per picture.
"""

from typing import Final, Literal

import torch

#: "memory": a smaller batch may help. "memory or GPU": the GPU's libraries report the same error
#: when they lack memory and when the GPU is lost. "GPU": nothing can be drawn any
#: more. "recipe": this model can't draw such a picture, and trying again won't help.
Fault = Literal["memory", "memory or GPU", "GPU", "recipe"]

#: Messages of errors for which torch has no exception class; the first match counts.
_SIGNS: Final[tuple[tuple[Fault, tuple[str, ...]], ...]] = (
    (
        "memory",
        (
            "can't allocate memory",
            "not enough memory",
            "out of memory",
            "CUBLAS_STATUS_ALLOC_FAILED",
            "CUDNN_STATUS_ALLOC_FAILED",
        ),
    ),
    (
        "memory or GPU",
        (
            "CUBLAS_STATUS_NOT_INITIALIZED",
            "CUDNN_STATUS_NOT_INITIALIZED",
            "nable to find an engine to execute this computation",
            "cuDNN Frontend error",
        ),
    ),
    (
        "GPU",
        (
            *("CUDA error", "CUDA driver error", "CUDA initialization", "No CUDA GPUs"),
            *("cuDNN error", "CUDNN_STATUS_", "CUBLAS_STATUS_", "CUSOLVER_STATUS_", "NVRTC"),
            *("HIP error", "MIOPEN_STATUS_", "NCCL"),
        ),
    ),
)


class DeadlineExceeded(Exception):
    """A batch exceeded its deadline. Raised at the end of a step; never leaves the engine."""


class Stopped(Exception):
    """The caller no longer wants the pictures. Leaves the engine if its caller raised it."""


def fault_of(error: Exception) -> Fault:
    """Classify an error that torch or a pipeline raised while drawing."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return "memory"
    message = str(error)
    for fault, signs in _SIGNS:
        if any(sign in message for sign in signs):
            return fault
    return "GPU" if isinstance(error, torch.AcceleratorError) or _from_compiler(error) else "recipe"


def _from_compiler(error: Exception) -> bool:
    """Whether ``torch.compile`` failed, as it would for every picture."""
    return type(error).__module__.startswith(("torch._dynamo", "torch._inductor", "triton"))
