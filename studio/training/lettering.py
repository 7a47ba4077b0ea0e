"""Train the lettering detector: ``python -m studio.training.lettering --fonts FOLDER``.

A batch holds crops of photos of the "train" split and of natural textures (``photos.textures``),
half of them with planted lettering; all are dimmed, some softened or noisy. The targets are ink per
cell, and whether a crop has any. Thresholds are in the rubric.
"""

import argparse
import random
import sys
from pathlib import Path
from time import monotonic
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from catalog_gen.judging.lettering_net import CELL, CELLS, LetteringNet, load_lettering, score
from studio.command import count, minutes, reported_errors
from studio.files import save_weights
from studio.photos.album import to_signed
from studio.photos.letters import find_faces, letter
from studio.photos.negatives import load_photos
from studio.photos.textures import photographs, textures

BATCH: Final[int] = 32
#: Pixels a side of a crop; the network looks about as far.
CROP: Final[int] = 96
RATE: Final[float] = 3e-3
#: Share of crops that are natural textures, and how many of those there are.
NATURAL: Final[float] = 0.5
TEXTURES: Final[int] = 8000


def examples(
    images: NDArray[np.uint8],
    natural: NDArray[np.uint8],
    faces: tuple[Path, ...],
    chance: random.Random,
) -> tuple[NDArray[np.uint8], Tensor]:
    """A batch of crops (B, S, S, 3), the second half lettered, and their cells (B, S/4, S/4)."""
    height, width = images.shape[1:3]
    cells = torch.zeros((BATCH, CROP // CELL, CROP // CELL))
    crops = np.empty((BATCH, CROP, CROP, 3), np.uint8)
    for place in range(BATCH):
        y, x = chance.randint(0, height - CROP), chance.randint(0, width - CROP)
        source = natural if chance.random() < NATURAL else images
        crop = source[chance.randrange(len(source)), y : y + CROP, x : x + CROP]
        if chance.random() < 0.5:
            crop = crop[:, ::-1]
        if place >= BATCH // 2:
            lettered = letter(crop, faces, chance)
            crop, cells[place] = lettered.pixels, torch.from_numpy(lettered.cells)
        crops[place] = crop
    return crops, cells


def losses(net: LetteringNet, pictures: Tensor, cells: Tensor) -> Tensor:
    """Cross-entropy of the cells (ink is rare, so it weighs double) and of whole pictures."""
    logits = net(pictures)
    where = F.binary_cross_entropy_with_logits(logits, cells, pos_weight=torch.tensor(2.0))
    shown = cells.flatten(1).sum(1)
    present = F.binary_cross_entropy_with_logits(
        score(logits), (shown > 0).float(), reduction="none"
    )
    # A crop with a few cells of ink at its edge is ambiguous: only its cells are trained on.
    clear = (shown == 0) | (shown >= CELLS)
    return where + 0.3 * (present * clear).mean()


def train(
    images: NDArray[np.uint8],
    natural: NDArray[np.uint8],
    faces: tuple[Path, ...],
    minutes: float,
    out: Path,
    start: Path | None = None,
) -> None:
    """Train for the given time, with a rate that falls to zero, and write the weights.

    ``start`` is a file with initial weights.
    """
    torch.manual_seed(11)
    chance = random.Random(11)
    generator = torch.Generator().manual_seed(11)
    net = (load_lettering(start) if start else LetteringNet()).train()
    net = net.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=0.01)
    started = reported = monotonic()
    step = 0
    mean: Any = None
    while (share := (monotonic() - started) / (60 * minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / 100) * (1 - share)
        pictures, cells = examples(images, natural, faces, chance)
        loss = losses(net, _softened(pictures, generator), cells)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        step += 1
        mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
        if monotonic() - reported > 60:
            reported = monotonic()
            print(f"{share:.0%}: {step} steps, loss {mean:.4f}", file=sys.stderr, flush=True)
    save_weights(net, out)


def _softened(pictures: NDArray[np.uint8], generator: torch.Generator) -> Tensor:
    """Soften, dim and add noise, to resemble drawn pictures; positions are kept."""
    signed = to_signed(pictures)
    draws = torch.rand((3, len(signed), 1, 1, 1), generator=generator)
    soft = F.avg_pool2d(F.pad(signed, (1,) * 4, mode="replicate"), 3, 1)
    signed = signed + (draws[0] - 0.5).clamp(min=0) * 2 * (soft - signed)
    signed = (signed + 1) * (0.88 + 0.12 * draws[1]) - 1
    noise = torch.randn(signed.shape, generator=generator)
    softened: Tensor = (signed + 0.08 * (draws[2] - 0.5).clamp(min=0) * noise).clamp(-1, 1)
    return softened.contiguous(memory_format=torch.channels_last)


def main() -> None:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description="Train the lettering detector.")
    parser.add_argument("--photos", type=Path, default=Path(".studio/photos"))
    parser.add_argument("--fonts", type=Path, default=Path("/usr/share/fonts"))
    parser.add_argument("--out", type=Path, default=Path("data/models/lettering.safetensors"))
    parser.add_argument("--minutes", type=minutes, default=16)
    parser.add_argument("--limit", type=count, default=6000, help="photos, the first of the split")
    parser.add_argument("--photographs", type=Path, help="folder of real ones without lettering")
    parser.add_argument("--start", type=Path, help="weights to go on from")
    given = parser.parse_args()
    faces = find_faces(given.fonts)
    if not faces:
        raise SystemExit(
            f"no TrueType or OpenType faces in {given.fonts}; name others with --fonts"
        )
    with reported_errors():
        images = load_photos(given.photos, "train", given.limit).images
    pictures = photographs(given.photographs) if given.photographs else []
    natural = textures(TEXTURES, pictures, random.Random(12))
    summary = f"{len(images)} photos, {len(pictures)} photographs, {len(faces)} faces"
    print(summary, file=sys.stderr, flush=True)
    train(images, natural, faces, given.minutes, given.out, given.start)


if __name__ == "__main__":
    main()
