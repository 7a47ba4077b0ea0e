"""Run tasks in forks of a clean process, which answer as JSON and may be killed."""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, Final

#: Seconds that a child may take before it counts as hung.
HUNG: Final = 300.0


def forked(task: Callable[[], object], answer: int | None = None) -> int:
    """Run a task in a fork of this process; returns the child's process id.

    The answer, as JSON, is written to the file descriptor ``answer``.
    """
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        value = json.dumps(task()).encode()
        if answer is not None:
            os.write(answer, value)
        code = 0
    except BaseException:  # the child must end here, whatever happened, and never return
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def in_child(task: Callable[[], object]) -> Any:
    """A task's answer, worked out in a fork: this process must stay clean.

    Raises:
        RuntimeError: the task failed; its traceback is on standard error.
    """
    reading, writing = os.pipe()
    child = forked(task, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        content = stream.read()
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError(f"a child ended with status {status}")
    return json.loads(content)


def is_running(child: int) -> bool:
    """Whether a child has not ended; it stays to be waited for."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def sleep_while_running(child: int, seconds: float) -> None:
    """Let a child run so long, or until it ends."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and is_running(child):
        time.sleep(min(0.01, max(0.0, until - time.monotonic())))


def wait_for(child: int, happened: Callable[[], bool], at_most: float = HUNG) -> None:
    """Look every millisecond until it happened, the child ended or ``at_most`` seconds are over."""
    until = time.monotonic() + at_most
    while not happened() and time.monotonic() < until and is_running(child):
        time.sleep(0.001)
