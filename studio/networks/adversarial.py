"""A generative adversarial network of the same parts: the denoiser draws in one evaluation.

Generator and text encoder are those of ``diffusion``, so that only the training differs. A critic
of latents learns to rate a photo above what is drawn for its caption, and the generator the
opposite: the relativistic loss with penalties on the critic's slope at photos and at drawn ones
(R3GAN, Huang et al. 2024, arXiv:2501.05441), without which such a pair diverges.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, softplus

from studio.evaluation.sheets import to_bytes
from studio.networks.diffusion import GeneratorStage, Lessons, build_unet
from studio.networks.objective import TIMES
from studio.networks.sampling import seeded_noise
from studio.networks.sizes import LATENT_SIDE, GeneratorSize
from studio.photos.album import tokenize
from studio.training.loop import warmed_average

#: Weight of the squared slopes.
PENALTY: Final[float] = 0.1
#: Halvings of the latents' side, from 16 to 4.
_LEVELS: Final[int] = 2


class LatentCritic(nn.Module):
    """Rates latents (B, C, 16, 16) for hidden states (B, T, W) of captions; (B,), more is better.

    The caption counts by its product with what was seen (Miyato & Koyama 2018, arXiv:1802.05637).
    """

    def __init__(self, latent_channels: int, size: GeneratorSize) -> None:
        super().__init__()
        first, width = size.channels
        layers: list[nn.Module] = [nn.Conv2d(latent_channels, first, 3, padding=1)]
        for before, after in pairwise([first, *[width] * _LEVELS]):
            layers += [_Residual(before), nn.Conv2d(before, after, 4, 2, 1)]
        self.inner = nn.Sequential(*layers, _Residual(width))
        flat = width * (LATENT_SIDE // 2**_LEVELS) ** 2
        self.seen = nn.Linear(flat, size.text_width)
        self.rated = nn.Linear(flat, 1)
        self.asked = nn.Linear(size.text_width, size.text_width)

    def forward(self, latents: Tensor, hidden: Tensor) -> Tensor:
        x = leaky_relu(self.inner(latents), 0.2).flatten(1)
        agreement = (self.seen(x) * self.asked(hidden.mean(1))).mean(1)
        rating: Tensor = self.rated(x)[:, 0] + agreement
        return rating


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Conv2d(width, width, 3, padding=1)
        self.outer = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.outer(leaky_relu(self.inner(leaky_relu(x, 0.2)), 0.2))
        return x + changed


class AdversarialStage(GeneratorStage):
    """Generator, text encoder and critic in training, all three at each step."""

    learning_rate = 1e-3
    #: Each side would go on against what the other was some steps ago, and both diverge.
    momentum = False

    def __init__(
        self,
        size: GeneratorSize,
        vae: Any,
        tokenizer: Any,
        lessons: Lessons,
        build: Callable[[GeneratorSize, int], Any] = build_unet,
    ) -> None:
        super().__init__(size, vae, tokenizer, lessons, build)
        critic = LatentCritic(vae.config.latent_channels, size).to(self._device)
        self.parts["critic"] = critic
        self._average = torch.optim.swa_utils.AveragedModel(self.parts, avg_fn=warmed_average)

    def losses(self, size: int, generator: torch.Generator) -> dict[str, Tensor]:
        latents, tokens, _ = self._batch(size, generator)
        noise = torch.randn(latents.shape, generator=generator).to(self._device)
        hidden = self.parts["text_encoder"](tokens).last_hidden_state
        drawn = drawn_at_once(self.parts["unet"], noise, hidden)
        critic = self.parts["critic"]
        photos, copies = latents.requires_grad_(), drawn.detach().requires_grad_()
        real, false = critic(photos, hidden), critic(copies, hidden)
        slopes = _slope(real, photos) + _slope(false, copies)
        rating = softplus(false - real).mean() + PENALTY / 2 * slopes
        # Each side's loss must not change the other: the critic rates copies, and the generator
        # learns from the loss's gradient at them alone. Other threads use the critic meanwhile, so
        # its weights can't be frozen for that.
        behind = softplus(real.detach() - false).mean()
        (wanted,) = torch.autograd.grad(behind, copies, retain_graph=True)
        drawing = _valued(behind.detach(), (drawn * wanted).sum())
        return {
            "loss": drawing + rating,
            "drawing": drawing,
            "rating": rating,
            "slopes": slopes,
            "ahead": (real - false).mean(),
        }

    @torch.no_grad()
    def draw(self, vae: Any, prompts: list[str], seeds: list[int]) -> NDArray[np.uint8]:
        parts, device = self.average, vae.device
        hidden = parts["text_encoder"](
            tokenize(self._tokenizer, prompts).to(device)
        ).last_hidden_state
        latents = drawn_at_once(parts["unet"], seeded_noise(vae, seeds), hidden)
        return to_bytes(vae.decode(latents / vae.config.scaling_factor).sample)


def drawn_at_once(unet: Any, noise: Tensor, hidden: Tensor) -> Tensor:
    """Latents in one evaluation, as at the noisiest time."""
    times = torch.full((len(noise),), TIMES - 1, device=noise.device)
    noisy = noise.contiguous(memory_format=torch.channels_last)
    drawn: Tensor = unet(noisy, timestep=times, encoder_hidden_states=hidden).sample
    return drawn


def _valued(value: Tensor, slope: Tensor) -> Tensor:
    """A scalar with one tensor's value and another's gradient."""
    return value + slope - slope.detach()


def _slope(ratings: Tensor, latents: Tensor) -> Tensor:
    """The mean squared norm of the ratings' gradient."""
    (gradient,) = torch.autograd.grad(ratings.sum(), latents, create_graph=True)
    mean: Tensor = gradient.square().sum((1, 2, 3)).mean()
    return mean
