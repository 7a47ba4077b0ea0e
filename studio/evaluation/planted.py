"""Pictures whose truth is known: good renders, and the same with one planted defect each."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from catalog_gen.errors import InputError
from catalog_gen.judging.lettering import LetteringDetector
from catalog_gen.judging.rubric import Verdict, load_rubric
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.settings import CatalogSettings
from studio.evaluation.appraise import Bench, appraise
from studio.evaluation.defects import DEFECTS, DefectName, Specimen, plant
from studio.phrasing import canonical_phrasing

if TYPE_CHECKING:
    from studio.photos.scene import Split

#: Photos that no network learned from; thresholds were set on them, final figures are not.
_SPLIT: Final = "judge"


def good_specimens(photos: Path, split: "Split", count: int) -> list[Specimen]:
    """Photos of the studio, drawn from a split at random, with the caption that is right.

    Raises:
        InputError: there are not so many; the message says how to render them.
    """
    from studio.photos.negatives import load_photos

    album = load_photos(photos, split)
    if count > len(album.scenes):
        raise InputError(
            f"{count} photos of split {split!r} in {photos}",
            f"are not there, only {len(album.scenes)}",
            f"Render more: python -m studio.photos.negatives --out {photos} --split {split} "
            f"--scenes {count}.",
        )
    picks = sorted(random.Random(0).sample(range(len(album.scenes)), count))
    return [
        Specimen(
            album.images[pick],
            canonical_phrasing(
                scene.category,
                album.colours[pick],
                scene.material,
                scene.background,
                scene.angle,
                scene.count,
            ),
            album.masks[pick],
            background="white" if scene.background == "white" else "any",
        )
        for pick in picks
        for scene in [album.scenes[pick]]
    ]


def planted(good: Sequence[Specimen]) -> Iterator[tuple[DefectName, list[Specimen]]]:
    """Each defect in every picture that can have it."""
    for name in DEFECTS:
        yield (
            name,
            [
                bad
                for place, each in enumerate(good)
                if (bad := plant(name, each, _other(good, place), seed=place)) is not None
            ],
        )


def planted_once(good: Sequence[Specimen]) -> list[Specimen]:
    """Every picture with one defect, the kinds in turn: no two show the same scene and colour."""
    found = []
    for place, each in enumerate(good):
        kinds = (DEFECTS[(place + step) % len(DEFECTS)] for step in range(len(DEFECTS)))
        spoilt = (plant(name, each, _other(good, place), seed=place) for name in kinds)
        found.append(next(bad for bad in spoilt if bad is not None))
    return found


def planted_verdicts(
    settings: CatalogSettings, scorer: ClipScorer, photos: Path, each: int
) -> list[tuple[Verdict, bool]]:
    """Verdicts on ``each`` good renders and as many others with one planted defect; true: bad.

    ``catalog-gen calibrate --labels planted`` finds it by its entry point. No render gives two
    verdicts: they would not be independent, and the bound too sure of itself.

    Raises:
        InputError: there are not so many photos of the split "judge".
    """
    bench = Bench(scorer, LetteringDetector.of(settings.lettering), load_rubric(settings.rubric))
    specimens = good_specimens(photos, _SPLIT, 2 * each)
    good, spoilt = specimens[::2], planted_once(specimens[1::2])
    rivals = sorted({specimen.prompt for specimen in specimens})
    return [
        (verdict, bad)
        for pictures, bad in ((good, False), (spoilt, True))
        for verdict in appraise(pictures, bench, rivals)
    ]


def _other(good: Sequence[Specimen], place: int) -> Specimen:
    """The next picture of another category, round the end."""
    own = good[place].phrasing.asked["category"]
    for step in range(1, len(good)):
        other = good[(place + step) % len(good)]
        if other.phrasing.asked["category"] != own:
            return other
    raise InputError(f"{len(good)} pictures", "all show one category", "Take more of them.")
