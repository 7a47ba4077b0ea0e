"""Checkpoints: one file per training stage, from which it resumes exactly where it stopped.

A checkpoint holds only tensors and numbers and is read with ``weights_only``, so it can't run code.
The networks' architecture follows from ``sizes``.
"""

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from catalog_gen.errors import CorruptionError
from studio.files import whole_file


@dataclass(frozen=True)
class Checkpoint:
    """Everything that a stage needs to resume. Noise needs no state: it is seeded by the step."""

    step: int
    seconds: float
    """Training time spent so far, over all runs."""
    modules: dict[str, dict[str, Any]]
    optimizer: dict[str, Any]


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write the file atomically, replacing an older one."""
    with whole_file(path) as stream:
        torch.save(
            {
                "step": checkpoint.step,
                "seconds": checkpoint.seconds,
                "modules": checkpoint.modules,
                "optimizer": checkpoint.optimizer,
            },
            stream,
        )


def load_checkpoint(path: Path) -> Checkpoint | None:
    """The checkpoint in ``path``, on the CPU; None if there is none yet.

    Raises:
        CorruptionError: the file is not a checkpoint.
    """
    if not path.exists():
        return None
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        return Checkpoint(stored["step"], stored["seconds"], stored["modules"], stored["optimizer"])
    except (RuntimeError, KeyError, EOFError, pickle.UnpicklingError) as error:
        raise CorruptionError(
            str(path), f"is not a checkpoint of this training ({error})", "Remove it to start over."
        ) from error
