"""Detects lettering over a picture (words, prices, a watermark) with a small network.

It looks at one or two fixed scales, so that large and small letters are found in large pictures. It
can't tell lettering from print on the product, so the rubric's limit has to allow for that.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from catalog_gen.errors import ModelError
from catalog_gen.imaging.pixels import Pixels

if TYPE_CHECKING:
    import torch

    from catalog_gen.judging.lettering_net import LetteringNet

#: Longer sides, in pixels, that pictures are reduced to; smaller ones are not resized.
_SCALES: Final = (128, 256)
_BATCH: Final = 16
_DIGITS: Final = 3


class LetteringDetector:
    """A ``studio.lettering`` network, loaded at first use and then kept. Threads may share it."""

    def __init__(self, weights: Path) -> None:
        self._path = weights
        self._lock = threading.Lock()
        self._net: LetteringNet | None = None

    @classmethod
    def of(cls, weights: Path | None) -> "LetteringDetector | None":
        """The detector with these weights; None without weights."""
        return cls(weights) if weights else None

    def look(self, pictures: Sequence[Pixels]) -> list[float]:
        """Log-odds that there is lettering in each picture, uint8 (H, W, 3) sRGB of any size.

        Above 0 means probably. The mean of the most suspicious cells of 4x4 pixels (see
        ``studio.lettering.score``), at the scale where that is highest. Letters less than about 8
        pixels high in a picture of 256 are not seen.

        Raises:
            ModelError: the weights are missing or of another network.
        """
        found = np.full(len(pictures), -np.inf)
        for place, odds in self._looks(pictures):
            found[place] = max(found[place], odds)
        return [round(float(odds), _DIGITS) for odds in found]

    def _looks(self, pictures: Sequence[Pixels]) -> "list[tuple[int, float]]":
        """Each picture's place and log-odds at each of its scales."""
        import torch

        from catalog_gen.judging.lettering_net import score

        net = self._loaded()
        by_shape: dict[tuple[int, ...], list[tuple[int, torch.Tensor]]] = {}
        for place, picture in enumerate(pictures):
            for scaled in _scaled(picture):
                by_shape.setdefault(tuple(scaled.shape), []).append((place, scaled))
        looks: list[tuple[int, float]] = []
        for alike in by_shape.values():
            for start in range(0, len(alike), _BATCH):
                part = alike[start : start + _BATCH]
                batch = torch.stack([scaled for _, scaled in part]).permute(0, 3, 1, 2)
                with torch.inference_mode():
                    odds = score(net(batch.float() / 127.5 - 1)).tolist()
                looks += zip([place for place, _ in part], odds, strict=True)
        return looks

    def _loaded(self) -> "LetteringNet":
        from safetensors import SafetensorError

        from catalog_gen.judging.lettering_net import load_lettering

        with self._lock:
            if self._net is None:
                try:
                    self._net = load_lettering(self._path)
                except (OSError, RuntimeError, SafetensorError) as error:
                    raise ModelError(
                        str(self._path),
                        f"is not a lettering detector ({error})",
                        "Set lettering to data/models/lettering.safetensors, or train one: "
                        "python -m studio.training.lettering.",
                    ) from error
            return self._net


def _scaled(picture: Pixels) -> "list[torch.Tensor]":
    """The picture at the scales that it is large enough for, each (H, W, 3), 0..255."""
    import torch
    from torch.nn.functional import interpolate

    longer = max(picture.shape[:2])
    pixels = torch.tensor(picture)
    scaled = []
    for side in _SCALES:
        if longer <= side:
            scaled.append(pixels)
            break
        planes = pixels.permute(2, 0, 1)[None].float()
        size = [max(16, round(length * side / longer)) for length in picture.shape[:2]]
        smaller = interpolate(planes, size, mode="bilinear", antialias=True)
        scaled.append(smaller[0].permute(1, 2, 0).round())
    return scaled
