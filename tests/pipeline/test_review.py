"""Reviews of pictures, and the accept cut that is calibrated from them; as processes."""

import pytest

from catalog_gen.judging.rubric import load_rubric
from tests.pipeline.shop import Shop
from tests.pipeline.test_cli import answer, run


@pytest.mark.slow
def test_reviews_move_the_cut(refreshed: Shop) -> None:
    assert answer(refreshed, "review") == {"waiting": []}
    rubric = refreshed.folder / "rubric.toml"
    sample = answer(refreshed, "review", "--sample", "4")["sample"]
    assert [each["decision"] for each in sample] == ["accepted"] * 4
    before = rubric.read_text("utf-8")
    refused = run(refreshed, "calibrate")
    assert refused.returncode == 2
    assert "catalog-gen review" in refused.stderr

    images = [row[0] for row in refreshed.query("SELECT image_id FROM images ORDER BY image_id")]
    for image in images:
        decided = answer(refreshed, "review", image[:12], "--accept", "--note", "fine")
        assert (decided["image_id"], decided["decision"]) == (image, "accepted")
    assert run(refreshed, "review", images[0]).returncode == 2
    assert run(refreshed, "review", "--accept").returncode == 2

    few = run(refreshed, "calibrate")
    assert few.returncode == 2
    assert "About 59 labels are needed" in " ".join(few.stderr.split())
    assert rubric.read_text("utf-8") == before

    unlearned = run(refreshed, "calibrate", "--critic")
    assert unlearned.returncode == 2
    assert "it takes 200" in " ".join(unlearned.stderr.split())
    assert rubric.read_text("utf-8") == before

    loose = ("calibrate", "--most-bad", "0.5", "--confidence", "0.9")
    dry = answer(refreshed, *loose, "--dry-run")
    assert dry["source"].startswith("6 labels, 0 of them bad")
    assert dry["plot"] is None
    assert rubric.read_text("utf-8") == before
    found = answer(refreshed, *loose)["calibration"]["chosen"]
    own = load_rubric(rubric)
    (scorer,) = [name for name in own.scorers if name != "default"]
    assert own.accept(scorer) == found["cut"]
    assert found["bound"] < 0.5
    record = own.section(scorer).cut
    assert record is not None
    assert (record.labels, record.source, record.prevalence) == (6, "reviews", None)
    plot = (refreshed.home.root / "calibration.svg").read_text("utf-8")
    assert plot.startswith("<svg")
    assert "6 labels" in plot
