"""A method in a package of its own: text to image, mirrored so that products face the other way."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from catalog_gen.method import Method, Task

if TYPE_CHECKING:
    from catalog_gen.diffusion.batch import Batch, Pictures
    from catalog_gen.diffusion.loading import LoadedModel


class Mirror(Method):
    """Draws as text2img does and flips the pictures along an axis."""

    task: ClassVar[Task] = "text2img"

    name: Literal["mirror"] = "mirror"
    axis: Literal["horizontal", "vertical"] = Field(description="along which pictures are flipped")

    def draw(self, model: "LoadedModel", batch: "Batch") -> "Pictures":
        from dataclasses import replace

        drawn = batch.run(model, width=batch.key.width, height=batch.key.height)
        return replace(drawn, values=drawn.values.flip(3 if self.axis == "horizontal" else 2))
