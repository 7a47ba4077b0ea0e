"""In which precision a model computes: the GPU's switches, and each weight's own dtype.

Importing this module imports torch; import it inside functions.
"""

from collections.abc import Iterable
from typing import Final

import torch

#: What an environment says of TensorFloat-32 on a GPU: products of fp32 keep all their bits.
TF32: Final = False


def settle_gpu() -> None:
    """Set what torch leaves to chance or to speed, so that two runs take the same kernels.

    Autotuning picks kernels by stopwatch. TensorFloat-32, which cuDNN uses unasked, rounds the
    factors of fp32 to 10 bits: a picture that is drawn again in fp32 would not be drawn in fp32.
    """
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.allow_tf32 = TF32
    torch.backends.cuda.matmul.allow_tf32 = TF32


class Dtypes:
    """The dtypes that a model's weights were loaded with, each its own.

    Some networks keep a few layers in fp32 whatever is asked (T5's), quantised ones are bytes, and
    SDXL's pipelines put their VAE into fp32 to decode: out of memory there, they leave it so.
    """

    def __init__(self, modules: Iterable[torch.nn.Module]) -> None:
        self._own = [
            (tensor, tensor.dtype)
            for module in modules
            for tensor in (*module.parameters(), *module.buffers())
            if tensor.is_floating_point()
        ]

    def cast(self, dtype: torch.dtype) -> None:
        """All of them to one dtype. From fp16 or bf16 to fp32 and back is exact."""
        for tensor, _ in self._own:
            if tensor.dtype != dtype:
                tensor.data = tensor.data.to(dtype)

    def restore(self) -> None:
        """Each to its own dtype again."""
        for tensor, own in self._own:
            if tensor.dtype != own:
                tensor.data = tensor.data.to(own)
