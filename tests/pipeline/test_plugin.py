"""Another package is installed, and a refresh draws with its method."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from catalog_gen.method import METHODS
from catalog_gen.store.connection import Store
from tests.pipeline.shop import Shop, open_shop

pytestmark = pytest.mark.slow

PLUGIN = Path(__file__).parents[1] / "plugin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the package is installed as pip would do it."""
    folder = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source") / "plugin"
    source.mkdir()
    for file in PLUGIN.iterdir():
        if file.is_file():
            (source / file.name).write_bytes(file.read_bytes())
    install = ("install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    subprocess.run(
        [sys.executable, "-m", "pip", *install, "--target", str(folder), str(source)],
        check=True,
        env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_CONFIG_FILE": os.devnull},
    )
    return folder


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return open_shop(tmp_path)


def _command(shop: Shop, site: Path | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([*([str(site)] if site else []), str(PLUGIN.parents[1])])
    return subprocess.run(
        [sys.executable, "-m", "catalog_gen.cli", *arguments, "--config", str(shop.config)],
        env=os.environ | {"PYTHONPATH": path, "CATALOG_HOME": str(shop.home.root)},
        capture_output=True,
        text=True,
        check=False,
    )


def _mirrored(shop: Shop) -> None:
    text = shop.config.read_text("utf-8")
    method = 'method = { name = "mirror", axis = "horizontal" }\ncandidates = 1\n'
    plain = text[text.index("[views.packshot]") :].replace("[views.packshot]", "[views.mirrored]")
    text += plain.replace("candidates = 2\n", method)
    shop.config.write_text(text, "utf-8")


def test_a_refresh_draws_with_a_method_from_another_package(shop: Shop, installed: Path) -> None:
    _mirrored(shop)
    done = _command(shop, installed, "refresh", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["images"]["generated"] == 9  # two packshots a product, one here
    with Store(shop.home).reading() as connection:
        rows = connection.execute(
            "SELECT method, parameters, count(*) FROM lineage GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    assert rows == [("mirror", '{"axis":"horizontal"}', 3), ("text2img", "{}", 6)]
    again = _command(shop, installed, "reproduce", "--sample", "9", "--json")
    assert json.loads(again.stdout)["identical"] == 9


def test_without_the_package_its_method_is_named_with_those_that_are_there(shop: Shop) -> None:
    _mirrored(shop)
    done = _command(shop, None, "plan")
    assert done.returncode == 2
    output = " ".join(done.stderr.split())
    assert "views.mirrored.method: no method of this name is installed" in output
    assert f"There are: {', '.join(METHODS.names())}" in output
