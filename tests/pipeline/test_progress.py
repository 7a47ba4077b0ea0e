"""Progress is shown as bars in a terminal, as one line per stage elsewhere, and in the run log."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assets_defs.run_progress import in_words
from catalog_gen.progress import Progress, report, reporting_to
from tests.pipeline.shop import Shop, open_shop
from tests.pipeline.test_cli import run

pytestmark = pytest.mark.slow

#: What libraries like to say, and nobody asked for.
NOISE = ("leaked", "Warning", "Traceback", "nanobind", "beta", "UserWarning")


def in_a_terminal(shop: Shop, *, interrupt_at: str = "") -> tuple[int, str]:
    """The exit code of a refresh, and its output in a terminal of 100 columns."""
    terminal, end = pty.openpty()
    environment = os.environ | shop.environment
    environment |= {"TERM": "xterm", "COLUMNS": "100", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "catalog_gen.cli", "refresh"]
    with subprocess.Popen(
        command, env=environment, stdin=end, stdout=end, stderr=end, start_new_session=True
    ) as process:
        os.close(end)
        shown = b""
        while True:
            try:
                part = os.read(terminal, 4096)
            except OSError:  # the other end is closed: the process has ended
                break
            shown += part
            if interrupt_at and interrupt_at.encode() in shown:
                interrupt_at = ""
                time.sleep(0.2)
                process.send_signal(signal.SIGINT)
        code = process.wait()
    os.close(terminal)
    return code, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())


def test_bars_are_seen_in_a_terminal_while_pictures_are_drawn(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    shop.write_feed({f"sku-{n}": (f"Mug {n}", "mug", "red", "9.00 EUR") for n in range(60)})
    code, shown = in_a_terminal(shop)
    assert code == 0, shown
    drawing = {int(done) for done in re.findall(r"draw [^/]* (\d+)/120 ", shown)}
    assert len(drawing) > 2, shown
    assert max(drawing) == 120
    assert re.search(r"draw [^/]* 120/120 .*[\d.]+/s", shown)
    assert "120 accepted" in shown
    assert not [word for word in NOISE if word in shown], shown


def test_an_interrupt_ends_it_in_one_sentence(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    rows = {f"sku-{n}": (f"Mug {n}", "mug", "red", "9.00 EUR") for n in range(200)}
    shop.write_feed(rows)
    code, shown = in_a_terminal(shop, interrupt_at="2/400")
    assert code == 130, shown
    assert "pictures were drawn and are kept" in " ".join(shown.split())
    assert not [word for word in NOISE if word in shown], shown
    ((status, summary),) = shop.query("SELECT status, summary ->> '$.images.generated' FROM runs")
    assert status == "interrupted"
    stored = shop.query("SELECT count(*) FROM images")[0][0]
    waiting = shop.catalog.outbox.waiting_by_run().total()
    assert int(str(summary)) == int(str(stored)) + waiting > 0


def test_outside_a_terminal_every_stage_prints_one_line(tmp_path: Path) -> None:
    done = run(open_shop(tmp_path), "refresh")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if re.match(r"\w+: \d+ of \d+ in ", line)]
    assert [line.split(":")[0] for line in lines] == ["draw", "score", "judge"]
    assert lines[0].startswith("draw: 6 of 6 in ")
    assert not [word for word in NOISE if word in done.stderr], done.stderr


def test_reports_reach_everybody_who_listens() -> None:
    outer: list[Progress] = []
    inner: list[Progress] = []
    with reporting_to(outer.append):
        with reporting_to(inner.append):
            report("draw", 1, 4, "1 failed")
        report("draw", 2, 4)
    report("draw", 3, 4)
    assert inner == [Progress("draw", 1, 4, "1 failed")]
    assert outer == [*inner, Progress("draw", 2, 4)]


def test_progress_in_words_has_rate_and_time_left() -> None:
    words = in_words(Progress("draw", 30, 120, "1 failed"), 60.0)
    assert words == "draw: 30 of 120, 0.5 a second, about 180 s left; 1 failed"
    assert in_words(Progress("draw", 0, 120), 0.0) == "draw: 0 of 120"
