"""Load the reference photo of a picture, and check that it is the one in the recipe."""

import hashlib

from catalog_gen.diffusion.jobs import DrawJob, Pixels, RecipeError
from catalog_gen.imaging.decode import contain_on_white, read_bytes
from catalog_gen.imaging.decoder import decode_picture


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
