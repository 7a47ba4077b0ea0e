"""``python -m catalog_gen.studio.evaluate --json``: the figures of the studio model's card.

Loads the exported folders as any user would (diffusers, open_clip), draws a balanced grid with the
model's default steps and guidance, picks nothing, and asks the judge. Figures of reconstruction and
of the scorer come from held-out renders. It trains nothing and changes no weights.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from catalog_gen.errors import InputError, ModelError
from catalog_gen.studio.album import Album, to_signed
from catalog_gen.studio.attributes import (
    ATTRIBUTES,
    CLASSES,
    Wish,
    caption_number,
    every_wish,
    labels_of,
)
from catalog_gen.studio.diffusion import draw
from catalog_gen.studio.grid import balanced_wishes, held_out_wishes
from catalog_gen.studio.judge import Judge, decide, load_judge
from catalog_gen.studio.measures import (
    Share,
    auroc,
    gradient_energy,
    psnr,
    ssim,
    white_border,
    wilson,
)
from catalog_gen.studio.sheets import tile
from catalog_gen.studio.sizes import STANDARD
from catalog_gen.studio.vae import box_psnr, reconstruct

Pictures = NDArray[np.uint8]

BATCH: Final[int] = 8
#: Captions among which the right one must be found, and the pictures that each is tried on.
AMONG: Final[int] = 100
#: Below this level in some channel a pixel on a white background belongs to the subject.
SUBJECT_BELOW: Final[int] = 230
#: Drawn pictures beside their nearest training photo.
COMPARED: Final[int] = 24
#: Every scheduler that the pipeline offers, by its class in diffusers.
SCHEDULERS: Final[tuple[str, ...]] = (
    "DDIMScheduler",
    "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "DPMSolverMultistepScheduler",
    "UniPCMultistepScheduler",
    "LCMScheduler",
)


@dataclass(frozen=True)
class Question:
    """What an evaluation reads and how much of it."""

    model: Path
    photos: Path
    judge: Path
    sheets: Path
    per_cell: int
    limit: int | None
    """Combinations of the grid; None for all 5,760."""
    renders: int
    """Held-out renders used, spread evenly over the split."""


@dataclass(frozen=True)
class Drawn:
    """Pictures and what was asked for."""

    wishes: list[Wish]
    pictures: Pictures
    answers: NDArray[np.int64]
    """The judge's class numbers (N, 6)."""
    seconds: float

    def right(self) -> NDArray[np.bool_]:
        """(N, 6): whether the judge sees what was asked for."""
        wanted: NDArray[np.int64] = np.array([wish.labels() for wish in self.wishes])
        return self.answers == wanted


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _share(outcomes: NDArray[np.bool_]) -> dict[str, float]:
    share: Share = wilson(int(outcomes.sum()), outcomes.size)
    return {name: round(float(value), 4) for name, value in asdict(share).items()}


def load_pipeline(folder: Path) -> Any:
    """The exported pipeline in fp32, as a user loads it."""
    from diffusers import StableDiffusionPipeline

    if not (folder / "model_index.json").exists():
        raise ModelError(
            str(folder),
            "is no diffusers pipeline",
            "Export one: python -m catalog_gen.studio.train --stages export.",
        )
    pipeline = StableDiffusionPipeline.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to("cuda" if torch.cuda.is_available() else "cpu")


def draw_grid(
    pipeline: Any, judge: Judge, wishes: list[Wish], seeds: int, steps: int, guidance: float
) -> Drawn:
    """Draws every wish with seeds 0 to ``seeds`` - 1, offset by its place, and has them judged."""
    asked = [wish for wish in wishes for _ in range(seeds)]
    numbers = [1_000 * place + seed for place in range(len(wishes)) for seed in range(seeds)]
    parts, start = [], time.monotonic()
    for begin in range(0, len(asked), BATCH):
        chosen = asked[begin : begin + BATCH]
        parts.append(
            draw(
                pipeline,
                [wish.caption() for wish in chosen],
                numbers[begin : begin + BATCH],
                steps,
                guidance,
            )
        )
        if begin // BATCH % 8 == 7:
            done = begin + len(chosen)
            pace = done / (time.monotonic() - start)
            _say(f"drawn {done}/{len(asked)}, {pace:.2f} images/s")
    pictures = np.concatenate(parts)
    return Drawn(asked, pictures, decide(judge, pictures), time.monotonic() - start)


def drawing_figures(drawn: Drawn, unseen_pairs: Drawn) -> dict[str, Any]:
    """Shares that the judge finds right, and white backgrounds that are white."""
    right = drawn.right()
    figures: dict[str, Any] = {
        name: _share(right[:, place]) for place, name in enumerate(ATTRIBUTES)
    }
    figures["all six"] = _share(right.all(1))
    figures["held-out pairs"] = _share(unseen_pairs.right()[:, :2].all(1))
    white = [
        white_border(picture)
        for wish, picture in zip(drawn.wishes, drawn.pictures, strict=True)
        if wish.background == "white"
    ]
    figures["white border"] = _share(np.array(white))
    figures["images per second"] = round(len(drawn.wishes) / drawn.seconds, 3)
    return figures


def sharpness(drawn: Drawn, originals: Pictures, backgrounds: list[str]) -> dict[str, float]:
    """Mean gradient energy inside subjects on white: drawn, rendered, and their ratio.

    On white the subject can be told from its background by level, alike in both kinds.
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


def reconstruction_figures(vae: Any, album: Album, picks: list[int]) -> dict[str, float]:
    """PSNR inside the subject's box, and SSIM of whole pictures, after the autoencoder."""
    originals = album.pictures(picks, [False] * len(picks))
    copies = reconstruct(vae, originals)
    boxed = box_psnr(originals, copies, album.boxes[picks])
    similar = [ssim(a, b) for a, b in zip(originals, copies, strict=True)]
    return {
        "box psnr": round(float(np.mean(boxed)), 2),
        "box psnr of the worst tenth": round(float(np.quantile(boxed, 0.1)), 2),
        "psnr": round(psnr(originals, copies), 2),
        "ssim": round(float(np.mean(similar)), 4),
        "n": len(picks),
    }


@torch.no_grad()
def scorer_figures(folder: Path, album: Album, picks: list[int]) -> dict[str, Any]:
    """AUROC of right captions against all with one attribute wrong; top-1 among ``AMONG``."""
    import open_clip

    name = f"local-dir:{folder}"
    clip, _, _ = open_clip.create_model_and_transforms(name)
    clip.eval()
    tokenizer = open_clip.get_tokenizer(name)
    wishes = every_wish()
    captions = [wish.caption() for wish in wishes]
    read = torch.cat(
        [
            clip.encode_text(tokenizer(captions[start : start + 256]), normalize=True)
            for start in range(0, len(captions), 256)
        ]
    )
    pictures = album.pictures(picks, [False] * len(picks))
    seen = torch.cat(
        [
            clip.encode_image(to_signed(pictures[start : start + 64]), normalize=True)
            for start in range(0, len(pictures), 64)
        ]
    )
    scores = (seen @ read.T).double()
    photos = album.photos
    labels = labels_of([photos.scenes[p] for p in picks], [photos.colours[p] for p in picks])
    numbers = caption_number(labels)
    rows = torch.arange(len(picks))
    right = scores[rows, numbers].numpy()
    by_attribute: dict[str, float] = {}
    wrong = []
    for place, (attribute, classes) in enumerate(zip(ATTRIBUTES, CLASSES, strict=True)):
        others = []
        for shift in range(1, classes):
            changed = labels.clone()
            changed[:, place] = (changed[:, place] + shift) % classes
            others.append(scores[rows, caption_number(changed)].numpy())
        wrong.append(np.concatenate(others))
        by_attribute[attribute] = round(auroc(right, wrong[-1]), 4)
    generator = torch.Generator().manual_seed(0)
    hits = []
    for row, number in enumerate(numbers.tolist()):
        others_at = torch.randperm(len(wishes), generator=generator)[: AMONG]
        others_at = others_at[others_at != number][: AMONG - 1]
        hits.append(bool((scores[row, others_at] < scores[row, number]).all()))
    return {
        "auroc one attribute wrong": round(auroc(right, np.concatenate(wrong)), 4),
        "auroc by attribute": by_attribute,
        "top-1 among 100": _share(np.array(hits)),
    }


def _small(pictures: Pictures) -> NDArray[np.float32]:
    """(N, 128, 128, 3) averaged to (N, 32 * 32 * 3)."""
    n = len(pictures)
    small: NDArray[np.float32] = pictures.reshape(n, 32, 4, 32, 4, 3).mean((2, 4), np.float32)
    return small.reshape(n, -1)


def _nearest(pictures: Pictures, album: Album) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The nearest training photo or mirror image to each picture, by RMS difference at 32x32."""
    wanted = _small(pictures)
    best = np.full(len(pictures), np.inf)
    at = np.zeros(len(pictures), np.int64)
    images = album.photos.images
    for start in range(0, len(album), 500):
        block = np.asarray(images[start : start + 500])
        for flipped in (False, True):
            known = _small(block[:, :, ::-1] if flipped else block)
            squares = (wanted**2).sum(1)[:, None] + (known**2).sum(1) - 2.0 * wanted @ known.T
            nearest = squares.argmin(1)
            value = squares[np.arange(len(wanted)), nearest]
            better = value < best
            best[better], at[better] = value[better], start + nearest[better]
    return at, np.sqrt(np.maximum(best, 0.0) / wanted.shape[1])


def copying_figures(
    drawn: Drawn, originals: Pictures, album: Album, sheet: Path
) -> dict[str, float]:
    """How near drawn pictures come to training photos, beside how near new renders come.

    A model that copied would come nearer than renders of new scenes do. The sheet shows drawn
    pictures in odd columns, each with its nearest training photo at its right.
    """
    stride = max(1, len(drawn.pictures) // COMPARED)
    shown = drawn.pictures[::stride][:COMPARED]
    at, away = _nearest(shown, album)
    _, away_new = _nearest(originals[:: max(1, len(originals) // COMPARED)][:COMPARED], album)
    near = np.stack([album.photos.images[place] for place in at])
    sheet.parent.mkdir(parents=True, exist_ok=True)
    tile(np.stack([shown, near], 1).reshape(-1, *shown.shape[1:]), 8).save(sheet)
    return {
        "drawn rms": round(float(np.median(away)), 2),
        "drawn least rms": round(float(away.min()), 2),
        "new renders rms": round(float(np.median(away_new)), 2),
        "n": len(shown),
    }


def scheduler_figures(
    pipeline: Any, judge: Judge, known: dict[str, Any], sheet: Path
) -> dict[str, Any]:
    """Category and colour right, and white borders, with each scheduler; 24 wishes, one seed."""
    import diffusers

    figures: dict[str, Any] = {}
    rows = []
    original = pipeline.scheduler
    wishes = balanced_wishes(24, seed=7)
    for name in SCHEDULERS:
        pipeline.scheduler = getattr(diffusers, name).from_config(original.config)
        drawn = draw_grid(pipeline, judge, wishes, 1, known["steps"], known["guidance"])
        right = drawn.right()
        figures[name] = {
            "category and colour": _share(right[:, :2].all(1)),
            "all six": _share(right.all(1)),
        }
        rows.append(drawn.pictures[:12])
        _say(f"{name}: {figures[name]}")
    pipeline.scheduler = original
    tile(np.concatenate(rows), 12).save(sheet)
    return figures


def evaluate(question: Question) -> dict[str, Any]:
    """All figures as one JSON object.

    Raises:
        ModelError: a model folder is missing or no pipeline.
        InputError: the judge has not been trained.
    """
    if not question.judge.exists():
        raise InputError(
            str(question.judge),
            "is missing; the judge decides what a picture shows",
            "Train it: python -m catalog_gen.studio.train --stages judge export.",
        )
    question.sheets.mkdir(parents=True, exist_ok=True)
    pipeline = load_pipeline(question.model / "pipeline")
    known = json.loads((question.model / "studio.json").read_text())
    judge = load_judge(question.judge, STANDARD.judge)
    album = Album(question.photos, "held-out")
    # An odd stride: scenes come in ten colours, an even one would always meet the same ones.
    stride = max(1, len(album) // question.renders) | 1
    picks = list(range(0, len(album), stride))[: question.renders]
    originals = album.pictures(picks, [False] * len(picks))
    photos = album.photos
    labels = labels_of([photos.scenes[p] for p in picks], [photos.colours[p] for p in picks])
    judged = decide(judge, originals) == labels.numpy()
    figures: dict[str, Any] = {
        "grid": {
            "combinations": question.limit or len(every_wish()),
            "seeds": question.per_cell,
            "steps": known["steps"],
            "guidance": known["guidance"],
        },
        "judge on held-out renders": {
            name: _share(judged[:, place]) for place, name in enumerate(ATTRIBUTES)
        },
        "reconstruction": reconstruction_figures(pipeline.vae, album, picks),
    }
    _say(json.dumps(figures))
    figures["scorer"] = scorer_figures(question.model / "clip", album, picks)
    _say(json.dumps(figures["scorer"]))
    style = (question.per_cell, known["steps"], known["guidance"])
    drawn = draw_grid(pipeline, judge, balanced_wishes(question.limit), *style)
    fewer = None if question.limit is None else max(12, question.limit // 4)
    unseen = draw_grid(pipeline, judge, held_out_wishes(fewer), *style)
    figures["drawing"] = drawing_figures(drawn, unseen)
    figures["sharpness"] = sharpness(
        drawn, originals, [photos.scenes[p].background for p in picks]
    )
    tile(drawn.pictures[:96], 12).save(question.sheets / "drawn.png")
    tile(unseen.pictures[:48], 12).save(question.sheets / "held-out-pairs.png")
    _say(json.dumps(figures["drawing"]))
    figures["nearest training photo"] = copying_figures(
        drawn, originals, Album(question.photos, "train"), question.sheets / "nearest.png"
    )
    figures["schedulers"] = scheduler_figures(
        pipeline, judge, known, question.sheets / "schedulers.png"
    )
    return figures


def main(arguments: list[str] | None = None) -> None:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description="Measure the studio model.")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--model", type=Path, default=Path("data/models/studio"))
    parser.add_argument("--photos", type=Path, default=Path(".studio/photos"))
    parser.add_argument("--judge", type=Path, default=Path(".studio/judge.safetensors"))
    parser.add_argument("--sheets", type=Path, default=Path(".studio/evaluation"))
    parser.add_argument("--per-cell", type=int, default=4, help="seeds of a combination")
    parser.add_argument(
        "--limit", type=int, default=None, help="a balanced subset of so many combinations"
    )
    parser.add_argument("--renders", type=int, default=200, help="held-out renders used")
    given = parser.parse_args(arguments)
    question = Question(
        given.model,
        given.photos,
        given.judge,
        given.sheets,
        given.per_cell,
        given.limit,
        given.renders,
    )
    try:
        figures = evaluate(question)
    except InputError as error:
        print(error, file=sys.stderr)
        raise SystemExit(error.exit_code) from error
    if given.json:
        print(json.dumps(figures, indent=2))
    else:
        for group, values in figures.items():
            print(group)
            for name, value in values.items():
                print(f"  {name}: {value}")


if __name__ == "__main__":
    main()
