"""The judge: a residual classifier of all six attributes, trained on separate photos.

It makes ``evaluate`` independent: generator and scorer were not trained on its photos, nor the
judge on theirs. The pipeline does not use it.
"""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from studio.attributes import ATTRIBUTES, CLASSES, labels_of
from studio.evaluation.sheets import spread, tile
from studio.networks.sizes import SIDE, JudgeSize
from studio.photos.album import Album, to_signed
from studio.training.augment import augment
from studio.training.hardware import mixed_precision, training_device

#: Photos of the sheet and its figures.
SHOWN = 300


class _Block(nn.Module):
    """Halves the side: two convolutions with a pooled shortcut (He et al. 2015)."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width_in, width_out, 3, stride=2, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(width_out)
        self.second = nn.Conv2d(width_out, width_out, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(width_out)
        self.shortcut = nn.Conv2d(width_in, width_out, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, C, H, W) to (B, D, H/2, W/2)."""
        inner = F.relu(self.first_norm(self.first(pictures)))
        inner = self.second_norm(self.second(inner))
        joined: Tensor = F.relu(inner + self.shortcut(F.avg_pool2d(pictures, 2)))
        return joined


class Judge(nn.Module):
    """Six classifiers on a shared trunk."""

    def __init__(self, size: JudgeSize) -> None:
        super().__init__()
        widths = (3, *size.channels)
        self.trunk = nn.Sequential(*(_Block(a, b) for a, b in pairwise(widths)))
        self.heads = nn.ModuleList(nn.Linear(2 * widths[-1], classes) for classes in CLASSES)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Logits (B, classes) of each attribute for pictures (B, 3, H, W) in [-1, 1]."""
        features = self.trunk(pictures)
        pooled = torch.cat([features.mean((2, 3)), features.amax((2, 3))], 1)
        return [head(pooled) for head in self.heads]


class JudgeStage:
    """The judge in training; see ``loop.Stage``."""

    name = "judge"
    learning_rate = 2e-3
    weight_decay = 0.02

    def __init__(self, size: JudgeSize, album: Album, unseen: Album) -> None:
        torch.manual_seed(3)
        self.batch = size.batch
        self._device = training_device()
        self.judge = Judge(size).to(self._device)
        self._album, self._unseen = album, unseen
        self._labels = labels_of(album.photos.scenes, album.photos.colours)

    def network(self) -> nn.Module:
        return self.judge

    def modules(self) -> Mapping[str, nn.Module]:
        return {"judge": self.judge}

    def losses(self, size: int, generator: torch.Generator) -> dict[str, Tensor]:
        picks = torch.randint(len(self._labels), (size,), generator=generator)
        pictures = to_signed(self._album.pictures(picks.tolist(), [False] * size))
        pictures = augment(pictures, generator).to(self._device)
        labels = self._labels[picks].to(self._device)
        with mixed_precision(self._device):
            logits = self.judge(pictures)
        each = {
            name: F.cross_entropy(given.float(), labels[:, place], label_smoothing=0.02)
            for place, (name, given) in enumerate(zip(ATTRIBUTES, logits, strict=True))
        }
        return {"loss": torch.stack(list(each.values())).sum()} | each

    def stepped(self, step: int) -> None:
        pass

    def sheet(self) -> tuple[Image.Image, dict[str, float]]:
        """Unseen photos that it gets wrong, and its share of right answers."""
        picks = spread(len(self._unseen), SHOWN).tolist()
        photos = self._unseen.photos
        labels = labels_of([photos.scenes[p] for p in picks], [photos.colours[p] for p in picks])
        pictures = self._unseen.pictures(picks)
        right = decide(self.judge, pictures) == labels.numpy()
        self.judge.train()
        wrong = ~right.all(1)
        figures = {name: float(right[:, place].mean()) for place, name in enumerate(ATTRIBUTES)}
        return tile(pictures[wrong][:48] if wrong.any() else pictures[:8], 8), figures


@torch.no_grad()
def decide(
    judge: Judge, pictures: np.ndarray[Any, np.dtype[np.uint8]], batch: int = 64
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The judge's class numbers (N, 6) for pictures (N, S, S, 3).

    S is 128 or a multiple of it: the judge looks at the means of square blocks.
    """
    judge.eval()
    device = next(judge.parameters()).device
    answers = []
    for start in range(0, len(pictures), batch):
        logits = judge(to_signed(pictures[start : start + batch], SIDE).to(device))
        answers.append(torch.stack([given.argmax(1) for given in logits], 1).cpu().numpy())
    return np.concatenate(answers)


def load_judge(path: Path, size: JudgeSize) -> Judge:
    """The judge in fp32, ready to decide."""
    from safetensors.torch import load_file

    judge = Judge(size)
    judge.load_state_dict(load_file(path))
    return judge.eval()
