"""The autoencoder's decoder, trained further while the encoder and all latents stay fixed.

It is trained on whole pictures, as in the pipeline, from slightly perturbed latents, like drawn
ones. It needs no new latents, so it can be trained after the generator.
"""

import copy
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from studio.evaluation.measures import psnr
from studio.evaluation.sheets import spread, tile
from studio.networks.diffusion import Lessons
from studio.networks.vae import EDGE_WEIGHT, SHOWN, box_psnr, error_planes, reconstruct
from studio.photos.album import Album, to_signed
from studio.training.hardware import full_precision_norms, mixed_precision, training_device
from studio.training.loop import warmed_average

#: Weight of pixels outside the subject's box; those inside count 1.
OUTSIDE: Final[float] = 0.25
#: Weights of the border pixels and of the corners, and their depth in pixels. Zero padding on two
#: sides makes corners the hardest place to keep white: with weight ``OUTSIDE``, two of three drawn
#: borders had a pixel below 250 there, and with ``BORDER`` still one of three.
BORDER: Final[float] = 3.0
BORDER_DEPTH: Final[int] = 4
CORNER: Final[float] = 100.0
CORNER_DEPTH: Final[int] = 2
#: Weight of squared errors, relative to absolute and edge errors: the target metric is PSNR.
SQUARE_WEIGHT: Final[float] = 6.0
#: Weight of the squared log ratio of a picture's gradient energy to its photo's. Where the decoder
#: is unsure, the other terms are lowest for something softer than any photo.
SHARPNESS_WEIGHT: Final[float] = 0.5
#: Added to energies, so that flat pictures have a ratio.
_FAINT: Final[float] = 1e-4
#: Largest standard deviation of the perturbation, uniform from 0; latents have unit scale.
DISTURBANCE: Final[float] = 0.15


def weigh_frame(weights: Tensor) -> None:
    """Sets the weights (N, 1, H, W) of border and corner pixels, in place."""
    height, width = weights.shape[-2:]
    down, across = torch.arange(height), torch.arange(width)
    rows = torch.minimum(down, height - 1 - down)[:, None]
    columns = torch.minimum(across, width - 1 - across)[None]
    weights[..., torch.minimum(rows, columns) < BORDER_DEPTH] = BORDER
    weights[..., torch.maximum(rows, columns) < CORNER_DEPTH] = CORNER


def edge_energy(pictures: Tensor, weights: Tensor) -> Tensor:
    """Weighted gradient energy (N,) of pictures (N, 3, H, W), with weights (N, 1, H, W)."""
    across, down = pictures.diff(dim=3).square(), pictures.diff(dim=2).square()
    return _weighted_edges(across, down, weights)


def _weighted_edges(across: Tensor, down: Tensor, weights: Tensor) -> Tensor:
    """Sums (N,) of the weighted means of planes (N, 3, H, W-1) and (N, 3, H-1, W)."""
    return (across * weights[..., 1:]).mean((1, 2, 3)) + (down * weights[..., 1:, :]).mean(
        (1, 2, 3)
    )


class DecoderStage:
    """The decoder in training; see ``loop.Stage``."""

    name = "decoder"
    learning_rate = 2e-3
    weight_decay = 1e-4

    def __init__(self, vae: Any, batch: int, album: Album, unseen: Album, lessons: Lessons) -> None:
        """``vae`` has normalised latents; training and loading change it."""
        self.batch = batch
        self._device = training_device()
        self.vae = vae.to(self._device).requires_grad_(False)
        self.vae.to(memory_format=torch.channels_last)
        self._parts = nn.ModuleDict(
            {"decoder": vae.decoder, "post_quant_conv": vae.post_quant_conv}
        )
        self._parts.requires_grad_(True)
        full_precision_norms(self._parts)
        self._average = torch.optim.swa_utils.AveragedModel(self._parts, avg_fn=warmed_average)
        self._album, self._unseen, self._lessons = album, unseen, lessons

    def network(self) -> nn.Module:
        return self._parts

    def modules(self) -> Mapping[str, nn.Module]:
        return {"parts": self._parts, "average": self._average}

    def losses(self, size: int, generator: torch.Generator) -> dict[str, Tensor]:
        picks = torch.randint(len(self._lessons.latents), (size,), generator=generator)
        sides = torch.randint(2, (size,), generator=generator)
        latents = torch.from_numpy(self._lessons.latents[picks.numpy(), sides.numpy()]).float()
        noise = torch.randn(latents.shape, generator=generator)
        strength = DISTURBANCE * torch.rand((size, 1, 1, 1), generator=generator)
        latents = (latents + strength * noise).to(self._device)
        flips = [side == 1 for side in sides.tolist()]
        pictures = self._album.pictures(picks.tolist(), flips)
        weights = torch.full((size, 1, *pictures.shape[1:3]), OUTSIDE)
        width = pictures.shape[2]
        for place, (pick, flip) in enumerate(zip(picks.tolist(), flips, strict=True)):
            top, bottom, left, right = self._album.boxes[pick]
            if flip:
                left, right = width - 1 - right, width - 1 - left
            weights[place, :, top : bottom + 1, left : right + 1] = 1.0
        weigh_frame(weights)
        weights = (weights / weights.mean()).to(self._device)
        wanted = to_signed(pictures).to(self._device)
        parts: Any = self._parts
        with mixed_precision(self._device):
            drawn = parts["decoder"](parts["post_quant_conv"](latents))
        drawn = drawn.float()
        level, across, down = error_planes(drawn, wanted)
        edges = _weighted_edges(across, down, weights).mean()
        weighted, squared = (level * weights).mean(), (level.square() * weights).mean()
        made, true = (edge_energy(each, weights) + _FAINT for each in (drawn.clamp(-1, 1), wanted))
        ratio = (made / true).log()
        unsharp = ratio.square().mean()
        loss = weighted + EDGE_WEIGHT * edges + SQUARE_WEIGHT * squared + SHARPNESS_WEIGHT * unsharp
        return {
            "loss": loss,
            "level": weighted,
            "edges": edges,
            "squared": squared,
            "sharpness": ratio.mean().exp(),
        }

    def stepped(self, step: int) -> None:
        self._average.update_parameters(self._parts)

    def finished(self) -> Any:
        """A copy of the autoencoder with the averaged decoder."""
        vae = copy.deepcopy(self.vae)
        average: Any = self._average.module
        vae.decoder.load_state_dict(average["decoder"].state_dict())
        vae.post_quant_conv.load_state_dict(average["post_quant_conv"].state_dict())
        return vae.eval()

    def sheet(self) -> tuple[Image.Image, dict[str, float]]:
        picks = spread(len(self._unseen), SHOWN).tolist()
        originals = self._unseen.pictures(picks)
        copies = reconstruct(self.finished(), originals)
        pairs = np.stack([originals, copies], 1).reshape(-1, *originals.shape[1:])
        figures = {
            "box psnr": float(np.mean(box_psnr(originals, copies, self._unseen.boxes[picks]))),
            "psnr": psnr(originals, copies),
        }
        return tile(pairs, 8), figures
