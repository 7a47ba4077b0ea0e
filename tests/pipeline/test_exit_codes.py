"""The commands' exit codes: 0 done, 1 done with failures, 2 wrong input, 3 a fault.

As processes, because a script sees nothing else; wrong input of further kinds is in ``test_cli``.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.pipeline.shop import Shop
from tests.pipeline.test_cli import run

WRONG = {
    "refresh": ("refresh", "--budget", "much"),
    "plan": ("plan", "--feed", "nowhere.csv"),
    "sql": ("sql", "DROP TABLE products"),
    "lineage": ("lineage", "no-hash"),
    "reproduce": ("reproduce", "ffffffffffff"),
    "export": ("export", "--channel", "nowhere", "--out", "{folder}/out"),
    "publications": ("publications", "--at", "yesterday"),
    "rollback": ("rollback", "99"),
    "review": ("review", "ffffffffffff", "--accept"),
    "calibrate": ("calibrate",),
    "backup": ("backup", "{shop}"),
    "restore": ("restore", "{folder}/nowhere"),
    "status": ("status", "--config", "nowhere.toml"),
    "doctor": ("doctor", "--config", "nowhere.toml"),
    "verify": ("verify", "--nonsense"),
}

#: With a database that is damaged. What only reads the snapshot or makes a plan is not asked.
FAULTS = ("status", "verify", "doctor", "lineage 00", "publications", "rollback", "reproduce 00")


@pytest.mark.parametrize("command", WRONG)
def test_wrong_input_is_two(refreshed: Shop, tmp_path: Path, command: str) -> None:
    arguments = (each.format(folder=tmp_path, shop=refreshed.folder) for each in WRONG[command])
    done = run(refreshed, *arguments)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip()) > 20


@pytest.mark.parametrize("command", ["verify", "publications", "status"])
def test_done_is_zero(refreshed: Shop, command: str) -> None:
    done = run(refreshed, command, "--json")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_backup_is_written_and_restored(refreshed: Shop, tmp_path: Path) -> None:
    assert run(refreshed, "backup", str(tmp_path / "backup")).returncode == 0
    assert run(refreshed, "restore", str(tmp_path / "backup")).returncode in (
        2,
        3,
    )  # a store is there
    other = Shop(tmp_path / "other")
    shutil.copytree(refreshed.folder, other.folder, ignore=shutil.ignore_patterns("home"))
    assert run(other, "restore", str(tmp_path / "backup")).returncode == 0
    assert run(other, "verify").returncode == 0


@pytest.fixture(scope="module")
def damaged(refreshed: Shop, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = Shop(tmp_path_factory.mktemp("damaged") / "shop")
    shutil.copytree(refreshed.folder, shop.folder)
    content = bytearray(shop.home.database.read_bytes())
    content[: 3 * 4096] = bytes(3 * 4096)
    shop.home.database.write_bytes(content)
    return shop


@pytest.mark.parametrize("command", FAULTS)
def test_a_damaged_store_is_three_and_names_the_remedy(damaged: Shop, command: str) -> None:
    done = run(damaged, *command.split())
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert "estore" in (done.stderr + done.stdout).replace("\n", "")


def test_without_a_snapshot_sql_gives_the_next_step(refreshed: Shop, tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    done = run(shop, "sql", "SELECT 1")
    assert done.returncode == 3
    assert "catalog-gen refresh" in done.stderr.replace("\n", " ")


@pytest.mark.parametrize("command", ["plan", "doctor", "refresh", "status", "verify", "gallery"])
def test_a_store_from_before_the_release_is_refused_by_every_command(
    refreshed: Shop, tmp_path: Path, command: str
) -> None:
    shop = Shop(tmp_path / "shop")
    shutil.copytree(refreshed.folder, shop.folder)
    with duckdb.connect(shop.home.database) as connection:
        connection.execute("DROP TABLE store_schema")
        connection.execute("CREATE TABLE schema_version AS SELECT 32 AS version")
    done = run(shop, command)
    words = "".join((done.stderr + done.stdout).split())  # as wide as the terminal wraps them
    assert done.returncode == 3, words
    assert "catalog.duckdb:anunreleasedcatalog_genwithothertableswrotethis" in words
    assert "CATALOG_HOME" in words
    assert "Traceback" not in words


@pytest.mark.slow
@pytest.mark.parametrize(("command", "limit"), [("plan", 400), ("refresh", 2000)])
def test_too_little_memory_is_reported_with_exit_code_three(
    refreshed: Shop, tmp_path: Path, command: str, limit: int
) -> None:
    """Not an ImportError of a library that found no room for its code."""
    program = f"ulimit -v {limit * 1024}; exec {sys.executable} -m catalog_gen.cli {command} --json"
    environment = os.environ | refreshed.environment | {"CATALOG_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        ["bash", "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3, done.stderr
    error = json.loads(done.stdout)["error"]
    assert "memory" in error["rule"].lower()
    assert "bug in catalog_gen" not in done.stderr
