"""FLUX.1 dev and schnell: CLIP's pooled embedding, T5's tokens, a transformer over 2 x 2 patches.

The reference implementation is https://github.com/black-forest-labs/flux. Guidance is distilled
into dev's weights, with its scale as an input, and schnell has none: neither uses a negative
prompt.
"""

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Final

from catalog_gen.diffusion.families.family import Embedding, PromptLimit, TaskRules
from catalog_gen.diffusion.families.flow_matching import FlowMatchingFamily
from catalog_gen.method import Task

#: T5 tokens to which every prompt is padded.
_T5_TOKENS: Final = 512


class Flux(FlowMatchingFamily):
    """``FluxPipeline``."""

    pipelines: ClassVar[Mapping[str, frozenset[str]]] = {
        "FluxPipeline": frozenset(
            {
                *("transformer", "vae", "scheduler"),
                *("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2"),
            }
        )
    }
    encodes_together: ClassVar[bool] = True
    tasks: ClassVar[Mapping[Task, TaskRules]] = {"text2img": TaskRules(), "img2img": TaskRules()}

    def input_channels(self, latent: int) -> frozenset[int]:
        """The channels of a patch of 2 x 2 latents."""
        return frozenset({4 * latent})

    def prompt_limit(self, components: Collection[str]) -> PromptLimit:
        return PromptLimit("tokenizer_2", _T5_TOKENS)

    def is_guided(self, pipeline: Any, guidance: float) -> bool:
        return False

    def encode(self, pipeline: Any, prompt: str | list[str]) -> Embedding:
        """``prompt_embeds`` of (1, 512, width) and ``pooled_prompt_embeds`` of (1, width)."""
        sequence, pooled, _ = pipeline.encode_prompt(
            prompt, device=pipeline.device, max_sequence_length=_T5_TOKENS
        )
        return {"prompt_embeds": sequence, "pooled_prompt_embeds": pooled}
