"""The engine: draws recipes batch by batch; a recipe that fails does not stop the others.

Denoising runs in a background thread, one batch ahead, in parallel to encoding and to the caller's
work between two pictures. In the same environment, the same recipe gives the same bytes in any
order, batch and process.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from threading import Event, Lock
from time import perf_counter
from typing import Final

import torch

from catalog_gen.diffusion.batching import BatchKey, Pending
from catalog_gen.diffusion.concepts.file import concept_of
from catalog_gen.diffusion.drawing import BatchDrawer, DrawnPicture, ReadyJob
from catalog_gen.diffusion.encoding import Encoder, Finished, encoding_threads
from catalog_gen.diffusion.faults import DeadlineExceeded, fault_of
from catalog_gen.diffusion.jobs import DEADLINE, DrawJob, Outcome, RecipeError
from catalog_gen.diffusion.loading import Dtype, LoadedModel
from catalog_gen.diffusion.photos import Photos
from catalog_gen.diffusion.watch import Meter, Progress, StepWatch
from catalog_gen.diffusion.worker import Worker
from catalog_gen.errors import DrawingError
from catalog_gen.imaging.decode import PictureError
from catalog_gen.recipe import Environment, Failure

#: Seconds to wait for the current step when the caller stops early.
_PATIENCE: Final = 60.0


@dataclass(frozen=True, slots=True)
class _BatchDone:
    """The outcome of one batch."""

    pictures: list[Finished]
    failures: list[Failure]


class Engine:
    """Draws jobs with one loaded model. Concurrent calls of ``draw`` take turns, batch by batch.

    Args:
        loaded: the model.
        batch_size: every batch is padded to this size. If memory runs out, it is halved from then
            on for pictures of that size; the size is recorded with every picture.
        deadline: seconds for a batch; a slower batch fails at its next step, and a step that
            hangs for as long again ends the whole drawing.
        in_fp32: draw everything in fp32 with the loaded weights, as pictures with a defect in a
            lower precision are redrawn.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        batch_size: int,
        deadline: float = DEADLINE,
        *,
        in_fp32: bool = False,
    ) -> None:
        self._loaded = loaded
        self._batch_size = batch_size
        self._deadline = deadline
        self._in_fp32 = in_fp32
        self._drawer = BatchDrawer(loaded)
        self._fits: dict[tuple[int, int, str], int] = {}
        self._turn = Lock()

    @property
    def model(self) -> LoadedModel:
        """The model that it draws with."""
        return self._loaded

    @property
    def batch_size(self) -> int:
        """The size that batches are padded to unless memory runs out."""
        return self._batch_size

    @property
    def delivers(self) -> bool:
        """Always False: its pictures go to the caller."""
        return False

    @property
    def environment(self) -> Environment:
        """The environment of a picture drawn without a fallback; each ``Drawn`` has its own."""
        return self._loaded.environment(self._batch_size, "fp32" if self._in_fp32 else None)

    def draw(self, jobs: Sequence[DrawJob], progress: Progress | None = None) -> Iterator[Outcome]:
        """Draw all jobs; yield each one's outcome as soon as its batch is finished.

        Args:
            jobs: in order of importance; those that can share a batch are drawn together.
            progress: called from another thread with the number of pictures done so far,
                fractions included. It may raise ``Stopped``, which ends the drawing.

        Raises:
            DrawingError: the GPU is lost or a step hangs; all finished pictures were yielded.
        """
        pending = Pending(jobs, in_fp32=self._in_fp32)
        meter, stop = Meter(progress), Event()
        worker: Worker[_BatchDone] = Worker("denoising")
        photos = Photos()
        # Drawing on the CPU takes all cores.
        encoder = Encoder(encoding_threads() if self._loaded.device.type == "cuda" else 1)

        def begin() -> Future[_BatchDone] | None:
            # Only called while the worker is idle, so reading ``pending`` is safe.
            task = partial(self._next_batch, pending, photos, meter, stop)
            return worker.submit(task) if pending else None

        try:
            coming = begin()
            while coming is not None:
                finished = self._awaited(coming)
                coming = begin()
                yield from finished.failures
                yield from encoder.encoded(finished.pictures)
        finally:
            stop.set()
            photos.close()
            encoder.close()
            worker.close(patience=min(_PATIENCE, self._deadline))

    def _awaited(self, coming: Future[_BatchDone]) -> _BatchDone:
        try:
            return coming.result(timeout=2 * self._deadline)
        except TimeoutError:
            raise DrawingError(
                "a denoising step",
                f"has not ended for {2 * self._deadline:g} s and can't be interrupted",
                "End this process and run again; if it hangs again, look at the GPU "
                "(nvidia-smi, dmesg).",
            ) from None

    def _next_batch(
        self, pending: Pending, photos: Photos, meter: Meter, stop: Event
    ) -> _BatchDone:
        """Draw the next batch in the background thread; jobs to be redrawn are put back."""
        key = pending.next_key
        size = self._size(key)
        ready, failures = self._prepared(pending.take(size), photos)
        photos.ahead(pending.upcoming(size))
        pictures: list[Finished] = []
        if ready:
            with self._turn:
                watch = StepWatch(len(ready), meter, stop, self._deadline)
                started = perf_counter()
                drawn = self._tried(key, ready, size, watch)
                seconds = (perf_counter() - started) / len(ready)
            # Not where the error is caught: its traceback keeps the batch's tensors alive.
            if drawn == "memory":
                failures += self._with_less_memory(key, ready, size, pending)
            elif isinstance(drawn, str):
                failures += [Failure(each.job.recipe_id, drawn, seconds) for each in ready]
            else:
                pictures, bad = self._sorted_out(key, ready, drawn, size, seconds, pending)
                failures += bad
        meter.finished(len(pictures) + len(failures))
        return _BatchDone(pictures, failures)

    def _tried(
        self, key: BatchKey, ready: Sequence[ReadyJob], size: int, watch: StepWatch
    ) -> list[DrawnPicture] | str:
        """Draw a batch; "memory" if a smaller one may fit, or why none of it can be drawn.

        Raises:
            DrawingError: the GPU is at fault, and nothing else can be drawn either.
        """
        try:
            with torch.inference_mode(), self._loaded.in_dtype(self._dtype(key)):
                return self._drawer.draw(key, ready, size, watch)
        except DeadlineExceeded:
            return f"its batch took more than {self._deadline:g} s and was stopped"
        except RecipeError as error:
            return str(error)
        except (RuntimeError, ValueError, MemoryError) as error:
            fault = fault_of(error)
            if fault == "memory" or (fault == "memory or GPU" and size > 1):
                return "memory"
            if fault != "recipe":
                raise _drawing_error(error, self._loaded.device) from error
            return str(
                RecipeError(
                    f"{key.method.name}, {key.width} x {key.height} pixels, {key.steps} steps",
                    f"the model can't draw it ({' '.join(str(error).split())[:300]})",
                    "Change what the view asks for, or look at the model; trying again won't help.",
                )
            )

    def _size(self, key: BatchKey) -> int:
        """The size that a batch is padded to: 1 if pictures would depend on their neighbours."""
        if not self._loaded.family.tasks[key.method.task].batchable:
            return 1
        return self._fits.get(_memory_class(key), self._batch_size)

    def _dtype(self, key: BatchKey) -> Dtype:
        return "fp32" if key.dtype == "fp32" else self._loaded.dtype

    def _prepared(
        self, jobs: Sequence[DrawJob], photos: Photos
    ) -> tuple[list[ReadyJob], list[Failure]]:
        """Load photos, masks and concepts; a job fails if one of them, or the model, is not the
        recipe's."""
        ready: list[ReadyJob] = []
        failures: list[Failure] = []
        for job in jobs:
            started = perf_counter()
            try:
                self._check_recipe(job)
                ready.append(ReadyJob(job, photos.of(job), photos.mask_of(job), concept_of(job)))
            except (RecipeError, PictureError) as error:
                failures.append(Failure(job.recipe_id, str(error), perf_counter() - started))
        return ready, failures

    def _check_recipe(self, job: DrawJob) -> None:
        recipe = job.recipe
        if recipe.model_hash != self._loaded.model_hash:
            raise RecipeError(
                f"model {recipe.model_hash[:12]}",
                f"the recipe was made for it, but {self._loaded.model_hash[:12]} is loaded",
                "Set model.id to the recipe's model, or plan again.",
            )
        problem = self._loaded.problem(recipe)
        if problem is not None:
            raise RecipeError(*problem)

    def _with_less_memory(
        self, key: BatchKey, ready: Sequence[ReadyJob], size: int, pending: Pending
    ) -> list[Failure]:
        """Put a batch back to be drawn in halves; a single picture that doesn't fit fails."""
        if self._loaded.device.type == "cuda":
            torch.cuda.empty_cache()
        if size == 1:
            problem = f"not enough memory for one picture of {key.width} x {key.height}"
            return [Failure(each.job.recipe_id, problem, 0.0) for each in ready]
        self._fits[_memory_class(key)] = size // 2
        pending.put_back(key, [each.job for each in ready])
        return []

    def _sorted_out(
        self,
        key: BatchKey,
        ready: Sequence[ReadyJob],
        drawn: Sequence[DrawnPicture],
        size: int,
        seconds: float,
        pending: Pending,
    ) -> tuple[list[Finished], list[Failure]]:
        """Separate pictures from failures; a bad one of lower precision is redrawn in fp32."""
        dtype = self._dtype(key)
        environment = self._loaded.environment(size, dtype)
        pictures: list[Finished] = []
        failures: list[Failure] = []
        again: list[DrawJob] = []
        for each, picture in zip(ready, drawn, strict=True):
            if picture.defect is None:
                pictures.append(Finished(each.job.recipe_id, picture.pixels, seconds, environment))
            elif dtype != "fp32":
                again.append(each.job)
            else:
                problem = f"the model drew {picture.defect}"
                failures.append(Failure(each.job.recipe_id, problem, seconds))
        pending.add(key.in_fp32(), again)
        return pictures, failures


def _memory_class(key: BatchKey) -> tuple[int, int, str]:
    """The properties that determine how many pictures fit into memory."""
    return key.width, key.height, key.dtype


def _drawing_error(error: Exception, device: torch.device) -> DrawingError:
    return DrawingError(
        f"drawing on {device}",
        f"torch failed ({error})",
        "What was drawn before is kept; run again, and check the GPU (nvidia-smi, dmesg) if it "
        "fails again.",
    )
