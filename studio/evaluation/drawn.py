"""Draw pictures for an evaluation, apply the judge, and compute figures.

Finished parts are kept in files, so that an interrupted evaluation resumes.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from studio.attributes import ATTRIBUTES, Wish
from studio.evaluation.figures import Pictures, share_of
from studio.evaluation.measures import gradient_energy, white_border
from studio.files import whole_file
from studio.networks.diffusion import draw
from studio.networks.judge import Judge, decide

BATCH: Final[int] = 8
#: Pictures per progress message and per file.
PART: Final[int] = 96
#: On a white background, a pixel below this level in some channel belongs to the subject.
SUBJECT_BELOW: Final[int] = 230


@dataclass(frozen=True)
class Drawn:
    """Pictures, the wishes that they were drawn for, and the judge's answers."""

    wishes: list[Wish]
    pictures: Pictures
    answers: NDArray[np.int64]
    """The judge's class numbers (N, 6)."""
    seconds: float

    def right(self) -> NDArray[np.bool_]:
        """(N, 6): whether the judge sees what was asked for."""
        wanted: NDArray[np.int64] = np.array([wish.labels() for wish in self.wishes])
        right: NDArray[np.bool_] = self.answers == wanted
        return right

    def only(self, pairs: frozenset[tuple[str, str]]) -> "Drawn":
        """The subset that shows one of these pairs of category and colour."""
        among = [(wish.category, wish.colour) in pairs for wish in self.wishes]
        wishes = [wish for wish, wanted in zip(self.wishes, among, strict=True) if wanted]
        seconds = self.seconds * len(wishes) / len(self.wishes)
        return Drawn(wishes, self.pictures[among], self.answers[among], seconds)


def draw_grid(
    pipeline: Any,
    judge: Judge,
    wishes: list[Wish],
    seeds: int,
    steps: int,
    guidance: float,
    kept: Path | None = None,
) -> Drawn:
    """Draw every wish with seeds 0 to ``seeds`` - 1, offset by its index, and judge the pictures.

    ``kept`` is a folder for exactly these weights, wishes and numbers: parts are stored there, and
    existing ones are not drawn again.
    """
    asked = [wish for wish in wishes for _ in range(seeds)]
    numbers = [1_000 * place + seed for place in range(len(wishes)) for seed in range(seeds)]
    parts: list[Pictures] = []
    seconds = 0.0
    for begin in range(0, len(asked), PART):
        captions = [wish.caption() for wish in asked[begin : begin + PART]]
        path = kept / f"{begin:06d}.npz" if kept else None
        if path and path.exists():
            part = _read_part(path)
        else:
            part = _draw_part(pipeline, captions, numbers[begin : begin + PART], steps, guidance)
            if path:
                _write_part(part, path)
        parts.append(part.pictures)
        seconds += part.seconds
        done = begin + len(captions)
        print(
            f"drawn {done}/{len(asked)}, {done / seconds:.2f} images/s", file=sys.stderr, flush=True
        )
    pictures = np.concatenate(parts)
    return Drawn(asked, pictures, decide(judge, pictures), seconds)


class _Part(NamedTuple):
    pictures: Pictures
    seconds: float


def _draw_part(
    pipeline: Any, captions: list[str], seeds: list[int], steps: int, guidance: float
) -> _Part:
    started = time.monotonic()
    batches = [
        draw(pipeline, captions[at : at + BATCH], seeds[at : at + BATCH], steps, guidance)
        for at in range(0, len(captions), BATCH)
    ]
    return _Part(np.concatenate(batches), time.monotonic() - started)


def _read_part(path: Path) -> _Part:
    with np.load(path) as stored:
        return _Part(stored["pictures"], float(stored["seconds"]))


def _write_part(part: _Part, path: Path) -> None:
    with whole_file(path) as stream:
        np.savez(stream, pictures=part.pictures, seconds=part.seconds)


def drawing_figures(drawn: Drawn, unseen_pairs: Drawn) -> dict[str, Any]:
    """Shares of right attributes, by the judge, and of white backgrounds that are white."""
    right = drawn.right()
    figures: dict[str, Any] = {
        name: share_of(right[:, place]) for place, name in enumerate(ATTRIBUTES)
    }
    figures["all six"] = share_of(right.all(1))
    figures["held-out pairs"] = share_of(unseen_pairs.right()[:, :2].all(1))
    white = [
        white_border(picture)
        for wish, picture in zip(drawn.wishes, drawn.pictures, strict=True)
        if wish.background == "white"
    ]
    figures["white border"] = share_of(np.array(white))
    figures["images per second"] = round(len(drawn.wishes) / drawn.seconds, 3)
    return figures


def by_class(drawn: Drawn, attribute: str) -> dict[str, dict[str, float | int]]:
    """For each class of one attribute of a ``Wish``, the share with all six attributes right."""
    asked = np.array([str(getattr(wish, attribute)) for wish in drawn.wishes])
    right = np.asarray(drawn.right().all(axis=1))
    return {name: share_of(right[asked == name]) for name in dict.fromkeys(asked.tolist())}


def sharpness(drawn: Drawn, originals: Pictures, backgrounds: list[str]) -> dict[str, float]:
    """Mean gradient energy inside subjects on white: drawn, rendered, and their ratio.

    On white, the subject is separated from its background by level, in both cases.
    """

    def energy(pictures: Pictures, kinds: list[str]) -> float:
        values = [
            gradient_energy(picture, picture.min(2) < SUBJECT_BELOW)
            for picture, kind in zip(pictures, kinds, strict=True)
            if kind == "white"
        ]
        return float(np.nanmean(values))

    made = energy(drawn.pictures, [wish.background for wish in drawn.wishes])
    real = energy(originals, backgrounds)
    return {"drawn": round(made, 1), "rendered": round(real, 1), "ratio": round(made / real, 3)}
