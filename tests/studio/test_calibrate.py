"""The accept cut from planted defects, with the real scorer on freshly rendered photos."""

import json
import re
import shutil
from pathlib import Path

import pytest

from catalog_gen.judging.rubric import load_rubric
from studio.evaluation.calibrate import main
from studio.photos.negatives import render_split

pytestmark = pytest.mark.slow

DATA = Path(__file__).parents[2] / "data"
SCENES = 2


@pytest.fixture
def shop(tmp_path: Path, half_sides: int, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the sample's settings, a rubric of its own and a few photos."""
    monkeypatch.setattr("studio.photos.negatives.SCENES_PER_FILE", SCENES)
    monkeypatch.setenv("CATALOG_HOME", str(tmp_path / "home"))
    render_split(tmp_path / "photos", "judge", SCENES, samples=1)
    shutil.copy(DATA / "rubric.toml", tmp_path / "rubric.toml")
    text = (DATA / "catalog.toml").read_text("utf-8")
    text = re.sub(
        r'"(local-dir:)?(models/[^"]*|passports.toml|feed.csv)"', rf'"\g<1>{DATA}/\2"', text
    )
    (tmp_path / "catalog.toml").write_text(
        text.replace('"reference"', f'"{DATA}/reference"'), "utf-8"
    )
    return tmp_path


def test_planted_defects_set_the_cut(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rubric = shop / "rubric.toml"
    before = rubric.read_text("utf-8")
    options = ["--config", str(shop / "catalog.toml"), "--photos", str(shop / "photos"), "--json"]
    loose = ["--each", "10", "--most-bad", "0.5", "--confidence", "0.9"]
    main([*options, *loose, "--dry-run"])
    found = json.loads(capsys.readouterr().out)
    assert found["source"].startswith("20 labels, 10 of them bad: renders with planted defects")
    assert rubric.read_text("utf-8") == before

    main([*options, *loose])
    record = load_rubric(rubric).section(found["scorer_hash"]).cut
    assert record is not None
    assert (record.source, record.labels, record.prevalence) == ("planted", 20, 0.1)

    with pytest.raises(SystemExit) as refused:
        main([*options, "--each", "11"])
    assert refused.value.code == 2
    assert "studio.photos.negatives" in capsys.readouterr().err
