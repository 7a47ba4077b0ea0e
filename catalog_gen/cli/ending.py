"""Ends a command with an exit code and, if it failed, one message.

With ``--json``, a command that fails also prints an object:
``{"error": {"type": ..., "value": ..., "rule": ..., "next_step": ...}}``.
"""

import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Final, NoReturn

import typer

from catalog_gen.errors import CatalogError, InfrastructureError
from catalog_gen.redaction import without_credentials
from catalog_gen.too_little_memory import require_addresses, too_little_memory

#: Conventional exit codes after Ctrl-C, and for wrong usage.
INTERRUPTED: Final = 130
USAGE: Final = 2


@dataclass(frozen=True, slots=True)
class CommandFailure:
    """Why a command failed."""

    type: str
    value: str
    rule: str
    next_step: str

    @classmethod
    def of(cls, error: CatalogError) -> "CommandFailure":
        return cls(type(error).__name__, error.value, error.rule, error.next_step)


_STOPPED: Final = CommandFailure(
    "Interrupted", "Ctrl-C", "the command was stopped", "Finished work is kept; run it again."
)


def open_streams() -> None:
    """Put the null device where a standard stream was closed.

    Otherwise the next file opened gets the stream's descriptor, and printed text could end up in
    the database.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115


def end(command: Callable[[], int]) -> NoReturn:
    """Run a command and end the process with its exit code.

    It skips Python's teardown: everything is closed and on disk, teardown takes half a second with
    torch loaded, and DuckDB's binding would print warnings about references that other libraries
    still hold.
    """
    code = _run(command)
    for stream in (sys.stdout, sys.stderr):
        # `catalog-gen sql ... | head` may have closed the pipe, or the disk may be full.
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def print_failure(failure: CommandFailure) -> None:
    """Print a failed command's JSON object on standard output."""
    from catalog_gen.cli.output import print_json

    print_json({"error": asdict(failure)})


def _run(command: Callable[[], int]) -> int:
    try:
        require_addresses()
        code = command()
    except KeyboardInterrupt:
        return _stopped()
    except Exception as error:
        return _reported(error)
    if code == INTERRUPTED and _as_json():
        print_failure(_STOPPED)
    return code


def _as_json() -> bool:
    return "--json" in sys.argv[1:]


def _stopped() -> int:
    sys.stderr.write("Stopped.\n")
    if _as_json():
        print_failure(_STOPPED)
    return INTERRUPTED


def _reported(error: Exception) -> int:
    """Report the error on standard error and return its exit code."""
    from catalog_gen.cli.output import messages as console

    if isinstance(error, BrokenPipeError):
        return 0  # the reader of standard output has closed it: not an error
    error = too_little_memory(error) or error
    if isinstance(error, CatalogError):
        console.print(f"[bold red]{type(error).__name__}[/]: ", end="")
        console.print(str(error), markup=False)
        failure, code = CommandFailure.of(error), error.exit_code
    elif isinstance(error, typer.Abort):
        return _stopped()
    elif _is_usage_error(error):
        usage: Any = error
        usage.show()
        message = usage.format_message().rstrip(".")
        failure = CommandFailure("UsageError", " ".join(sys.argv[1:]), message, "Look at --help.")
        code = USAGE
    else:
        message, details = without_credentials(str(error)), _crash_details()
        console.print(f"[bold red]Unexpected {type(error).__name__}[/]: ", end="")
        console.print(message, markup=False)
        console.print(f"This is a bug in catalog_gen. {details}", markup=False)
        failure = CommandFailure(
            type(error).__name__, message, "this is a bug in catalog_gen", details
        )
        code = InfrastructureError.exit_code
    if _as_json():
        print_failure(failure)
    return code


def _is_usage_error(error: Exception) -> bool:
    """Whether an error is a usage error of click, which Typer bundles."""
    return hasattr(error, "show") and hasattr(error, "exit_code")


def _crash_details() -> str:
    """Save the traceback to a file and return a sentence saying where, or why it failed."""
    from catalog_gen.home import Home

    try:
        folder = Home.from_environment().root
    except CatalogError as error:
        return str(error)
    path = folder / "crash.txt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(without_credentials(traceback.format_exc()), "utf-8")
    except OSError as error:
        return f"Its details could not be written to {path} ({error.strerror}); fix that first."
    return f"The details are in {path}; please report them."
