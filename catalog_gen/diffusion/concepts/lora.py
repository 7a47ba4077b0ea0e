"""LoRA in the form of DreamBooth: a rare word, and small factors on the denoiser's attentions.

DreamBooth (https://arxiv.org/abs/2208.12242), LoRA (https://arxiv.org/abs/2106.09685).
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


class Lora(Learner):
    """Trains the attentions; the word only says which product is meant."""

    name: Literal["lora"] = "lora"
    word: str = Field("sks", pattern=r"^\S+$", description="a rare word of the model's vocabulary")
    rank: int = Field(4, ge=1, le=512)
    targets: tuple[str, ...] = Field(
        ("to_q", "to_v"), min_length=1, description="ends of the names of the layers to train"
    )
    steps: int = Field(300, ge=1, le=100_000)
    rate: float = Field(1e-3, gt=0, le=1, description="learning rate")
    batch: int = Field(1, ge=1, le=64, description="noised photos per step")
    prior: int = Field(
        0, ge=0, le=10_000, description="pictures of the kind that the model draws and has to keep"
    )
    prior_weight: float = Field(1.0, ge=0, description="weight of their error")

    @property
    def spelling(self) -> str:
        return self.word

    @property
    def looks(self) -> int:
        """With the prior's: those that are drawn, in 20 guided steps, and those that are shown."""
        return self.steps * self.batch * (2 if self.prior else 1) + 40 * self.prior

    def learn(
        self, model: "LoadedModel", lesson: Lesson, photos: "Sequence[Pixels]", course: "Course"
    ) -> "Mapping[str, torch.Tensor]":
        """The factors of every trained layer."""
        from catalog_gen.diffusion.concepts.objective import Practice
        from catalog_gen.diffusion.concepts.prior import own_latents
        from catalog_gen.diffusion.concepts.tuning import Tuning, tuning_phase
        from catalog_gen.diffusion.concepts.weights import copied, trained_lora

        practice = Practice.of_photos(model, photos, lesson.seed, self.batch)
        goals = [Tuning(model, practice, model.family.encode(model.main, lesson.caption))]
        if self.prior:
            latents = own_latents(model, lesson, self.prior)
            kept = Practice(model, latents, lesson.seed, self.batch)
            kind = model.family.encode(model.main, lesson.kind)
            goals.append(Tuning(model, kept, kind, "prior", weight=self.prior_weight))
        with trained_lora(model, self.rank, self.targets) as lora:
            course.run([tuning_phase(lora, self.rate, self.steps, goals)])
            return copied(lora)

    def worn(self, model: "LoadedModel", concept: "Concept") -> AbstractContextManager[None]:
        """The factors are added to the weights."""
        from catalog_gen.diffusion.concepts.weights import merged, replaced

        return replaced(model.denoiser, merged(model, concept.lora))
