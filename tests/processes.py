"""Processes of their own, for commands and functions, that need not load any library.

Each is a fork of a server that has imported PyTorch, diffusers, Dagster, and the project's own
modules but for the orchestrator's, whose definitions depend on the environment
(``tests/imported.py``). The imports take 7 of the 11 seconds of a small refresh.
"""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from multiprocessing.forkserver import ensure_running
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")

_SERVER: Final = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["tests.imported"])


def start_server() -> None:
    """Start the server, if it doesn't run, in a folder where it finds the package of the tests."""
    ensure_running()


def result_of(
    function: Callable[Given, Result], *arguments: Given.args, **named: Given.kwargs
) -> Result:
    """What a module's function returns in a process of its own.

    Raises:
        AssertionError: it raised, or its process died; standard error has more.
    """
    receiver, sender = _SERVER.Pipe(duplex=False)
    process = _SERVER.Process(target=_send, args=(sender, function, arguments, named))
    process.start()
    sender.close()
    try:
        result: Result = receiver.recv()
    except EOFError:
        process.join()
        raise AssertionError(f"{function} ended with {process.exitcode}") from None
    process.join()
    return result


def _send(
    sender: Connection,
    function: Callable[..., object],
    arguments: tuple[Any, ...],
    named: Mapping[str, Any],
) -> None:
    sender.send(function(*arguments, **named))


def run_command(
    *arguments: str,
    environment: Mapping[str, str],
    folder: Path | None = None,
    first: Callable[[], None] | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Run ``catalog-gen`` to its end.

    Args:
        arguments: after the program's name.
        environment: added to this process's.
        folder: to work in; this process's if None.
        first: a module's function, called in the new process before the command.
    """
    with TemporaryDirectory() as streams:
        out, err = Path(streams) / "out", Path(streams) / "err"
        process = _SERVER.Process(
            target=_command,
            args=(arguments, dict(os.environ | environment), folder or Path.cwd(), out, err, first),
        )
        process.start()
        process.join()
        assert process.exitcode is not None
        return subprocess.CompletedProcess(
            arguments, process.exitcode, out.read_text("utf-8"), err.read_text("utf-8")
        )


def _command(
    arguments: tuple[str, ...],
    environment: dict[str, str],
    folder: Path,
    out: Path,
    err: Path,
    first: Callable[[], None] | None,
) -> None:
    assert "tests.imported" in sys.modules  # the server is silent about what it can't import
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for path, number in ((out, 1), (err, 2)):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
    sys.argv = ["catalog-gen", *arguments]
    if first is not None:
        first()
    from catalog_gen.cli.main import main

    main()


def runs(pid: int) -> bool:
    """Whether a process computes, and is neither gone nor a zombie that nobody has waited for."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
