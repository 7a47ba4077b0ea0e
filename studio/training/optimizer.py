"""Muon for the weight matrices and AdamW for the rest, as one optimizer.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon) steps along the orthogonalised
momentum of a matrix; a convolution counts as a matrix of its output channels. Step sizes are
matched to AdamW's as in Moonlight (Liu et al. 2025, arXiv:2502.16982), so one rate serves both.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import torch
from torch import Tensor, nn

#: A parameter, its gradient and its group.
_Change = tuple[nn.Parameter, Tensor, dict[str, Any]]

MOMENTUM: Final[float] = 0.95
#: Coefficients of the quintic Newton-Schulz step that drives singular values towards 1.
_A, _B, _C = 3.4445, -4.7750, 2.0315


def orthogonalise(matrix: Tensor, rounds: int = 5) -> Tensor:
    """The nearest semi-orthogonal matrix to (M, N), up to singular values in about [0.7, 1.2].

    In bf16, as published: the iteration forgives it.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = (x / (x.norm() + 1e-7)).bfloat16()
    for _ in range(rounds):
        square = x @ x.T
        x = _A * x + (_B * square + _C * square @ square) @ x
    result: Tensor = (x.T if tall else x).to(matrix.dtype)
    return result


class MuonAdamW(torch.optim.Optimizer):
    """One learning rate and weight decay for all parameters; state as in the two papers.

    Without ``momentum`` it is AdamW for all parameters, which follows each gradient as it comes.
    """

    def __init__(
        self, network: nn.Module, lr: float, weight_decay: float, momentum: bool = True
    ) -> None:
        # Embeddings are tables and not maps; a matrix with fewer than 8 rows gains nothing.
        matrices = [
            part.weight
            for part in network.modules()
            if momentum
            and isinstance(part, nn.Conv2d | nn.Linear)
            and part.weight.requires_grad
            and min(part.weight.flatten(1).shape) >= 8
        ]
        known = {id(p) for p in matrices}
        rest = [p for p in network.parameters() if p.requires_grad and id(p) not in known]
        super().__init__(
            [{"params": matrices, "muon": True}, {"params": rest, "muon": False}],
            {"lr": lr, "weight_decay": weight_decay},
        )
        self._kept = 0.9 if momentum else 0.0

    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Changes every parameter that has a gradient."""
        self.step_in(map)

    def step_in(self, run: Callable[[Callable[[_Change], None], Iterable[_Change]], Any]) -> None:
        """``step`` by way of ``run``, a pool's ``map``: no parameter depends on another."""
        changes = [
            (parameter, parameter.grad, group)
            for group in self.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        list(run(self._change, changes))

    @torch.no_grad()
    def _change(self, change: _Change) -> None:
        parameter, gradient, group = change
        rate = group["lr"]
        parameter.mul_(1.0 - rate * group["weight_decay"])
        if group["muon"]:
            self._muon(parameter, gradient, rate)
        else:
            self._adam(parameter, gradient, rate)

    def _muon(self, parameter: Tensor, gradient: Tensor, rate: float) -> None:
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(gradient)
        momentum = state["momentum"].lerp_(gradient, 1.0 - MOMENTUM)
        ahead = gradient.lerp(momentum, MOMENTUM).flatten(1)
        scale = 0.2 * max(ahead.shape) ** 0.5
        parameter.add_(orthogonalise(ahead).view_as(parameter), alpha=-rate * scale)

    def _adam(self, parameter: Tensor, gradient: Tensor, rate: float) -> None:
        state = self.state[parameter]
        if not state:
            state["count"] = torch.zeros(())
            state["mean"] = torch.zeros_like(gradient)
            state["square"] = torch.zeros_like(gradient)
        state["count"] += 1
        count = float(state["count"])
        mean = state["mean"].lerp_(gradient, 1.0 - self._kept)
        square = state["square"].lerp_(gradient.square(), 0.01)
        deviation = (square / (1.0 - 0.99**count)).sqrt_().add_(1e-8)
        parameter.addcdiv_(mean, deviation, value=-rate / (1.0 - self._kept**count))
