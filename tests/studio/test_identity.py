"""A miniature of the comparison of methods against the true photos, and of the error rates."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.identity import SIDE, WAYS, Readers, Studio, compare, faults, judged, plot, speed
from studio.evaluation.standing_defects import STANDING_DEFECTS
from studio.photos.pairs import EDITS, Pair, pairs

pytest.importorskip("mitsuba")

SAMPLES = 8
#: One of each kind: without the photo, from it, by a mask, by what was learned once and for each.
SOME = ("text2img", "img2img 0.35", "background", "inversion", "Imagic 0.3")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("identity")


def scene(work: Path) -> Iterator[Pair]:
    return pairs(work / "scenes", 1, SAMPLES, side=SIDE)


@pytest.mark.slow
def test_methods_are_compared_and_nothing_is_drawn_twice(work: Path) -> None:
    studio = Studio(work, pictures=1, adapter=work, steps=2)
    figures = compare(scene(work), studio, SOME, Readers(work))
    assert figures["photos"] == {"used": 1, "refused": 0}
    assert figures["ways"]["background"]["background"]["identical"]["mean"] == 1.0
    for name in SOME:
        row = figures["ways"][name]
        assert set(row) == {"itself", *EDITS, "way"}
        assert all(0 < row[each]["silhouette"]["mean"] <= 1 for each in EDITS)
    for reader in ("right", "read"):
        assert figures["true"]["background"][f"{reader} colour"]["mean"] == 1
    # The weakest edit is nearest to the photo, and leaves the white ground that was to be wood.
    weak, free = (figures["ways"][name] for name in ("img2img 0.35", "text2img"))
    assert weak["way"]["reconstruction"]["mean"] > free["way"]["reconstruction"]["mean"]
    assert weak["background"]["ground"]["mean"] > free["background"]["ground"]["mean"]
    drawn = {path: path.stat().st_mtime_ns for path in (work / "drawn").iterdir()}
    assert len(drawn) == 2 * 4 * len(SOME)
    assert compare(scene(work), Studio(work, 1, work, 2), SOME, Readers(work)) == figures
    assert {path: path.stat().st_mtime_ns for path in (work / "drawn").iterdir()} == drawn
    plot(figures["ways"], work / "curve.svg")
    assert "img2img 0.35" in (work / "curve.svg").read_text()
    plot(figures["ways"], work / "curve.png")
    assert (work / "curve.png").read_bytes().startswith(b"\x89PNG")
    paces = speed(scene(work), Studio(work, 1, work, 2), SIDE)
    assert paces["text2img"]["of text2img"] == 1
    assert all(0 < each["of text2img"] < 10 for each in paces.values())


def _product(structure: float) -> dict[str, dict[str, float]]:
    return {"background": {"structure": structure, "embedding": 0.5}}


def test_a_claim_is_judged_by_its_differences_product_by_product() -> None:
    def here(more: list[float], less: list[float]) -> dict[str, Any]:
        products = {"img2img 0.35": more, "img2img 0.60": less}
        rows = judged({name: [_product(v) for v in values] for name, values in products.items()})
        (row,) = (row for row in rows if "keeps more" in row["claim"])
        return row

    # The products differ by more than the ways do.
    assert here([0.9, 0.5, 0.1], [0.7, 0.31, -0.1])["here"] == "holds"
    assert here([0.7, 0.31, -0.1], [0.9, 0.5, 0.1])["here"] == "does not hold"
    assert here([0.9, 0.5, 0.1], [0.2, 0.9, 0.1])["here"] == "not shown"
    assert here([0.9], [0.1])["here"] == "not shown"


def test_claims_are_about_ways_that_are_drawn() -> None:
    from likeness.claims import CLAIMS

    assert {way for claim in CLAIMS for way in (claim.more, claim.less)} <= set(WAYS)


@pytest.mark.slow
def test_error_rates_of_the_faults_are_counted(work: Path) -> None:
    figures = faults(scene(work))
    assert {f"{name}, planted" for name in STANDING_DEFECTS} <= set(figures)
    for name in STANDING_DEFECTS:
        assert figures[f"{name}, planted"]["n"] == 3
        assert figures[f"{name}, none"]["value"] <= figures[f"{name}, planted"]["value"]
