"""Shared by the studio's commands: validated number arguments, and error messages."""

import argparse
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from catalog_gen.errors import CatalogError


@contextmanager
def reported_errors() -> Iterator[None]:
    """End the process with an error's message and exit code instead of a traceback."""
    try:
        yield
    except CatalogError as error:
        print(error, file=sys.stderr)
        raise SystemExit(error.exit_code) from error


def count(text: str) -> int:
    """A whole number from 1 on, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number from 1 on")
    return int(text)


def minutes(text: str) -> float:
    """A positive time, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text}: must be a number above 0")
    return value


def share(text: str) -> float:
    """A number between 0 and 1, exclusive, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 < value < 1.0:
        raise argparse.ArgumentTypeError(f"{text}: must be a number between 0 and 1")
    return value
