"""``python -m studio.training.train``: the whole recipe from photos to ``data/models/studio``.

Stages: tokenizer, vae, latents, unet, decoder, clip, judge, export. A stage resumes from its
checkpoint under ``--work`` and stops when its budget is spent, so that running the command again
after an interruption, or with a larger budget, continues; only the vae is final once unet or
decoder have been trained on its latents. The size of the pictures and the duration depend on the
machine (``hardware.MEANS``). ``--start`` names a pipeline whose vocabulary, autoencoder and weights
the generator begins with.
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
from studio.command import minutes, reported_errors
from studio.files import save_weights, whole_file
from studio.networks.clip import ScorerStage, export_clip
from studio.networks.decoder import DecoderStage
from studio.networks.diffusion import FURTHER_RATE, GeneratorStage, Lessons
from studio.networks.judge import JudgeStage
from studio.networks.objective import OBJECTIVES, ObjectiveName
from studio.networks.sizes import LARGE, SIDE, STANDARD, StudioSize
from studio.networks.tokenizer import caption_corpus, train_tokenizer
from studio.networks.vae import VaeStage
from studio.photos.album import Album, caption_tokens, has_photos
from studio.photos.scene import Split
from studio.training.checkpoint import load_checkpoint
from studio.training.emphasis import difficulties, form_weights
from studio.training.export import export_pipeline, export_words, weigh
from studio.training.hardware import MEANS, this_machine, training_device
from studio.training.latents import encode_album, normalise_latents
from studio.training.loop import TrainingBudget, train_stage

StageName = Literal["tokenizer", "vae", "latents", "unet", "decoder", "clip", "judge", "export"]
STAGES: Final[tuple[StageName, ...]] = get_args(StageName)
#: Stages that have a budget.
TRAINED: Final = ("vae", "unet", "decoder", "clip", "judge")
SIZES: Final[dict[str, StudioSize]] = {"128": STANDARD, "256": LARGE}


@dataclass(frozen=True)
class TrainingPlan:
    """The parameters of a training run."""

    photos: Path
    work: Path
    out: Path
    size: StudioSize = STANDARD
    budgets: dict[str, TrainingBudget] = field(
        default_factory=lambda: {
            name: TrainingBudget(share) for name, share in MEANS["plain cpu"].minutes.items()
        }
    )
    objective: ObjectiveName = "v"
    start: Path | None = None
    """A pipeline's folder that the generator begins with; its autoencoder is not trained."""
    compiled: bool = False
    """Whether the denoiser is compiled before it is trained."""


class Studio:
    """The stages of one plan; a stage reads the results of earlier ones from ``work``."""

    def __init__(self, plan: TrainingPlan) -> None:
        self._plan = plan
        self._albums: dict[tuple[int | Split, ...], Album] = {}

    def run(self, stages: tuple[StageName, ...]) -> None:
        """Run the stages in the order of ``STAGES``.

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

        if self._plan.start is not None:
            return CLIPTokenizer.from_pretrained(self._plan.start / "tokenizer")
        folder = self._plan.work / "tokenizer"
        if not (folder / "vocab.json").exists():
            self._train_tokenizer()
        return CLIPTokenizer.from_pretrained(folder)

    @cached_property
    def _started(self) -> Any:
        """The pipeline that the generator begins with, in fp32; None if it begins untrained."""
        from diffusers import StableDiffusionPipeline

        if self._plan.start is None:
            return None
        stock: Any = StableDiffusionPipeline
        try:
            return stock.from_pretrained(
                str(self._plan.start), dtype=torch.float32, local_files_only=True
            )
        except (OSError, ValueError) as error:
            raise InputError(
                str(self._plan.start),
                f"is not a pipeline to start from ({error})",
                "Give --start the folder of a StableDiffusionPipeline that this command wrote.",
            ) from error

    def _train_tokenizer(self) -> None:
        if self._plan.start is not None:
            return
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
        return VaeStage(self._plan.size.vae, self.lessons_album, self.unseen)

    def _train_vae(self) -> None:
        """Train the autoencoder, unless other stages have been trained on its latents.

        Raises:
            InputError: they have; a new autoencoder needs a new generator and decoder.
        """
        if self._plan.start is not None:
            return
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
        if self._started is not None:
            return self._started.vae.to(training_device()).eval()
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
        """The autoencoder that pictures are drawn with, with the further trained decoder if any."""
        if (self._plan.work / "checkpoints" / "decoder.pt").exists():
            return self._restored(self._decoder_stage()).finished()
        return self.vae

    @cached_property
    def lessons_album(self) -> Album:
        """The generator's photos, including the scorer's scenes, without held-out pairs."""
        photos = self._plan.photos
        splits: tuple[Split, ...] = ("train",)
        if has_photos(photos, "scorer"):
            splits = ("train", "scorer")
        return Album(photos, *splits, known_pairs=True, side=self._plan.size.side)

    def album(self, *splits: Split, side: int = SIDE) -> Album:
        """The photos of these splits, ``side`` pixels a side."""
        key = (side, *splits)
        if key not in self._albums:
            self._albums[key] = Album(self._plan.photos, *splits, side=side)
        return self._albums[key]

    @cached_property
    def unseen(self) -> Album:
        """Held-out photos in the generator's size."""
        return self.album("held-out", side=self._plan.size.side)

    def _encode(self) -> None:
        encode_album(self.vae, self.lessons_album, self._plan.work / "latents")

    @cached_property
    def lessons(self) -> Lessons:
        """All training photos as the generator sees them."""
        latents = encode_album(self.vae, self.lessons_album, self._plan.work / "latents")
        photos = self.lessons_album.photos
        return Lessons(
            latents,
            caption_tokens(self.lessons_album, self.tokenizer),
            form_weights(photos.masks),
            difficulties(photos),
        )

    def _unet_stage(self) -> GeneratorStage:
        stage = GeneratorStage(
            self._plan.size.generator,
            self.vae,
            self.tokenizer,
            self.lessons,
            objective=OBJECTIVES[self._plan.objective](),
            compiled=self._plan.compiled,
        )
        if self._started is not None:
            stage.begin_from(self._started.unet, self._started.text_encoder)
        return stage

    def _train_unet(self) -> None:
        self._train(self._unet_stage())

    def _decoder_stage(self) -> DecoderStage:
        stage = DecoderStage(
            self.vae,
            max(1, self._plan.size.vae.batch // 4),
            self.lessons_album,
            self.unseen,
            self.lessons,
        )
        if self._started is not None:
            stage.learning_rate = FURTHER_RATE
        return stage

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
                OBJECTIVES[plan.objective](),
                plan.out / "pipeline",
            )
            export_words(plan.out / "studio.json", plan.size.side)
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
    machine = this_machine()
    means = MEANS[machine]
    parser = argparse.ArgumentParser(description="Train the studio model.")
    parser.add_argument(
        "--photos", type=Path, default=Path(".studio/photos"), help="a folder, or a pack of them"
    )
    parser.add_argument("--work", type=Path, default=Path(".studio"))
    parser.add_argument("--out", type=Path, default=Path("data/models/studio"))
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument(
        "--side", choices=SIZES, help=f"of pictures; on this machine ({machine}) {means.size.side}"
    )
    parser.add_argument("--objective", choices=OBJECTIVES, default="flow")
    parser.add_argument("--start", type=Path, help="a pipeline to begin with")
    parser.add_argument(
        "--compile", action=argparse.BooleanOptionalAction, default=means.compiled, help="the UNet"
    )
    for name in TRAINED:
        default = means.minutes[name]
        parser.add_argument(
            f"--{name}-minutes", type=minutes, default=default, help=f"default {default:g}"
        )
    given = parser.parse_args(arguments)
    plan = TrainingPlan(
        given.photos,
        given.work,
        given.out,
        size=SIZES[given.side] if given.side else means.size,
        budgets={name: TrainingBudget(getattr(given, f"{name}_minutes")) for name in TRAINED},
        objective=given.objective,
        start=given.start,
        compiled=given.compile,
    )
    print(
        f"{machine}: {plan.size.side}x{plan.size.side}, {plan.objective}, from {plan.photos}",
        file=sys.stderr,
    )
    with reported_errors(), alone(plan.work):
        Studio(plan).run(tuple(given.stages))


if __name__ == "__main__":
    main()
