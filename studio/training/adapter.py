"""Train the studio model's IP-Adapter: ``python -m studio.training.adapter --photos DIR``.

A lesson is a couple of pictures of one product: a photo to look at, and another one to draw, with
its caption. The photo shows the product alone, before a plain ground of any colour, or from the
other angle (rendered here, ``--turned`` scenes of them), and sometimes in another colour than the
one to draw; so the photo has to say what the product is, and the caption the rest: many captions
leave out what the photo shows. Scenes are of the split "train". It resumes from its checkpoint
under ``--work``; running it again with more photos or a larger budget goes on.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.settings.judge import ScorerSettings
from studio.captions import bare_caption
from studio.command import count, minutes, reported_errors
from studio.evaluation.sheets import spread
from studio.files import whole_file
from studio.networks.adapter import AdapterStage, Sitting, pixel_values
from studio.networks.sizes import ADAPTER, SIDE, AdapterSize
from studio.photos.album import Album, caption_tokens, scene_caption, tokenize
from studio.photos.render import SAMPLES, Negative, develop, shoot
from studio.photos.scene import scene_at, split_seed, turned
from studio.training.latents import encode_album
from studio.training.loop import TrainingBudget, train_stage
from studio.vocabulary import Colour

#: Shares of lessons without a caption, with one that leaves out colour and material, without a
#: photo only, and with neither. A whole caption says nearly all that the error depends on: only
#: where it is silent is there much to learn from a photo.
WORDLESS, BARE, BLIND, NEITHER = 0.25, 0.4, 0.05, 0.05
#: Shares of photos that show the other angle, where it was rendered, and another colour.
TURNED, RECOLOURED = 0.5, 0.25
#: Share of plain grounds that are nearly white, as shops' photos are.
WHITE: Final[float] = 0.6
#: Pixels that a product may be moved in its photo, either way.
MOVED: Final[int] = 4
#: Colours that a scene is drawn in. Scenes teach forms, colours are in the captions, and every
#: photo has to be encoded first.
COLOURS_OF_A_SCENE: Final[int] = 2
#: Share of canonical captions; the others are the album's.
CANONICAL: Final[float] = 0.5


def render_turned(folder: Path, scenes: int) -> None:
    """Photograph the first training scenes from the other angle, before white; resumes."""
    for number in range(scenes):
        path = folder / f"{number:05d}.npz"
        if path.is_file():
            continue
        scene = replace(turned(scene_at(split_seed("train", number))), background="white")
        negative = shoot(scene, SAMPLES, SIDE)
        with whole_file(path) as stream:
            np.savez(stream, exposures=negative.exposures, mask=negative.mask)
        print(f"turned  {number + 1}/{scenes}", file=sys.stderr, flush=True)


def _turned(folder: Path) -> Iterator[tuple[int, Negative]]:
    """The rendered scenes by their seeds."""
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as stored:
            seed = split_seed("train", int(path.stem))
            yield seed, Negative(stored["exposures"], stored["mask"])


class Couples:
    """Lessons drawn at random from an album; see the module's docstring."""

    def __init__(
        self, album: Album, turned_folder: Path, pipeline: Any, scorer: ClipScorer, work: Path
    ) -> None:
        """The pipeline's VAE and text encoder prepare what is to be drawn."""
        self._album, self._pipeline, self._scorer = album, pipeline, scorer
        self._latents = encode_album(pipeline.vae, album, work / "latents")
        self._latents *= pipeline.vae.config.scaling_factor
        self._tokens = caption_tokens(album, pipeline.tokenizer)
        bare = [bare_caption(scene) for scene in album.photos.scenes]
        self._bare = tokenize(pipeline.tokenizer, bare)
        self._empty = tokenize(pipeline.tokenizer, [""])[0]
        scenes, colours = album.photos.scenes, album.photos.colours
        self._places: dict[int, list[int]] = {}
        for place, scene in enumerate(scenes):
            self._places.setdefault(scene.seed, []).append(place)
        self._turned: dict[tuple[int, Colour], tuple[NDArray[np.uint8], NDArray[np.bool_]]] = {}
        for seed, negative in _turned(turned_folder):
            white = replace(turned(scene_at(seed)), background="white")
            for place in self._places.get(seed, ()):
                photo = develop(negative, white, colours[place])
                self._turned[seed, colours[place]] = photo, negative.mask

    def __call__(self, size: int, generator: torch.Generator) -> Sitting:
        """A batch of ``size``."""
        chance = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator).item()))
        picks = chance.integers(len(self._album), size=size)
        flips = chance.random(size) < 0.5
        fate = chance.random(size)
        wordless = (fate < WORDLESS) | (fate > 1 - NEITHER)
        bare = ~wordless & (fate < WORDLESS + BARE)
        blind = fate > 1 - NEITHER - BLIND
        photos = np.stack(
            [
                self._photo(int(pick), bool(flip), not (wordless | bare)[place], chance)
                for place, (pick, flip) in enumerate(zip(picks, flips, strict=True))
            ]
        )
        values, embeddings = pixel_values(photos), self._scorer.embed_images(list(photos))
        values[torch.from_numpy(blind)] = 0
        embeddings[blind] = 0
        latents = torch.from_numpy(self._latents[picks, flips.astype(int)]).float()
        return Sitting(
            latents,
            self._hidden(picks, wordless, bare, chance),
            values,
            torch.from_numpy(embeddings),
        )

    def examples(self, number: int) -> tuple[NDArray[np.uint8], list[str]]:
        """Photos (N, S, S, 3) on white, with the captions of what they were taken from."""
        picks = spread(len(self._album), number).tolist()
        album, white = self._album.photos, np.full(3, 252)
        photos = [_on_ground(album.images[pick], album.masks[pick], white) for pick in picks]
        captions = [scene_caption(album.scenes[pick], album.colours[pick]) for pick in picks]
        return np.stack(photos), captions

    @torch.no_grad()
    def _hidden(self, picks: Any, wordless: Any, bare: Any, chance: np.random.Generator) -> Tensor:
        wordings = chance.integers(1, self._tokens.shape[1], size=len(picks))
        wordings[chance.random(len(picks)) < CANONICAL] = 0
        tokens = self._tokens[picks, wordings].clone()
        tokens[torch.from_numpy(wordless)] = self._empty
        tokens[torch.from_numpy(bare)] = self._bare[picks[bare]]
        hidden: Tensor = self._pipeline.text_encoder(tokens).last_hidden_state
        return hidden

    def _photo(
        self, pick: int, flip: bool, may_recolour: bool, chance: np.random.Generator
    ) -> NDArray[np.uint8]:
        """A photo of the product that is to be drawn as photo number ``pick`` shows it."""
        album = self._album.photos
        seed, other = album.scenes[pick].seed, pick
        if may_recolour and chance.random() < RECOLOURED:
            other = int(chance.choice(self._places[seed]))
        found = self._turned.get((seed, album.colours[other]))
        if found is not None and chance.random() < TURNED:
            image, mask = found
            if chance.random() < 0.5:
                return image[:, ::-1] if flip else image
        else:
            image, mask = album.images[other], album.masks[other]
        level = chance.integers(236, 256) if chance.random() < WHITE else chance.integers(0, 256, 3)
        photo = _on_ground(image, mask, np.broadcast_to(level, 3))
        if flip:
            photo = photo[:, ::-1]
        return _moved(photo, chance.integers(-MOVED, MOVED + 1, 2))


def _on_ground(
    image: NDArray[np.uint8], mask: NDArray[np.bool_], ground: NDArray[Any]
) -> NDArray[np.uint8]:
    """The product of a picture (H, W, 3) before an even ground (3,)."""
    cover = ndimage.uniform_filter(mask.astype(np.float32), 3)[..., None]
    return np.asarray(np.round(cover * image + (1 - cover) * ground), np.uint8)


def _moved(photo: NDArray[np.uint8], by: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The photo with its content moved ``by`` rows and columns; its border is repeated."""
    height, width = photo.shape[:2]
    rows = np.clip(np.arange(height) - by[0], 0, height - 1)
    columns = np.clip(np.arange(width) - by[1], 0, width - 1)
    moved: NDArray[np.uint8] = photo[rows][:, columns]
    return moved


def train(
    photos: Path,
    work: Path,
    model: Path,
    scorer: str,
    out: Path,
    budget: TrainingBudget,
    size: AdapterSize = ADAPTER,
) -> int:
    """Train within the budget and write the adapter to ``out``; returns the number of steps."""
    from diffusers import StableDiffusionPipeline

    stock: Any = StableDiffusionPipeline
    pipeline = stock.from_pretrained(model, dtype=torch.float32, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    for part in (pipeline.vae, pipeline.text_encoder):
        part.requires_grad_(False)
    eyes = ClipScorer(ScorerSettings(id=scorer, device="cpu", batch_size=size.batch))
    album = Album(photos, "train", colours=COLOURS_OF_A_SCENE)
    couples = Couples(album, work / "turned", pipeline, eyes, work)
    stage = AdapterStage(size, pipeline, couples, couples.examples)
    steps = train_stage(stage, budget, work)
    stage.export(out)
    return steps


def main() -> None:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description="Train the studio model's IP-Adapter.")
    parser.add_argument("--photos", type=Path, default=Path(".studio/photos"))
    parser.add_argument("--work", type=Path, default=Path(".studio/adapter"))
    parser.add_argument("--model", type=Path, default=Path("data/models/studio/pipeline"))
    parser.add_argument("--scorer", default="local-dir:data/models/studio/clip")
    parser.add_argument("--out", type=Path, default=Path(".studio/adapter/out"))
    parser.add_argument("--turned", type=count, help="scenes to render from the other angle")
    parser.add_argument("--minutes", type=minutes, default=45.0)
    given = parser.parse_args()
    with reported_errors():
        if given.turned:
            render_turned(given.work / "turned", given.turned)
        budget = TrainingBudget(given.minutes)
        train(given.photos, given.work, given.model, given.scorer, given.out, budget)


if __name__ == "__main__":
    main()
