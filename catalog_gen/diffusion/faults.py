"""Classify what can go wrong while drawing: memory, time, the GPU, and the pictures themselves.

Whose fault an error is decides what is done: a smaller batch, the end of the drawing, or a row.
"""

from typing import Final, Literal

import torch

#: "memory": a smaller batch may help. "memory or GPU": libraries of the GPU say so when they find
#: no memory for themselves, and when it is lost. "GPU": nothing can be drawn any more.
#: "recipe": such a picture can't be drawn by this model, however often it is tried.
Fault = Literal["memory", "memory or GPU", "GPU", "recipe"]

#: How torch words each where its exception has no class of its own; the first that fits counts.
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
    """A batch exceeded its deadline; raised at the end of a step, inside the engine only."""


class Stopped(Exception):
    """The caller no longer wants the pictures; inside the engine only."""


def fault_of(error: Exception) -> Fault:
    """Whose fault an error is that torch or a pipeline raised while drawing."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return "memory"
    told = str(error)
    for fault, signs in _SIGNS:
        if any(sign in told for sign in signs):
            return fault
    return "GPU" if isinstance(error, torch.AcceleratorError) or _from_compiler(error) else "recipe"


def _from_compiler(error: Exception) -> bool:
    """Whether ``torch.compile`` failed: so it would for every picture."""
    return type(error).__module__.startswith(("torch._dynamo", "torch._inductor", "triton"))
