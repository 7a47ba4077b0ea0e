"""Imagic: drawn between what the photo is and what the prompt says.

Imagic (https://arxiv.org/abs/2210.09276).
"""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from catalog_gen.method import Method, Need, Task

if TYPE_CHECKING:
    from catalog_gen.diffusion.batch import Batch, Pictures
    from catalog_gen.diffusion.loading import LoadedModel

_Eta = Annotated[float, Field(ge=0, le=1)]


class ImagicEdit(Method):
    """Draws from ``eta * prompt + (1 - eta) * photo``, in the space of embeddings."""

    needs: ClassVar[frozenset[Need]] = frozenset({"concept"})
    task: ClassVar[Task] = "text2img"

    name: Literal["imagic"] = "imagic"
    eta: _Eta | tuple[_Eta, ...] = Field(
        0.7, description="share of the prompt; a list: one picture for each of them"
    )

    @property
    def variants(self) -> tuple[Method, ...]:
        return self.with_each("eta")

    @property
    def departure(self) -> float:
        """Unlimited: no pixel of a photo holds anything in its place."""
        return 1.0

    def draw(self, model: "LoadedModel", batch: "Batch") -> "Pictures":
        """Draw a batch of one product; the model wears its concept."""
        assert isinstance(self.eta, float)  # a recipe has one
        assert batch.concept is not None  # the engine has seen to it
        embeddings = dict(batch.embeddings)
        for name, photo in batch.concept.optimised.items():
            prompt = embeddings[name]
            embeddings[name] = prompt + (1 - self.eta) * (photo.to(prompt) - prompt)
        return batch.saying(embeddings).run(model)
