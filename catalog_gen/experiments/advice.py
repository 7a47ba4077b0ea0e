"""What to change in ``catalog.toml``, as far as the pictures prove it.

Settings replace the present ones where they are clearly better, or no worse and cheaper. The more
settings were tried, the better the luckiest looks: the intervals are widened by their number
(Bonferroni), so that of all comparisons of a grid together one in twenty misleads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any, Final

import tomlkit

from catalog_gen.experiments.definition import Level, level_text
from catalog_gen.experiments.effects import (
    CONFIDENCE,
    Interval,
    cost_ratio,
    difference,
    is_accepted,
    paired,
    points,
)
from catalog_gen.experiments.recipes import MODEL, WORDS
from catalog_gen.experiments.results import CONTROL, Result, by_settings
from catalog_gen.settings.views import ViewSettings

#: Points of 10 that cheaper settings may be worse by, at the interval's lower end.
TOLERATED: Final = 0.5
#: Settings are cheaper if they save this share of the seconds.
SAVED: Final = 0.1


@dataclass(frozen=True, slots=True)
class Advice:
    """What a grid recommends.

    Attributes:
        present: the view's own settings; ``chosen``: the recommended ones, or again those.
        why: one sentence.
        diff: of catalog.toml, in unified form; '' if nothing changes there.
    """

    grid: str
    present: Mapping[str, Level]
    chosen: Mapping[str, Level]
    why: str
    diff: str = ""


@dataclass(frozen=True, slots=True)
class _Compared:
    settings: Mapping[str, Level]
    points: Interval
    accepted: float
    cost: float | None


def advise(results: Sequence[Result]) -> Advice | None:
    """Compare a grid's settings with its controls, the view's own; None: there are none judged."""
    by_key = by_settings(each for each in results if each.total is not None)
    if CONTROL not in by_key:
        return None
    controls = by_key[CONTROL]
    start = controls[0]
    confidence = 1 - (1 - CONFIDENCE) / max(1, len(by_key) - 1)
    others: list[_Compared] = []
    for key, own in by_key.items():
        pairs = paired(controls, own)
        if key != CONTROL and pairs:
            gain = difference(pairs, points, confidence)
            accepted = difference(pairs, is_accepted, confidence).mean
            others.append(_Compared(own[0].settings, gain, accepted, cost_ratio(pairs)))
    better = [each for each in others if each.points.is_above and each.accepted >= 0]
    if better:
        best = max(better, key=lambda each: each.points.mean)
        cost = f", cost x{best.cost:.1f}" if best.cost is not None else ""
        why = (
            f"{_named(best.settings)} is better than catalog.toml's {_named(start.settings)} by "
            f"{best.points.mean:.1f} of 10 points (at least {best.points.low:.1f}){cost}"
        )
        return Advice(start.grid, start.settings, best.settings, why)
    cheaper = [
        each
        for each in others
        if each.points.low is not None
        and each.points.low > -TOLERATED
        and each.accepted >= 0
        and each.cost is not None
        and each.cost <= 1 - SAVED
    ]
    if cheaper:
        best = min(cheaper, key=lambda each: each.cost or 0.0)
        why = (
            f"{_named(best.settings)} is no more than {-(best.points.low or 0.0):.1f} points worse "
            f"than catalog.toml's {_named(start.settings)}, and takes {best.cost or 0:.0%} of the "
            "time"
        )
        return Advice(start.grid, start.settings, best.settings, why)
    why = f"nothing is proved better than catalog.toml's {_named(start.settings)}; keep it"
    return Advice(start.grid, start.settings, start.settings, why)


def catalog_diff(text: str, name: str, view: str, values: Mapping[str, Level]) -> str:
    """The change of a settings file that gives a view these values, as a unified diff.

    Args:
        text: the file; ``name`` is how the diff calls it.
        values: by recipe field or parameter of the method; what no setting holds, such as the seed,
            is left out.

    Raises:
        ValidationError: the view may not have such values.
    """
    document: Any = tomlkit.parse(text)
    section = document["views"][view]
    known = ViewSettings.model_validate(section.unwrap())
    fields: dict[str, Any] = {}
    method: dict[str, Any] = known.method.chosen()
    for key, value in values.items():
        if key == "method":
            named = {"name": value} if isinstance(value, str) else dict(value)  # type: ignore[arg-type]
            method = named if named["name"] != method["name"] else {**method, **named}
        elif key in ("steps", "scheduler", "guidance", "width", "height", "eta"):
            fields[key] = value
    method |= {
        key: value
        for key, value in values.items()
        if key not in ViewSettings.model_fields and key not in _NO_PARAMETERS
    }
    for key, value in fields.items():
        if getattr(known, key) != value:
            section[key] = value
    if method != known.method.chosen():
        table = tomlkit.inline_table()
        table.update(method)
        section["method"] = table if len(method) > 1 else method["name"]
    if MODEL in values and values[MODEL] != document["model"]["id"]:
        document["model"]["id"] = values[MODEL]
        document["model"].pop("sha256", None)  # it pins the other model's files
    ViewSettings.model_validate(section.unwrap())
    changed = tomlkit.dumps(document)
    lines = unified_diff(
        text.splitlines(keepends=True), changed.splitlines(keepends=True), name, name
    )
    return "".join(lines)


_NO_PARAMETERS: Final = frozenset({"prompt", "seed", MODEL, WORDS})


def _named(settings: Mapping[str, Level]) -> str:
    return ", ".join(f"{name} {level_text(value)}" for name, value in settings.items())
