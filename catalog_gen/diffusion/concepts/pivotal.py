"""Pivotal tuning: first a word, then a LoRA around it.

Pivotal Tuning for Latent-based Editing of Real Images (https://arxiv.org/abs/2106.05744), for
diffusion models as in the supplement of Textual Inversion (https://arxiv.org/abs/2208.01618).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from catalog_gen.concept import Learner, Lesson

if TYPE_CHECKING:
    import torch

    from catalog_gen.diffusion.concepts.course import Course
    from catalog_gen.diffusion.concepts.file import Concept
    from catalog_gen.diffusion.loading import LoadedModel
    from catalog_gen.imaging.pixels import Pixels


class Pivotal(Learner):
    """Learns a word, and then lets the model draw the product for it."""

    name: Literal["pivotal"] = "pivotal"
    word: str = Field("<product>", pattern=r"^<[a-z-]+>$", description="its spelling in prompts")
    tokens: int = Field(1, ge=1, le=16, description="vectors of the word")
    word_steps: int = Field(150, ge=1, le=100_000)
    word_rate: float = Field(5e-3, gt=0, le=1, description="learning rate of the word")
    rank: int = Field(4, ge=1, le=512)
    targets: tuple[str, ...] = Field(
        ("to_q", "to_v"), min_length=1, description="ends of the names of the layers to train"
    )
    steps: int = Field(150, ge=1, le=100_000, description="of the LoRA, after the word's")
    rate: float = Field(1e-3, gt=0, le=1, description="learning rate of the LoRA")
    batch: int = Field(1, ge=1, le=64, description="noised photos per step")

    @property
    def spelling(self) -> str:
        return self.word

    @property
    def vectors(self) -> int:
        return self.tokens

    @property
    def looks(self) -> int:
        return (self.word_steps + self.steps) * self.batch

    def learn(
        self, model: "LoadedModel", lesson: Lesson, photos: "Sequence[Pixels]", course: "Course"
    ) -> "Mapping[str, torch.Tensor]":
        """The word's vectors and the factors of every trained layer."""
        from catalog_gen.diffusion.concepts.inversion import Inversion
        from catalog_gen.diffusion.concepts.objective import Practice
        from catalog_gen.diffusion.concepts.tuning import Tuning, tuning_phase
        from catalog_gen.diffusion.concepts.weights import copied, trained_lora

        practice = Practice.of_photos(model, photos, lesson.seed, self.batch)
        inversion = Inversion(model, practice, lesson)
        goal = Tuning(model, practice, inversion.caption)
        with trained_lora(model, self.rank, self.targets) as lora:
            course.run(
                [
                    inversion.phase(self.word_rate, self.word_steps),
                    tuning_phase(lora, self.rate, self.steps, [goal]),
                ]
            )
            return inversion.tensors | copied(lora)

    @contextmanager
    def worn(self, model: "LoadedModel", concept: "Concept") -> Iterator[None]:
        """The model understands the word, and the factors are added to its weights."""
        from catalog_gen.diffusion.concepts.weights import merged, replaced
        from catalog_gen.diffusion.concepts.words import of_tensors, spoken

        words = {self.word: of_tensors(model, self.word, concept.rest)}
        with spoken(model, words), replaced(model.denoiser, merged(model, concept.lora)):
            yield
