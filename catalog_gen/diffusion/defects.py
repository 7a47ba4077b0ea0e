"""Defects of drawn pictures, found before the pictures leave the GPU."""

from typing import Final

import torch

#: Levels of 0..255. A photo of a black product on black still has highlights above this.
_BLACK: Final = 8
#: Range of levels in a channel up to which a picture shows nothing.
_FLAT: Final = 4


def defects(values: torch.Tensor, levels: torch.Tensor) -> list[str | None]:
    """The defect of each picture, as a noun phrase; None: it has none.

    Args:
        values: (B, 3, H, W), about [0, 1], as the model drew them.
        levels: the same rounded to uint8.
    """
    planes = levels.flatten(2)
    darkest, lightest = planes.amin(2).short(), planes.amax(2).short()
    # One copy from the GPU for all three.
    table = torch.stack(
        [
            values.isfinite().flatten(1).all(1).short(),
            lightest.amax(1),
            (lightest - darkest).amax(1),
        ]
    ).tolist()
    return [_defect(*row) for row in zip(*table, strict=True)]


def _defect(finite: int, brightest: int, spread: int) -> str | None:
    if not finite:
        return "a picture with NaN or infinite values"
    if brightest <= _BLACK:
        return "a black picture"
    return "a picture of one flat colour" if spread <= _FLAT else None
