"""Drawn pictures with people's verdicts on their form: read the table, redraw, make sheets.

A table of labels holds abbreviated recipes instead of pictures, since the engine redraws the same
bytes. The verdicts are "fine", "soft" and "wrong", as defined in ``data/eye/README.md``.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from catalog_gen.diffusion.engine import Engine
from catalog_gen.diffusion.jobs import DrawJob
from catalog_gen.diffusion.loading import load_model
from catalog_gen.diffusion.methods.text2img import TextToImage
from catalog_gen.errors import InputError
from catalog_gen.fingerprint import sha256_text
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.recipe import Failure, Recipe
from catalog_gen.settings.model import ModelSettings

Word = Literal["fine", "soft", "wrong"]

#: How wrong a picture is, by verdict.
WEIGHTS: Final[dict[Word, float]] = {"fine": 0.0, "soft": 0.5, "wrong": 1.0}
#: Steps, guidance and side of every picture in a table.
STEPS, GUIDANCE, SIDE = 20, 3.0, 128
#: A sheet's pictures across and down, their side on it, and the height of the words below.
ACROSS, DOWN, SHOWN, CAPTION = 5, 4, 224, 34


@dataclass(frozen=True, slots=True)
class Seen:
    """One picture's row."""

    picture: str
    prompt: str
    view: str
    seed: int
    words: tuple[Word, ...]
    """One of each judge; empty before anybody looked."""
    why: str = ""

    @property
    def verdict(self) -> Word:
        """The combined verdict of all judges.

        Wrong if one judge says wrong and none says fine; fine if the mean is at most a quarter and
        none says wrong; otherwise soft.
        """
        if "wrong" in self.words and "fine" not in self.words:
            return "wrong"
        mean = np.mean([WEIGHTS[word] for word in self.words])
        return "fine" if mean <= 0.25 and "wrong" not in self.words else "soft"


def read_table(path: Path) -> list[Seen]:
    """The rows of a table of wishes or labels.

    Raises:
        InputError: there is no such file, or a verdict is not one of the three words.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            return [_seen(row, path) for row in csv.DictReader(stream)]
    except FileNotFoundError as error:
        raise InputError(str(path), "is not there", "Name a table of labels.") from error


def _seen(row: dict[str, str], path: Path) -> Seen:
    words = [row[name] for name in ("eye_a", "eye_b") if row.get(name)]
    for word in words:
        if word not in get_args(Word):
            raise InputError(
                f"{path}, picture {row['picture']}: {word!r}",
                "is no verdict",
                f"Use one of {', '.join(get_args(Word))}.",
            )
    why = "; ".join(row[name] for name in ("why_a", "why_b") if row.get(name))
    return Seen(
        picture=row["picture"],
        prompt=row["prompt"],
        view=row["view"],
        seed=int(row["seed"]),
        words=tuple(words),  # type: ignore[arg-type]
        why=why,
    )


def draw_again(rows: Sequence[Seen], model: ModelSettings) -> list[Pixels]:
    """The rows' pictures (SIDE, SIDE, 3), in order, as a refresh draws them.

    Raises:
        ModelError: the model can't be loaded.
        InputError: the engine refuses a picture.
    """
    loaded = load_model(model)
    engine = Engine(loaded, model.batch_size)
    recipes = [
        Recipe(
            model_hash=loaded.model_hash,
            method=TextToImage(),
            prompt=row.prompt,
            negative_prompt="",
            seed=row.seed,
            scheduler="ddim",
            steps=STEPS,
            guidance=GUIDANCE,
            width=SIDE,
            height=SIDE,
        )
        for row in rows
    ]
    found: dict[str, Pixels] = {}
    for outcome in engine.draw([DrawJob(recipe.recipe_id, recipe) for recipe in recipes]):
        if isinstance(outcome, Failure):
            raise InputError(outcome.recipe_id, outcome.error, "Draw with the sample's settings.")
        found[outcome.recipe_id] = outcome.pixels
    return [found[recipe.recipe_id] for recipe in recipes]


def wish_of(prompt: str) -> str:
    """The product that a prompt asks for, whatever the view; wishes are split by it."""
    return prompt.partition(", ")[0]


def blind_order(rows: Sequence[Seen]) -> list[int]:
    """Indices of the rows in an order that reveals nothing about them."""
    return sorted(range(len(rows)), key=lambda place: sha256_text(rows[place].picture))


def sheet(rows: Sequence[Seen], pictures: Sequence[Pixels]) -> Image.Image:
    """Up to 20 numbered pictures, enlarged, with only their wishes below."""
    page = Image.new("RGB", (ACROSS * SHOWN, DOWN * (SHOWN + CAPTION)), "white")
    pen = ImageDraw.Draw(page)
    face = ImageFont.load_default(12)
    for place, (row, pixels) in enumerate(zip(rows, pictures, strict=True)):
        x, y = place % ACROSS * SHOWN, place // ACROSS * (SHOWN + CAPTION)
        large = Image.fromarray(pixels).resize((SHOWN, SHOWN), Image.Resampling.LANCZOS)
        page.paste(large, (x, y))
        thing, _, scene = row.prompt.removeprefix("product photo of ").partition(", ")
        pen.text((x + 3, y + SHOWN + 2), f"{place + 1}: {thing}", fill="black", font=face)
        pen.text((x + 3, y + SHOWN + 16), scene, fill="black", font=face)
    return page
