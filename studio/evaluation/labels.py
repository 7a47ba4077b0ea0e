"""Drawn pictures with people's verdicts on their form: read the table, and draw them again.

A table of labels holds abbreviated recipes instead of pictures, since the engine redraws the same
bytes. The verdicts are "fine", "soft" and "wrong", as defined in ``data/eye/README.md``; sheets
to give them by are made by ``python -m studio.evaluation.eye``.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np

from catalog_gen.diffusion.engine import Engine
from catalog_gen.diffusion.jobs import DrawJob
from catalog_gen.diffusion.loading import load_model
from catalog_gen.diffusion.methods.text2img import TextToImage
from catalog_gen.errors import InputError
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.recipe import Failure, Recipe
from catalog_gen.settings.model import ModelSettings
from studio.files import whole_file

Word = Literal["fine", "soft", "wrong"]
WORDS: Final[tuple[Word, ...]] = get_args(Word)

#: How wrong a picture is, by verdict.
WEIGHTS: Final[dict[Word, float]] = {"fine": 0.0, "soft": 0.5, "wrong": 1.0}
#: Steps, guidance and side of every picture in a table.
STEPS, GUIDANCE, SIDE = 20, 3.0, 128
#: Two people judge each picture, and see the pictures in opposite orders.
JUDGES: Final = ("a", "b")
#: The columns of a table; verdicts and reasons are empty before both looked.
COLUMNS: Final = ("picture", "prompt", "view", "seed", "eye_a", "why_a", "eye_b", "why_b")


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one judge said of a picture."""

    word: Word
    why: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """One picture's row."""

    picture: str
    prompt: str
    view: str
    seed: int
    opinions: tuple[Opinion, ...] = ()
    """One of each judge; none before both looked."""

    @property
    def verdict(self) -> Word:
        """The combined verdict of all judges.

        Wrong if one judge says wrong and none says fine; fine if the mean is at most a quarter and
        none says wrong; otherwise soft.

        Raises:
            InputError: nobody looked at it yet.
        """
        words = [opinion.word for opinion in self.opinions]
        if not words:
            raise InputError(
                f"picture {self.picture}",
                "has no verdict yet",
                "Make sheets and judge it: python -m studio.evaluation.eye sheets.",
            )
        if "wrong" in words and "fine" not in words:
            return "wrong"
        mean = np.mean([WEIGHTS[word] for word in words])
        return "fine" if mean <= 0.25 and "wrong" not in words else "soft"


def read_table(path: Path) -> list[Seen]:
    """The rows of a table of wishes or labels.

    Raises:
        InputError: there is no such file, a column is missing, a seed is not a whole number, or a
            verdict is not one of the three words.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = csv.DictReader(stream)
            for column in COLUMNS:
                if column not in (rows.fieldnames or ()):
                    raise InputError(
                        f"{path}: {column}",
                        "is not a column there",
                        f"Give a table these columns: {', '.join(COLUMNS)}.",
                    )
            return [_seen(row, path) for row in rows]
    except FileNotFoundError as error:
        raise InputError(str(path), "is not there", "Name a table of labels.") from error


def _seen(row: dict[str, str], path: Path) -> Seen:
    where = f"{path}, picture {row['picture']}"
    opinions = tuple(
        Opinion(checked_word(row[f"eye_{judge}"], where), row[f"why_{judge}"])
        for judge in JUDGES
        if row[f"eye_{judge}"]
    )
    if not row["seed"].isdecimal():
        raise InputError(f"{where}: {row['seed']!r}", "is no seed", "Give it a whole number.")
    return Seen(row["picture"], row["prompt"], row["view"], int(row["seed"]), opinions)


def checked_word(text: str, where: str) -> Word:
    """A verdict.

    Raises:
        InputError: it is none of the three words; the message begins with ``where``.
    """
    for word in WORDS:
        if text == word:
            return word
    raise InputError(f"{where}: {text!r}", "is no verdict", f"Use one of {', '.join(WORDS)}.")


def write_table(path: Path, rows: Iterable[Seen]) -> None:
    """Write a table that ``read_table`` reads, whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        said = [field for each in row.opinions for field in (each.word, each.why)]
        writer.writerow([row.picture, row.prompt, row.view, row.seed, *(said or [""] * 4)])
    with whole_file(path) as stream:
        stream.write(text.getvalue().encode())


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
