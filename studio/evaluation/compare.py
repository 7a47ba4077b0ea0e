"""``python -m studio.evaluation.compare``: denoisers, objectives, a GAN, and one without captions.

Train generators from scratch on the studio model's latents and captions, in turns and for the same
time, then draw the same wishes with all of them, and apply the judge and the critic of form. An
interrupted run resumes from its files. It needs the stages vae, latents, decoder, judge and export
of ``studio.training.train`` (with ``--start`` only the judge), and adds latents of photos that
have none yet.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import entropy

from catalog_gen.errors import InputError
from catalog_gen.judging.critics.critic import Critic, critic_of
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.settings.catalog import load_settings
from catalog_gen.settings.judge import ScorerSettings
from studio.attributes import Wish, caption_number, every_wish
from studio.command import count, minutes, reported_errors
from studio.evaluation.drawn import BATCH, Drawn, drawing_figures, sharpness
from studio.evaluation.figures import Pictures, share_of
from studio.evaluation.grid import balanced_wishes, held_out_wishes
from studio.evaluation.measures import kernel_distance
from studio.evaluation.sheets import spread, tile
from studio.networks.adversarial import AdversarialStage
from studio.networks.diffusion import GUIDANCE, STEPS, GeneratorStage, Lessons, build_unet
from studio.networks.dit import build_dit
from studio.networks.judge import Judge, decide, load_judge
from studio.networks.objective import FlowMatching, Objective, VPrediction
from studio.networks.sizes import GeneratorSize
from studio.photos.album import tokenize
from studio.training.checkpoint import load_checkpoint
from studio.training.loop import TrainingBudget, train_stage
from studio.training.train import Studio, TrainingPlan, alone
from studio.vocabulary import CATEGORIES

#: Products on a sheet: a column for each category.
SHOWN: Final[int] = 48
SHEET_BYTES: Final[int] = 150_000
#: Held-out renders that are the reference for sharpness and distance.
RENDERS: Final[int] = 200
#: Probability of a sound form from which a picture counts as one.
SOUND: Final[float] = 0.5


@dataclass(frozen=True)
class Arm:
    """One of the generators compared; without an objective it is a GAN."""

    name: str
    title: str
    build: Callable[[GeneratorSize, int], Any]
    objective: Callable[[], Objective] | None
    captions: bool = True
    """Whether it learns captions and is asked with them."""

    def stage(self, size: GeneratorSize, vae: Any, tokenizer: Any, all_of: Lessons) -> Any:
        """The generator, untrained."""
        lessons = all_of if self.captions else _uncaptioned(all_of, tokenizer)
        given = size, vae, tokenizer, lessons, self.build
        stage = (
            AdversarialStage(*given)
            if self.objective is None
            else GeneratorStage(*given, self.objective())
        )
        stage.name = self.name
        if not self.captions:
            stage.guidance = 1.0
        return stage

    def prompts(self, wishes: list[Wish]) -> list[str]:
        """What it is asked for these wishes."""
        return [wish.caption() if self.captions else "" for wish in wishes]


ARMS: Final[Mapping[str, Arm]] = {
    arm.name: arm
    for arm in (
        Arm("unet-v", "UNet, v-prediction", build_unet, VPrediction),
        Arm("unet-flow", "UNet, flow matching", build_unet, FlowMatching),
        Arm("dit-v", "DiT, v-prediction", build_dit, VPrediction),
        Arm("dit-flow", "DiT, flow matching", build_dit, FlowMatching),
        Arm("unet-gan", "UNet as a GAN", build_unet, None),
        Arm("unet-alone", "UNet, v-prediction, no captions", build_unet, VPrediction, False),
    )
}


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
    critic: Critic
    scorer: ScorerSettings
    arms: tuple[str, ...] = tuple(ARMS)


def _uncaptioned(lessons: Lessons, tokenizer: Any) -> Lessons:
    """The same latents, all captions empty."""
    empty = tokenize(tokenizer, [""])[None]
    return replace(lessons, tokens=empty.expand(len(lessons.latents), 2, -1))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def untrained(comparison: Comparison) -> tuple[Studio, dict[str, GeneratorStage]]:
    """All arms untrained, with the same training data, tokenizer and decoder."""
    size = comparison.studio.size.generator
    studio = Studio(comparison.studio)
    lessons, vae = studio.lessons, studio.finished_vae()
    stages = {
        name: ARMS[name].stage(size, vae, studio.tokenizer, lessons) for name in comparison.arms
    }
    return studio, stages


def train_arms(comparison: Comparison, stages: dict[str, GeneratorStage]) -> None:
    """Train all arms in turns until their budgets are spent.

    In turns, so that other work on the machine affects all arms equally.
    """
    until = 0.0
    while True:
        until += comparison.round_minutes
        for name, stage in stages.items():
            work = comparison.work / name
            train_stage(stage, comparison.budget, work, until, stage.momentum)
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
        some = wishes[begin : begin + BATCH]
        seeds = [1_000 * (begin + place) for place in range(len(some))]
        for name, stage in stages.items():
            started = time.monotonic()
            pictures[name].append(stage.draw(vae, ARMS[name].prompts(some), seeds))
            seconds[name] += time.monotonic() - started
        _say(f"drawn {begin + len(some)}/{len(wishes)}")
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
    asking = {name: stage for name, stage in stages.items() if ARMS[name].captions}
    unseen = draw_arms(asking, vae, judge, held_out_wishes(max(12, comparison.wishes // 4)))
    album = studio.unseen
    picks = spread(len(album), RENDERS).tolist()
    originals = album.pictures(picks)
    backgrounds: list[str] = [album.photos.scenes[pick].background for pick in picks]
    looks = Looks.of(comparison, originals)
    arms: dict[str, Any] = {}
    for name, drawn in asked.items():
        arms[name] = _training_figures(comparison, name, stages[name])
        arms[name] |= looks.figures(drawn)
        arms[name]["images per second"] = round(len(drawn.wishes) / drawn.seconds, 3)
        if name in unseen:
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


@dataclass(frozen=True)
class Looks:
    """Figures that need no wish: the critic's, and how far pictures are from renders."""

    critic: Critic
    scorer: ClipScorer
    renders: NDArray[np.float32]
    """(N, E), embeddings of held-out renders."""

    @classmethod
    def of(cls, comparison: Comparison, renders: Pictures) -> "Looks":
        scorer = ClipScorer(comparison.scorer)
        return cls(comparison.critic, scorer, scorer.embed_images(list(renders)))

    def figures(self, drawn: Drawn) -> dict[str, Any]:
        """The critic is told what the judge sees, since an arm may have been asked for nothing."""
        every, numbers = every_wish(), caption_number(torch.from_numpy(drawn.answers))
        captions = [every[number].caption() for number in numbers.tolist()]
        sound = self.critic.look(list(drawn.pictures), captions)
        embeddings = self.scorer.embed_images(list(drawn.pictures))
        shares = np.bincount(drawn.answers[:, 0], minlength=len(CATEGORIES))
        return {
            "sound": share_of(np.array(sound) >= SOUND),
            "distance": round(kernel_distance(self.renders, embeddings), 4),
            "categories": round(float(np.exp(entropy(shares))), 2),
        }


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
            if name not in arm:
                return "-"
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
        "sharpness, drawn over rendered": lambda arm: (
            f"{arm['sharpness']['ratio']:.2f}" if "sharpness" in arm else "-"
        ),
        "sound, by the critic": share("sound"),
        "kernel distance to renders": lambda arm: f"{arm['distance']:.3f}",
        "categories, of 12": lambda arm: f"{arm['categories']:.1f}",
        "pictures drawn/s": lambda arm: f"{arm['images per second']:.2f}",
    }
    titles = [ARMS[name].title for name in arms]
    lines = [["", *titles], ["---"] * (1 + len(titles))]
    lines += [[name, *(cell(arm) for arm in arms.values())] for name, cell in rows.items()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main(arguments: list[str] | None = None) -> None:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description="Compare small generators.")
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
    parser.add_argument(
        "--start", type=Path, help="a pipeline whose autoencoder and vocabulary all arms share"
    )
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--config", type=Path, default=Path("data/catalog.toml"))
    given = parser.parse_args(arguments)
    studio = TrainingPlan(given.photos, given.studio, given.studio / "export", start=given.start)
    # No other training may run in the folder whose latents and decoder all arms share.
    with reported_errors(), alone(given.work), alone(studio.work):
        settings = load_settings(given.config)
        critic = critic_of(settings.critic)
        if critic is None:
            raise InputError(str(given.config), "has no [critic]", "Name the catalog's --config.")
        comparison = Comparison(
            studio,
            given.work,
            TrainingBudget(given.minutes),
            given.round_minutes,
            given.wishes,
            critic,
            settings.scorer,
            tuple(given.arms),
        )
        figures = compare(comparison)
    print(table(figures["arms"]), end="")


if __name__ == "__main__":
    main()
