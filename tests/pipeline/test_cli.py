"""The command line as a person or a script uses it: processes, exit codes, one JSON object."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.shop import ROWS, Shop, open_shop
from tests.processes import run_command


def run(shop: Shop, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_command(*arguments, environment=shop.environment)


def answer(shop: Shop, *arguments: str) -> Any:
    done = run(shop, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_a_refresh_prints_one_object_with_every_promised_key(tmp_path: Path) -> None:
    summary = answer(open_shop(tmp_path), "refresh")
    assert summary["images"]["generated"] == 6
    assert summary["products"] == {
        "active": 3,
        "added": 3,
        "changed": 0,
        "retired": 0,
        "rejected": 0,
    }
    assert summary["published"] == {"products": 3, "coverage": 1.0}
    assert summary["verdicts"] == {"accepted": 6, "review": 0, "rejected": 0}
    assert summary["seconds"].keys() == {"total", "generate", "score", "store"}
    assert summary["seconds"]["generate"] > 0
    assert summary["run_id"]


def test_a_plan_names_the_field_with_its_old_and_new_value(refreshed: Shop, tmp_path: Path) -> None:
    feed = tmp_path / "feed.csv"
    rows = ROWS | {"sku-2": ("Blue Mug", "mug", "green", "9.00 EUR")}
    text = "\n".join(",".join((key, *row)) for key, row in rows.items())
    feed.write_text(f"id,title,product_type,color,price\n{text}\n", "utf-8")
    before = sorted(path.stat().st_mtime_ns for path in refreshed.home.root.rglob("*.duckdb"))
    plan = answer(refreshed, "plan", "--feed", str(feed))
    assert plan["images"] == {"planned": 2, "reused": 0, "deferred": 0}
    assert {item["product_id"] for item in plan["items"]} == {"sku-2"}
    assert plan["items"][0]["reason"] == "changed: colour"
    assert plan["items"][0]["changed"] == [{"field": "colour", "old": "blue", "new": "green"}]
    assert plan["seconds"] >= 0
    after = sorted(path.stat().st_mtime_ns for path in refreshed.home.root.rglob("*.duckdb"))
    assert after == before


def test_nothing_changed_plans_nothing(refreshed: Shop) -> None:
    assert answer(refreshed, "plan")["items"] == []


def test_a_plan_on_a_fresh_machine_writes_nothing(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    assert answer(shop, "plan")["images"]["planned"] == 6
    assert not shop.home.root.exists()


def test_status_and_sql_report_the_night(refreshed: Shop) -> None:
    status = answer(refreshed, "status")
    assert status["published"] == {"products": 3, "images": 3, "coverage": 1.0}
    assert [each["status"] for each in status["runs"]] == ["succeeded"]
    rows = answer(refreshed, "sql", "SELECT count(*) AS pictures FROM lineage")
    assert rows == {"columns": ["pictures"], "rows": [{"pictures": 6}]}
    rows = answer(refreshed, "sql", "SELECT 1 AS a, 2 AS a, 'nan'::DOUBLE AS b")
    assert rows["rows"] == [{"a": 1, "a_2": 2, "b": None}]


def test_an_unknown_deployment_is_refused_before_a_run_begins(
    refreshed: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CATALOG_DEPLOYMENT", "prod")
    done = run(refreshed, "refresh")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'prod' is none of: local, gpu" in " ".join(done.stderr.split())
    assert len(answer(refreshed, "status")["runs"]) == 1


def test_lineage_finds_an_image_by_the_start_of_its_id(refreshed: Shop) -> None:
    image_id = str(refreshed.query("SELECT min(image_id) FROM images")[0][0])
    facts = answer(refreshed, "lineage", image_id[:12])
    assert facts["image_id"] == image_id
    assert facts["asked_because"] == "new"
    tree = run(refreshed, "lineage", image_id[:12]).stdout
    assert facts["prompt"] in tree
    assert not facts["passports"]["google"]["passed"]
    assert "fail the shorter side has 32 pixels (at least 100)" in tree
    assert "Traceback" not in tree


def test_every_picture_of_a_night_can_be_drawn_again(refreshed: Shop) -> None:
    again = answer(refreshed, "reproduce", "--sample", "100")
    assert (again["identical"], again["close"], again["different"]) == (6, 0, 0)
    assert [image["environment_changed"] for image in again["images"]] == [[]] * 6


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("refresh", "--config", "nowhere.toml"), "there is no such file"),
        (("refresh", "--feed", "nowhere.csv"), "nowhere.csv"),
        (("lineage", "ffffffffffff"), "ffffffffffff"),
        (("sql", "SELEC 1"), "SELEC"),
        (("sql", "SELECT * FROM read_text('/etc/hostname')"), "etc/hostname"),
        (("plan", "--budget", "-1"), "budget"),
        (("reproduce",), "--sample"),
        (("no-such-command",), "no-such-command"),
    ],
)
def test_wrong_input_is_one_message_and_exit_code_two(
    refreshed: Shop, arguments: tuple[str, ...], complaint: str
) -> None:
    done = run(refreshed, *arguments)
    assert done.returncode == 2, done.stderr
    assert complaint in done.stderr.replace("\n", "")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    as_json = run(refreshed, *arguments, "--json")
    assert as_json.returncode == 2
    error = json.loads(as_json.stdout)["error"]
    assert error.keys() == {"type", "value", "rule", "next_step"}
    assert all(error.values())
    assert complaint in " ".join(error.values())


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from catalog_gen.cli.main import app\n"
        "app(['--help'], standalone_mode=False)\n"
        "heavy = {'torch', 'dagster', 'duckdb', 'diffusers', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for command in ("refresh", "plan", "status", "lineage", "reproduce", "sql", "gallery", "dev"):
        assert command in done.stdout


def test_no_line_of_the_help_is_cut() -> None:
    environment = os.environ | {"COLUMNS": "80", "TERMINAL_WIDTH": "80"}
    command = [sys.executable, "-m", "catalog_gen.cli"]
    help_text = subprocess.run(
        [*command, "--help"], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert "..." not in help_text.partition("Commands:")[2]
    assert max(map(len, help_text.splitlines())) <= 80
    assert "and compare\n                byte for byte." in help_text


def test_the_version_is_the_package_s() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "catalog_gen.cli", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"catalog-gen {version('catalog-gen')}\n"


def test_closed_streams_do_no_harm(refreshed: Shop) -> None:
    environment = os.environ | refreshed.environment
    script = f"{sys.executable} -m catalog_gen.cli status <&- >&- 2>&-"
    done = subprocess.run(["sh", "-c", script], env=environment, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("home", ["", "a%b", "what?"])
def test_a_home_that_cannot_be_used_is_reported(refreshed: Shop, home: str) -> None:
    environment = os.environ | refreshed.environment | {"CATALOG_HOME": home}
    done = subprocess.run(
        [sys.executable, "-m", "catalog_gen.cli", "status"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "CATALOG_HOME" in done.stderr
