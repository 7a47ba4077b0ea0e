"""What is learned about one product: the lesson, and the interface of those who learn.

A *concept* is what was learned from a product's photos: a word, a LoRA, an embedding. A *lesson*
holds every choice that decides it, as a recipe does for a picture. A *learner*, one of the classes
in ``diffusion/concepts``, is a way to learn with its settings.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny

from catalog_gen.chosen import Chosen
from catalog_gen.registry import Registry, part_of

if TYPE_CHECKING:
    import torch

    from catalog_gen.diffusion.concepts.course import Course
    from catalog_gen.diffusion.concepts.file import Concept
    from catalog_gen.diffusion.loading import LoadedModel
    from catalog_gen.imaging.pixels import Pixels


def without_word(prompt: str, word: str) -> str:
    """A prompt for those who never learned the word: a judge, say."""
    return " ".join(prompt.replace(word, " ").split()).strip(", ") if word else prompt


class Learner(Chosen):
    """A way to learn a product, and its settings.

    A subclass fixes ``name``, names its settings as fields, learns, and puts what was learned on a
    model. ``methods`` are the drawing methods for what it learns.
    """

    methods: ClassVar[tuple[str, ...]] = ("learned", "learned-img2img")

    name: str

    @property
    def spelling(self) -> str:
        """The learned word as captions and prompts spell it; empty: it needs none."""
        return ""

    @property
    def vectors(self) -> int:
        """How many tokens the word is taught as; 0: it is one that the model knows, or none."""
        return 0

    @property
    @abstractmethod
    def looks(self) -> int:
        """How many noised photos the model is trained on: what a lesson costs."""

    @abstractmethod
    def learn(
        self, model: "LoadedModel", lesson: "Lesson", photos: "Sequence[Pixels]", course: "Course"
    ) -> "Mapping[str, torch.Tensor]":
        """Learn from photos of (H, W, 3); the model is as before afterwards.

        Returns tensors under the names by which other tools know them.
        """

    @abstractmethod
    def worn(self, model: "LoadedModel", concept: "Concept") -> AbstractContextManager[None]:
        """Put what was learned on the model during the block, and leave no bit of it behind."""


LEARNERS: Final[Registry[type[Learner]]] = Registry("learner", "catalog_gen.learners")

_resolved: Final = part_of(
    LEARNERS,
    Learner,  # type: ignore[type-abstract]
    'learner = { name = "lora", rank = 4 }',
)

#: A field of any installed learner: "lora", or a table such as {name = "lora", ...}.
AnyLearner = Annotated[SerializeAsAny[Learner], BeforeValidator(_resolved)]

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Lesson(Chosen):
    """Every choice that decides a concept."""

    version: Literal[1] = 1
    learner: AnyLearner
    model_hash: str = Field(description="SHA-256 over the base model's weights")
    photos: tuple[Sha256, ...] = Field(min_length=1, description="SHA-256 of each photo's bytes")
    caption: str = Field(description="what the photos show, with the learned word")
    kind: str = Field(description="the same without the word, for what is not this product")
    initial: str = Field(description="the words that a learned word starts from")
    side: int = Field(ge=16, multiple_of=8, description="pixels a side that photos are learned in")
    seed: int = Field(ge=0, lt=2**31, description="of noise, steps and first values")

    @property
    def lesson_id(self) -> str:
        """SHA-256 of the canonical JSON."""
        return self.identity

    @property
    def work(self) -> float:
        """The cost of learning it: pixels times the noised photos that are looked at."""
        return float(self.side * self.side * self.learner.looks)
