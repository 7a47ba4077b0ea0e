"""Draw stored pictures again, from their rows alone, and compare.

A picture is drawn with the dtype, the padded batch size and the number of threads that its row
records; what can't be put back (another GPU, other libraries) is named as changed.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from catalog_gen.catalog.reference import resolve_reference
from catalog_gen.diffusion.jobs import DrawJob, Drawn, Outcome
from catalog_gen.errors import InputError
from catalog_gen.imaging.decode import read_image as decode
from catalog_gen.progress import report
from catalog_gen.recipe import Environment
from catalog_gen.stages.catalog import Catalog
from catalog_gen.store.images import (
    StoredImage,
    find_image,
    read_image,
    sample_images,
    stored_image,
)

#: Levels of 255 by which any pixel may differ for two pictures to be called close. Another CPU's
#: kernels give one or two; another composition gives a hundred.
CLOSE: Final = 8

Result = Literal["identical", "close", "different", "not drawn"]


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What came of drawing one picture again.

    ``max_abs_diff`` is in levels of 0..255, None if it was not drawn; ``problem`` says why not.
    """

    image_id: str
    result: Result
    max_abs_diff: int | None
    environment_changed: tuple[str, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Stored:
    image: StoredImage
    png: bytes


def reproduce(catalog: Catalog, prefixes: Sequence[str], *, sample: int = 0) -> list[Reproduction]:
    """Draw the pictures that these ids or hashes begin, and a sample of all others, again.

    The sample is the same for the same store: the pictures whose ids come first.

    Raises:
        InputError: there is no such picture.
        ModelError: the configured model can't be used.
        CorruptionError: a stored picture is damaged.
    """
    with catalog.store.reading() as connection:
        ids = [find_image(connection, prefix) for prefix in prefixes]
        ids += [each for each in sample_images(connection, sample) if each not in ids]
        stored = [
            _Stored(stored_image(connection, each), read_image(connection, each)) for each in ids
        ]
    groups: dict[str, list[_Stored]] = defaultdict(list)
    for each in stored:
        groups[each.image.environment.environment_id].append(each)
    done: dict[str, Reproduction] = {}
    for alike in groups.values():
        for outcome in _drawn_again(catalog, alike):
            done[outcome.image_id] = outcome
            report("reproduce", len(done), len(stored))
    return [done[image_id] for image_id in ids]


def _drawn_again(catalog: Catalog, alike: Sequence[_Stored]) -> Iterator[Reproduction]:
    """Draw pictures of one environment with an engine that is set up like theirs."""
    import torch

    from catalog_gen.diffusion.engine import Engine
    from catalog_gen.diffusion.loading import load_pipeline

    theirs = alike[0].image.environment
    settings = catalog.settings.model.model_copy(
        update={"dtype": theirs.dtype, "compile": theirs.compiled}
    )
    stored = {each.image.image_id: each for each in alike}
    threads = torch.get_num_threads()
    torch.set_num_threads(theirs.threads)
    try:
        engine = Engine(load_pipeline(settings, catalog.home.hashes), theirs.batch_size)
        jobs = [_job(catalog, each.image) for each in alike]
        for outcome in engine.draw(jobs):
            yield _compared(stored[outcome.recipe_id], outcome, engine.environment)
    finally:
        torch.set_num_threads(threads)


def _job(catalog: Catalog, image: StoredImage) -> DrawJob:
    reference: Path | None = None
    if image.recipe.reference_sha256 is not None:
        try:
            folders = catalog.settings.feed.reference_folders
            reference = resolve_reference(image.reference, folders)
        except InputError:
            reference = None  # the engine then says that the photo is gone
    return DrawJob(image.image_id, image.recipe, reference)


def _compared(stored: _Stored, outcome: Outcome, mine: Environment) -> Reproduction:
    image_id = stored.image.image_id
    theirs = stored.image.environment
    if not isinstance(outcome, Drawn):
        changed = tuple(theirs.differences(mine))
        return Reproduction(image_id, "not drawn", None, changed, outcome.error)
    changed = tuple(theirs.differences(outcome.environment))
    if outcome.sha256 == stored.image.sha256:
        return Reproduction(image_id, "identical", 0, changed)
    difference = _largest_difference(decode(stored.png), outcome.pixels)
    # The same pixels in other bytes: another PNG encoder, nothing that a person could see.
    result: Result = "close" if 0 < difference <= CLOSE else "different"
    return Reproduction(image_id, result if difference else "identical", difference, changed)


def _largest_difference(one: Any, other: Any) -> int:
    """Levels of 255 between two pictures (H, W, 3); 255 if they differ in size."""
    if one.shape != other.shape:
        return 255
    return int(np.abs(one.astype(np.int16) - other.astype(np.int16)).max())
