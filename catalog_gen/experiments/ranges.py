"""Ranges of an axis, written "15..50 step 5"."""

import re
from decimal import Decimal
from typing import Final

_NUMBER: Final = r"-?\d+(?:\.\d+)?"
_RANGE: Final = re.compile(rf"\s*({_NUMBER})\s*\.\.\s*({_NUMBER})(?:\s+step\s+({_NUMBER}))?\s*")
#: Most levels of one axis.
MOST_LEVELS: Final = 1000


def is_range(text: str) -> bool:
    """Whether a text has the form of a range."""
    return _RANGE.fullmatch(text) is not None


def numbers_of(text: str) -> tuple[int | float, ...]:
    """The numbers of a range from its first to its last, both included where a step meets them.

    Whole where all three numbers are written whole; decimal fractions are exact: "0.1..0.3 step
    0.1" has three. The step is 1 unless it is given.

    Raises:
        ValueError: it is no range, leads nowhere, or has more than ``MOST_LEVELS`` numbers.
    """
    found = _RANGE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no range; write one as '15..50 step 5'")
    first, last, step = (Decimal(part or "1") for part in found.groups())
    if step <= 0:
        raise ValueError(f"{text!r} has a step of {step}; write one above 0")
    if last < first:
        raise ValueError(f"{text!r} ends below its start; write the smaller number first")
    count = int((last - first) / step) + 1
    if count > MOST_LEVELS:
        raise ValueError(f"{text!r} has {count} numbers, and an axis at most {MOST_LEVELS}")
    whole = "." not in "".join(part or "" for part in found.groups()).replace("..", "")
    number = int if whole else float
    return tuple(number(first + step * place) for place in range(count))
