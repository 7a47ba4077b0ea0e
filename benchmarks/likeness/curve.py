"""Reconstruction against editability as a picture: the trade-off that every method makes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

#: Ways of one method, joined by a line.
LINES: Final = (
    ("img2img 0.35", "img2img 0.60", "img2img 0.85"),
    ("Imagic 0.3", "Imagic 0.7", "Imagic 1.0"),
    ("dual 0.3", "variation", "dual 0.7", "dual 1.0"),
    ("inversion, rate 0.0005", "inversion", "inversion, rate 0.05"),
)


def plot(ways: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Write an SVG or a PNG with a point a way, further right and up is better."""
    import matplotlib

    vector = path.suffix == ".svg"
    matplotlib.use("svg" if vector else "agg")
    matplotlib.rcParams["svg.hashsalt"] = "likeness"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 6))
    places = {
        name: tuple(row["way"][key]["mean"] for key in ("reconstruction", "editability"))
        for name, row in ways.items()
        if {"reconstruction", "editability"} <= set(row["way"])
    }
    for line in LINES:
        known = [places[name] for name in line if name in places]
        if known:
            axes.plot(*zip(*known, strict=True), color="#b8c4d0", linewidth=1, zorder=1)
    for name, (x, y) in places.items():
        plain = "," not in name
        axes.scatter([x], [y], s=22 if plain else 12, color="#1f5fa8" if plain else "#8a8a8a")
    for name in _legible(places):
        axes.annotate(name, places[name], (4, 3), textcoords="offset points", fontsize=7)
    axes.set_xlabel("reconstruction: cosine with the photo")
    axes.set_ylabel("editability: cosine with the edit's prompt")
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    undated = {"Date": None} if vector else {"Software": None}
    figure.savefig(path, metadata=undated, bbox_inches="tight", dpi=110)
    pyplot.close(figure)


def _legible(places: Mapping[str, tuple[float, ...]]) -> list[str]:
    """Those whose names don't lie over the name of an earlier one, the plain ways first."""
    wide, high = (max(each) - min(each) for each in zip(*places.values(), strict=True))
    found: list[str] = []
    for name in sorted(places, key=lambda name: "," in name):
        x, y = places[name]
        taken = (places[other] for other in found)
        if not any(abs(x - a) < 0.15 * wide and abs(y - b) < 0.03 * high for a, b in taken):
            found.append(name)
    return found
