"""What a model is trained on: photos as latents, noised to a random step, and the error to lower.

Denoising Diffusion Probabilistic Models (https://arxiv.org/abs/2006.11239). What is drawn for a
step depends on the lesson's seed and the step alone, so that a lesson which was stopped goes on as
if it had not been.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch.nn import functional

from catalog_gen.diffusion.prediction import right_prediction
from catalog_gen.fingerprint import sha256_json

if TYPE_CHECKING:
    from catalog_gen.diffusion.loading import LoadedModel
    from catalog_gen.imaging.pixels import Pixels

#: How the error is measured: as usual, or as the cross-entropy of two distributions over places.
Error = Literal["squared", "cross-entropy"]


@dataclass(frozen=True, eq=False, slots=True)
class Shown:
    """What one step shows: B noisy latents, their timesteps, the right answers, their photos."""

    noisy: torch.Tensor
    timesteps: torch.Tensor
    target: torch.Tensor
    photos: tuple[int, ...]


class Practice:
    """Pictures to practise on.

    Args:
        latents: theirs, (N, C, h, w).
        seed: of everything that is drawn.
        batch: how many a step shows.
    """

    def __init__(self, model: "LoadedModel", latents: torch.Tensor, seed: int, batch: int) -> None:
        self._model = model
        self._seed = seed
        self._batch = batch
        self._latents = latents
        self._kept = model.scheduler.alphas_cumprod.to(model.device, torch.float32)

    @classmethod
    def of_photos(
        cls, model: "LoadedModel", photos: "Sequence[Pixels]", seed: int, batch: int
    ) -> "Practice":
        """Practise on photos of (H, W, 3), all of one size; none is cropped or mirrored."""
        return cls(model, _encoded(model, photos), seed, batch)

    def shown(self, phase: str, step: int) -> Shown:
        """What a step of a phase is shown."""
        key = sha256_json([self._seed, phase, step])
        draw = torch.Generator("cpu").manual_seed(int(key[:15], 16))
        photos = torch.randint(len(self._latents), (self._batch,), generator=draw)
        timesteps = torch.randint(len(self._kept), (self._batch,), generator=draw)
        clean = self._latents[photos.to(self._latents.device)]
        noise = torch.randn(clean.shape, generator=draw).to(clean)
        timesteps = timesteps.to(clean.device)
        kept = self._kept[timesteps].view(-1, 1, 1, 1)
        signal, spread = kept.sqrt(), (1 - kept).sqrt()
        noisy = signal * clean + spread * noise
        kind = self._model.scheduler.config.prediction_type
        target = right_prediction(kind, clean, noise, signal, spread)
        return Shown(noisy, timesteps, target, tuple(photos.tolist()))


def error_of(predicted: torch.Tensor, target: torch.Tensor, error: Error) -> torch.Tensor:
    """The error of predictions of (B, C, H, W), as one number.

    The cross-entropy is that of the softmax over the H x W places of each channel: noise is no
    distribution by itself, and this makes it one. It does not see a channel's mean.
    """
    if error == "squared":
        return functional.mse_loss(predicted, target)
    found: torch.Tensor = functional.cross_entropy(
        predicted.flatten(2).flatten(0, 1), target.flatten(2).flatten(0, 1).softmax(-1)
    )
    return found


def _encoded(model: "LoadedModel", photos: "Sequence[Pixels]") -> torch.Tensor:
    """Photos as latents: the mean of what the autoencoder gives, (N, C, h, w)."""
    vae = model.main.vae
    values = torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2).to(model.device).float()
    with torch.no_grad():
        latents: torch.Tensor = vae.encode(values / 127.5 - 1).latent_dist.mean
    shift = getattr(vae.config, "shift_factor", None) or 0.0
    scale: float = vae.config.scaling_factor
    return (latents - shift) * scale
