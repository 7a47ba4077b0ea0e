"""`catalog-gen sql`: readable at any width, harmless whatever is stored, and bounded."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from catalog_gen.cli import output
from catalog_gen.cli.sql import run
from catalog_gen.errors import InputError
from catalog_gen.home import Home
from catalog_gen.store.connection import Store
from catalog_gen.store.snapshot import QueryLimits, publish_snapshot, query_snapshot

#: Far more rows than any machine counts.
ENDLESS = (
    "SELECT count(*) FROM range(100000000000) a, range(1000) b WHERE hash(a.range, b.range) = 3"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A snapshot of an empty store."""
    opened = Home(tmp_path_factory.mktemp("asked"))
    publish_snapshot(Store(opened), opened)
    return opened


@pytest.fixture(autouse=True)
def environment(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATALOG_HOME", str(home.root))
    monkeypatch.setattr(output.answers, "width", 80)


def printed(capsys: pytest.CaptureFixture[str], query: str) -> str:
    run(query, 60, False)
    return capsys.readouterr().out


def test_narrow_rows_are_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    printout = printed(capsys, "SELECT 1 AS one, 'zwei' AS two")
    assert "┃ one ┃ two  ┃" in printout
    assert "│ 1   │ zwei │" in printout


def test_wide_rows_are_printed_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    query = "SELECT n AS number, repeat('x', 90) AS long_text FROM range(2) t(n)"
    long = "x" * 90
    assert printed(capsys, query).splitlines() == [
        "   number = 0",
        f"long_text = {long}",
        "",
        "   number = 1",
        f"long_text = {long}",
    ]


@pytest.mark.parametrize("padding", ["", "x" * 90])
def test_no_value_moves_the_cursor(capsys: pytest.CaptureFixture[str], padding: str) -> None:
    query = f"SELECT chr(27) || '[31mred' || chr(155) || chr(7) || '{padding}' AS told"
    printout = printed(capsys, query)
    assert "\\x1b[31mred\\x9b\\x07" in printout
    assert all(sign.isprintable() or sign == "\n" for sign in printout)
    run(query, 60, True)
    text = capsys.readouterr().out
    assert all(sign.isprintable() or sign == "\n" for sign in text)
    assert json.loads(text)["rows"][0]["told"].startswith("\x1b[31mred\x9b\x07")


def test_a_query_ends_after_its_time(home: Home) -> None:
    began = time.monotonic()
    with pytest.raises(InputError, match=r"longer than 0\.5 s.*--timeout"):
        query_snapshot(home, ENDLESS, QueryLimits(seconds=0.5))
    assert time.monotonic() - began < 20


def test_memory_and_spill_are_bounded_and_given_back(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    limits = QueryLimits(memory="60MB", spill="20MB")
    query = """
        SELECT max(n) FROM (
            SELECT row_number() OVER (ORDER BY hash(a)) AS n, a
            FROM (SELECT repeat('x', 99) || range AS a FROM range(3000000))
        )
    """
    with pytest.raises(InputError, match="takes more than 60MB of memory and 20MB of disk"):
        query_snapshot(home, query, limits)
    assert list(tmp_path.iterdir()) == []
    assert [path.suffix for path in home.snapshots.iterdir()] == [".duckdb"] * 2


def test_too_many_rows_are_refused(home: Home) -> None:
    with pytest.raises(InputError, match=r"more than 10 rows.*LIMIT"):
        query_snapshot(home, "FROM range(11)", QueryLimits(rows=10))
    assert len(query_snapshot(home, "FROM range(10)", QueryLimits(rows=10)).rows) == 10


@pytest.mark.slow
def test_an_interrupt_is_130() -> None:
    command = [sys.executable, "-m", "catalog_gen.cli", "sql", ENDLESS]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as query:
        time.sleep(8)
        os.kill(query.pid, signal.SIGINT)
        _, stderr = query.communicate(timeout=60)
    assert query.returncode == 130
    assert b"Traceback" not in stderr
    assert b"bug in catalog_gen" not in stderr
