"""Qwen-Image: a Qwen text encoder, and true (not distilled) classifier-free guidance.

Qwen-Image Technical Report (https://arxiv.org/abs/2508.02324).
"""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from catalog_gen.diffusion.families.family import Embedding, PromptLimit, TaskRules
from catalog_gen.diffusion.families.flow_matching import FlowMatchingFamily
from catalog_gen.method import Task

if TYPE_CHECKING:
    from catalog_gen.diffusion.batching import BatchKey

#: Tokens of the prompt without its template, at which the pipelines truncate.
TOKENS: Final = 512


class QwenImage(FlowMatchingFamily):
    """``QwenImagePipeline``.

    Prompts are padded to a fixed length and the padding is masked, so that a picture does not
    depend on the length of its neighbours' prompts.
    """

    pipelines: ClassVar[Mapping[str, frozenset[str]]] = {
        "QwenImagePipeline": frozenset(
            {"transformer", "vae", "scheduler", "text_encoder", "tokenizer"}
        )
    }
    tasks: ClassVar[Mapping[Task, TaskRules]] = {"text2img": TaskRules(), "img2img": TaskRules()}

    def input_channels(self, latent: int) -> frozenset[int]:
        """The channels of a patch of 2 x 2 latents."""
        return frozenset({4 * latent})

    def prompt_limit(self, components: Collection[str]) -> PromptLimit:
        return PromptLimit(tokens=TOKENS)

    def is_guided(self, pipeline: Any, guidance: float) -> bool:
        return guidance > 1

    def arguments(self, pipeline: Any, key: "BatchKey") -> dict[str, Any]:
        arguments = super().arguments(pipeline, key)
        return arguments | {
            "guidance_scale": None,
            "true_cfg_scale": arguments["guidance_scale"],
        }

    def encode(self, pipeline: Any, prompt: str | list[str]) -> Embedding:
        """``prompt_embeds`` of (1, 512, width), and their mask of (1, 512): 1 for a token."""
        from torch.nn.functional import pad

        embeds, mask = pipeline.encode_prompt(
            prompt, device=pipeline.device, max_sequence_length=TOKENS
        )
        if mask is None:  # every token counts
            mask = embeds.new_ones(embeds.shape[:2])
        missing = TOKENS - embeds.shape[1]
        return {
            "prompt_embeds": pad(embeds, (0, 0, 0, missing)),
            "prompt_embeds_mask": pad(mask.long(), (0, missing)),
        }

    def encode_negative(self, pipeline: Any, prompt: str) -> Embedding:
        """Encode a negative prompt; ' ' for an empty one, as the model's authors advise."""
        return self.encode(pipeline, prompt or " ")
