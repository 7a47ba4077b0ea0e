"""Real photographs from installed packages pass the judge, as scenes and as cut-outs on white."""

from pathlib import Path

import numpy as np
import pytest

from catalog_gen.judging.facts import JudgingContext
from catalog_gen.judging.lettering import LetteringDetector
from catalog_gen.judging.measurement import measure
from catalog_gen.judging.picture import Asked
from catalog_gen.judging.rubric import judge, load_rubric
from catalog_gen.judging.scorer import ClipScore
from studio.evaluation.photographs import OUTLINES, cut_out, find, read_manifest, scene

DATA = Path(__file__).parents[2] / "data"
#: A shop's own scorer, which the rubric was never calibrated for.
CLIP = ClipScore(0.3, 0.1, np.zeros(4, np.float32))
MANIFEST = read_manifest(DATA / "photographs" / "manifest.csv")


@pytest.fixture(scope="module")
def found() -> list[Path]:
    paths = [path for path in map(find, MANIFEST) if path is not None]
    if len(paths) < 10:
        pytest.skip(
            f"{len(paths)} of {len(MANIFEST)} photographs are installed; "
            "data/photographs/README.md says which packages have them"
        )
    return paths


def test_the_manifest_lists_enough_photographs_with_their_licences() -> None:
    assert len(MANIFEST) >= 40
    assert len({each.sha256 for each in MANIFEST}) == len(MANIFEST)
    assert all(each.licence and each.package for each in MANIFEST)


@pytest.mark.parametrize("side", [128, 512, pytest.param(1024, marks=pytest.mark.slow)])
def test_at_most_one_in_twenty_is_rejected(found: list[Path], side: int) -> None:
    rubric = load_rubric(DATA / "rubric.toml")
    shown = [("any", scene(path, side)) for path in found]
    shown += [
        ("white", cut_out(path, side, OUTLINES[place % len(OUTLINES)]))
        for place, path in enumerate(found)
    ]
    detector = LetteringDetector(DATA / "models" / "lettering.safetensors")
    letters = detector.look([pixels for _, pixels in shown])
    rejected = [
        verdict.hard_failures
        for (background, pixels), odds in zip(shown, letters, strict=True)
        for verdict in [
            judge(
                measure(pixels, asked=Asked()).with_answers(lettering=odds),
                CLIP,
                rubric,
                JudgingContext("own", True, True, background=background),  # type: ignore[arg-type]
            )
        ]
        if verdict.hard_failures
    ]
    assert len(rejected) <= max(1, 0.05 * len(shown)), rejected


def test_cut_outs_stand_on_white(found: list[Path]) -> None:
    for outline in OUTLINES:
        picture = cut_out(found[0], 256, outline)
        rim = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
        assert rim.min() >= 250
        assert picture[112:144, 112:144].std() > 5
