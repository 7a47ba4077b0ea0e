"""Group jobs into batches, and pad the batches. Does not import torch.

The caller's order is kept: groups come in the order of their first job, and jobs keep their order
within a group, so that the most valuable pictures, which a plan puts first, are drawn first.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal, TypeVar

from catalog_gen.diffusion.jobs import DrawJob
from catalog_gen.method import Method
from catalog_gen.recipe import Recipe

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BatchKey:
    """What all pictures of a batch have in common.

    ``dtype`` "own" means the model's dtype. ``concept`` is the hash of what the model wears.
    """

    method: Method
    width: int
    height: int
    steps: int
    guidance: float
    scheduler: str
    dtype: Literal["own", "fp32"] = "own"
    concept: str | None = None
    eta: float | None = None

    @classmethod
    def of(cls, recipe: Recipe) -> "BatchKey":
        """The key of a recipe."""
        return cls(
            method=recipe.method,
            width=recipe.width,
            height=recipe.height,
            steps=recipe.steps,
            guidance=recipe.guidance,
            scheduler=recipe.scheduler,
            concept=recipe.concept_sha256,
            eta=recipe.eta,
        )

    def in_fp32(self) -> "BatchKey":
        """The same key in single precision."""
        return replace(self, dtype="fp32")


class Pending:
    """The jobs still to be drawn, grouped by batch key."""

    def __init__(self, jobs: Iterable[DrawJob], *, in_fp32: bool = False) -> None:
        self._groups: dict[BatchKey, deque[DrawJob]] = {}
        for job in jobs:
            key = BatchKey.of(job.recipe)
            self.add(key.in_fp32() if in_fp32 else key, [job])

    def __len__(self) -> int:
        return sum(map(len, self._groups.values()))

    @property
    def next_key(self) -> BatchKey:
        """The key of the next group."""
        return next(iter(self._groups))

    def upcoming(self, size: int) -> list[DrawJob]:
        """Up to ``size`` jobs of the next group, without removing them."""
        return list(islice(self._groups[self.next_key], size)) if self._groups else []

    def take(self, size: int) -> list[DrawJob]:
        """Remove and return up to ``size`` jobs of the next group."""
        key = self.next_key
        group = self._groups[key]
        taken = [group.popleft() for _ in range(min(size, len(group)))]
        if not group:
            del self._groups[key]
        return taken

    def add(self, key: BatchKey, jobs: Sequence[DrawJob]) -> None:
        """Append jobs to their group; a new group comes after all others."""
        if jobs:
            self._groups.setdefault(key, deque()).extend(jobs)

    def put_back(self, key: BatchKey, jobs: Sequence[DrawJob]) -> None:
        """Put jobs back, to be taken next."""
        group = self._groups.pop(key, deque())
        group.extendleft(reversed(jobs))
        self._groups = {key: group, **self._groups}


def pad(items: Sequence[T], size: int) -> list[T]:
    """Repeat the last item up to ``size``; pictures drawn for the repeats are dropped.

    A picture depends on its batch only by the size, which selects the kernels, so all batches are
    padded to the same size.
    """
    return [*items, *[items[-1]] * (size - len(items))]
