"""Sana: linear attention, an autoencoder of factor 32, and a Gemma text encoder.

SANA: Efficient High-Resolution Image Synthesis with Linear Diffusion Transformers
(https://arxiv.org/abs/2410.10629).
"""

from collections.abc import Collection, Mapping
from inspect import signature
from typing import TYPE_CHECKING, Any, ClassVar, Final

from catalog_gen.diffusion.families.family import AS_ASKED, Embedding, PromptLimit, TaskRules
from catalog_gen.diffusion.families.flow_matching import FlowMatchingFamily
from catalog_gen.method import Task

if TYPE_CHECKING:
    from catalog_gen.diffusion.batching import BatchKey

#: Gemma tokens to which every prompt is padded.
_TOKENS: Final = 300


class Sana(FlowMatchingFamily):
    """``SanaPipeline``."""

    pipelines: ClassVar[Mapping[str, frozenset[str]]] = {
        "SanaPipeline": frozenset({"transformer", "vae", "scheduler", "text_encoder", "tokenizer"})
    }
    encodes_together: ClassVar[bool] = True
    tasks: ClassVar[Mapping[Task, TaskRules]] = {"text2img": TaskRules()}
    multiple: ClassVar[int] = 32

    def prompt_limit(self, components: Collection[str]) -> PromptLimit:
        return PromptLimit(tokens=_TOKENS)

    def is_guided(self, pipeline: Any, guidance: float) -> bool:
        return guidance > 1

    def arguments(self, pipeline: Any, key: "BatchKey") -> dict[str, Any]:
        return {**super().arguments(pipeline, key), **AS_ASKED}

    def encode(self, pipeline: Any, prompt: str | list[str]) -> Embedding:
        """``prompt_embeds`` of (1, 300, width), and their attention mask of (1, 300).

        The pipeline prepends an instruction for the language model to the prompt; the paper
        reports that it improves prompt adherence.
        """
        instruction = signature(pipeline.__call__).parameters["complex_human_instruction"].default
        return self._encoded(pipeline, prompt, instruction)

    def encode_negative(self, pipeline: Any, prompt: str) -> Embedding:
        """Encode without the instruction, as the pipeline does."""
        return self._encoded(pipeline, prompt, None)

    def _encoded(
        self, pipeline: Any, prompt: str | list[str], instruction: list[str] | None
    ) -> Embedding:
        embeds, mask, _, _ = pipeline.encode_prompt(
            prompt,
            do_classifier_free_guidance=False,
            device=pipeline.device,
            max_sequence_length=_TOKENS,
            complex_human_instruction=instruction,
        )
        return {"prompt_embeds": embeds, "prompt_attention_mask": mask}
