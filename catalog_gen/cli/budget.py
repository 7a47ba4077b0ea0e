"""Parses budgets: a number of pictures, or a time."""

import re
from typing import Final

from catalog_gen.errors import InputError
from catalog_gen.planning import Budget

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}
_IMAGES: Final = re.compile(r"\d{1,9}", re.ASCII)
_FORM: Final = re.compile(r"(?P<number>\d{1,9}(\.\d{1,6})?)\s*(?P<unit>[smh])", re.ASCII)


def parse_budget(text: str | None) -> Budget | None:
    """ "200" is pictures, "90s", "30m" and "1.5h" are seconds of drawing; None stays None.

    Raises:
        InputError: it is neither.
    """
    if text is None:
        return None
    given = text.strip().lower()
    if _IMAGES.fullmatch(given):
        return Budget(images=int(given))
    found = _FORM.fullmatch(given)
    if found is None:
        raise InputError(
            f"--budget {text}",
            "is neither a number of pictures nor a time",
            "Write 200, 90s, 30m or 2h.",
        )
    return Budget(seconds=float(found["number"]) * _UNITS[found["unit"]])
