"""How a command ends: what went wrong in one message, and an exit code.

With ``--json`` a command that fails prints an object, too:
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

#: What a shell expects of a command that Ctrl-C ended, and of one that was used wrongly.
INTERRUPTED: Final = 130
USAGE: Final = 2


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a command did not do what it was asked for."""

    type: str
    value: str
    rule: str
    next_step: str

    @classmethod
    def of(cls, error: CatalogError) -> "Failure":
        return cls(type(error).__name__, error.value, error.rule, error.next_step)


_STOPPED: Final = Failure(
    "Interrupted", "Ctrl-C", "the command was stopped", "What was done before is kept; run again."
)


def open_streams() -> None:
    """Put the null device where a standard stream was closed.

    Otherwise the next file that is opened gets the stream's number, and what is printed ends in
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

    It ends without Python's teardown: by now everything is closed and on disk, teardown takes half
    a second with torch loaded, and DuckDB's binding would list on the terminal what other libraries
    still hold of it.
    """
    code = _run(command)
    for stream in (sys.stdout, sys.stderr):
        # `catalog-gen sql ... | head` has what it wanted; a full disk takes no more.
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def print_failure(failure: Failure) -> None:
    """The object of a failed command on standard output."""
    from catalog_gen.cli.output import print_json

    print_json({"error": asdict(failure)})


def _run(command: Callable[[], int]) -> int:
    try:
        code = command()
    except KeyboardInterrupt:
        return _stopped()
    except Exception as error:
        return _told(error)
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


def _told(error: Exception) -> int:
    """Say what went wrong on standard error; the exit code for it."""
    from catalog_gen.cli.output import messages as console

    if isinstance(error, BrokenPipeError):
        return 0  # whoever read standard output has what they wanted
    if isinstance(error, CatalogError):
        console.print(f"[bold red]{type(error).__name__}[/]: ", end="")
        console.print(str(error), markup=False)
        failure, code = Failure.of(error), error.exit_code
    elif isinstance(error, typer.Abort):
        return _stopped()
    elif _is_usage_error(error):
        usage: Any = error
        usage.show()
        told = usage.format_message().rstrip(".")
        failure = Failure("UsageError", " ".join(sys.argv[1:]), told, "Look at --help.")
        code = USAGE
    else:
        told, details = without_credentials(str(error)), _crash_details()
        console.print(f"[bold red]Unexpected {type(error).__name__}[/]: ", end="")
        console.print(told, markup=False)
        console.print(f"This is a fault of catalog_gen. {details}", markup=False)
        failure = Failure(type(error).__name__, told, "this is a fault of catalog_gen", details)
        code = InfrastructureError.exit_code
    if _as_json():
        print_failure(failure)
    return code


def _is_usage_error(error: Exception) -> bool:
    """Typer carries its own copy of click; its usage errors know how to show themselves."""
    return hasattr(error, "show") and hasattr(error, "exit_code")


def _crash_details() -> str:
    """Keep the traceback in a file and say where; a full or read-only disk is said, too."""
    from catalog_gen.settings import Home

    try:
        folder = Home.from_environment().root
    except CatalogError as error:
        return str(error)
    path = folder / "crash.txt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(without_credentials(traceback.format_exc()), "utf-8")
    except OSError as error:
        return f"Its details could not be kept in {path} ({error.strerror}): look at that first."
    return f"The details are in {path}; please report them."
