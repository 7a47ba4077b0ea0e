"""PixArt-alpha and -sigma: a diffusion transformer with a noise schedule and a T5 text encoder.

PixArt-alpha: Fast Training of Diffusion Transformer for Photorealistic Text-to-Image Synthesis
(https://arxiv.org/abs/2310.00426); PixArt-Sigma (https://arxiv.org/abs/2403.04692).
"""

from collections.abc import Collection, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from catalog_gen.diffusion.families.family import (
    AS_ASKED,
    OWN,
    Drawable,
    Embedding,
    Family,
    Problem,
    PromptLimit,
    TaskRules,
)
from catalog_gen.diffusion.noise_schedules import SOLVERS, schedule_problem, scheduler_of
from catalog_gen.method import Task

if TYPE_CHECKING:
    from catalog_gen.diffusion.batch import StepCallback
    from catalog_gen.diffusion.batching import BatchKey

#: T5 tokens to which every prompt is padded. Sigma was trained with 300, alpha with 120.
_TOKENS: Final = {"PixArtAlphaPipeline": 120, "PixArtSigmaPipeline": 300}


class PixArt(Family):
    """``PixArtAlphaPipeline``, ``PixArtSigmaPipeline``."""

    pipelines: ClassVar[Mapping[str, frozenset[str]]] = dict.fromkeys(
        _TOKENS, frozenset({"transformer", "vae", "scheduler", "text_encoder", "tokenizer"})
    )
    encodes_together: ClassVar[bool] = True
    tasks: ClassVar[Mapping[Task, TaskRules]] = {"text2img": TaskRules(own=True)}
    schedulers: ClassVar[tuple[str, ...]] = (OWN, *SOLVERS)
    loras: ClassVar[bool] = False

    def prompt_limit(self, components: Collection[str]) -> PromptLimit:
        """Alpha's limit for both, since a longer prompt would be truncated silently."""
        return PromptLimit(tokens=min(_TOKENS.values()))

    def is_guided(self, pipeline: Any, guidance: float) -> bool:
        return guidance > 1

    def arguments(self, pipeline: Any, key: "BatchKey") -> dict[str, Any]:
        return {**super().arguments(pipeline, key), **AS_ASKED}

    def watching(self, pipeline: Any, on_step_end: "StepCallback") -> dict[str, Any]:
        """Use the legacy callback, the only one that these pipelines support."""

        def callback(step: int, timestep: Any, latents: Any) -> None:
            steps = SimpleNamespace(num_timesteps=len(pipeline.scheduler.timesteps))
            on_step_end(steps, step, timestep, {})

        return {"callback": callback, "callback_steps": 1}

    def encode(self, pipeline: Any, prompt: str | list[str]) -> Embedding:
        """``prompt_embeds`` of (1, tokens, width), and their attention mask of (1, tokens)."""
        embeds, mask, _, _ = pipeline.encode_prompt(
            prompt,
            do_classifier_free_guidance=False,
            device=pipeline.device,
            max_sequence_length=_TOKENS[type(pipeline).__name__],
        )
        return {"prompt_embeds": embeds, "prompt_attention_mask": mask}

    def schedule_problem(self, wanted: Drawable, own: Mapping[str, Any]) -> Problem | None:
        return schedule_problem(wanted.scheduler, own, wanted.steps)

    def scheduler(self, name: str, own: Any, steps: int) -> Any:
        return scheduler_of(name, own, steps)
