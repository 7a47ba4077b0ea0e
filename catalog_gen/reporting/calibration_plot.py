"""The curve of a calibration as an SVG file: shares over the accept cut, with the bound."""

from collections.abc import Callable
from math import ceil
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from catalog_gen.judging.calibration import Calibration, CurvePoint

_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 640, 70, 360
_LINES: Final[tuple[tuple[str, str, bool, Callable[[CurvePoint], float]], ...]] = (
    ("bad", "#0969da", False, lambda point: point.bad_share),
    ("its limit", "#0969da", True, lambda point: point.bound),
    ("manual", "#9a6700", False, lambda point: point.manual_share),
)


def calibration_plot(calibration: Calibration, most_bad: float, subtitle: str) -> str:
    """The plot as SVG text; cuts that accept no label are left out of the lines.

    ``subtitle`` tells the labels; what follows a colon goes to a line of its own.
    """
    curve = [point for point in calibration.curve if point.accepted]
    shares = [share(point) for point in curve for *_, share in _LINES]
    top = min(1.0, ceil(max([2 * most_bad, *shares]) / 0.04) * 0.04)  # four whole percents
    cuts = [point.cut for point in calibration.curve]

    def x(cut: int) -> float:
        return round(_LEFT + 20 + (cuts.index(cut) / max(1, len(cuts) - 1)) * 540, 1)

    def y(share: float) -> float:
        return round(_BOTTOM - min(share, top) / top * (_BOTTOM - _TOP), 1)

    lines: list[dict[str, Any]] = []
    taken: list[float] = [y(most_bad) + 4]
    for name, colour, dashed, share in _LINES:
        dots = [
            {"x": x(each.cut), "y": y(share(each)), "label": f"{name} {share(each):.1%}"}
            for each in curve
        ]
        label_y = (y(share(curve[-1])) if curve else _BOTTOM) + 4
        while any(abs(label_y - other) < 15 for other in taken):
            label_y -= 4
        taken.append(label_y)
        lines.append(
            {
                "name": name,
                "colour": colour,
                "dashed": dashed,
                "dots": dots,
                "points": " ".join(f"{dot['x']},{dot['y']}" for dot in dots),
                "label_y": label_y,
            }
        )
    environment = Environment(
        loader=PackageLoader("catalog_gen.reporting"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["svg.j2"]),
    )
    chosen = calibration.chosen.cut if calibration.chosen else None
    return environment.get_template("calibration.svg.j2").render(
        subtitle=subtitle.split(": ", 1),
        ticks=[{"y": y(top * part / 4), "label": f"{top * part / 4:.0%}"} for part in range(5)],
        places=[{"x": x(cut), "cut": cut, "chosen": cut == chosen} for cut in cuts],
        bound_y=y(most_bad),
        bound_label=f"at most {most_bad:.0%}",
        lines=lines,
    )
