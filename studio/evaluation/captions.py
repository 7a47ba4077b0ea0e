"""Measure a captioner on photos that nobody learned from: ``python -m studio.evaluation.captions``.

Photos of the "held-out" split in all ten colours, captioned as the pipeline captions a product's
photo. Colour, category, material and count are read from the caption by the studio model's dialect;
the background is right if the caption names it. Intervals are Wilson's at 95 %; they are too
narrow, since ten colours of a scene are no ten scenes.
"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from catalog_gen.dialects.dialect import Dialect
from catalog_gen.dialects.files import load_dialect
from catalog_gen.diffusion.hash_cache import HashCache
from catalog_gen.vision.attributes import seen_in
from catalog_gen.vision.captioner import Caption, Captioner
from studio.captions import NUMBERS
from studio.command import count, reported_errors, share
from studio.evaluation.measures import Share, wilson
from studio.photos.negatives import load_photos
from studio.photos.scene import Scene
from studio.vocabulary import COLOURS, Colour

#: Share of photos with every attribute right that the project asks for.
ASKED: Final = 0.9
ALL: Final = "all of them"


@dataclass(frozen=True, slots=True)
class CaptionFigures:
    """Shares of photos.

    Attributes:
        right: by attribute, and of photos with all of them right.
        sure: of all attributes that the caption names, those above the confidence.
        sure_right: of these, those that are right.
    """

    right: Mapping[str, Share]
    sure: Share
    sure_right: Share | None


def measure(
    captioner: Captioner, photos: Path, dialect: Dialect, scenes: int, at_least: float
) -> CaptionFigures:
    """Caption the first scenes of the held-out split in all colours.

    Raises:
        InputError: none is rendered.
    """
    shown = load_photos(photos, "held-out", scenes * len(COLOURS))
    right: dict[str, int] = {}
    named = sure = sure_right = 0
    for pixels, scene, colour in zip(shown.images, shown.scenes, shown.colours, strict=True):
        caption = captioner.caption(pixels)
        answers = answers_of(caption, scene, colour, dialect)
        for name, each in {**answers, ALL: all(answers.values())}.items():
            right[name] = right.get(name, 0) + each
        for name, seen in seen_in(caption, dialect).items():
            named += 1
            sure += seen.confidence >= at_least
            sure_right += seen.confidence >= at_least and answers[name]
    n = len(shown.scenes)
    return CaptionFigures(
        {name: wilson(each, n) for name, each in right.items()},
        wilson(sure, max(1, named)),
        wilson(sure_right, sure) if sure else None,
    )


def answers_of(caption: Caption, scene: Scene, colour: Colour, dialect: Dialect) -> dict[str, bool]:
    """Whether a caption is right about a photo, by attribute."""
    seen = {name: each.word for name, each in seen_in(caption, dialect).items()}
    wanted = {
        "category": scene.category,
        "colour": colour,
        "material": scene.material,
        "count": NUMBERS[scene.count],
    }
    found = {name: seen.get(name) == word for name, word in wanted.items()}
    return found | {"background": f"{scene.background} background" in caption.text}


def main() -> None:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description="Measure a captioner.")
    parser.add_argument("--photos", type=Path, default=Path(".studio/photos"))
    parser.add_argument("--model", type=Path, default=Path(".studio/captioner"))
    parser.add_argument("--words", type=Path, default=Path("data/models/studio/studio.json"))
    parser.add_argument("--scenes", type=count, default=40)
    parser.add_argument(
        "--at-least", type=share, default=0.9, help="confidence that counts as sure"
    )
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with reported_errors():
        captioner = Captioner(given.model, HashCache(given.model / "hashes.json"))
        dialect = load_dialect(given.words)
        figures = measure(captioner, given.photos, dialect, given.scenes, given.at_least)
    if given.json:
        print(json.dumps(asdict(figures), indent=2))
        return
    for name, each in figures.right.items():
        mark = f"   asked {ASKED:.0%}" if name == ALL else ""
        print(f"{name:12} {each.value:6.1%}   {each.low:.1%} to {each.high:.1%}, n {each.n}{mark}")
    print(f"named with {given.at_least:.0%} or more: {figures.sure.value:.1%} of what is named")
    if figures.sure_right is not None:
        print(f"of these right: {figures.sure_right.value:.1%}")


if __name__ == "__main__":
    main()
