"""What came of the cells: scores, verdicts and costs, and the settings that cells share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from catalog_gen.decision import Decision
from catalog_gen.experiments.definition import REPLICATES, Level, level_text
from catalog_gen.fingerprint import canonical_json
from catalog_gen.recipe import Recipe

#: Subject and replicates (the seed): pictures that agree in them are compared pair by pair.
Block = tuple[str, ...]

#: Subject, whether it is a control, and the picture.
Cell = tuple[str, bool, str]

#: The key of the view's own settings, which no JSON is.
CONTROL: Final = "control"


@dataclass(frozen=True)
class Result:
    """A cell with what came of it; None where it was not drawn, scored or judged.

    Attributes:
        levels: its values on the axes.
        values: the same over those of the grid's base.
        total: the rubric's points, 0..10.
        soundness: probability that its form is sound, 0..1.
        similarity: cosine of picture and prompt, -1..1.
        seconds: of drawing, its share of its batch.
        error: why it could not be drawn, or ''.
        why: the rubric's sentences that cost it points.
        is_control: it has the view's own settings.
    """

    grid: str
    subject: str
    levels: Mapping[str, Level]
    values: Mapping[str, Level]
    recipe: Recipe
    sha256: str | None = None
    total: int | None = None
    decision: Decision | None = None
    soundness: float | None = None
    similarity: float | None = None
    margin: float | None = None
    seconds: float | None = None
    error: str = ""
    why: tuple[str, ...] = ()
    is_control: bool = False

    @property
    def recipe_id(self) -> str:
        """The id of its picture."""
        return self.recipe.recipe_id

    @property
    def cell(self) -> Cell:
        """What tells it from the other cells of its grid."""
        return self.subject, self.is_control, self.recipe_id

    @cached_property
    def settings(self) -> dict[str, Level]:
        """Its levels without subject and seed: what a shop would choose."""
        return {name: each for name, each in self.levels.items() if name not in REPLICATES}

    @cached_property
    def block(self) -> Block:
        """Subject and seed."""
        return (
            self.subject,
            *(level_text(self.levels[name]) for name in REPLICATES & self.levels.keys()),
        )

    @cached_property
    def key(self) -> str:
        """Equal for cells of the same settings; the controls' own."""
        return CONTROL if self.is_control else canonical_json(self.settings)


def by_settings(results: Iterable[Result]) -> dict[str, list[Result]]:
    """A grid's results by their ``key``, in the order of the first that has each."""
    found: dict[str, list[Result]] = {}
    for each in results:
        found.setdefault(each.key, []).append(each)
    return found


def varied(results: Sequence[Result]) -> list[str]:
    """The axes on which a grid's results differ, without subject and seed, in the file's order."""
    varying = [each.settings for each in results if not each.is_control]
    names = list(varying[0]) if varying else []
    return [name for name in names if len({canonical_json(own[name]) for own in varying}) > 1]
