"""Imagic: an embedding from which the model draws the photo, and a model that draws it better.

Imagic (https://arxiv.org/abs/2210.09276): the caption says what a picture is to show. Its embedding
is optimised until the model reconstructs the photo from it, then the model is tuned around that
embedding. The method ``imagic`` draws between both embeddings.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from catalog_gen.concept import Learner, Lesson

if TYPE_CHECKING:
    import torch

    from catalog_gen.diffusion.concepts.course import Course
    from catalog_gen.diffusion.concepts.file import Concept
    from catalog_gen.diffusion.loading import LoadedModel
    from catalog_gen.imaging.pixels import Pixels


class Imagic(Learner):
    """Learns a photo as the embedding of a text, and tunes the model to draw it from that."""

    methods: ClassVar[tuple[str, ...]] = ("imagic",)

    name: Literal["imagic"] = "imagic"
    embedding_steps: int = Field(100, ge=1, le=100_000)
    embedding_rate: float = Field(2e-3, gt=0, le=1, description="learning rate of the embedding")
    tunes: Literal["lora", "all"] = Field(
        "lora", description="what is tuned of the denoiser; all: every weight, stored whole"
    )
    rank: int = Field(4, ge=1, le=512, description="of the LoRA")
    targets: tuple[str, ...] = Field(
        ("to_q", "to_v"), min_length=1, description="ends of the names of the LoRA's layers"
    )
    steps: int = Field(200, ge=1, le=100_000, description="of the model, after the embedding's")
    rate: float = Field(1e-3, gt=0, le=1, description="learning rate of the model")
    batch: int = Field(1, ge=1, le=64, description="noised photos per step")
    error: Literal["squared", "cross-entropy"] = Field(
        "squared", description="what is lowered; cross-entropy: of softmaxes over the places"
    )

    @property
    def looks(self) -> int:
        return (self.embedding_steps + self.steps) * self.batch

    def learn(
        self, model: "LoadedModel", lesson: Lesson, photos: "Sequence[Pixels]", course: "Course"
    ) -> "Mapping[str, torch.Tensor]":
        """The optimised embedding, and the LoRA or all weights of the denoiser."""
        from torch.nn import Parameter

        from catalog_gen.diffusion.concepts.course import Phase
        from catalog_gen.diffusion.concepts.file import OPTIMISED
        from catalog_gen.diffusion.concepts.objective import Practice
        from catalog_gen.diffusion.concepts.tuning import Tuning, tuning_phase
        from catalog_gen.diffusion.concepts.weights import copied

        practice = Practice.of_photos(model, photos, lesson.seed, self.batch)
        target = model.family.encode(model.main, lesson.caption)
        optimised = {name: Parameter(each.detach().clone()) for name, each in target.items()}
        inverting = Tuning(model, practice, optimised, "embedding", error=self.error)
        goal = Tuning(
            model,
            practice,
            lambda: {name: each.detach() for name, each in optimised.items()},
            error=self.error,
        )
        with self._tuned(model) as weights:
            course.run(
                [
                    Phase(
                        "embedding",
                        optimised,
                        self.embedding_rate,
                        self.embedding_steps,
                        inverting.loss,
                    ),
                    tuning_phase(weights, self.rate, self.steps, [goal]),
                ]
            )
            texts = {f"{OPTIMISED}{name}": each for name, each in optimised.items()}
            return copied({**texts, **weights})

    def worn(self, model: "LoadedModel", concept: "Concept") -> AbstractContextManager[None]:
        """The denoiser as it was tuned."""
        from catalog_gen.diffusion.concepts.weights import merged, replaced

        if self.tunes == "lora":
            return replaced(model.denoiser, merged(model, concept.lora))
        begin = f"{model.family.denoises}."
        weights = {
            name.removeprefix(begin): each
            for name, each in concept.tensors.items()
            if name.startswith(begin)
        }
        return replaced(model.denoiser, weights)

    @contextmanager
    def _tuned(self, model: "LoadedModel") -> Iterator[Mapping[str, Any]]:
        """The weights to be tuned, by their names in the file."""
        from catalog_gen.diffusion.concepts.weights import replaced, trained_lora

        if self.tunes == "lora":
            with trained_lora(model, self.rank, self.targets) as lora:
                yield lora
            return
        own = dict(model.denoiser.named_parameters())
        with replaced(model.denoiser, {name: each.detach() for name, each in own.items()}):
            for each in own.values():
                each.requires_grad_(True)
            try:
                yield {f"{model.family.denoises}.{name}": each for name, each in own.items()}
            finally:
                for each in own.values():
                    each.requires_grad_(False)
