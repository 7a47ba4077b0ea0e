"""The sample catalog with the real studio model, and every command of the README, run for real."""

import csv
import io
import json
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from catalog_gen.home import Home
from catalog_gen.store.connection import Store
from catalog_gen.store.pictures.in_folder import InFolder
from tests.processes import run_command

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Sample:
    """A folder to work in, with ``my-catalog.toml`` over a small part of the sample feed."""

    folder: Path

    @property
    def home(self) -> Home:
        return Home(self.folder / "home")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "CATALOG_HOME": str(self.home.root),
            "CATALOG_CONFIG": str(self.folder / "my-catalog.toml"),
            "COLUMNS": "100",
        }
        return run_command(*arguments, environment=environment, folder=self.folder)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with Store(self.home).reading() as connection:
            return connection.execute(sql).fetchall()


def _feed() -> str:
    """Three drawable rows of the sample feed, one of them with a photo, and one that is not."""
    with (ROOT / "data" / "feed.csv").open(newline="", encoding="utf-8") as stream:
        header, *rows = csv.reader(stream)
    named = [dict(zip(header, row, strict=False)) for row in rows if len(row) == len(header)]
    photographed = next(row for row in named if row["reference_image"])
    plain = [row for row in named if not row["reference_image"] and row["id"] and row["title"]][:2]
    kettle = next(row for row in named if "ettle" in row["title"])
    text = io.StringIO()
    writer = csv.DictWriter(text, header)
    writer.writeheader()
    writer.writerows([photographed, *plain, kettle])
    return text.getvalue()


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    folder = tmp_path_factory.mktemp("sample")
    (folder / "feed.csv").write_text(_feed(), "utf-8")
    text = (ROOT / "data" / "catalog.toml").read_text("utf-8")
    data = ROOT / "data"
    named = (
        "models/studio/pipeline",
        "models/studio/clip",
        "models/lettering.safetensors",
        "models/critic.safetensors",
        "rubric.toml",
        "passports.toml",
    )
    for name in (*named, "reference"):
        text = re.sub(rf'"(local-dir:)?{name}"', rf'"\g<1>{data / name}"', text)
    text = text.replace("min_coverage = 0.5", "min_coverage = 0.0")
    (folder / "my-catalog.toml").write_text(text, "utf-8")
    return Sample(folder)


def readme_lines() -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    lines = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [line for line in lines if "catalog-gen" in line]


def test_every_command_of_the_readme_runs(sample: Sample) -> None:
    """In the README's order; the image id, which differs by catalog, is put in."""
    done = sample.run("refresh", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["images"]["generated"] == 3 * 3 + 1
    assert summary["images"]["failed"] == 0
    assert summary["prompts"]["unsupported"] >= 1
    ((image_id,),) = sample.query("SELECT min(image_id) FROM images")
    for line in readme_lines():
        _, name, *arguments = shlex.split(line)
        if name == "lineage":
            arguments = [image_id]
        done = sample.run(name, *arguments)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        assert done.stdout.strip(), line


def test_what_the_model_cannot_draw_is_reported_and_not_drawn(sample: Sample) -> None:
    rows = sample.query("SELECT product_id, unsupported FROM prompts WHERE unsupported <> ''")
    assert rows
    assert all("model.id" in why for _, why in rows)
    drawn = {product_id for (product_id,) in sample.query("SELECT product_id FROM lineage")}
    assert not drawn & {product_id for product_id, _ in rows}


def test_pictures_are_pictures_on_white(sample: Sample) -> None:
    rows = sample.query(
        """
        SELECT sha256 FROM images JOIN ledger ON recipe_id = image_id
        WHERE view = 'packshot' AND attempt = 0
        """
    )
    assert len(rows) == 6
    pictures = InFolder(sample.home.pictures).get([address for (address,) in rows])
    for content in pictures.values():
        pixels = np.asarray(Image.open(io.BytesIO(content)))
        assert pixels.shape == (128, 128, 3)
        border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        assert np.median(border) >= 250
        assert pixels[32:96, 32:96].std() > 10
