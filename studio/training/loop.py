"""The training loop that all four networks share: budget, gradients, checkpoints, log, sheets.

A ``Stage`` provides losses and modules. The rate warms up, then follows a cosine that ends with the
budget, which is in steps or in minutes.
"""

import json
import math
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import torch
from PIL import Image
from torch import Tensor, nn

from studio.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from studio.training.hardware import training_device, worker_pool
from studio.training.optimizer import MuonAdamW

WARM_UP_STEPS: Final[int] = 100
FLOOR: Final[float] = 0.01
SAVE_SECONDS: Final[float] = 60.0
SHEET_SECONDS: Final[float] = 300.0
LOG_STEPS: Final[int] = 20
#: A step that takes longer was suspended in between: only this much is charged to the budget.
PAUSE_SECONDS: Final[float] = 10.0


@dataclass(frozen=True)
class TrainingBudget:
    """When a stage is finished: after a number of minutes of training or of steps.

    Both count from the stage's start, over all runs: raising one prolongs the training.
    """

    minutes: float = math.inf
    steps: int | None = None

    def spent(self, seconds: float, step: int) -> float:
        """The share that is used up, 0 to 1 or beyond."""
        by_time = seconds / 60.0 / self.minutes if self.minutes > 0.0 else 1.0
        return max(by_time, step / self.steps if self.steps else 0.0)


class Stage(Protocol):
    """One network in training."""

    name: str
    learning_rate: float
    weight_decay: float
    batch: int

    def network(self) -> nn.Module:
        """What the optimizer changes."""

    def modules(self) -> Mapping[str, nn.Module]:
        """What a checkpoint holds."""

    def losses(self, size: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Losses of one batch of ``size``; ``"loss"`` is minimised, the others are logged."""

    def stepped(self, step: int) -> None:
        """Called after each step of the optimizer."""

    def sheet(self) -> tuple[Image.Image, dict[str, float]]:
        """A picture that shows the training's progress, and figures for the log."""


def learning_rate_share(spent: float, step: int) -> float:
    """Linear warm-up, then a half cosine from 1 down to ``FLOOR`` as ``spent`` goes to 1."""
    cosine = 0.5 * (1.0 + math.cos(math.pi * min(spent, 1.0)))
    return min(1.0, (step + 1) / WARM_UP_STEPS) * (FLOOR + (1.0 - FLOOR) * cosine)


def warmed_average(averaged: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
    """Exponential moving average of weights, over a tenth of the steps so far, at most 500."""
    kept = min(0.998, (1.0 + float(count)) / (10.0 + float(count)))
    return averaged.lerp(current, 1.0 - kept)


def _parameters(stage: Stage) -> list[nn.Parameter]:
    return [value for value in stage.network().parameters() if value.requires_grad]


def _gradients(
    stage: Stage, step: int, pool: ThreadPoolExecutor, count: int
) -> tuple[list[Tensor], dict[str, float]]:
    """The mean gradient over ``count`` micro-batches; each has its own seeded generator."""
    parameters = _parameters(stage)

    def one(worker: int) -> tuple[tuple[Tensor | None, ...], dict[str, float]]:
        generator = torch.Generator().manual_seed(step * 64 + worker)
        losses = stage.losses(max(1, stage.batch // count), generator)
        gradients = torch.autograd.grad(losses["loss"], parameters, allow_unused=True)
        return gradients, {name: float(value.detach()) for name, value in losses.items()}

    results = list(pool.map(one, range(count)))
    mean: list[Tensor] = []
    for place, parameter in enumerate(parameters):
        parts = [gradients[place] for gradients, _ in results]
        known = [part for part in parts if part is not None]
        mean.append(torch.stack(known).sum(0) / count if known else torch.zeros_like(parameter))
    logged = {name: sum(values[name] for _, values in results) / count for name in results[0][1]}
    return mean, logged


def train_stage(
    stage: Stage,
    budget: TrainingBudget,
    work: Path,
    until_minutes: float = math.inf,
    momentum: bool = True,
) -> int:
    """Train ``stage`` until its budget is spent, from its checkpoint if there is one.

    With ``until_minutes`` of training, over all runs, it stops earlier, on the budget's schedule
    and without a last sheet. ``momentum`` is the optimizer's.

    Writes ``work/checkpoints/NAME.pt``, ``work/logs/NAME.jsonl`` and ``work/sheets/NAME-*.png``.
    Returns the number of steps of the stage over all runs.
    """
    parameters = _parameters(stage)
    optimizer = MuonAdamW(stage.network(), stage.learning_rate, stage.weight_decay, momentum)
    path = work / "checkpoints" / f"{stage.name}.pt"
    step, seconds = 0, 0.0
    if (found := load_checkpoint(path)) is not None:
        step, seconds = found.step, found.seconds
        for name, module in stage.modules().items():
            module.load_state_dict(found.modules[name])
        optimizer.load_state_dict(found.optimizer)
    log_path = work / "logs" / f"{stage.name}.jsonl"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    (work / "sheets").mkdir(parents=True, exist_ok=True)

    def save() -> None:
        modules = {name: module.state_dict() for name, module in stage.modules().items()}
        save_checkpoint(path, Checkpoint(step, seconds, modules, optimizer.state_dict()))

    def note(figures: Mapping[str, float]) -> None:
        row = {"step": step, "seconds": round(seconds, 1)}
        row |= {name: round(value, 6) for name, value in figures.items()}
        with log_path.open("a") as stream:
            stream.write(json.dumps(row) + "\n")
        shown = "  ".join(f"{name} {value:.4f}" for name, value in figures.items())
        print(
            f"{stage.name}  step {step}  {seconds / 60:.1f} min  "
            f"{100 * min(1.0, budget.spent(seconds, step)):.0f} %  {shown}",
            file=sys.stderr,
            flush=True,
        )

    def show() -> None:
        image, figures = stage.sheet()
        image.save(work / "sheets" / f"{stage.name}-{step:06d}.png")
        note(figures)

    saved = shown_at = time.monotonic()
    recent: dict[str, float] = {}
    first = step
    with worker_pool(training_device()) as (pool, count):
        while (spent := budget.spent(seconds, step)) < 1.0 and seconds < 60.0 * until_minutes:
            started = time.monotonic()
            for group in optimizer.param_groups:
                group["lr"] = stage.learning_rate * learning_rate_share(spent, step)
            gradients, losses = _gradients(stage, step, pool, count)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step_in(pool.map)
            step += 1
            stage.stepped(step)
            seconds += min(PAUSE_SECONDS, time.monotonic() - started)
            for name, value in losses.items():
                recent[name] = recent.get(name, 0.0) + value / LOG_STEPS
            if (step - first) % LOG_STEPS == 0:
                note(recent)
                recent = {}
            if time.monotonic() - saved > SAVE_SECONDS:
                save()
                saved = time.monotonic()
            if time.monotonic() - shown_at > SHEET_SECONDS:
                show()
                shown_at = time.monotonic()
    if step > first:
        save()
        if budget.spent(seconds, step) >= 1.0:
            show()
    return step
