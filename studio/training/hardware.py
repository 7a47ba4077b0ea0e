"""What this machine can train, on which device and in which precision."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import torch
from torch import Tensor, nn

from studio.networks.sizes import LARGE, STANDARD, StudioSize

#: Maximum number of parallel parts of a batch: smaller parts have too few pictures to contrast.
MOST_WORKERS: Final[int] = 4


Machine = Literal["gpu", "matrix cpu", "plain cpu"]


@dataclass(frozen=True)
class Means:
    """The size and duration of training on one kind of machine."""

    size: StudioSize
    minutes: Mapping[str, float]
    """Minutes of training, by stage."""
    compiled: bool
    """Whether the denoiser is compiled first, which takes a minute or two."""


_CPU_MINUTES: Final = {"vae": 30.0, "unet": 110.0, "decoder": 62.0, "clip": 34.0, "judge": 46.0}
#: The GPU's minutes leave one for unpacking and one for the export. Its batches are larger, because
#: for such small networks launching kernels takes longer than the arithmetic.
MEANS: Final[Mapping[Machine, Means]] = {
    "gpu": Means(
        replace(
            LARGE,
            vae=replace(LARGE.vae, batch=64),
            generator=replace(LARGE.generator, batch=256),
        ),
        {"vae": 7.0, "unet": 12.0, "decoder": 4.0, "clip": 3.0, "judge": 3.0},
        compiled=True,
    ),
    "matrix cpu": Means(
        LARGE,
        {"vae": 90.0, "unet": 240.0, "decoder": 120.0, "clip": 34.0, "judge": 46.0},
        compiled=False,
    ),
    "plain cpu": Means(STANDARD, _CPU_MINUTES, compiled=False),
}


def this_machine() -> Machine:
    """The kind of this machine.

    A GPU trains 256x256 in 23 minutes, two cores with AMX in a night; others train 128x128.
    """
    if torch.cuda.is_available():
        return "gpu"
    return "matrix cpu" if torch.cpu._is_amx_tile_supported() else "plain cpu"


def prepared(network: Any, compiled: bool) -> Any:
    """The network for training, compiled or not; both share the same weights."""
    return torch.compile(network) if compiled else network


def training_device() -> torch.device:
    """The first CUDA device if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def mixed_precision(device: torch.device) -> AbstractContextManager[None]:
    """Autocast to bfloat16 if the hardware multiplies it faster than fp32.

    CUDA does, and so do CPUs with AMX tiles (two cores of one gave 160 GFLOP/s on a 3x3 convolution
    in fp32 and 990 in bf16) or with AVX-512's bf16 products (24 pictures of a UNet's training step
    took one core of an EPYC 1.01 s in fp32, 0.54 in bf16). Elsewhere bf16 is far slower than fp32,
    so nothing is cast.
    """
    fast = (
        device.type == "cuda"
        or torch.cpu._is_amx_tile_supported()
        or torch.cpu._is_avx512_bf16_supported()
    )
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)


@contextmanager
def worker_pool(device: torch.device) -> Iterator[tuple[ThreadPoolExecutor, int]]:
    """A pool and its size: one worker on a GPU, one per core on a CPU, at most ``MOST_WORKERS``.

    Workers synchronise once per step. A batch on all cores synchronises in every operator, which
    is costly on a busy machine: 8 crops per core-second were measured, compared with 35.
    """
    threads = torch.get_num_threads()
    count = 1 if device.type == "cuda" else min(threads, MOST_WORKERS)
    if device.type == "cpu":
        torch.set_num_threads(threads // count)
    try:
        with ThreadPoolExecutor(count) as pool:
            yield pool, count
    finally:
        torch.set_num_threads(threads)


def full_precision_norms(module: nn.Module) -> None:
    """Make every group norm in ``module`` compute in fp32, whatever the autocast precision.

    On a CPU, the bf16 backward pass of a group norm takes three times as long as the fp32 one, a
    third of a training step. A hook does this, so weights and files don't change.
    """

    def widen(_: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (given[0].float(), *given[1:])

    for part in module.modules():
        if isinstance(part, nn.GroupNorm):
            part.register_forward_pre_hook(widen)
