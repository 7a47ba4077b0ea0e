"""The generator: a CLIP text encoder and a denoiser, trained together on latents and captions.

The studio model's denoiser is a UNet that predicts v; ``compare`` uses others. Pictures are
decoded only for sample sheets.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from studio.captions import canonical_caption
from studio.evaluation.sheets import tile
from studio.networks.objective import Objective, VPrediction
from studio.networks.sampling import sample
from studio.networks.sizes import CONTEXT, LATENT_SIDE, GeneratorSize
from studio.photos.album import tokenize
from studio.training.hardware import (
    full_precision_norms,
    mixed_precision,
    prepared,
    training_device,
)
from studio.training.loop import warmed_average
from studio.vocabulary import ANGLES, BACKGROUNDS, CATEGORIES, COLOURS, MATERIALS

#: Share of training captions that are empty, for classifier-free guidance.
CAPTION_DROPOUT: Final[float] = 0.12
CANONICAL_SHARE: Final[float] = 0.5
#: Learning rate of a generator that starts from trained weights.
FURTHER_RATE: Final[float] = 8e-4
STEPS: Final[int] = 20
GUIDANCE: Final[float] = 3.0


def build_text_encoder(size: GeneratorSize, tokenizer: Any) -> Any:
    """A fresh ``CLIPTextModel`` for ids (B, ``CONTEXT``); hidden states (B, ``CONTEXT``, W)."""
    from transformers import CLIPTextConfig, CLIPTextModel

    config: Any = CLIPTextConfig
    return CLIPTextModel(
        config(
            vocab_size=len(tokenizer),
            hidden_size=size.text_width,
            intermediate_size=3 * size.text_width,
            num_hidden_layers=size.text_layers,
            num_attention_heads=size.text_heads,
            max_position_embeddings=CONTEXT,
            projection_dim=size.text_width,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            attn_implementation="sdpa",
        )
    )


def build_unet(size: GeneratorSize, latent_channels: int) -> Any:
    """A fresh ``UNet2DConditionModel`` of two levels, 16x16 and 8x8.

    Only the lower one attends to the caption and to itself: attention on both took 1.6 times as
    long a training step, and 2.2 times with self-attention at 16x16.
    """
    from diffusers import UNet2DConditionModel

    stock: Any = UNet2DConditionModel
    return stock(
        sample_size=LATENT_SIDE,
        in_channels=latent_channels,
        out_channels=latent_channels,
        block_out_channels=size.channels,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=size.text_width,
        attention_head_dim=size.heads,
        norm_num_groups=16,
        use_linear_projection=True,
    )


def assemble(
    vae: Any, text_encoder: Any, unet: Any, tokenizer: Any, objective: Objective | None = None
) -> Any:
    """A stock ``StableDiffusionPipeline`` of these parts, without a safety checker.

    Without an ``objective`` the denoiser predicts v.
    """
    from diffusers import StableDiffusionPipeline

    stock: Any = StableDiffusionPipeline
    pipeline = stock(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=(objective or VPrediction()).stock(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@dataclass
class Lessons:
    """The generator's training data."""

    latents: NDArray[np.float16]
    """(N, 2, C, 16, 16); see ``latents.encode_album``."""
    tokens: Tensor
    """(N, 1 + K, ``CONTEXT``), the canonical caption first; see ``album.caption_tokens``."""
    weights: NDArray[np.float16]
    """(N, 2, 16, 16), mean 1: how much each place of the latents counts; see ``emphasis``."""
    shares: Tensor
    """(N,), how often each photo is shown, relative to the others; see ``emphasis``."""


def sheet_prompts(count: int) -> list[str]:
    """Captions that cover the vocabulary, so that a sheet is representative."""
    return [
        canonical_caption(
            CATEGORIES[place % 12],
            COLOURS[(place * 7 + 3) % 10],
            MATERIALS[(place + place // 12) % 4],
            BACKGROUNDS[0 if place % 4 < 2 else 1 + place % 2],
            ANGLES[(place + place // 4) % 2],
            1 if place % 5 else 2,
        )
        for place in range(count)
    ]


class GeneratorStage:
    """Text encoder and denoiser in training; see ``loop.Stage``.

    Checkpoints call the denoiser ``unet``, whatever its kind, as pipelines do.
    """

    name = "unet"
    learning_rate = 2e-3
    weight_decay = 1e-3
    momentum = True
    guidance = GUIDANCE

    def __init__(
        self,
        size: GeneratorSize,
        vae: Any,
        tokenizer: Any,
        lessons: Lessons,
        build: Callable[[GeneratorSize, int], Any] = build_unet,
        objective: Objective | None = None,
        compiled: bool = False,
    ) -> None:
        """``build`` makes the denoiser from the size and the number of latent channels; without an
        ``objective`` it learns v.
        """
        torch.manual_seed(1)
        self.batch = size.batch
        self._shown = size.shown
        self._device = training_device()
        self._vae, self._tokenizer = vae, tokenizer
        self._lessons = lessons
        self._objective = objective or VPrediction()
        unet = build(size, vae.config.latent_channels)
        text_encoder = build_text_encoder(size, tokenizer)
        if self._device.type == "cpu":
            from diffusers.models.attention_processor import AttnProcessor

            # Plain matrix products: the backward pass of the fused kernel is slower on a CPU.
            unet.set_attn_processor(AttnProcessor())
        self.parts = nn.ModuleDict({"unet": unet, "text_encoder": text_encoder})
        self.parts.to(self._device)
        unet.to(memory_format=torch.channels_last)
        full_precision_norms(self.parts)
        self._average = torch.optim.swa_utils.AveragedModel(self.parts, avg_fn=warmed_average)
        self._unet = prepared(unet, compiled)
        self._empty = tokenize(tokenizer, [""])[0]

    @property
    def average(self) -> Any:
        """The ``ModuleDict`` of ``unet`` and ``text_encoder`` with averaged weights."""
        return self._average.module

    def begin_from(self, unet: Any, text_encoder: Any) -> None:
        """Start from trained weights, whatever their objective, instead of random ones.

        The learning rate is lower then: the full rate would first undo their training.
        """
        for parts in (self.parts, self.average):
            parts["unet"].load_state_dict(unet.state_dict())
            parts["text_encoder"].load_state_dict(text_encoder.state_dict())
        self.learning_rate = FURTHER_RATE

    def network(self) -> nn.Module:
        return self.parts

    def modules(self) -> Mapping[str, nn.Module]:
        return {"parts": self.parts, "average": self._average}

    def _batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        lessons = self._lessons
        picks = torch.multinomial(lessons.shares, size, replacement=True, generator=generator)
        sides = torch.randint(2, (size,), generator=generator)
        chosen = picks.numpy(), sides.numpy()
        latents = torch.from_numpy(lessons.latents[chosen]).float()
        weights = torch.from_numpy(lessons.weights[chosen]).float()[:, None]
        wordings = torch.randint(1, lessons.tokens.shape[1], (size,), generator=generator)
        wordings[torch.rand(size, generator=generator) < CANONICAL_SHARE] = 0
        tokens = lessons.tokens[picks, wordings].clone()
        tokens[torch.rand(size, generator=generator) < CAPTION_DROPOUT] = self._empty
        return latents.to(self._device), tokens.to(self._device), weights.to(self._device)

    def losses(self, size: int, generator: torch.Generator) -> dict[str, Tensor]:
        latents, tokens, weights = self._batch(size, generator)
        noise = torch.randn(latents.shape, generator=generator).to(self._device)
        # One timestep from each of ``size`` equal strata, which reduces the loss's variance.
        strata = (torch.arange(size) + torch.rand(size, generator=generator)) / size
        exercise = self._objective.exercise(latents, noise, strata)
        parts: Any = self.parts
        with mixed_precision(self._device):
            hidden = parts["text_encoder"](tokens).last_hidden_state
            drawn = self._unet(
                exercise.noisy.contiguous(memory_format=torch.channels_last),
                timestep=exercise.times,
                encoder_hidden_states=hidden,
            ).sample
        error = (weights * (drawn.float() - exercise.wanted).square()).mean((1, 2, 3))
        third = size // 3
        figures = {"loss": error.mean()}
        if third:
            figures |= {"early": error[:third].mean(), "late": error[-third:].mean()}
        return figures

    def stepped(self, step: int) -> None:
        self._average.update_parameters(self.parts)

    def draw(self, vae: Any, prompts: list[str], seeds: list[int]) -> NDArray[np.uint8]:
        """Pictures (N, S, S, 3) by the averaged weights, decoded by ``vae``."""
        return sample(
            self.average,
            self._objective,
            vae,
            self._tokenizer,
            prompts,
            seeds,
            STEPS,
            self.guidance,
        )

    def sheet(self) -> tuple[Image.Image, dict[str, float]]:
        pictures = []
        prompts = sheet_prompts(self._shown)
        for start in range(0, len(prompts), 8):
            chosen = prompts[start : start + 8]
            seeds = list(range(start, start + len(chosen)))
            pictures.append(self.draw(self._vae, chosen, seeds))
        return tile(np.concatenate(pictures), 8), {"photos": float(len(self._lessons.latents))}


def draw(
    pipeline: Any,
    prompts: list[str],
    seeds: range | list[int],
    steps: int = STEPS,
    guidance: float = GUIDANCE,
) -> NDArray[np.uint8]:
    """Pictures (N, S, S, 3) of ``prompts``, each from its own seeded generator.

    S is the pipeline's own side.
    """
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
    images = pipeline(
        prompts,
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=generators,
        output_type="np",
    ).images
    pictures: NDArray[np.uint8] = (images * 255.0).round().astype(np.uint8)
    return pictures
