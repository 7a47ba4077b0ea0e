"""Draws in a process of its own, which shares nothing with this one but the libraries' code."""

from collections.abc import Sequence

import torch

from catalog_gen.diffusion.engine import Engine
from catalog_gen.diffusion.jobs import DrawJob, Drawn
from catalog_gen.diffusion.loading import load_model
from catalog_gen.settings.model import ModelSettings
from tests.processes import result_of


def drawn_elsewhere(
    asked: Sequence[tuple[ModelSettings, Sequence[DrawJob]]], batch_size: int
) -> dict[str, str]:
    """SHA-256 of the PNGs by recipe id; each model is loaded and draws its jobs, the last first."""
    return result_of(_drawn, asked, batch_size, torch.get_num_threads())


def _drawn(
    asked: Sequence[tuple[ModelSettings, Sequence[DrawJob]]], batch_size: int, threads: int
) -> dict[str, str]:
    torch.set_num_threads(threads)
    pictures: dict[str, str] = {}
    for settings, jobs in asked:
        for outcome in Engine(load_model(settings), batch_size).draw(list(reversed(jobs))):
            assert isinstance(outcome, Drawn), outcome
            pictures[outcome.recipe_id] = outcome.sha256
    return pictures
