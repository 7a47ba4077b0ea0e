"""The evaluation's figures that need no judge: reconstruction, scorer, similarity to photos.

The functions read exported networks or drawn pictures and return numbers for the model card.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from studio.attributes import (
    ATTRIBUTES,
    CLASSES,
    caption_number,
    every_wish,
    labels_of,
)
from studio.evaluation.measures import Share, auroc, psnr, ssim, wilson
from studio.evaluation.sheets import spread, tile
from studio.networks.sizes import SIDE
from studio.networks.vae import box_psnr, reconstruct
from studio.photos.album import Album, to_signed

Pictures = NDArray[np.uint8]

#: Captions among which the right one must be found.
AMONG: Final[int] = 100
#: How many drawn pictures, and new renders, are compared with the training photos.
COMPARED: Final[int] = 1_000
#: How many of the nearest are shown beside their photo.
SHOWN: Final[int] = 24


def share_of(outcomes: Any) -> dict[str, float | int]:
    """The share of true values with Wilson's interval."""
    share: Share = wilson(int(outcomes.sum()), int(outcomes.size))
    rounded = {name: round(float(value), 4) for name, value in asdict(share).items()}
    return rounded | {"n": share.n}


def reconstruction_figures(vae: Any, album: Album, picks: list[int]) -> dict[str, float]:
    """PSNR inside the subject's box, and SSIM of whole pictures, after the autoencoder."""
    originals = album.pictures(picks)
    copies = reconstruct(vae, originals)
    boxed = box_psnr(originals, copies, album.boxes[picks])
    similar = [ssim(a, b) for a, b in zip(originals, copies, strict=True)]
    return {
        "box psnr": round(float(np.mean(boxed)), 2),
        "box psnr of the worst tenth": round(float(np.quantile(boxed, 0.1)), 2),
        "psnr": round(psnr(originals, copies), 2),
        "ssim": round(float(np.mean(similar)), 4),
        "n": len(picks),
    }


@torch.no_grad()
def scorer_figures(folder: Path, album: Album, picks: list[int]) -> dict[str, Any]:
    """AUROC of right captions against all with one attribute wrong; top-1 among ``AMONG``."""
    import open_clip

    name = f"local-dir:{folder}"
    clip, _, _ = open_clip.create_model_and_transforms(name)
    clip.eval()
    tokenizer = open_clip.get_tokenizer(name)
    wishes = every_wish()
    captions = [wish.caption() for wish in wishes]
    read = torch.cat(
        [
            clip.encode_text(tokenizer(captions[start : start + 256]), normalize=True)
            for start in range(0, len(captions), 256)
        ]
    )
    pictures = album.pictures(picks)
    seen = torch.cat(
        [
            clip.encode_image(to_signed(pictures[start : start + 64], SIDE), normalize=True)
            for start in range(0, len(pictures), 64)
        ]
    )
    scores = (seen @ read.T).double()
    photos = album.photos
    labels = labels_of([photos.scenes[p] for p in picks], [photos.colours[p] for p in picks])
    numbers = caption_number(labels)
    rows = torch.arange(len(picks))
    right = scores[rows, numbers].numpy()
    by_attribute: dict[str, float] = {}
    wrong = []
    for place, (attribute, classes) in enumerate(zip(ATTRIBUTES, CLASSES, strict=True)):
        others = []
        for shift in range(1, classes):
            changed = labels.clone()
            changed[:, place] = (changed[:, place] + shift) % classes
            others.append(scores[rows, caption_number(changed)].numpy())
        wrong.append(np.concatenate(others))
        by_attribute[attribute] = round(auroc(right, wrong[-1]), 4)
    generator = torch.Generator().manual_seed(0)
    hits = []
    for row, number in enumerate(numbers.tolist()):
        others_at = torch.randperm(len(wishes), generator=generator)[:AMONG]
        others_at = others_at[others_at != number][: AMONG - 1]
        hits.append(bool((scores[row, others_at] < scores[row, number]).all()))
    return {
        "auroc one attribute wrong": round(auroc(right, np.concatenate(wrong)), 4),
        "auroc by attribute": by_attribute,
        "top-1 among 100": share_of(np.array(hits)),
    }


def _small(pictures: Pictures) -> NDArray[np.float32]:
    """(N, S, S, 3) averaged to (N, 32 * 32 * 3); S is a multiple of 32.

    Relative to white, as most of a picture is, which keeps squares and rounding errors small.
    """
    n, side = pictures.shape[:2]
    blocks = pictures.reshape(n, 32, side // 32, 32, side // 32, 3)
    small: NDArray[np.float32] = blocks.mean((2, 4), np.float32)
    return small.reshape(n, -1) - np.float32(255.0)


def _nearest(pictures: Pictures, album: Album) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The nearest training photo or mirror image to each picture, by RMS difference at 32x32."""
    wanted = _small(pictures)
    best = np.full(len(pictures), np.inf)
    at = np.zeros(len(pictures), np.int64)
    images = album.photos.images
    for start in range(0, len(album), 500):
        block = np.asarray(images[start : start + 500])
        for flipped in (False, True):
            known = _small(block[:, :, ::-1] if flipped else block)
            squares = (wanted**2).sum(1)[:, None] + (known**2).sum(1) - 2.0 * wanted @ known.T
            nearest = squares.argmin(1)
            value = squares[np.arange(len(wanted)), nearest]
            better = value < best
            best[better], at[better] = value[better], start + nearest[better]
    return at, np.sqrt(np.maximum(best, 0.0) / wanted.shape[1])


def copying_figures(
    pictures: Pictures, originals: Pictures, album: Album, sheet: Path
) -> dict[str, float]:
    """Distances of drawn pictures to their nearest training photos, and of new renders.

    A model that copies would come nearer than renders of new scenes. The sheet shows the ``SHOWN``
    nearest drawn pictures in odd columns, with their photos to the right.
    """
    drawn = pictures[spread(len(pictures), COMPARED)]
    at, away = _nearest(drawn, album)
    _, away_new = _nearest(originals[spread(len(originals), COMPARED)], album)
    closest = np.argsort(away)[:SHOWN]
    pairs = np.stack([drawn[closest], album.pictures(at[closest].tolist())], 1)
    sheet.parent.mkdir(parents=True, exist_ok=True)
    tile(pairs.reshape(-1, *drawn.shape[1:]), 8).save(sheet)
    return {
        "drawn rms": round(float(np.median(away)), 2),
        "drawn least rms": round(float(away.min()), 2),
        "drawn n": len(away),
        "new renders rms": round(float(np.median(away_new)), 2),
        "new renders least rms": round(float(away_new.min()), 2),
        "new renders n": len(away_new),
    }
