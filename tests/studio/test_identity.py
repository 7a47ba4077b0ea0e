"""A miniature of the comparison of methods against the true photo, and of the error rates."""

from pathlib import Path

import pytest

from benchmarks.identity import LEARNED, METHODS, SIDE, Pupil, compare, faults
from studio.evaluation.standing_defects import STANDING_DEFECTS
from studio.photos.pairs import pairs

pytestmark = pytest.mark.slow

pytest.importorskip("mitsuba")

SAMPLES = 8


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("identity")


def test_methods_are_compared_and_nothing_is_drawn_twice(work: Path) -> None:
    pupil = Pupil(work / "concepts", steps=2)
    figures = compare(pairs(work / "scenes", 1, SAMPLES, side=SIDE), work, pupil)
    assert figures["photos"] == {"used": 1, "refused": 0}
    kept = figures["background"]
    assert kept["identical"]["mean"] == 1.0
    # The weakest edit leaves the white ground, and this method does not.
    assert kept["ground"]["mean"] < figures["img2img 0.35"]["ground"]["mean"]
    assert all(0 < figures[name]["silhouette"]["mean"] <= 1 for name in (*METHODS, *LEARNED))
    drawn = {path: path.stat().st_mtime_ns for path in (work / "drawn").iterdir()}
    assert len(drawn) == 2 * len({**METHODS, **LEARNED})
    assert compare(pairs(work / "scenes", 1, SAMPLES, side=SIDE), work, pupil) == figures
    assert {path: path.stat().st_mtime_ns for path in (work / "drawn").iterdir()} == drawn


def test_error_rates_of_the_faults_are_counted(work: Path) -> None:
    figures = faults(pairs(work / "scenes", 1, SAMPLES, side=SIDE))
    assert {f"{name}, planted" for name in STANDING_DEFECTS} <= set(figures)
    for name in STANDING_DEFECTS:
        assert figures[f"{name}, planted"]["n"] == 3
        assert figures[f"{name}, none"]["value"] <= figures[f"{name}, planted"]["value"]
    assert figures["cutout on grey"]["n"] + figures["cutout on grey"]["refused"] == 1
