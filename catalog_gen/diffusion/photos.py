"""Reference photos and their masks, loaded, resized and prepared a batch ahead, beside the drawing.

A photo of 24 megapixels takes a second to read: as long as eight pictures take to draw.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from catalog_gen.diffusion.jobs import Coverage, DrawJob
from catalog_gen.diffusion.references import load_mask, load_reference
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.method import Method

#: Pillow decodes outside Python's lock; more threads would take cores from a model on the CPU.
_THREADS: Final = 2
#: Photos kept: candidates of one product and view are neighbours and share theirs.
_KEPT: Final = 64

_Key = tuple[str, str, int, int, Method]
_Loader = Callable[[DrawJob], Pixels]


class Photos:
    """What the model is shown of the photos of jobs; read once for neighbours that share it."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, "photos")
        self._known: OrderedDict[_Key, Future[Pixels]] = OrderedDict()

    def ahead(self, jobs: Sequence[DrawJob]) -> None:
        """Begin to load what these will need."""
        for job in jobs:
            if "photo" in job.recipe.method.needs:
                self._photo(job)
            if "mask" in job.recipe.method.needs:
                self._mask(job)

    def of(self, job: DrawJob) -> Pixels | None:
        """What the job's method takes from its photo, (H, W, 3); None: its method needs none.

        Raises:
            RecipeError, PictureError: as ``load_reference``.
        """
        if "photo" not in job.recipe.method.needs:
            return None
        return self._photo(job).result()

    def mask_of(self, job: DrawJob) -> Coverage | None:
        """The mask of the job's photo, (H, W); None: its method needs none.

        Raises:
            RecipeError, PictureError: as ``load_mask``.
        """
        if "mask" not in job.recipe.method.needs:
            return None
        return self._mask(job).result()

    def close(self) -> None:
        """Load nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _photo(self, job: DrawJob) -> "Future[Pixels]":
        return self._begun(job, str(job.reference), job.recipe.reference_sha256, _seen)

    def _mask(self, job: DrawJob) -> "Future[Coverage]":
        return self._begun(job, "mask", job.recipe.mask_sha256, load_mask)

    def _begun(
        self, job: DrawJob, kind: str, sha256: str | None, load: _Loader
    ) -> "Future[Pixels]":
        recipe = job.recipe
        key = (kind, sha256 or "", recipe.width, recipe.height, recipe.method)
        future = self._known.get(key)
        if future is None:
            future = self._known[key] = self._pool.submit(load, job)
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return future


def _seen(job: DrawJob) -> Pixels:
    return job.recipe.method.seen(load_reference(job))
