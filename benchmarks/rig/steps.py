"""Steps of a benchmark, each measured in a process of its own."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

Figures = dict[str, Any]


def measured(work: Callable[[], int], of: str = "done") -> Figures:
    """What the work costs this process, imports left out, and the number that it returns as ``of``.

    Seconds of the clock and of the processor (all threads), and the peak memory in MB since the
    process began.
    """
    started, processor = perf_counter(), process_time()
    done = work()
    return {
        "seconds": perf_counter() - started,
        "processor": process_time() - processor,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        of: done,
    }


def in_process(script: Path, *options: str, python: str = sys.executable) -> Figures:
    """The figures that a script prints as JSON, run beside the checkout that it lies in."""
    root = script.parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [python, str(script), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment)
    figures: Figures = json.loads(done.stdout)
    return figures


def children_seconds() -> float:
    """The processor seconds of the processes that have ended, imports included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
