"""Some of the kills that `benchmarks/faults.py` repeats hundreds of times."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.rig.kills import FAULTS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def test_killed_and_doubled_refreshes_lose_nothing_and_draw_nothing_twice() -> None:
    # In a process of its own: refreshes are forks of it, and it must be clean.
    command = [sys.executable, str(ROOT / "benchmarks" / "faults.py")]
    command += ["--kills", "2", "--pairs", "1", "--seed", "7", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["kills"] >= 2
    assert figures["pairs"] == 1
    assert figures["acknowledged"] >= 6
    assert figures["reads"] > 0
    assert {name: figures[name] for name in FAULTS} == dict.fromkeys(FAULTS, 0)
