"""The segmenter: which pixels of a photo are the product, in transformers' form.

A small SegFormer (Xie et al. 2021). Published ones begin with a stride of four and lose handles and
rims; this one begins with two. On photos of 256 pixels, the true masks themselves reduced to 64x64
and enlarged again overlap by 0.987 after ``catalog_gen.vision.matting``, at 32x32 by 0.976: so it
looks at 128 pixels, and its logits lie two pixels apart.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from studio.evaluation.sheets import spread, tile
from studio.photos.album import Album
from studio.training.hardware import mixed_precision, training_device
from studio.training.retouch import retouched

#: Side in pixels that photos are brought to before it looks at them.
SIDE: Final[int] = 128
#: Photos of the sheet and its figure.
SHOWN: Final[int] = 40


def build_segmenter(width: float = 1.0) -> Any:
    """An untrained segmenter with one label, the product; ``width`` scales its channels."""
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    torch.manual_seed(5)
    heads = [1, 1, 2, 4]
    config = SegformerConfig(
        depths=[1, 1, 2, 2],
        hidden_sizes=[
            round(each * width / count) * count
            for each, count in zip([16, 48, 96, 128], heads, strict=True)
        ],
        num_attention_heads=heads,
        mlp_ratios=[1, 2, 3, 3],
        sr_ratios=[16, 4, 2, 1],
        patch_sizes=[5, 7, 3, 3],
        strides=[2, 4, 2, 2],
        decoder_hidden_size=round(24 * width),
        classifier_dropout_prob=0.0,
        drop_path_rate=0.0,
        id2label={0: "product"},
        label2id={"product": 0},
    )
    return SegformerForSemanticSegmentation(config)


class SegmenterStage:
    """The segmenter in training; see ``loop.Stage``."""

    name = "segmenter"
    learning_rate = 3e-3
    weight_decay = 0.02
    batch = 12

    def __init__(self, album: Album, unseen: Album, width: float = 1.0) -> None:
        self._device = training_device()
        self.segmenter = build_segmenter(width).to(self._device)
        self._album, self._unseen = album, unseen

    def network(self) -> nn.Module:
        network: nn.Module = self.segmenter
        return network

    def modules(self) -> Mapping[str, nn.Module]:
        return {"segmenter": self.network()}

    def losses(self, size: int, generator: torch.Generator) -> dict[str, Tensor]:
        chance = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator).item()))
        photos = _photos(self._album, chance.integers(len(self._album), size=size).tolist())
        pictures, masks = retouched(*photos, SIDE, chance)
        with mixed_precision(self._device):
            logits = self._logits(2 * pictures - 1)
        masks = masks.to(self._device)
        pixels = F.binary_cross_entropy_with_logits(logits, masks)
        overlap = 1 - _soft_overlap(logits.sigmoid(), masks).mean()
        return {"loss": pixels + overlap, "pixels": pixels, "overlap": overlap}

    def stepped(self, step: int) -> None:
        pass

    def sheet(self) -> tuple[Image.Image, dict[str, float]]:
        """Unseen photos, the ground in magenta, worst first; and the mean overlap."""
        pictures, masks = _photos(self._unseen, spread(len(self._unseen), SHOWN).tolist())
        self.segmenter.eval()
        with torch.inference_mode():
            found = self._logits(2 * pictures - 1).cpu() > 0
        self.segmenter.train()
        overlaps = _soft_overlap(found.float(), masks)
        ground = torch.tensor([1.0, 0.0, 1.0]).view(3, 1, 1)
        shown = torch.where(found, pictures, 0.3 * pictures + 0.7 * ground)
        levels = (255 * shown[overlaps.argsort()]).byte().permute(0, 2, 3, 1).numpy()
        return tile(levels, 8), {"overlap": float(overlaps.mean())}

    def _logits(self, pictures: Tensor) -> Tensor:
        """(N, 1, H, W) for pictures (N, 3, H, W) in [-1, 1]."""
        logits: Tensor = self.segmenter(pixel_values=pictures.to(self._device)).logits.float()
        return F.interpolate(logits, pictures.shape[2:], mode="bilinear")


def _photos(album: Album, picks: list[int]) -> tuple[Tensor, Tensor]:
    """Photos (N, 3, H, W) in [0, 1], and their masks (N, 1, H, W)."""
    pictures = torch.from_numpy(np.ascontiguousarray(album.pictures(picks))).permute(0, 3, 1, 2)
    masks = torch.from_numpy(np.stack([album.photos.masks[pick] for pick in picks]))
    return pictures.float() / 255, masks[:, None].float()


def _soft_overlap(found: Tensor, masks: Tensor) -> Tensor:
    """Intersection over union (N,) of probabilities and masks (N, 1, H, W)."""
    both = (found * masks).sum((1, 2, 3))
    return both / (found.sum((1, 2, 3)) + masks.sum((1, 2, 3)) - both).clamp_min(1.0)


def export_segmenter(segmenter: Any, folder: Path) -> None:
    """Write a folder for ``AutoModelForSemanticSegmentation``: fp16 safetensors, preprocessor."""
    from transformers import SegformerImageProcessor

    half = [0.5, 0.5, 0.5]
    prepare = SegformerImageProcessor(
        size={"height": SIDE, "width": SIDE}, image_mean=half, image_std=half
    )
    segmenter.half().save_pretrained(folder, safe_serialization=True)
    segmenter.float()
    prepare.save_pretrained(folder)
