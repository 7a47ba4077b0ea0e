"""FLUX.2 klein: a Qwen text encoder, and one pipeline for both text-to-image and editing.

The reference implementation is https://github.com/black-forest-labs/flux2. The distilled form draws
in four steps and ignores guidance; the base form has true guidance.
"""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from catalog_gen.diffusion.families.family import Embedding, PromptLimit, TaskRules
from catalog_gen.diffusion.families.flow_matching import FlowMatchingFamily
from catalog_gen.method import Task

if TYPE_CHECKING:
    import torch

#: The pipeline truncates at 512 tokens, including about 20 of the chat template.
_TOKENS: Final = 480


class Flux2Klein(FlowMatchingFamily):
    """``Flux2KleinPipeline``.

    All pictures of a batch would share its list of photos, so edits are drawn alone.
    """

    pipelines: ClassVar[Mapping[str, frozenset[str]]] = {
        "Flux2KleinPipeline": frozenset(
            {"transformer", "vae", "scheduler", "text_encoder", "tokenizer"}
        )
    }
    tasks: ClassVar[Mapping[Task, TaskRules]] = {
        "text2img": TaskRules(own=True),
        "edit": TaskRules(own=True, batchable=False, least=64),
    }

    def input_channels(self, latent: int) -> frozenset[int]:
        """The channels of a patch of 2 x 2 latents."""
        return frozenset({4 * latent})

    def prompt_limit(self, components: Collection[str]) -> PromptLimit:
        return PromptLimit(tokens=_TOKENS)

    def is_guided(self, pipeline: Any, guidance: float) -> bool:
        return guidance > 1 and not pipeline.config.is_distilled

    def image(self, photos: "torch.Tensor") -> Any:
        """The photo as a PIL image, the only form that the pipeline accepts."""
        from torchvision.transforms.functional import to_pil_image

        (photo,) = photos
        return to_pil_image((photo * 255).round().byte())

    def encode(self, pipeline: Any, prompt: str | list[str]) -> Embedding:
        """``prompt_embeds`` of (1, 512, width), padded by the tokenizer."""
        embeds, _ = pipeline.encode_prompt(prompt, device=pipeline.device)
        return {"prompt_embeds": embeds}
