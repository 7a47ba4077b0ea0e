"""Z-Image and Z-Image-Turbo: a Qwen text encoder, and a single stream of text and image tokens.

Z-Image: An Efficient Image Generation Foundation Model with Single-Stream Diffusion Transformer
(https://arxiv.org/abs/2511.22699). Turbo needs a guidance of 0.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, Final

from catalog_gen.diffusion.families.family import Embedding, PromptLimit, TaskRules
from catalog_gen.diffusion.families.flow_matching import FlowMatchingFamily
from catalog_gen.method import Task

#: The pipelines truncate at 512 tokens, including about 20 of the chat template.
_TOKENS: Final = 480


class ZImage(FlowMatchingFamily):
    """``ZImagePipeline``.

    Prompts are padded to the longest of the batch, which changes the last bits of the other
    pictures (4.5e-7 in diffusers 0.42.1), so pictures are drawn alone.
    """

    pipelines: ClassVar[Mapping[str, frozenset[str]]] = {
        "ZImagePipeline": frozenset(
            {"transformer", "vae", "scheduler", "text_encoder", "tokenizer"}
        )
    }
    tasks: ClassVar[Mapping[Task, TaskRules]] = {
        "text2img": TaskRules(batchable=False),
        "img2img": TaskRules(batchable=False),
    }

    def prompt_limit(self, components: Collection[str]) -> PromptLimit:
        return PromptLimit(tokens=_TOKENS)

    def is_guided(self, pipeline: Any, guidance: float) -> bool:
        """As in its own pipelines, where 0, not 1, means no guidance."""
        return guidance > 0

    def encode(self, pipeline: Any, prompt: str | list[str]) -> Embedding:
        """``prompt_embeds`` of (tokens, width)."""
        (embeds,), _ = pipeline.encode_prompt(
            prompt, device=pipeline.device, do_classifier_free_guidance=False
        )
        return {"prompt_embeds": embeds}

    def stacked(self, embeddings: Sequence[Embedding]) -> dict[str, Any]:
        """A list, since prompts differ in length."""
        return {name: [each[name] for each in embeddings] for name in embeddings[0]}
