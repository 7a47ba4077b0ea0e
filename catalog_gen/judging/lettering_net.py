"""A small convolutional detector of lettering: words, prices and watermarks laid over a picture.

It marks which cells of a picture hold ink of letters, at one scale; what a picture's cells amount
to is said by ``score``. It reads no words, and it knows no thresholds: those are the rubric's.
"""

from pathlib import Path
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Pixels a side of a cell.
CELL: Final[int] = 4
#: A picture is as suspicious as the mean of its so many most suspicious cells: about three letters.
CELLS: Final[int] = 12


class _Widening(nn.Module):
    """Two convolutions beside a shortcut; the first looks ``reach`` cells far (Yu, Koltun 2016)."""

    def __init__(self, width: int, reach: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=reach, dilation=reach, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        added: Tensor = self.second(F.relu(self.norm(self.first(features))))
        return F.relu(features + added)


class LetteringNet(nn.Module):
    """Fully convolutional: two halvings to cells, and a third to look at what lies around them.

    Strokes alone look like twigs, slats and tiles; only their surroundings tell that they are
    letters of a word (O. Ronneberger et al., "U-Net", 2015).
    """

    def __init__(self, width: int = 20) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_halved(3, width // 2), *_halved(width // 2, width))
        self.near = nn.Sequential(*(_Widening(width, reach) for reach in (1, 2)))
        self.halved = nn.Sequential(*_halved(width, 2 * width))
        self.around = nn.Sequential(*(_Widening(2 * width, reach) for reach in (1, 2, 4, 1)))
        self.narrowed = nn.Conv2d(2 * width, width, 1)
        self.joined = _Widening(width, 1)
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits (B, H/4, W/4) of "letters here" for pictures (B, 3, H, W) in [-1, 1]."""
        near = self.near(self.stem(pictures))
        around = self.narrowed(self.around(self.halved(near)))
        around = F.interpolate(around, size=near.shape[2:], mode="bilinear")
        cells: Tensor = self.head(self.joined(near + around))
        return cells[:, 0]


def _halved(given: int, width: int) -> list[nn.Module]:
    """Features at half the resolution."""
    halving = nn.Conv2d(given, width, 3, stride=2, padding=1, bias=False)
    return [halving, nn.BatchNorm2d(width), nn.ReLU()]


def score(cells: Tensor) -> Tensor:
    """Logit (B,) of "this picture has lettering" from its cells (B, H, W)."""
    flat = cells.flatten(1)
    return flat.topk(min(CELLS, flat.shape[1]), dim=1).values.mean(1)


def load_lettering(path: Path) -> LetteringNet:
    """The detector in fp32, ready to look.

    Raises:
        OSError: there is no such file.
        RuntimeError, SafetensorError: the file holds no such network.
    """
    from safetensors.torch import load_file

    net = LetteringNet()
    net.load_state_dict(load_file(path))
    return net.eval().to(memory_format=torch.channels_last)
