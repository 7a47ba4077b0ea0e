"""The phase that tunes the denoiser around a fixed embedding of the caption."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import torch

from catalog_gen.diffusion.concepts.course import Phase
from catalog_gen.diffusion.concepts.objective import Error, Practice, error_of
from catalog_gen.diffusion.families.family import Embedding

if TYPE_CHECKING:
    from catalog_gen.diffusion.loading import LoadedModel

#: AdamW's, as in diffusers' scripts.
_DECAY: Final = 1e-2


@dataclass(frozen=True, eq=False)
class Tuning:
    """Pictures that the denoiser has to draw for a text: one of the goals of a phase.

    ``text`` is an embedding; or a function, called at the first step, for one that an earlier phase
    has yet to learn. ``phase`` names its random numbers.
    """

    model: "LoadedModel"
    practice: Practice
    text: Embedding | Callable[[], Embedding]
    phase: str = "model"
    weight: float = 1.0
    error: Error = "squared"

    @cached_property
    def _text(self) -> Embedding:
        return self.text() if callable(self.text) else self.text

    def loss(self, step: int) -> torch.Tensor:
        """The weighted error at a step."""
        family, shown = self.model.family, self.practice.shown(self.phase, step)
        text = family.stacked([self._text] * len(shown.photos))
        predicted = family.predicted(self.model.main, shown.noisy, shown.timesteps, text)
        return self.weight * error_of(predicted, shown.target, self.error)


def tuning_phase(
    trained: Mapping[str, torch.Tensor], rate: float, steps: int, goals: Sequence[Tuning]
) -> Phase:
    """Train towards all goals at once."""

    def loss(step: int) -> torch.Tensor:
        return torch.stack([goal.loss(step) for goal in goals]).sum()

    return Phase("model", trained, rate, steps, loss, _DECAY)
