"""Stable Diffusion 3 and 3.5: two CLIP text encoders, and T5 where the folder has it.

Scaling Rectified Flow Transformers for High-Resolution Image Synthesis
(https://arxiv.org/abs/2403.03206).
"""

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Final

from catalog_gen.diffusion.families.family import Embedding, PromptLimit, TaskRules
from catalog_gen.diffusion.families.flow_matching import FlowMatchingFamily
from catalog_gen.method import Task

#: T5 tokens at which the pipelines truncate. CLIP reads the first 77 of its own.
_T5_TOKENS: Final = 256


class StableDiffusion3(FlowMatchingFamily):
    """``StableDiffusion3Pipeline``; without T5, its embeddings are zeros."""

    pipelines: ClassVar[Mapping[str, frozenset[str]]] = {
        "StableDiffusion3Pipeline": frozenset(
            {
                *("transformer", "vae", "scheduler"),
                *("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2"),
            }
        )
    }
    encodes_together: ClassVar[bool] = True
    tasks: ClassVar[Mapping[Task, TaskRules]] = {"text2img": TaskRules(), "img2img": TaskRules()}

    def prompt_limit(self, components: Collection[str]) -> PromptLimit:
        if "text_encoder_3" in components:
            return PromptLimit("tokenizer_3", _T5_TOKENS)
        return PromptLimit()

    def is_guided(self, pipeline: Any, guidance: float) -> bool:
        return guidance > 1

    def encode(self, pipeline: Any, prompt: str | list[str]) -> Embedding:
        """``prompt_embeds`` of (1, tokens, width) and ``pooled_prompt_embeds`` of (1, width)."""
        sequence, _, pooled, _ = pipeline.encode_prompt(
            prompt,
            prompt_2=None,
            prompt_3=None,
            device=pipeline.device,
            do_classifier_free_guidance=False,
            max_sequence_length=_T5_TOKENS,
        )
        return {"prompt_embeds": sequence, "pooled_prompt_embeds": pooled}
