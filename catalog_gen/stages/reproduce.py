"""Draw stored pictures again, from their rows alone, and compare.

A picture is drawn with the dtype, the padded batch size and the number of threads in its row; what
can't be restored (another GPU, other libraries) is reported as changed.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from catalog_gen.catalog.reference import resolve_reference
from catalog_gen.diffusion.jobs import DrawJob, Drawn, Outcome
from catalog_gen.errors import CorruptionError, InputError, ModelError
from catalog_gen.fingerprint import sha256_file
from catalog_gen.imaging.decode import read_image as decode
from catalog_gen.progress import report
from catalog_gen.recipe import Environment
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.retention import keep_again, pixels_hash
from catalog_gen.store.concepts import stored_concepts
from catalog_gen.store.cutouts import stored_masks
from catalog_gen.store.images import (
    StoredImage,
    find_image,
    sample_images,
    stored_image,
    stored_png,
)

if TYPE_CHECKING:
    from catalog_gen.diffusion.loading import LoadedModel

#: Maximum difference of any pixel, in levels of 255, between pictures that count as close. Another
#: CPU's kernels give one or two; another composition gives a hundred.
CLOSE: Final = 8

Result = Literal["identical", "close", "different", "not drawn"]


@dataclass(frozen=True, slots=True)
class Reproduction:
    """The result of drawing one picture again.

    ``max_abs_diff`` is in levels of 0..255, None if it was not drawn, or if its bytes are no longer
    there to compare with; ``problem`` says why.
    ``causes`` summarises what changed: library, device, threads, batch, model, photo, or stored
    (the bytes to compare with); unexplained if the picture differs although nothing changed. An
    identical picture has none.
    """

    image_id: str
    result: Result
    max_abs_diff: int | None
    environment_changed: tuple[str, ...]
    problem: str = ""
    causes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Stored:
    image: StoredImage
    png: bytes | None
    """The bytes to compare with; None: retention has deleted them, and the hashes are left."""
    mask: bytes | None = None
    concept: bytes | None = None


def reproduce(catalog: Catalog, prefixes: Sequence[str], *, sample: int = 0) -> list[Reproduction]:
    """Draw the pictures whose ids or hashes begin so, and a sample of all others, again.

    The sample is deterministic: the pictures with the lowest ids. A named picture whose bytes
    retention has deleted is kept again if it has the same bytes.

    Raises:
        InputError: a picture doesn't exist.
    """
    with catalog.store.reading() as connection:
        ids = [find_image(connection, prefix) for prefix in prefixes]
        ids += [each for each in sample_images(connection, sample) if each not in ids]
    return redraw(catalog, ids, keep=ids[: len(prefixes)])


def redraw(
    catalog: Catalog, ids: Sequence[str], *, keep: Collection[str] = ()
) -> list[Reproduction]:
    """Draw stored pictures again, in the given order of ids.

    If weights or photos are missing or changed, or the stored bytes damaged, a picture is "not
    drawn", with the reason.

    Raises:
        InputError: a picture doesn't exist, or its recipe is not in this database.
    """
    stored: list[_Stored] = []
    done: dict[str, Reproduction] = {}
    with catalog.store.reading() as connection:
        pictures = catalog.store.pictures(connection)
        for image_id in ids:
            image = stored_image(connection, image_id)
            mask = image.recipe.mask_sha256 or ""
            try:
                masks = stored_masks(connection, [mask] if mask else [])
                png = None if image.dropped else stored_png(connection, pictures, image_id)
                concept = image.recipe.concept_sha256 or ""
                concepts = stored_concepts(connection, [concept] if concept else [])
                stored.append(_Stored(image, png, masks.get(mask), concepts.get(concept)))
            except CorruptionError as error:
                done[image_id] = _not_drawn(image, str(error), "stored")
    groups: dict[str, list[_Stored]] = defaultdict(list)
    for each in stored:
        groups[each.image.environment.environment_id].append(each)
    photos = _Photos(catalog.photo_folders)
    for alike in groups.values():
        for outcome in _drawn_again(catalog, alike, photos, keep):
            done[outcome.image_id] = outcome
            report("reproduce", len(done), len(ids))
    return [done[image_id] for image_id in ids]


def _drawn_again(
    catalog: Catalog, alike: Sequence[_Stored], photos: "_Photos", keep: Collection[str]
) -> Iterator[Reproduction]:
    """Draw pictures of one environment with an engine set up in the same way."""
    import torch

    from catalog_gen.diffusion.engine import Engine
    from catalog_gen.diffusion.loading import load_model

    theirs = alike[0].image.environment
    settings = catalog.settings.model.model_copy(
        update={"dtype": theirs.rounded_to or theirs.dtype, "compile": theirs.compiled}
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(theirs.threads)
    try:
        try:
            model = load_model(settings, catalog.home.hashes)
        except ModelError as error:
            yield from (_not_drawn(each.image, str(error), "model") for each in alike)
            return
        engine = Engine(model, theirs.batch_size, in_fp32=theirs.rounded_to is not None)
        jobs: dict[str, DrawJob] = {}
        stored = {each.image.image_id: each for each in alike}
        for each in alike:
            if each.image.recipe.model_hash != model.model_hash:
                other = _other_weights(each, settings.id, model)
                yield _not_drawn(each.image, other, "model")
                continue
            try:
                photo = photos.of(each.image)
            except InputError as error:
                yield _not_drawn(each.image, str(error), "photo")
                continue
            jobs[each.image.image_id] = DrawJob(
                each.image.image_id, each.image.recipe, photo, each.mask, each.concept
            )
        for outcome in engine.draw(list(jobs.values())):
            before = stored[outcome.recipe_id]
            if before.png is None and outcome.recipe_id in keep:
                _keep_again(catalog, before.image, outcome)
            yield _compared(before, outcome, engine.environment)
    finally:
        torch.set_num_threads(threads)


class _Photos:
    """Reference photos by hash: a renamed photo is found, a changed one is not."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._by_hash: dict[str, Path] | None = None

    def of(self, image: StoredImage) -> Path | None:
        """The photo that a picture was drawn from; None if it was drawn without one.

        Raises:
            InputError: the photo is missing or has changed.
        """
        wanted = image.recipe.reference_sha256
        if wanted is None:
            return None
        state = "is gone"
        try:
            path = resolve_reference(image.reference, self._folders)
            if sha256_file(path) == wanted:
                return path
            state = "has changed"
        except (InputError, OSError):
            pass
        if self._by_hash is None:
            self._by_hash = self._hashed()
        if wanted in self._by_hash:
            return self._by_hash[wanted]
        raise InputError(
            f"reference photo '{image.reference}' ({wanted[:12]})",
            f"{state} since image {image.image_id[:16]} was drawn from it",
            "Put the old photo back into one of feed.reference_folders, under any name.",
        )

    def _hashed(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for folder in self._folders:
            for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
                # A link might lead outside the folders that may be read.
                if path.is_file() and not path.is_symlink():
                    with suppress(OSError):
                        found.setdefault(sha256_file(path), path)
        return found


def _other_weights(stored: _Stored, model_id: str, model: "LoadedModel") -> str:
    error = InputError(
        f"model {stored.image.recipe.model_hash[:12]}",
        f"image {stored.image.image_id[:16]} was drawn with these weights, and model.id "
        f"'{model_id}' has {model.model_hash[:12]} now",
        "Set model.id to those weights.",
    )
    return str(error)


def _keep_again(catalog: Catalog, image: StoredImage, outcome: Outcome) -> None:
    """Put the bytes back that retention had deleted, if they are the same."""
    if isinstance(outcome, Drawn) and outcome.sha256 == image.sha256:
        keep_again(catalog, image.image_id, outcome.sha256, outcome.png)


def _not_drawn(image: StoredImage, problem: str, cause: str) -> Reproduction:
    return Reproduction(image.image_id, "not drawn", None, (), problem, (cause,))


def _compared(stored: _Stored, outcome: Outcome, mine: Environment) -> Reproduction:
    image_id = stored.image.image_id
    theirs = stored.image.environment
    if not isinstance(outcome, Drawn):
        changed = tuple(theirs.differences(mine))
        causes = _causes(changed)
        return Reproduction(image_id, "not drawn", None, changed, outcome.error, causes)
    changed = tuple(theirs.differences(outcome.environment))
    if outcome.sha256 == stored.image.sha256:
        return Reproduction(image_id, "identical", 0, changed)
    if stored.png is None:
        if pixels_hash(outcome.pixels) == stored.image.pixels_sha256:
            return Reproduction(image_id, "identical", 0, changed)
        problem = "its bytes were deleted, so that the hash alone says that it differs"
        return Reproduction(image_id, "different", None, changed, problem, _causes(changed))
    difference = _largest_difference(decode(stored.png), outcome.pixels)
    # The same pixels in other bytes come from another PNG encoder.
    result: Result = "close" if difference <= CLOSE else "different"
    if not difference:
        return Reproduction(image_id, "identical", 0, changed)
    return Reproduction(image_id, result, difference, changed, "", _causes(changed))


#: Parts of an environment and their names for people; libraries have a prefix.
_CAUSES: Final = {
    **dict.fromkeys(("device", "dtype", "rounded_to", "tf32", "platform", "compiled"), "device"),
    "threads": "threads",
    "batch_size": "batch",
}


def _causes(changed: Sequence[str]) -> tuple[str, ...]:
    """Summarise the changed parts ("part: then -> now")."""
    parts = (each.partition(":")[0] for each in changed)
    return tuple(sorted({_CAUSES.get(part, "library") for part in parts})) or ("unexplained",)


def _largest_difference(one: Any, other: Any) -> int:
    """Levels of 255 between two pictures (H, W, 3); 255 if they differ in size."""
    if one.shape != other.shape:
        return 255
    return int(np.abs(one.astype(np.int16) - other.astype(np.int16)).max())
