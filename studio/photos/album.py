"""The photos of splits as training examples: random crops, whole pictures, caption tokens."""

import random
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d

from studio.captions import canonical_caption, captions
from studio.networks.sizes import CONTEXT
from studio.photos.negatives import PHOTO_SIDE, Photos, load_photos, rendered_files
from studio.photos.pack import packed_splits, read_pack
from studio.photos.scene import Scene, Split
from studio.vocabulary import HELD_OUT_PAIRS, Colour

#: Share of crops whose centre lies inside the subject's box.
SUBJECT_SHARE: Final[float] = 0.85
#: Captions per photo besides the canonical one: sampled with repetition, a fifth canonical.
FREE_CAPTIONS: Final[int] = 4


def scene_caption(scene: Scene, colour: Colour) -> str:
    """The canonical caption of a photo."""
    return canonical_caption(
        scene.category, colour, scene.material, scene.background, scene.angle, scene.count
    )


def subject_boxes(masks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Boxes (N, 4) of masks (N, H, W): top, bottom, left, right, the last row and column included.

    A mask without a subject gets the whole picture.
    """
    boxes = np.empty((len(masks), 4), np.int64)
    for place, mask in enumerate(masks):
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if len(rows) == 0:
            boxes[place] = (0, mask.shape[0] - 1, 0, mask.shape[1] - 1)
        else:
            boxes[place] = (rows[0], rows[-1], columns[0], columns[-1])
    return boxes


def to_signed(images: NDArray[np.uint8], side: int | None = None) -> Tensor:
    """uint8 (N, H, W, 3) to float (N, 3, H, W) in [-1, 1].

    With ``side`` they are reduced to it, by the mean of square blocks.
    """
    signed = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1.0
    return signed if side is None else avg_pool2d(signed, signed.shape[-1] // side)


def _joined(parts: Sequence[Photos]) -> Photos:
    if len(parts) == 1:
        return parts[0]  # stays in its memory-mapped file
    return Photos(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.masks for part in parts]),
        list(chain.from_iterable(part.scenes for part in parts)),
        list(chain.from_iterable(part.colours for part in parts)),
    )


def _of_each_scene(photos: Photos, colours: int) -> Photos:
    """``colours`` photos of each scene; the first one moves on by one from scene to scene."""
    places: dict[int, list[int]] = {}
    for place, scene in enumerate(photos.scenes):
        places.setdefault(scene.seed, []).append(place)
    known = []
    for number, own in enumerate(places.values()):
        step = max(1, len(own) // colours)
        picks = {(number + step * each) % len(own) for each in range(colours)}
        known += [own[pick] for pick in sorted(picks)]
    return _chosen(photos, known)


def _without_held_out(photos: Photos) -> Photos:
    pairs = zip(photos.scenes, photos.colours, strict=True)
    known = [
        place
        for place, (scene, colour) in enumerate(pairs)
        if (scene.category, colour) not in HELD_OUT_PAIRS
    ]
    return _chosen(photos, known)


def _chosen(photos: Photos, known: list[int]) -> Photos:
    if len(known) == len(photos.scenes):
        return photos
    return Photos(
        photos.images[known],
        photos.masks[known],
        [photos.scenes[place] for place in known],
        [photos.colours[place] for place in known],
    )


def has_photos(photos: Path, split: Split) -> bool:
    """Whether a folder or a pack holds photos of a split."""
    if photos.is_file():
        return split in packed_splits(photos)
    return rendered_files(photos, split) > 0


class Album:
    """The photos of some splits, one split after the other."""

    def __init__(
        self,
        photos: Path,
        *splits: Split,
        limit: int | None = None,
        known_pairs: bool = False,
        colours: int | None = None,
        side: int = PHOTO_SIDE,
    ) -> None:
        """``photos`` is a folder of negatives or a pack of photos; ``side`` is the pictures' own.

        ``limit`` keeps the first photos of each split, ``known_pairs`` only those whose category
        and colour are not held out, ``colours`` so many of each scene, others of the next scene.
        """
        read = read_pack if photos.is_file() else load_photos
        parts = [read(photos, split, limit, side) for split in splits]
        if colours is not None:
            parts = [_of_each_scene(each, colours) for each in parts]
        self.photos: Photos = _joined(
            [_without_held_out(each) for each in parts] if known_pairs else parts
        )
        self.boxes = subject_boxes(self.photos.masks)

    def __len__(self) -> int:
        return len(self.photos.scenes)

    def crops(self, count: int, side: int, generator: torch.Generator) -> Tensor:
        """``count`` random crops (count, 3, side, side) in [-1, 1], mostly of subjects, flipped."""
        boxes, images = self.boxes, self.photos.images
        picks = torch.randint(len(boxes), (count,), generator=generator).tolist()
        draws = torch.rand((count, 4), generator=generator).tolist()
        height, width = images.shape[1:3]
        out = np.empty((count, side, side, 3), np.uint8)
        for place, (pick, (inside, down, across, flip)) in enumerate(
            zip(picks, draws, strict=True)
        ):
            top, bottom, left, right = boxes[pick]
            if inside >= SUBJECT_SHARE:
                top, bottom, left, right = 0, height - 1, 0, width - 1
            y = int(top + down * (bottom - top)) - side // 2
            x = int(left + across * (right - left)) - side // 2
            y, x = min(max(y, 0), height - side), min(max(x, 0), width - side)
            crop = images[pick, y : y + side, x : x + side]
            out[place] = crop[:, ::-1] if flip < 0.5 else crop
        return to_signed(out)

    def pictures(self, picks: list[int], flips: list[bool] | None = None) -> NDArray[np.uint8]:
        """Whole pictures (N, H, W, 3), flipped where ``flips`` is true."""
        images = self.photos.images
        turned = flips or [False] * len(picks)
        return np.stack(
            [images[p][:, ::-1] if f else images[p] for p, f in zip(picks, turned, strict=True)]
        )


def tokenize(tokenizer: Any, texts: list[str]) -> Tensor:
    """Token ids (N, ``CONTEXT``) as the Stable Diffusion pipeline makes them: padded, cut."""
    encoded = tokenizer(
        texts, padding="max_length", max_length=CONTEXT, truncation=True, return_tensors="pt"
    )
    ids: Tensor = encoded.input_ids
    return ids


def caption_tokens(album: Album, tokenizer: Any) -> Tensor:
    """Token ids (N, 1 + ``FREE_CAPTIONS``, ``CONTEXT``): the canonical caption first.

    The free captions of a photo are drawn by its seed and colour, so they are always the same.
    """
    texts: list[str] = []
    photos = album.photos
    for scene, colour in zip(photos.scenes, photos.colours, strict=True):
        chance = random.Random(f"captions {scene.seed} {colour}")
        free = captions(scene, colour, chance)
        texts.append(scene_caption(scene, colour))
        texts.extend(chance.choices(free, k=FREE_CAPTIONS))
    return tokenize(tokenizer, texts).view(-1, 1 + FREE_CAPTIONS, CONTEXT)
