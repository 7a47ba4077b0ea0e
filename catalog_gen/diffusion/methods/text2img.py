"""Text to image: from noise, guided by the prompt only."""

from typing import TYPE_CHECKING, ClassVar, Literal

from catalog_gen.method import Method, Task

if TYPE_CHECKING:
    from catalog_gen.diffusion.batch import Batch, Pictures
    from catalog_gen.diffusion.loading import LoadedModel


class TextToImage(Method):
    """Draws from the prompt alone."""

    task: ClassVar[Task] = "text2img"

    name: Literal["text2img"] = "text2img"

    def draw(self, model: "LoadedModel", batch: "Batch") -> "Pictures":
        """Draw a batch of ``batch.key.width`` x ``batch.key.height`` pixels."""
        return batch.run(model)
