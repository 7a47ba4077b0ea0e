"""``python -m studio.evaluation.evaluate --json``: the figures of the studio model's card.

Load the exported folders as any user would (diffusers, open_clip), draw a balanced grid with the
model's default steps and guidance, without cherry-picking, and apply the judge. Figures of
reconstruction and of the scorer come from held-out renders. An interrupted run resumes.
"""

import argparse
import hashlib
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from catalog_gen.errors import InputError, ModelError
from catalog_gen.fingerprint import sha256_file
from studio.attributes import ATTRIBUTES, every_wish, labels_of
from studio.command import count, reported_errors
from studio.evaluation.drawn import Drawn, by_class, draw_grid, drawing_figures, sharpness
from studio.evaluation.figures import (
    copying_figures,
    reconstruction_figures,
    scorer_figures,
    share_of,
)
from studio.evaluation.grid import balanced_wishes, held_out_wishes
from studio.evaluation.sheets import spread, tile
from studio.networks.judge import Judge, decide, load_judge
from studio.networks.sizes import STANDARD, JudgeSize
from studio.photos.album import Album, has_photos
from studio.photos.scene import Split
from studio.vocabulary import HELD_OUT_PAIRS

#: Schedulers for a model that predicts v, by their class in diffusers.
SCHEDULERS: Final[tuple[str, ...]] = (
    "DDIMScheduler",
    "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "DPMSolverMultistepScheduler",
    "UniPCMultistepScheduler",
    "LCMScheduler",
)
#: Schedulers for a flow model.
FLOW_SCHEDULERS: Final[tuple[str, ...]] = ("UniPCMultistepScheduler", "DPMSolverMultistepScheduler")


@dataclass(frozen=True)
class Question:
    """The parameters of an evaluation."""

    model: Path
    photos: Path
    judge: Path
    sheets: Path
    per_cell: int
    limit: int | None
    """Combinations of the grid; None for all 5,760."""
    renders: int | None
    """Held-out renders used, spread evenly over the split; None for all."""
    judge_size: JudgeSize = STANDARD.judge


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def load_pipeline(folder: Path) -> Any:
    """Load the exported pipeline in fp32, as a user does."""
    from diffusers import StableDiffusionPipeline

    if not (folder / "model_index.json").exists():
        raise ModelError(
            str(folder),
            "is not a diffusers pipeline",
            "Export one: python -m studio.training.train --stages export.",
        )
    stock: Any = StableDiffusionPipeline
    pipeline = stock.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to("cuda" if torch.cuda.is_available() else "cpu")


def scheduler_figures(
    pipeline: Any, judge: Judge, known: dict[str, Any], sheet: Path
) -> dict[str, Any]:
    """Shares of right category and colour, and of all six right, by scheduler; 24 wishes."""
    import diffusers

    figures: dict[str, Any] = {}
    rows = []
    original = pipeline.scheduler
    wishes = balanced_wishes(24, seed=7)
    flows = original.config.get("use_flow_sigmas", False)
    for name in FLOW_SCHEDULERS if flows else SCHEDULERS:
        pipeline.scheduler = getattr(diffusers, name).from_config(original.config)
        drawn = draw_grid(pipeline, judge, wishes, 1, known["steps"], known["guidance"])
        right = drawn.right()
        figures[name] = {
            "category and colour": share_of(right[:, :2].all(1)),
            "all six": share_of(right.all(1)),
        }
        rows.append(drawn.pictures[:12])
        _say(f"{name}: {figures[name]}")
    pipeline.scheduler = original
    tile(np.concatenate(rows), 12).save(sheet)
    return figures


def evaluate(question: Question) -> dict[str, Any]:
    """All figures as one JSON object.

    Raises:
        ModelError: the pipeline's folder is missing or not a pipeline.
        InputError: the judge has not been trained, or photos are missing.
    """
    if not question.judge.exists():
        raise InputError(
            str(question.judge),
            "is missing; the judge decides what a picture shows",
            "Train it: python -m studio.training.train --stages judge export.",
        )
    question.sheets.mkdir(parents=True, exist_ok=True)
    pipeline = load_pipeline(question.model / "pipeline")
    known = json.loads((question.model / "studio.json").read_text())
    judge = load_judge(question.judge, question.judge_size)
    album = Album(question.photos, "held-out", side=known["side"])
    splits: list[Split] = ["train"]
    if has_photos(question.photos, "scorer"):
        splits.append("scorer")
    lessons = Album(question.photos, *splits, known_pairs=True, side=known["side"])
    picks = spread(len(album), question.renders or len(album)).tolist()
    originals = album.pictures(picks)
    photos = album.photos
    labels = labels_of([photos.scenes[p] for p in picks], [photos.colours[p] for p in picks])
    judged = decide(judge, originals) == labels.numpy()
    figures: dict[str, Any] = {
        "grid": {
            "combinations": min(question.limit or len(every_wish()), len(every_wish())),
            "seeds": question.per_cell,
            "steps": known["steps"],
            "guidance": known["guidance"],
        },
        "judge on held-out renders": {
            name: share_of(judged[:, place]) for place, name in enumerate(ATTRIBUTES)
        },
        "reconstruction": reconstruction_figures(pipeline.vae, album, picks),
    }
    _say(json.dumps(figures))
    figures["scorer"] = scorer_figures(question.model / "clip", album, picks)
    _say(json.dumps(figures["scorer"]))
    style = (question.per_cell, known["steps"], known["guidance"])
    kept = question.sheets / "kept" / _digest(question, style)
    drawn = draw_grid(pipeline, judge, balanced_wishes(question.limit), *style, kept / "grid")
    if question.limit is None:
        unseen = drawn.only(HELD_OUT_PAIRS)
    else:
        pairs = held_out_wishes(max(12, question.limit // 4))
        unseen = draw_grid(pipeline, judge, pairs, *style, kept / "held-out-pairs")
    figures["drawing"] = drawing_figures(drawn, unseen)
    for name in ATTRIBUTES:
        figures[f"all six by {name}"] = by_class(drawn, name)
    figures["sharpness"] = sharpness(drawn, originals, [photos.scenes[p].background for p in picks])
    _save_sheet(drawn, 96, question.sheets / "drawn.png")
    _save_sheet(unseen, 48, question.sheets / "held-out-pairs.png")
    _say(json.dumps(figures["drawing"]))
    figures["nearest training photo"] = copying_figures(
        drawn.pictures,
        originals,
        lessons,
        question.sheets / "nearest.png",
    )
    figures["schedulers"] = scheduler_figures(
        pipeline, judge, known, question.sheets / "schedulers.png"
    )
    shutil.rmtree(kept)
    return figures


def _digest(question: Question, style: tuple[int, int, float]) -> str:
    """A hash of 12 hex digits over everything that the pictures depend on."""
    files = sorted(path for path in (question.model / "pipeline").rglob("*") if path.is_file())
    hashes = [sha256_file(path) for path in files]
    return hashlib.sha256(repr((hashes, question.limit, style)).encode()).hexdigest()[:12]


def _save_sheet(drawn: Drawn, shown: int, path: Path) -> None:
    """Save ``shown`` of the pictures, evenly spread, in rows of twelve."""
    tile(drawn.pictures[spread(len(drawn.wishes), shown)], 12).save(path)


def main(arguments: list[str] | None = None) -> None:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description="Measure the studio model.")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--model", type=Path, default=Path("data/models/studio"))
    parser.add_argument("--photos", type=Path, default=Path(".studio/photos"))
    parser.add_argument("--judge", type=Path, default=Path(".studio/judge.safetensors"))
    parser.add_argument("--sheets", type=Path, default=Path(".studio/evaluation"))
    parser.add_argument("--per-cell", type=count, default=4, help="seeds of a combination")
    parser.add_argument(
        "--limit", type=count, default=None, help="number of combinations, a balanced subset"
    )
    parser.add_argument(
        "--renders", type=count, default=None, help="number of held-out renders to use"
    )
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
    with reported_errors():
        figures = evaluate(question)
    if given.json:
        print(json.dumps(figures, indent=2))
    else:
        for group, values in figures.items():
            print(group)
            for name, value in values.items():
                print(f"  {name}: {value}")


if __name__ == "__main__":
    main()
