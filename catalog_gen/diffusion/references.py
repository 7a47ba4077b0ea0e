"""Load a picture's reference photo and mask, and check that they are those of the recipe."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog_gen.diffusion.jobs import Coverage, DrawJob, RecipeError
from catalog_gen.imaging.decode import contain_mask, contain_on_white, read_bytes, read_image
from catalog_gen.imaging.decoder import decode_picture
from catalog_gen.imaging.pixels import Pixels


@dataclass(frozen=True, eq=False, slots=True)
class Origin:
    """What a picture started from, at its size.

    Attributes:
        photo: (H, W, 3).
        coverage: the product's mask in it, (H, W), 0..255; None: the method needs none.
        kept: pixels (H, W) of the photo that the method keeps unchanged; None: it keeps none.
    """

    photo: Pixels
    coverage: Coverage | None = None
    kept: NDArray[np.bool_] | None = None


def load_origin(job: DrawJob) -> Origin:
    """The job's photo and mask, and what its method keeps of them.

    Raises:
        RecipeError, PictureError: as ``load_reference`` and ``load_mask``.
    """
    photo = load_reference(job)
    coverage = None if job.recipe.mask_sha256 is None else load_mask(job)
    nothing = np.zeros(photo.shape[:2], dtype=np.uint8)
    kept = job.recipe.method.kept(nothing if coverage is None else coverage)
    return Origin(photo, coverage, kept)


def load_reference(job: DrawJob) -> Pixels:
    """The job's whole photo on white, in the recipe's size: (H, W, 3).

    Raises:
        RecipeError: the job has no photo, or the file has changed since planning.
        PictureError: the file is missing, damaged, too large, too slow or not a still picture.
        InfrastructureError: no process can be started to decode it.
    """
    recipe = job.recipe
    if job.reference is None or recipe.reference_sha256 is None:
        raise RecipeError(
            "reference photo",
            f"{recipe.method.name} needs one, but the product has none",
            "Give the product a reference photo, or leave it out of this view.",
        )
    data = read_bytes(job.reference)
    if hashlib.sha256(data).hexdigest() != recipe.reference_sha256:
        raise RecipeError(
            job.reference.name,
            "the reference photo has changed since this recipe was made",
            "Plan again; to draw the old picture, put the old photo back.",
        )
    photo = decode_picture(data, name=job.reference.name)
    return contain_on_white(photo, recipe.width, recipe.height)


def load_mask(job: DrawJob) -> Coverage:
    """The mask of the job's photo, where ``load_reference`` puts the photo: (H, W).

    Raises:
        RecipeError: the job has no mask, or another one than the recipe's.
        PictureError: it is damaged.
    """
    recipe = job.recipe
    if job.mask is None or recipe.mask_sha256 is None:
        raise RecipeError(
            "mask",
            f"{recipe.method.name} needs the product's mask, and the product has none",
            "Give the product a photo that can be cut out, or leave it out of this view.",
        )
    if hashlib.sha256(job.mask).hexdigest() != recipe.mask_sha256:
        raise RecipeError(
            f"mask {recipe.mask_sha256[:12]}",
            "these are not the bytes that the recipe names",
            "Restore a backup: `catalog-gen restore DIR --force`.",
        )
    mask = read_image(job.mask, name="the mask")[..., 0]
    return contain_mask(mask, recipe.width, recipe.height)
