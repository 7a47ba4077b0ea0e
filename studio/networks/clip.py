"""The scorer: a small CLIP in open_clip's own format, trained on photos that the judge never sees.

In addition to the usual contrastive loss over a batch, it learns to distinguish a right caption
from one with a single wrong attribute, on one scale for all pictures.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from studio.attributes import (
    CLASSES,
    canonical_tokens,
    caption_number,
    labels_of,
    one_wrong,
)
from studio.evaluation.measures import auroc
from studio.evaluation.sheets import spread, tile
from studio.files import save_weights
from studio.networks.sizes import CONTEXT, SIDE, ScorerSize
from studio.photos.album import Album, caption_tokens, to_signed
from studio.training.augment import augment
from studio.training.hardware import mixed_precision, training_device

#: Wrong captions shown with each picture in training, each wrong in another attribute.
WRONG_SHOWN: Final[int] = 3
MEAN: Final = (0.5, 0.5, 0.5)
DEVIATION: Final = (0.5, 0.5, 0.5)
SHOWN: Final[int] = 96


def clip_config(size: ScorerSize, vocabulary: int) -> dict[str, Any]:
    """The ``open_clip_config.json`` of this scorer; the tokenizer lies in the same folder."""
    return {
        "model_cfg": {
            "embed_dim": size.embedding,
            "vision_cfg": {
                "image_size": SIDE,
                "layers": list(size.image_layers),
                "width": size.image_width,
                "head_width": 64 if size.image_width % 2 == 0 else 32,
            },
            "text_cfg": {
                "context_length": CONTEXT,
                "vocab_size": vocabulary,
                "hf_tokenizer_name": "tokenizer of this folder",
                "width": size.text_width,
                "heads": max(1, size.text_width // 32),
                "layers": size.text_layers,
            },
        },
        "preprocess_cfg": {
            "mean": list(MEAN),
            "std": list(DEVIATION),
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        },
    }


def build_clip(size: ScorerSize, vocabulary: int) -> Any:
    """A fresh ``open_clip.CLIP`` for pictures (B, 3, 128, 128) and ids (B, ``CONTEXT``)."""
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

    config = clip_config(size, vocabulary)["model_cfg"]
    return CLIP(
        embed_dim=config["embed_dim"],
        vision_cfg=asdict(CLIPVisionCfg(**config["vision_cfg"])),
        text_cfg=asdict(CLIPTextCfg(**config["text_cfg"])),
    )


class ScorerStage:
    """The scorer in training; see ``loop.Stage``."""

    name = "clip"
    learning_rate = 1.5e-3
    weight_decay = 0.02

    def __init__(self, size: ScorerSize, tokenizer: Any, album: Album, unseen: Album) -> None:
        torch.manual_seed(2)
        self.batch = size.batch
        self._device = training_device()
        self._tokenizer, self._album, self._unseen = tokenizer, album, unseen
        self._table = canonical_tokens(tokenizer)
        self._tokens = caption_tokens(album, tokenizer)
        self._labels = labels_of(album.photos.scenes, album.photos.colours)
        self._photographed = self._captions_in_use()
        clip = build_clip(size, len(tokenizer))
        # The score's threshold between "right" and "wrong", needed in training only.
        bias = nn.Linear(1, 1)
        self.parts = nn.ModuleDict({"clip": clip, "bias": bias}).to(self._device)
        clip.visual.to(memory_format=torch.channels_last)

    @property
    def clip(self) -> Any:
        """The ``open_clip.CLIP``."""
        return self.parts["clip"]

    def network(self) -> nn.Module:
        return self.parts

    def modules(self) -> Mapping[str, nn.Module]:
        return {"parts": self.parts}

    def losses(self, size: int, generator: torch.Generator) -> dict[str, Tensor]:
        picks = torch.randint(len(self._tokens), (size,), generator=generator)
        pictures = to_signed(self._album.pictures(picks.tolist(), [False] * size))
        pictures = augment(pictures, generator).to(self._device)
        wordings = torch.randint(0, self._tokens.shape[1], (size,), generator=generator)
        labels = self._labels[picks]
        kinds = torch.rand((size, len(CLASSES)), generator=generator).argsort(1)[:, :WRONG_SHOWN]
        shown = caption_number(torch.cat([labels[:, None], one_wrong(labels, generator, kinds)], 1))
        texts = torch.cat([self._tokens[picks, wordings], self._table[shown].flatten(0, 1)]).to(
            self._device
        )
        # A caption that fits no photo would be learnt as wrong regardless of the picture.
        idle = ~self._photographed[shown].to(self._device)
        clip = self.clip
        with mixed_precision(self._device):
            seen = clip.encode_image(
                pictures.contiguous(memory_format=torch.channels_last), normalize=True
            )
            read = clip.encode_text(texts, normalize=True)
        seen, read = seen.float(), read.float()
        scale = clip.logit_scale.exp().clamp(max=100.0)
        own, near = read[:size], read[size:].view(size, 1 + WRONG_SHOWN, -1)
        among = scale * seen @ own.T
        wanted = torch.arange(size, device=self._device)
        contrast = (F.cross_entropy(among, wanted) + F.cross_entropy(among.T, wanted)) / 2
        close = scale * (near @ seen[:, :, None])[..., 0]
        close = close.masked_fill(idle, -1e4)
        attribute = F.cross_entropy(close, torch.zeros_like(wanted))
        shifted = close + self.parts["bias"].bias
        above = F.softplus(shifted[:, 1:]).sum() / (~idle[:, 1:]).sum().clamp(min=1)
        pooled = (F.softplus(-shifted[:, 0]).mean() + above) / 2
        right = (close.argmax(1) == 0).float().mean()
        return {
            "loss": contrast + attribute + pooled,
            "contrast": contrast,
            "attribute": attribute,
            "pooled": pooled,
            "right": right,
        }

    def stepped(self, step: int) -> None:
        with torch.no_grad():
            self.clip.logit_scale.clamp_(max=4.6)

    def _captions_in_use(self) -> Tensor:
        """(5760,) true where a canonical caption is right for some photo of the album."""
        used = torch.zeros(len(self._table), dtype=torch.bool)
        used[caption_number(self._labels)] = True
        return used

    def sheet(self) -> tuple[Image.Image, dict[str, float]]:
        """Pictures whose own caption is not the best of six with one attribute wrong."""
        picks = spread(len(self._unseen), SHOWN).tolist()
        photos = self._unseen.photos
        labels = labels_of([photos.scenes[p] for p in picks], [photos.colours[p] for p in picks])
        kinds = torch.arange(len(CLASSES)).expand(len(picks), -1)
        shown = torch.cat(
            [labels[:, None], one_wrong(labels, torch.Generator().manual_seed(0), kinds)], 1
        )
        pictures = self._unseen.pictures(picks)
        self.parts.eval()
        with torch.no_grad():
            seen = self.clip.encode_image(to_signed(pictures).to(self._device), normalize=True)
            read = self.clip.encode_text(
                self._table[caption_number(shown)].flatten(0, 1).to(self._device), normalize=True
            ).view(len(picks), 1 + len(CLASSES), -1)
            scores = (read @ seen[:, :, None])[..., 0].float().cpu()
        self.parts.train()
        figures = {
            "unseen auroc": auroc(
                scores[:, 0].double().numpy(), scores[:, 1:].flatten().double().numpy()
            ),
            "unseen right": float((scores.argmax(1) == 0).float().mean()),
        }
        failed = (scores.argmax(1) != 0).numpy()
        return tile(pictures[failed] if failed.any() else pictures[:8], 8), figures


def export_clip(clip: Any, size: ScorerSize, tokenizer: Any, folder: Path) -> None:
    """Write the folder that ``open_clip.create_model_and_transforms("local-dir:...")`` loads."""
    folder.mkdir(parents=True, exist_ok=True)
    config = clip_config(size, len(tokenizer))
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n")
    save_weights(clip, folder / "open_clip_model.safetensors")
    tokenizer.save_pretrained(folder)
