"""The autoencoder: a small stock ``AutoencoderKL``, trained on crops of photos.

Latents leave it with zero mean and unit scale in each channel, because ``fold_statistics`` writes
them into the quantisation convolutions: the Stable Diffusion pipeline supports only a single
``scaling_factor``.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from studio.evaluation.measures import psnr
from studio.evaluation.sheets import spread, tile, to_bytes
from studio.networks.sizes import LATENT_SIDE, VaeSize
from studio.photos.album import Album, to_signed
from studio.training.hardware import full_precision_norms, mixed_precision, training_device
from studio.training.loop import warmed_average

#: From here on a value counts as white (250 of 255), and is trained towards ``BEYOND_WHITE``: the
#: slack keeps a white background white though the drawn latents are a little off.
WHITE: Final[float] = 250.0 / 127.5 - 1.0
BEYOND_WHITE: Final[float] = 1.1
EDGE_WEIGHT: Final[float] = 1.0
KL_WEIGHT: Final[float] = 1e-5
#: Photos on a sample sheet, and in its PSNR.
SHOWN: Final[int] = 24


def build_vae(size: VaeSize) -> Any:
    """A fresh ``AutoencoderKL`` for (B, 3, H, W) in [-1, 1].

    Its latents are (B, C, H/F, W/F); F is 8 with four blocks, 16 with five.
    """
    from diffusers import AutoencoderKL

    stock: Any = AutoencoderKL
    levels = len(size.channels)
    vae = stock(
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=size.channels,
        layers_per_block=1,
        latent_channels=size.latent_channels,
        norm_num_groups=8,
        sample_size=LATENT_SIDE * 2 ** (levels - 1),
        scaling_factor=1.0,
        mid_block_add_attention=False,
    )
    # Residual blocks start as identities, so that levels pass through from the first step.
    for name, value in vae.named_parameters():
        if name.endswith("conv2.weight"):
            nn.init.zeros_(value)
    return vae


def error_planes(drawn: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Absolute errors of levels, and of differences between neighbours across and down.

    From two (B, 3, H, W) in [-1, 1] to (B, 3, H, W), (B, 3, H, W-1) and (B, 3, H-1, W). If the
    target is white, values beyond white count as right.
    """
    wanted = torch.where(wanted >= WHITE, BEYOND_WHITE, wanted)
    settled = torch.where((wanted == BEYOND_WHITE) & (drawn > wanted), wanted, drawn)
    error = settled - wanted
    across = error[..., :, 1:] - error[..., :, :-1]
    down = error[..., 1:, :] - error[..., :-1, :]
    return error.abs(), across.abs(), down.abs()


def box_psnr(
    originals: np.ndarray[Any, np.dtype[np.uint8]],
    copies: np.ndarray[Any, np.dtype[np.uint8]],
    boxes: np.ndarray[Any, np.dtype[np.int64]],
) -> list[float]:
    """PSNR in dB inside each subject's box."""
    figures = []
    for original, copy, (top, bottom, left, right) in zip(originals, copies, boxes, strict=True):
        inside = np.s_[top : bottom + 1, left : right + 1]
        figures.append(psnr(original[inside], copy[inside]))
    return figures


class VaeStage:
    """The autoencoder in training; see ``loop.Stage``."""

    name = "vae"
    learning_rate = 3e-3
    weight_decay = 1e-4

    def __init__(self, size: VaeSize, album: Album, unseen: Album) -> None:
        torch.manual_seed(0)
        self.batch = size.batch
        self._crop = size.crop
        self._device = training_device()
        self.vae: nn.Module = build_vae(size).to(self._device, memory_format=torch.channels_last)
        full_precision_norms(self.vae)
        self._average = torch.optim.swa_utils.AveragedModel(self.vae, avg_fn=warmed_average)
        self._album, self._unseen = album, unseen

    @property
    def average(self) -> Any:
        """The autoencoder with averaged weights, which is the one to use."""
        return self._average.module

    def network(self) -> nn.Module:
        return self.vae

    def modules(self) -> Mapping[str, nn.Module]:
        return {"vae": self.vae, "average": self._average}

    def losses(self, size: int, generator: torch.Generator) -> dict[str, Tensor]:
        crops = self._album.crops(size, self._crop, generator)
        crops = crops.to(self._device, memory_format=torch.channels_last)
        vae: Any = self.vae
        with mixed_precision(self._device):
            posterior = vae.encode(crops).latent_dist
            noise = torch.randn(posterior.mean.shape, generator=generator).to(self._device)
            latents = posterior.mean + posterior.std * noise
            drawn = vae.decode(latents).sample
        level, across, down = (plane.mean() for plane in error_planes(drawn.float(), crops))
        edges = across + down
        kl = 0.5 * (
            posterior.mean.float() ** 2 + posterior.var.float() - 1.0 - posterior.logvar.float()
        )
        loss = level + EDGE_WEIGHT * edges + KL_WEIGHT * kl.mean()
        return {"loss": loss, "level": level, "edges": edges, "kl": kl.mean()}

    def stepped(self, step: int) -> None:
        self._average.update_parameters(self.vae)

    def sheet(self) -> tuple[Image.Image, dict[str, float]]:
        picks = spread(len(self._unseen), SHOWN).tolist()
        originals = self._unseen.pictures(picks)
        copies = reconstruct(self.average, originals)
        figures = box_psnr(originals, copies, self._unseen.boxes[picks])
        pairs = np.stack([originals, copies], 1).reshape(-1, *originals.shape[1:])
        return tile(pairs, 8), {"box psnr": float(np.mean(figures))}


@torch.no_grad()
def reconstruct(
    vae: Any, pictures: np.ndarray[Any, np.dtype[np.uint8]], batch: int = 16
) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Pictures (N, H, W, 3) after a round trip through the autoencoder, without sampling."""
    device = next(vae.parameters()).device
    copies = []
    for start in range(0, len(pictures), batch):
        signed = to_signed(pictures[start : start + batch]).to(device)
        copies.append(to_bytes(vae.decode(vae.encode(signed).latent_dist.mean).sample))
    return np.concatenate(copies)


@torch.no_grad()
def fold_statistics(vae: Any, mean: Tensor, deviation: Tensor) -> None:
    """Changes ``vae`` in place so that latents z become (z - mean) / deviation, per channel.

    ``mean`` and ``deviation`` have shape (C,). Decoding undoes it, so reconstructions stay.
    """
    channels = len(mean)
    mean, deviation = mean.to(vae.device), deviation.to(vae.device)
    shaped = deviation.view(-1, 1, 1, 1)
    out = vae.quant_conv
    out.weight[:channels] /= shaped
    out.bias[:channels] = (out.bias[:channels] - mean) / deviation
    out.bias[channels:] -= 2.0 * deviation.log()
    back = vae.post_quant_conv
    back.bias += back.weight[:, :, 0, 0] @ mean
    back.weight *= deviation.view(1, -1, 1, 1)
