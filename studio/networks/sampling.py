"""Draw with a denoiser and its objective's scheduler, with guidance, from seeded noise.

For networks in training, and for those that no stock pipeline supports. For exported models see
``diffusion.draw``.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from studio.evaluation.sheets import to_bytes
from studio.networks.objective import Objective
from studio.networks.sizes import LATENT_SIDE
from studio.photos.album import tokenize


@torch.no_grad()
def sample(
    parts: Any,
    objective: Objective,
    vae: Any,
    tokenizer: Any,
    prompts: list[str],
    seeds: list[int],
    steps: int,
    guidance: float,
) -> NDArray[np.uint8]:
    """Pictures (N, S, S, 3) of ``prompts``, each from its own seeded noise.

    ``parts`` holds ``unet``, any denoiser called as a UNet is, and ``text_encoder``. ``guidance``
    is the weight w of classifier-free guidance (Ho & Salimans 2022, arXiv:2207.12598), written as
    in diffusers: 1 means none. A picture takes 2 * ``steps`` evaluations of the denoiser, or
    ``steps`` without guidance.
    """
    device = vae.device
    unguided = [""] * len(prompts) if guidance != 1 else []
    tokens = tokenize(tokenizer, unguided + prompts).to(device)
    hidden = parts["text_encoder"](tokens).last_hidden_state
    latents = seeded_noise(vae, seeds)
    scheduler = objective.scheduler(steps)
    for time in scheduler.timesteps:
        shown = torch.cat([latents, latents]) if unguided else latents
        times = time.to(device).expand(len(shown))
        answers = parts["unet"](shown, timestep=times, encoder_hidden_states=hidden).sample
        plain, asked = answers.chunk(2) if unguided else (answers, answers)
        guided = plain + guidance * (asked - plain)
        latents = scheduler.step(guided, time, latents).prev_sample
    return to_bytes(vae.decode(latents / vae.config.scaling_factor).sample)


def seeded_noise(vae: Any, seeds: list[int]) -> Tensor:
    """Noise (N, C, 16, 16) of the autoencoder's latents, each from its own generator."""
    shape = (1, vae.config.latent_channels, LATENT_SIDE, LATENT_SIDE)
    drawn = [torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.cat(drawn).to(vae.device)
