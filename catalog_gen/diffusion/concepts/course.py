"""The training loop of every lesson, which can be killed at any moment and goes on from a file."""

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from catalog_gen.errors import InputError

#: Seconds between two checkpoints: what a killed lesson loses.
EVERY: Final = 10.0
#: AdamW's memory of each parameter.
_MOMENTS: Final = ("exp_avg", "exp_avg_sq")
_STATE: Final = "state"


class LessonError(InputError):
    """A lesson that can't be learned; it becomes a row."""


@dataclass(frozen=True, eq=False, slots=True)
class Phase:
    """A part of a lesson: what is trained, how fast, how long, and to lower which error.

    ``loss`` takes the step's number. ``decay`` is AdamW's weight decay.
    """

    name: str
    trained: Mapping[str, torch.Tensor]
    rate: float
    steps: int
    loss: Callable[[int], torch.Tensor]
    decay: float = 0.0


class Course:
    """Trains the phases of one lesson.

    Args:
        checkpoint: the file that it goes on from, and keeps up to date; None: none is kept.
        on_step: called after each step with the steps done and the steps in all.
        every: seconds between two checkpoints.
    """

    def __init__(
        self,
        checkpoint: Path | None = None,
        on_step: Callable[[int, int], None] = lambda done, of: None,
        every: float = EVERY,
    ) -> None:
        self._checkpoint = checkpoint
        self._on_step = on_step
        self._every = every
        self._begun = monotonic()
        self._before = 0.0

    @property
    def seconds(self) -> float:
        """The time that the lesson took so far, with what was spent before it was stopped."""
        return self._before + monotonic() - self._begun

    def run(self, phases: Sequence[Phase]) -> None:
        """Train the parameters of all phases, one phase after the other.

        Raises:
            LessonError: the error is no number any more.
        """
        total = sum(phase.steps for phase in phases)
        state = self._resumed(phases)
        saved = monotonic()
        done = 0
        for number, phase in enumerate(phases):
            optimizer = torch.optim.AdamW(
                phase.trained.values(), lr=phase.rate, weight_decay=phase.decay
            )
            first = 0
            if number < state.phase:
                first = phase.steps
            elif number == state.phase:
                first = state.step
                _restore(optimizer, phase, state)
            done += first
            for step in range(first, phase.steps):
                loss = phase.loss(step)
                if not math.isfinite(loss.item()):
                    raise _diverged(phase, step)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                done += 1
                self._on_step(done, total)
                if self._checkpoint is not None and monotonic() - saved >= self._every:
                    self._save(self._checkpoint, phases, number, step + 1, optimizer)
                    saved = monotonic()

    def _resumed(self, phases: Sequence[Phase]) -> "_State":
        """Set the parameters to those of the checkpoint, if there is one that can be read."""
        state = _State.read(self._checkpoint)
        if state is None or not state.fits(phases):
            return _State(0, 0, 0.0, {})
        self._before = state.seconds
        with torch.no_grad():
            for phase in phases:
                for name, parameter in phase.trained.items():
                    parameter.copy_(state.tensors[f"{phase.name}/{name}"])
        return state

    def _save(
        self,
        path: Path,
        phases: Sequence[Phase],
        number: int,
        step: int,
        optimizer: torch.optim.Optimizer,
    ) -> None:
        tensors = {
            f"{phase.name}/{name}": parameter.detach().cpu().contiguous()
            for phase in phases
            for name, parameter in phase.trained.items()
        }
        for name, parameter in phases[number].trained.items():
            for moment in _MOMENTS:
                value = optimizer.state[parameter][moment]
                tensors[f"{moment}/{name}"] = value.detach().cpu().contiguous()
        state = json.dumps({"phase": number, "step": step, "seconds": self.seconds})
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        save_file(tensors, partial, metadata={_STATE: state})
        os.replace(partial, path)


@dataclass(frozen=True, eq=False, slots=True)
class _State:
    """Where a lesson stands."""

    phase: int
    step: int
    seconds: float
    tensors: Mapping[str, torch.Tensor]

    def fits(self, phases: Sequence[Phase]) -> bool:
        """Whether it is of these phases; another version of a learner may have trained others."""
        return all(
            f"{phase.name}/{name}" in self.tensors
            and self.tensors[f"{phase.name}/{name}"].shape == parameter.shape
            for phase in phases
            for name, parameter in phase.trained.items()
        )

    @classmethod
    def read(cls, path: Path | None) -> "_State | None":
        """None: there is no checkpoint, or a torn one, and the lesson begins anew."""
        if path is None or not path.is_file():
            return None
        try:
            with safe_open(path, "pt") as file:
                state = json.loads(file.metadata()[_STATE])
                names = file.keys()  # the file itself can't be iterated over
                return cls(**state, tensors={name: file.get_tensor(name) for name in names})
        except SafetensorError:
            return None


def _restore(optimizer: torch.optim.Optimizer, phase: Phase, state: _State) -> None:
    if not state.step:
        return
    for name, parameter in phase.trained.items():
        own: dict[str, Any] = {"step": torch.tensor(float(state.step))}
        for moment in _MOMENTS:
            own[moment] = state.tensors[f"{moment}/{name}"].to(parameter.device)
        optimizer.state[parameter] = own


def _diverged(phase: Phase, step: int) -> LessonError:
    return LessonError(
        f"rate {phase.rate:g}",
        f"the error is no number any more at step {step} of {phase.name}",
        "Lower the learner's rate.",
    )
