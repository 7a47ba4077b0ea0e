"""The phase that learns a word: of textual inversion, and the first one of pivotal tuning."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import torch
from torch.nn import Parameter

from catalog_gen.concept import Lesson
from catalog_gen.diffusion.concepts.course import Phase
from catalog_gen.diffusion.concepts.objective import Practice, error_of
from catalog_gen.diffusion.concepts.words import Vectors, as_tensors, initial_vectors, spoken
from catalog_gen.diffusion.families.family import Embedding

if TYPE_CHECKING:
    from catalog_gen.diffusion.loading import LoadedModel

_PHASE: Final = "word"


class Inversion:
    """A word that is learned.

    Args:
        regularisation: weight of the mean squared distance to the first values.
        photos: how many photos get a word of their own beside the shared one, (1, D) each.
    """

    def __init__(
        self,
        model: "LoadedModel",
        practice: Practice,
        lesson: Lesson,
        *,
        regularisation: float = 0.0,
        photos: int = 0,
    ) -> None:
        self._model = model
        self._practice = practice
        self._lesson = lesson
        self._regularisation = regularisation
        count = lesson.learner.vectors
        self._first = initial_vectors(model, lesson.initial, count)
        beside = initial_vectors(model, "", 1)
        own = [f"<photo-{number}>" for number in range(photos)]
        self._words: dict[str, Vectors] = {
            lesson.learner.spelling: _parameters(self._first),
            **{name: _parameters(beside) for name in own},
        }
        self._own = own

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        """The shared word as the tensors of its file."""
        spelling = self._lesson.learner.spelling
        return as_tensors(spelling, self._words[spelling])

    def caption(self) -> Embedding:
        """The lesson's caption with the word as it is now, without gradients."""
        with torch.no_grad(), spoken(self._model, self._words):
            return self._model.family.encode(self._model.main, self._lesson.caption)

    def phase(self, rate: float, steps: int) -> Phase:
        """The training of all words."""
        trained = {
            f"{word} {key}": vectors
            for word, of_encoder in self._words.items()
            for key, vectors in of_encoder.items()
        }
        return Phase(_PHASE, trained, rate, steps, self._loss)

    def _loss(self, step: int) -> torch.Tensor:
        family, shown = self._model.family, self._practice.shown(_PHASE, step)
        with spoken(self._model, self._words):
            embeddings = [
                family.encode(self._model.main, self._caption(photo)) for photo in shown.photos
            ]
        predicted = family.predicted(
            self._model.main, shown.noisy, shown.timesteps, family.stacked(embeddings)
        )
        loss = error_of(predicted, shown.target, "squared")
        if self._regularisation:
            shared = self._words[self._lesson.learner.spelling]
            far = [
                (shared[key] - first.to(shared[key])).square().mean()
                for key, first in self._first.items()
            ]
            loss = loss + self._regularisation * torch.stack(far).mean()
        return loss

    def _caption(self, photo: int) -> str:
        """The caption of a photo; its own word stands behind the shared one."""
        caption, spelling = self._lesson.caption, self._lesson.learner.spelling
        if not self._own:
            return caption
        return caption.replace(spelling, f"{spelling} {self._own[photo]}")


def _parameters(vectors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key: Parameter(each.clone()) for key, each in vectors.items()}
