"""Learn a lesson with a loaded model."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from catalog_gen.concept import Lesson
from catalog_gen.diffusion.concepts.course import Course, LessonError
from catalog_gen.diffusion.concepts.file import written
from catalog_gen.diffusion.faults import fault_of
from catalog_gen.diffusion.loading import LoadedModel
from catalog_gen.errors import DrawingError
from catalog_gen.imaging.pixels import Pixels


def learned(model: LoadedModel, lesson: Lesson, photos: Sequence[Pixels], course: Course) -> bytes:
    """Learn the lesson; the bytes of the concept. The model is as before afterwards.

    In fp32, whatever the model's dtype. The same lesson gives the same bytes in the same
    environment, whether it was stopped in between or not.

    Args:
        photos: those of the lesson, each (side, side, 3).

    Raises:
        LessonError: this model can't be taught, or not in this way.
        DrawingError: the GPU is at fault.
    """
    if not model.family.teachable:
        raise LessonError(
            type(model.main).__name__,
            "catalog_gen can't train models of this family",
            "Use a Stable Diffusion 1.x, 2.x or XL model, or another method.",
        )
    try:
        with model.in_dtype("fp32"), _training(model, lesson.seed):
            return written(lesson, lesson.learner.learn(model, lesson, photos, course))
    except (RuntimeError, MemoryError) as error:
        fault = fault_of(error)
        message = " ".join(str(error).split())[:300]
        if fault == "GPU":
            raise DrawingError(
                f"learning on {model.device}",
                f"torch failed ({message})",
                "Checkpoints are kept; run again, and check the GPU (nvidia-smi, dmesg) if it "
                "fails again.",
            ) from error
        short = fault != "recipe"
        raise LessonError(
            f"lesson {lesson.lesson_id[:12]}",
            "there is not enough memory" if short else f"the model can't learn it ({message})",
            "Lower the learner's batch or the concept's side."
            if short
            else "Change the learner's settings, or look at the model.",
        ) from error


@contextmanager
def _training(model: LoadedModel, seed: int) -> Iterator[None]:
    """Gradients for what a learner adds and for nothing of the model; torch's generator seeded."""
    for part in model.main.components.values():
        if isinstance(part, torch.nn.Module):
            part.requires_grad_(False)
    devices = [model.device] if model.device.type == "cuda" else []
    with (
        torch.enable_grad(),
        torch.compiler.set_stance("force_eager"),
        torch.random.fork_rng(devices),
    ):
        torch.manual_seed(seed)
        yield
