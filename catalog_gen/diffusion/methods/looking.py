"""What variation and dual guidance share: an IP-Adapter that looks at the product's photo.

IP-Adapter (https://arxiv.org/abs/2308.06721): the photo is another prompt; no pixel of it is kept.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from catalog_gen.method import Method, Need, Task

if TYPE_CHECKING:
    from catalog_gen.diffusion.batch import Batch, Pictures
    from catalog_gen.diffusion.loading import LoadedModel

Block = Annotated[str, Field(pattern=r"^(mid|(down|up)(\.block_\d+)?)$")]


class Looking(Method):
    """Draws while it looks at the photo; a subclass says how much."""

    needs: ClassVar[frozenset[Need]] = frozenset({"photo"})
    task: ClassVar[Task] = "variation"

    adapter: str = Field(description="the IP-Adapter, as model.ip_adapters names it")
    blocks: tuple[Block, ...] | None = Field(
        None,
        min_length=1,
        description="the denoiser's blocks that look at the photo, as diffusers names them "
        '("mid", "down.block_2", "up"); none: all',
    )
    focus: Literal["content", "style"] | None = Field(
        None, description="what of the photo is looked at; none: both. For adapters with patches"
    )

    @property
    @abstractmethod
    def photo_weight(self) -> float:
        """Of what the denoiser reads in the photo."""

    @property
    def prompt_weight(self) -> float:
        """Of what it reads in the prompt."""
        return 1.0

    @property
    def departure(self) -> float:
        """Unlimited: the picture may show another product of the kind."""
        return 1.0

    @property
    def part(self) -> str:
        return self.adapter

    def denoiser_problem(self, config: Mapping[str, Any]) -> tuple[str, str, str] | None:
        """A problem if it has no attention in one of the blocks."""
        known = {"mid", "down", "up"} | {
            f"{kind}.block_{number}"
            for kind in ("down", "up")
            for number, block in enumerate(config.get(f"{kind}_block_types", ()))
            if "CrossAttn" in block
        }
        unknown = [block for block in self.blocks or () if block not in known]
        if not unknown:
            return None
        return (
            f"blocks = {', '.join(unknown)}",
            f"the model reads prompts and photos in {', '.join(sorted(known))}",
            "Name some of these, or remove blocks.",
        )

    def draw(self, model: "LoadedModel", batch: "Batch") -> "Pictures":
        """Draw a batch of pictures of what their photos show."""
        adapter = model.ip_adapters[self.adapter]
        guided = model.family.is_guided(model.main, batch.key.guidance)
        photos = adapter.embeddings(batch.photos, guided=guided, focus=self.focus)
        with adapter.worn(
            model.denoiser,
            self.photo_weight,
            len(batch.photos),
            blocks=self.blocks,
            prompt=self.prompt_weight,
        ):
            return batch.run(model, ip_adapter_image_embeds=photos)
