"""The main effects of a grid as an SVG file: a dot and its interval for each pair of levels."""

from collections.abc import Sequence
from math import ceil
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from catalog_gen.experiments.effects import NOTHING, Effect
from catalog_gen.experiments.sentences import compared

_LEFT, _RIGHT, _TOP, _ROW = 250, 690, 58, 26
#: Points of 10 to either side that are shown at least, and between two lines of the scale.
_LEAST: Final = 1.0
_LINES: Final = 4
#: Signs of a label; longer ones end with an ellipsis, and are whole where the mouse rests.
_LABEL: Final = 32


def effects_plot(effects: Sequence[Effect]) -> str:
    """The plot as SVG text, light and dark as the browser asks.

    The grey band is within a quarter point, which is no difference; a hollow dot is one pair of
    pictures, which has no interval.
    """
    ends = [abs(end) for each in effects for end in _interval(each)]
    most = ceil(max([_LEAST, *ends]))

    def x(points: float) -> float:
        return round(_LEFT + (points + most) / (2 * most) * (_RIGHT - _LEFT), 1)

    rows: list[dict[str, Any]] = []
    for place, effect in enumerate(effects):
        low, high = _interval(effect)
        label = f"{effect.axis} {compared(effect)}"
        rows.append(
            {
                "label": label,
                "short": label if len(label) <= _LABEL else f"{label[: _LABEL - 1]}…",
                "y": _TOP + place * _ROW + _ROW // 2,
                "x": x(effect.points.mean),
                "low": x(low),
                "high": x(high),
                "alone": effect.points.n < 2,
                "verdict": effect.verdict,
                "difference": f"{round(effect.points.mean, 1) + 0.0:+.1f}",
            }
        )
    environment = Environment(
        loader=PackageLoader("catalog_gen.experiments"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["svg.j2"]),
    )
    steps = [most * (2 * part / _LINES - 1) for part in range(_LINES + 1)]
    return environment.get_template("effects.svg.j2").render(
        rows=rows,
        left=_LEFT,
        bottom=_TOP + len(rows) * _ROW,
        top=_TOP,
        middle=x(0),
        band=(x(-NOTHING), x(NOTHING)),
        ticks=[{"x": x(step), "label": f"{step:+.4g}" if step else "0"} for step in steps],
    )


def _interval(effect: Effect) -> tuple[float, float]:
    points = effect.points
    if points.low is None or points.high is None:
        return points.mean, points.mean
    return points.low, points.high
