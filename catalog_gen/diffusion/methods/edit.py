"""Edit: the product's photo and an instruction, for models trained to follow instructions.

The idea is from InstructPix2Pix (https://arxiv.org/abs/2211.09800): the photo is an additional
input, so all steps are run and there is no strength.
"""

from typing import TYPE_CHECKING, ClassVar, Literal

from catalog_gen.method import Method, Need, Task

if TYPE_CHECKING:
    from catalog_gen.diffusion.batch import Batch, Pictures
    from catalog_gen.diffusion.loading import LoadedModel


class Edit(Method):
    """Edits the product's photo by the prompt's instruction: "put it on a white background"."""

    needs: ClassVar[frozenset[Need]] = frozenset({"photo"})
    task: ClassVar[Task] = "edit"

    name: Literal["edit"] = "edit"

    @property
    def departure(self) -> float:
        """Unlimited: only the instruction keeps the picture close to the photo."""
        return 1.0

    def draw(self, model: "LoadedModel", batch: "Batch") -> "Pictures":
        """Edit a batch of photos of the pictures' size."""
        return batch.run(model, image=batch.image(model))
