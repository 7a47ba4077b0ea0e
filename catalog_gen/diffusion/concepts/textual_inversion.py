"""Textual inversion: a word for the product, and nothing else of the model.

An Image is Worth One Word (https://arxiv.org/abs/2208.01618).
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from catalog_gen.concept import Learner, Lesson

if TYPE_CHECKING:
    import torch

    from catalog_gen.diffusion.concepts.course import Course
    from catalog_gen.diffusion.concepts.file import Concept
    from catalog_gen.diffusion.loading import LoadedModel
    from catalog_gen.imaging.pixels import Pixels


class TextualInversion(Learner):
    """Learns one or several vectors that stand for the product in prompts."""

    name: Literal["textual-inversion"] = "textual-inversion"
    word: str = Field("<product>", pattern=r"^<[a-z-]+>$", description="its spelling in prompts")
    tokens: int = Field(1, ge=1, le=16, description="vectors of the word")
    steps: int = Field(300, ge=1, le=100_000)
    rate: float = Field(5e-3, gt=0, le=1, description="learning rate")
    batch: int = Field(1, ge=1, le=64, description="noised photos per step")
    regularisation: float = Field(
        0.0, ge=0, description="weight of the squared distance to the first values"
    )
    per_photo: bool = Field(
        False, description="a word for each photo beside the shared one, thrown away at the end"
    )

    @property
    def spelling(self) -> str:
        return self.word

    @property
    def vectors(self) -> int:
        return self.tokens

    @property
    def looks(self) -> int:
        return self.steps * self.batch

    def learn(
        self, model: "LoadedModel", lesson: Lesson, photos: "Sequence[Pixels]", course: "Course"
    ) -> "Mapping[str, torch.Tensor]":
        """The word's vectors."""
        from catalog_gen.diffusion.concepts.inversion import Inversion
        from catalog_gen.diffusion.concepts.objective import Practice

        practice = Practice.of_photos(model, photos, lesson.seed, self.batch)
        inversion = Inversion(
            model,
            practice,
            lesson,
            regularisation=self.regularisation,
            photos=len(photos) if self.per_photo else 0,
        )
        course.run([inversion.phase(self.rate, self.steps)])
        return inversion.tensors

    def worn(self, model: "LoadedModel", concept: "Concept") -> AbstractContextManager[None]:
        """The model understands the word."""
        from catalog_gen.diffusion.concepts.words import of_tensors, spoken

        return spoken(model, {self.word: of_tensors(model, self.word, concept.rest)})
