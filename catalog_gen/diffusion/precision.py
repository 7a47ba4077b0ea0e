"""The precision of a model's arithmetic: the GPU's switches, and the dtypes of weights.

Importing this module imports torch; import it inside functions.
"""

from collections.abc import Iterable
from typing import Final

import torch

#: TensorFloat-32 in a GPU's environment: off, so products of fp32 keep their full precision.
TF32: Final = False


def settle_gpu() -> None:
    """Turn off autotuning and TensorFloat-32, so that two runs use the same kernels.

    Autotuning chooses kernels by timing them. TensorFloat-32, on by default in cuDNN, rounds the
    factors of fp32 products to 10 bits, so a picture redrawn in fp32 would not have fp32 precision.
    """
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.allow_tf32 = TF32
    torch.backends.cuda.matmul.allow_tf32 = TF32


class Dtypes:
    """The dtypes that a model's weights were loaded with, tensor by tensor.

    T5 keeps a few layers in fp32 whatever dtype is requested, and quantised weights are bytes.
    SDXL's pipelines cast their VAE to fp32 to decode, and leave it there if memory runs out.
    """

    def __init__(self, modules: Iterable[torch.nn.Module]) -> None:
        self._own = [
            (tensor, tensor.dtype)
            for module in modules
            for tensor in (*module.parameters(), *module.buffers())
            if tensor.is_floating_point()
        ]

    def cast(self, dtype: torch.dtype) -> None:
        """Cast all weights to one dtype. From fp16 or bf16 to fp32 and back is exact."""
        for tensor, _ in self._own:
            if tensor.dtype != dtype:
                tensor.data = tensor.data.to(dtype)

    def restore(self) -> None:
        """Cast the weights back to the dtypes that they were loaded with."""
        for tensor, own in self._own:
            if tensor.dtype != own:
                tensor.data = tensor.data.to(own)
