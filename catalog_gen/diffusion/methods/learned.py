"""Learned: drawn from the prompt with what was learned about the product."""

from typing import TYPE_CHECKING, ClassVar, Literal

from catalog_gen.method import Method, Need, Task

if TYPE_CHECKING:
    from catalog_gen.diffusion.batch import Batch, Pictures
    from catalog_gen.diffusion.loading import LoadedModel


class Learned(Method):
    """Draws with a concept: the view's ``concept`` says how products are learned."""

    needs: ClassVar[frozenset[Need]] = frozenset({"concept"})
    task: ClassVar[Task] = "text2img"

    name: Literal["learned"] = "learned"

    @property
    def departure(self) -> float:
        """Unlimited: no pixel of a photo holds anything in its place."""
        return 1.0

    def draw(self, model: "LoadedModel", batch: "Batch") -> "Pictures":
        """Draw a batch of one product; the model wears its concept."""
        return batch.run(model)
