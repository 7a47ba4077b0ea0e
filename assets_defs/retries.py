"""What is tried again: faults of the machine, never what the user gave.

Every stage is idempotent, so that trying a step again costs time and nothing else; but a broken
template stays broken, and waiting for it would only delay the message.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import dagster as dg

from catalog_gen.errors import InputError

P = ParamSpec("P")
R = TypeVar("R")

retry_twice = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL)


def input_errors_are_final(body: Callable[P, R]) -> Callable[P, R]:
    """An asset's body whose ``InputError`` fails the step at once, with its message."""

    @wraps(body)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return body(*args, **kwargs)
        except InputError as error:
            raise dg.Failure(str(error), allow_retries=False) from error

    return wrapped
