"""``python -m studio.training.train``: the whole recipe from photos to ``data/models/studio``.

Stages: tokenizer, vae, latents, unet, decoder, clip, judge, export. A stage resumes from its
checkpoint under ``--work`` and stops when its budget is spent, so that running the command again
after an interruption, or with a larger budget, continues; only the vae is final once unet or
decoder have been trained on its latents.
"""

import argparse
import fcntl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, get_args

import torch

from catalog_gen.errors import InputError
from studio.command import minutes, told_errors
from studio.files import save_weights, whole_file
from studio.networks.clip import ScorerStage, export_clip
from studio.networks.decoder import DecoderStage
from studio.networks.diffusion import GeneratorStage, Lessons
from studio.networks.judge import JudgeStage
from studio.networks.sizes import STANDARD, StudioSize
from studio.networks.tokenizer import caption_corpus, train_tokenizer
from studio.networks.vae import VaeStage
from studio.photos.album import Album, caption_tokens
from studio.photos.scene import Split
from studio.training.checkpoint import load_checkpoint
from studio.training.export import export_pipeline, export_words, weigh
from studio.training.latents import encode_album, normalise_latents
from studio.training.loop import TrainingBudget, train_stage

StageName = Literal["tokenizer", "vae", "latents", "unet", "decoder", "clip", "judge", "export"]
STAGES: Final[tuple[StageName, ...]] = get_args(StageName)
#: Minutes of training of each stage, on two cores.
MINUTES: Final[dict[str, float]] = {
    "vae": 30.0,
    "unet": 110.0,
    "decoder": 62.0,
    "clip": 34.0,
    "judge": 46.0,
}


@dataclass(frozen=True)
class TrainingPlan:
    """The parameters of a training run."""

    photos: Path
    work: Path
    out: Path
    size: StudioSize = STANDARD
    budgets: dict[str, TrainingBudget] = field(
        default_factory=lambda: {name: TrainingBudget(minutes) for name, minutes in MINUTES.items()}
    )


class Studio:
    """The stages of one plan; what a stage needs from earlier ones it reads from ``work``."""

    def __init__(self, plan: TrainingPlan) -> None:
        self._plan = plan
        self._albums: dict[tuple[Split, ...], Album] = {}

    def run(self, stages: tuple[StageName, ...]) -> None:
        """Runs the stages in the order of ``STAGES``.

        Raises:
            InputError: an earlier stage that one of them needs has not been run.
        """
        actions: dict[StageName, Callable[[], None]] = {
            "tokenizer": self._train_tokenizer,
            "vae": self._train_vae,
            "latents": self._encode,
            "unet": self._train_unet,
            "decoder": self._train_decoder,
            "clip": self._train_clip,
            "judge": self._train_judge,
            "export": self._export,
        }
        for name in STAGES:
            if name in stages:
                print(f"stage {name}", file=sys.stderr, flush=True)
                actions[name]()

    @cached_property
    def tokenizer(self) -> Any:
        """The tokenizer of the captions, a ``CLIPTokenizer``."""
        from transformers import CLIPTokenizer

        folder = self._plan.work / "tokenizer"
        if not (folder / "vocab.json").exists():
            self._train_tokenizer()
        return CLIPTokenizer.from_pretrained(folder)

    def _train_tokenizer(self) -> None:
        train_tokenizer(caption_corpus(), self._plan.work / "tokenizer")

    def _train(self, stage: Any) -> None:
        train_stage(stage, self._plan.budgets[stage.name], self._plan.work)

    def _restored(self, stage: Any) -> Any:
        """``stage`` restored from its checkpoint."""
        path = self._plan.work / "checkpoints" / f"{stage.name}.pt"
        found = load_checkpoint(path)
        if found is None:
            raise InputError(
                f"stage {stage.name!r}",
                f"has no checkpoint {path}",
                f"Train it first: python -m studio.training.train --stages {stage.name}.",
            )
        for name, module in stage.modules().items():
            module.load_state_dict(found.modules[name])
        return stage

    def _vae_stage(self) -> VaeStage:
        return VaeStage(self._plan.size.vae, self.lessons_album, self.album("held-out"))

    def _train_vae(self) -> None:
        """Train the autoencoder, unless other stages have been trained on its latents.

        Raises:
            InputError: they have; a new autoencoder needs a new generator and decoder.
        """
        checkpoints = self._plan.work / "checkpoints"
        learned = [name for name in ("unet", "decoder") if (checkpoints / f"{name}.pt").exists()]
        found = load_checkpoint(checkpoints / "vae.pt")
        budget = self._plan.budgets["vae"]
        if learned and (found is None or budget.spent(found.seconds, found.step) < 1.0):
            raise InputError(
                f"training of the vae in {self._plan.work}",
                f"would change the latents that {' and '.join(learned)} learned from",
                "Leave its budget as it was, or train in another folder (--work).",
            )
        self._train(self._vae_stage())

    @cached_property
    def vae(self) -> Any:
        """The trained autoencoder with normalised latents: measured once, then kept in a file."""
        vae = self._restored(self._vae_stage()).average
        path = self._plan.work / "vae-normalised.pt"
        newest = (self._plan.work / "checkpoints" / "vae.pt").stat().st_mtime
        if path.exists() and path.stat().st_mtime >= newest:
            vae.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        else:
            normalise_latents(vae, self.lessons_album)
            with whole_file(path) as stream:
                torch.save(vae.state_dict(), stream)
        return vae.eval()

    def finished_vae(self) -> Any:
        """The autoencoder that pictures are drawn with: its decoder trained on, where it was."""
        if (self._plan.work / "checkpoints" / "decoder.pt").exists():
            return self._restored(self._decoder_stage()).finished()
        return self.vae

    @cached_property
    def lessons_album(self) -> Album:
        """The generator's photos: the scorer's scenes as well, but no held-out pair."""
        return Album(self._plan.photos, "train", "scorer", known_pairs=True)

    def album(self, *splits: Split) -> Album:
        """The photos of these splits."""
        if splits not in self._albums:
            self._albums[splits] = Album(self._plan.photos, *splits)
        return self._albums[splits]

    def _encode(self) -> None:
        encode_album(self.vae, self.lessons_album, self._plan.work / "latents")

    def lessons(self) -> Lessons:
        """Latents and caption tokens of all training photos."""
        latents = encode_album(self.vae, self.lessons_album, self._plan.work / "latents")
        return Lessons(latents, caption_tokens(self.lessons_album, self.tokenizer))

    def _unet_stage(self) -> GeneratorStage:
        return GeneratorStage(self._plan.size.generator, self.vae, self.tokenizer, self.lessons())

    def _train_unet(self) -> None:
        self._train(self._unet_stage())

    def _decoder_stage(self) -> DecoderStage:
        return DecoderStage(
            self.vae,
            max(1, self._plan.size.vae.batch // 4),
            self.lessons_album,
            self.album("held-out"),
            self.lessons(),
        )

    def _train_decoder(self) -> None:
        self._train(self._decoder_stage())

    def _scorer_stage(self) -> ScorerStage:
        return ScorerStage(
            self._plan.size.scorer,
            self.tokenizer,
            self.album("train", "scorer"),
            self.album("held-out"),
        )

    def _train_clip(self) -> None:
        self._train(self._scorer_stage())

    def _judge_stage(self) -> JudgeStage:
        return JudgeStage(self._plan.size.judge, self.album("judge"), self.album("held-out"))

    def _train_judge(self) -> None:
        self._train(self._judge_stage())

    def _export(self) -> None:
        """Write the folders of every network that has a checkpoint.

        Raises:
            InputError: no network has a checkpoint.
            ModelError: the weights are too large.
        """
        plan = self._plan
        checkpoints = plan.work / "checkpoints"
        if not any((checkpoints / f"{name}.pt").exists() for name in ("unet", "clip", "judge")):
            raise InputError(
                str(checkpoints),
                "holds nothing to export",
                "Train first: python -m studio.training.train.",
            )
        if (checkpoints / "unet.pt").exists():
            average = self._restored(self._unet_stage()).average
            export_pipeline(
                self.finished_vae(),
                average["text_encoder"],
                average["unet"],
                self.tokenizer,
                plan.out / "pipeline",
            )
            export_words(plan.out / "studio.json")
        if (checkpoints / "clip.pt").exists():
            clip = self._restored(self._scorer_stage()).clip
            export_clip(clip, plan.size.scorer, self.tokenizer, plan.out / "clip")
        if (checkpoints / "judge.pt").exists():
            judge = self._restored(self._judge_stage()).judge
            save_weights(judge, plan.work / "judge.safetensors")
        print(f"exported {weigh(plan.out) / 1e6:.1f} MB of weights", file=sys.stderr)


@contextmanager
def alone(work: Path) -> Iterator[None]:
    """Lock a work folder for one training at a time; the lock dies with its process.

    Raises:
        InputError: another process trains there.
    """
    work.mkdir(parents=True, exist_ok=True)
    with (work / "training.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                str(work), "another process trains here", "Wait for it, or give another --work."
            ) from None
        yield


def main(arguments: list[str] | None = None) -> None:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description="Train the studio model.")
    parser.add_argument("--photos", type=Path, default=Path(".studio/photos"))
    parser.add_argument("--work", type=Path, default=Path(".studio"))
    parser.add_argument("--out", type=Path, default=Path("data/models/studio"))
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    for name, default in MINUTES.items():
        parser.add_argument(
            f"--{name}-minutes", type=minutes, default=default, help=f"default {default:g}"
        )
    given = parser.parse_args(arguments)
    budgets = {name: TrainingBudget(getattr(given, f"{name}_minutes")) for name in MINUTES}
    plan = TrainingPlan(given.photos, given.work, given.out, budgets=budgets)
    with told_errors(), alone(plan.work):
        Studio(plan).run(tuple(given.stages))


if __name__ == "__main__":
    main()
