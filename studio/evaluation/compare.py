"""``python -m studio.evaluation.compare``: UNet against DiT, v-prediction against flow matching.

Train four generators from scratch on the studio model's latents and captions, in turns and for the
same time, then draw the same wishes with all of them and apply the judge. An interrupted run
resumes from its files. It needs the stages vae, latents, decoder, judge and export of
``studio.training.train``, and adds only latents of photos that have none yet.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from catalog_gen.errors import InputError
from studio.attributes import Wish
from studio.command import count, minutes, reported_errors
from studio.evaluation.drawn import BATCH, Drawn, drawing_figures, sharpness
from studio.evaluation.figures import Pictures
from studio.evaluation.grid import balanced_wishes, held_out_wishes
from studio.evaluation.sheets import spread, tile
from studio.networks.diffusion import GUIDANCE, STEPS, GeneratorStage, build_unet
from studio.networks.dit import build_dit
from studio.networks.judge import Judge, decide, load_judge
from studio.networks.objective import FlowMatching, Objective, VPrediction
from studio.networks.sizes import GeneratorSize
from studio.training.checkpoint import load_checkpoint
from studio.training.loop import TrainingBudget, train_stage
from studio.training.train import Studio, TrainingPlan, alone

#: Products on a sheet: a column for each category.
SHOWN: Final[int] = 48
SHEET_BYTES: Final[int] = 150_000
#: Held-out renders that are the reference for sharpness.
RENDERS: Final[int] = 200


@dataclass(frozen=True)
class Arm:
    """One of the generators compared."""

    name: str
    title: str
    build: Callable[[GeneratorSize, int], Any]
    objective: Callable[[], Objective]


ARMS: Final[tuple[Arm, ...]] = (
    Arm("unet-v", "UNet, v-prediction", build_unet, VPrediction),
    Arm("unet-flow", "UNet, flow matching", build_unet, FlowMatching),
    Arm("dit-v", "DiT, v-prediction", build_dit, VPrediction),
    Arm("dit-flow", "DiT, flow matching", build_dit, FlowMatching),
)


@dataclass(frozen=True)
class Comparison:
    """The parameters of a comparison."""

    studio: TrainingPlan
    """The training whose photos, latents, captions, decoder and judge all arms share."""
    work: Path
    budget: TrainingBudget
    """Of each arm."""
    round_minutes: float
    """Minutes of training after which it is the next arm's turn."""
    wishes: int


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def untrained(comparison: Comparison) -> tuple[Studio, dict[str, GeneratorStage]]:
    """All arms untrained, with the same training data, tokenizer and decoder."""
    size = comparison.studio.size.generator
    studio = Studio(comparison.studio)
    lessons, vae = studio.lessons(), studio.finished_vae()
    stages = {}
    for arm in ARMS:
        stages[arm.name] = stage = GeneratorStage(
            size, vae, studio.tokenizer, lessons, arm.build, arm.objective()
        )
        stage.name = arm.name
    return studio, stages


def train_arms(comparison: Comparison, stages: dict[str, GeneratorStage]) -> None:
    """Train all arms in turns until their budgets are spent.

    In turns, so that other work on the machine affects all arms equally.
    """
    until = 0.0
    while True:
        until += comparison.round_minutes
        for name, stage in stages.items():
            train_stage(stage, comparison.budget, comparison.work / name, until)
        done = [_spent(comparison, name) for name in stages]
        if min(done) >= 1.0:
            return


def _spent(comparison: Comparison, name: str) -> float:
    found = load_checkpoint(comparison.work / name / "checkpoints" / f"{name}.pt")
    seconds, step = (found.seconds, found.step) if found else (0.0, 0)
    return comparison.budget.spent(seconds, step)


def draw_arms(
    stages: dict[str, GeneratorStage], vae: Any, judge: Judge, wishes: list[Wish]
) -> dict[str, Drawn]:
    """Draw every wish with every arm, in turns batch by batch, with one seed per wish."""
    pictures: dict[str, list[Pictures]] = {name: [] for name in stages}
    seconds = dict.fromkeys(stages, 0.0)
    for begin in range(0, len(wishes), BATCH):
        prompts = [wish.caption() for wish in wishes[begin : begin + BATCH]]
        seeds = [1_000 * (begin + place) for place in range(len(prompts))]
        for name, stage in stages.items():
            started = time.monotonic()
            pictures[name].append(stage.draw(vae, prompts, seeds))
            seconds[name] += time.monotonic() - started
        _say(f"drawn {begin + len(prompts)}/{len(wishes)}")
    drawn = {}
    for name, parts in pictures.items():
        joined = np.concatenate(parts)
        drawn[name] = Drawn(wishes, joined, decide(judge, joined), seconds[name])
    return drawn


def compare(comparison: Comparison) -> dict[str, Any]:
    """Train, draw and judge; write ``compare.json``, ``compare.md`` and ``ARM.jpg``.

    Raises:
        InputError: the judge or a stage that the arms share has not been trained.
    """
    path = comparison.studio.work / "judge.safetensors"
    if not path.exists():
        raise InputError(
            str(path),
            "is missing; the judge decides what a picture shows",
            "Train it: python -m studio.training.train --stages judge export.",
        )
    studio, stages = untrained(comparison)
    train_arms(comparison, stages)
    judge = load_judge(path, comparison.studio.size.judge)
    vae = studio.finished_vae()
    asked = draw_arms(stages, vae, judge, balanced_wishes(comparison.wishes))
    unseen = draw_arms(stages, vae, judge, held_out_wishes(max(12, comparison.wishes // 4)))
    album = studio.unseen
    picks = spread(len(album), RENDERS).tolist()
    originals = album.pictures(picks)
    backgrounds: list[str] = [album.photos.scenes[pick].background for pick in picks]
    arms: dict[str, Any] = {}
    for name, drawn in asked.items():
        arms[name] = _training_figures(comparison, name, stages[name])
        arms[name] |= drawing_figures(drawn, unseen[name])
        arms[name]["sharpness"] = sharpness(drawn, originals, backgrounds)
        save_sheet(drawn.pictures[:SHOWN], comparison.work / f"{name}.jpg")
    figures = {
        "minutes": comparison.budget.minutes,
        "wishes": comparison.wishes,
        "steps of drawing": STEPS,
        "guidance": GUIDANCE,
        "batch": comparison.studio.size.generator.batch,
        "arms": arms,
    }
    (comparison.work / "compare.json").write_text(json.dumps(figures, indent=2) + "\n")
    (comparison.work / "compare.md").write_text(table(arms))
    return figures


def _training_figures(comparison: Comparison, name: str, stage: GeneratorStage) -> dict[str, Any]:
    """An arm's size and training progress."""
    found = load_checkpoint(comparison.work / name / "checkpoints" / f"{name}.pt")
    if found is None:
        raise InputError(name, "has not been trained", "Give it more minutes.")
    log = (comparison.work / name / "logs" / f"{name}.jsonl").read_text().splitlines()
    losses = [row["loss"] for row in map(json.loads, log) if "loss" in row]
    parts: Any = stage.average
    return {
        "parameters": sum(value.numel() for value in parts["unet"].parameters()),
        "training steps": found.step,
        "training seconds": round(found.seconds, 1),
        "training steps per second": round(found.step / found.seconds, 3),
        "loss, last ten rows": round(statistics.fmean(losses[-10:]), 4) if losses else None,
    }


def save_sheet(pictures: Pictures, path: Path) -> None:
    """Write a JPEG of twelve columns, at the best quality that fits ``SHEET_BYTES``."""
    sheet: Image.Image = tile(pictures, 12)
    for quality in range(90, 30, -5):
        sheet.save(path, quality=quality, optimize=True)
        if path.stat().st_size <= SHEET_BYTES:
            return


def table(arms: dict[str, Any]) -> str:
    """The figures of all arms as a Markdown table, an arm a column."""

    def share(name: str) -> Callable[[dict[str, Any]], str]:
        def cell(arm: dict[str, Any]) -> str:
            value, low, high = (100 * arm[name][key] for key in ("value", "low", "high"))
            return f"{value:.1f} % ({low:.1f} to {high:.1f})"

        return cell

    rows: dict[str, Callable[[dict[str, Any]], str]] = {
        "parameters of the denoiser": lambda arm: f"{arm['parameters'] / 1e6:.2f} M",
        "training steps": lambda arm: f"{arm['training steps']:,}",
        "training steps/s": lambda arm: f"{arm['training steps per second']:.2f}",
        "category right": share("category"),
        "colour right": share("colour"),
        "material right": share("material"),
        "count right": share("count"),
        "all six right": share("all six"),
        "category and colour right, held-out pairs": share("held-out pairs"),
        "white border": share("white border"),
        "sharpness, drawn over rendered": lambda arm: f"{arm['sharpness']['ratio']:.2f}",
        "pictures drawn/s": lambda arm: f"{arm['images per second']:.2f}",
    }
    titles = [arm.title for arm in ARMS]
    lines = [["", *titles], ["---"] * (1 + len(titles))]
    lines += [[name, *(cell(arms[arm.name]) for arm in ARMS)] for name, cell in rows.items()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main(arguments: list[str] | None = None) -> None:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description="Compare four small generators.")
    parser.add_argument("--photos", type=Path, default=Path(".studio/photos"))
    parser.add_argument(
        "--studio", type=Path, default=Path(".studio"), help="studio.train's --work"
    )
    parser.add_argument("--work", type=Path, default=Path(".studio/compare"))
    parser.add_argument("--minutes", type=minutes, default=30.0, help="of training, each arm")
    parser.add_argument(
        "--round-minutes", type=minutes, default=5.0, help="before the next arm's turn"
    )
    parser.add_argument(
        "--wishes", type=count, default=360, help="combinations drawn, one seed each"
    )
    given = parser.parse_args(arguments)
    studio = TrainingPlan(given.photos, given.studio, given.studio / "export")
    comparison = Comparison(
        studio, given.work, TrainingBudget(given.minutes), given.round_minutes, given.wishes
    )
    # No other training may run in the folder whose latents and decoder all arms share.
    with reported_errors(), alone(comparison.work), alone(studio.work):
        figures = compare(comparison)
    print(table(figures["arms"]), end="")


if __name__ == "__main__":
    main()
