"""The judge's error rates: good renders, and the same with one planted defect.

Renders are of the "held-out" photos, which no network of the studio learned from and no threshold
was set on; what is missing is rendered first (about a scene a second). A defect is caught where
the verdict is not "accepted".

    python benchmarks/judge.py [--photos DIR] [--scenes N] [--each N] [--json]
"""

import argparse
import json
import random
import sys
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from catalog_gen.judging.appraise import appraise
from catalog_gen.judging.defects import DEFECTS, Specimen, plant
from catalog_gen.judging.rubric import Verdict, load_rubric
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.settings import load_settings
from catalog_gen.studio.album import scene_caption
from catalog_gen.studio.measures import wilson
from catalog_gen.studio.photos import load_photos, render_split

ROOT: Final = Path(__file__).parent.parent
CONFIG: Final = ROOT / "data" / "catalog.toml"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, default=Path(".studio/photos"))
    parser.add_argument("--scenes", type=int, default=100, help="held-out scenes to render")
    parser.add_argument("--each", type=int, default=200, help="good pictures to plant defects in")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    render_split(arguments.photos, "held-out", arguments.scenes)
    figures = measure(specimens(arguments.photos, arguments.each))
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{'defect':<22}{'recall':>8}   95 % interval     n   rejected outright")
    for name, row in figures["defects"].items():
        print(
            f"{name:<22}{row['recall']:>8.1%}   {row['low']:.1%} to {row['high']:.1%}"
            f"{row['n']:>6}{row['rejected']:>9.1%}"
        )
    for name in ("false_rejections", "not_accepted"):
        row = figures[name]
        told = f"{row['value']:.1%} ({row['low']:.1%} to {row['high']:.1%}) of {row['n']}"
        print(f"good renders, {name.replace('_', ' ')}: {told}")
    print(f"{1000 * figures['seconds_per_picture']:.0f} ms a picture")


def specimens(photos: Path, count: int) -> list[Specimen]:
    """Good pictures of the held-out scenes, each scene in as many colours as needed."""
    album = load_photos(photos, "held-out")
    picks = sorted(random.Random(0).sample(range(len(album.scenes)), count))
    return [
        Specimen(
            album.images[pick],
            scene_caption(album.scenes[pick], album.colours[pick]),
            album.masks[pick],
        )
        for pick in picks
    ]


def measure(good: list[Specimen]) -> dict[str, Any]:
    """The judge's answers to the good pictures and to each defect in them."""
    settings = load_settings(CONFIG)
    rubric, scorer = load_rubric(settings.rubric), ClipScorer(settings.scorer)
    rivals = sorted({each.prompt for each in good})
    started = perf_counter()
    verdicts = appraise(good, scorer, rubric, rivals)
    seconds = (perf_counter() - started) / len(good)
    figures: dict[str, Any] = {
        "defects": {},
        "false_rejections": _share([each.decision == "rejected" for each in verdicts]),
        "not_accepted": _share([each.decision != "accepted" for each in verdicts]),
        "seconds_per_picture": seconds,
    }
    for name in DEFECTS:
        bad = [
            planted
            for place, each in enumerate(good)
            if (planted := plant(name, each, _other(good, place), seed=place)) is not None
        ]
        found: list[Verdict] = appraise(bad, scorer, rubric, rivals)
        row = _share([each.decision != "accepted" for each in found])
        figures["defects"][name] = {
            "recall": row.pop("value"),
            **row,
            "rejected": sum(each.decision == "rejected" for each in found) / len(found),
        }
        print(f"{name}: done", file=sys.stderr)
    return figures


def _other(good: list[Specimen], place: int) -> Specimen:
    """The next picture with another prompt of another category, round the end."""
    own = good[place].prompt.split(",")[0].split()[-1]
    for step in range(1, len(good)):
        other = good[(place + step) % len(good)]
        if other.prompt.split(",")[0].split()[-1] != own:
            return other
    raise ValueError("all pictures show one category; take more with --each")


def _share(outcomes: list[bool]) -> dict[str, Any]:
    return asdict(wilson(sum(outcomes), len(outcomes)))


if __name__ == "__main__":
    main()
