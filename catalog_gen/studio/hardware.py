"""Where training runs and in which precision. It moves nothing by itself."""

from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn


def training_device() -> torch.device:
    """The first CUDA device where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def mixed_precision(device: torch.device) -> AbstractContextManager[None]:
    """Autocast to bfloat16 where the hardware multiplies it in matrix units.

    Those are CUDA, and CPUs with AMX tiles: two cores of one gave 160 GFLOP/s on a 3x3 convolution
    in fp32 and 990 in bf16. Without AMX bf16 is far slower than fp32, so nothing is cast.
    """
    fast = device.type == "cuda" or torch.cpu._is_amx_tile_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)


def workers(device: torch.device) -> int:
    """How many micro-batches run side by side: one on a GPU, one a core on a CPU.

    One single-threaded worker a core waits for the others once a step. One batch on all cores
    waits in every operator, which costs most of a busy machine: 8 crops per core-second against 35.
    """
    return 1 if device.type == "cuda" else torch.get_num_threads()


def full_precision_norms(module: nn.Module) -> None:
    """Makes every group norm in ``module`` compute in fp32, whatever the precision around it.

    On a CPU the bf16 backward pass of a group norm takes three times as long as the fp32 one,
    a third of a training step. A hook, so that weights and files stay as they are.
    """

    def widen(_: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (given[0].float(), *given[1:])

    for part in module.modules():
        if isinstance(part, nn.GroupNorm):
            part.register_forward_pre_hook(widen)
