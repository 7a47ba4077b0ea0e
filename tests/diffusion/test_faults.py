"""The classes of errors, with exceptions raised by torch itself where that works on a CPU."""

from collections.abc import Callable

import pytest
import torch

from catalog_gen.diffusion.faults import Fault, fault_of


def _raised(wrong: Callable[[], object]) -> Exception:
    with pytest.raises((RuntimeError, ValueError, MemoryError)) as caught:
        wrong()
    return caught.value


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (lambda: torch.empty(2**60), "memory"),
        (lambda: bytearray(2**62), "memory"),
        (lambda: torch.ones(2, 3) @ torch.ones(2, 3), "recipe"),
        (lambda: torch.ones(2) + torch.ones(3), "recipe"),
        (lambda: torch.nn.Conv2d(4, 8, 3)(torch.ones(1, 9, 8, 8)), "recipe"),
        (lambda: torch.nn.Linear(4, 8)(torch.ones(1, 5)), "recipe"),
        (lambda: torch.ones(2, dtype=torch.bfloat16) @ torch.ones(2), "recipe"),
    ],
)
def test_errors_of_torch_are_classified(wrong: Callable[[], object], fault: Fault) -> None:
    assert fault_of(_raised(wrong)) == fault


def test_errors_of_the_compiler_are_not_the_pictures_fault() -> None:
    @torch.compile(fullgraph=True, backend="eager")
    def breaks(values: torch.Tensor) -> torch.Tensor:
        torch._dynamo.graph_break()
        return values

    assert fault_of(_raised(lambda: breaks(torch.ones(2)))) == "GPU"


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), "memory"),
        (torch.AcceleratorError("CUDA error: out of memory"), "memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED in cublasCreate"), "memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling"), "memory or GPU"),
        (
            RuntimeError("GET was unable to find an engine to execute this computation"),
            "memory or GPU",
        ),
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered"), "GPU"),
        (torch.AcceleratorError("an error without a known word"), "GPU"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), "GPU"),
    ],
)  # fmt: skip
def test_errors_of_a_gpu_are_classified(error: Exception, fault: Fault) -> None:
    assert fault_of(error) == fault
