"""When something starts: cron expressions and time zones, checked before a scheduler sees them.

The five fields of cron: minute, hour, day of the month, month, day of the week, each ``*``, a
number, a name (``mon``, ``jan``), a range, a list of these, and steps (``*/15``).
"""

import re
import zoneinfo
from typing import Final

from catalog_gen.broken_rules import nearest

_MONTHS: Final = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

#: Name, least, most, and the words that stand for numbers from the least on.
_FIELDS: Final[tuple[tuple[str, int, int, tuple[str, ...]], ...]] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)
#: February has 29 days at most, and four months have 30.
_LONGEST: Final = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
_PART: Final = re.compile(r"(?P<low>\*|\w+)(?:-(?P<high>\w+))?(?:/(?P<step>\d{1,4}))?", re.ASCII)


def checked_cron(cron: str) -> str:
    """The expression as it is.

    Raises:
        ValueError: it is no cron expression, or names no day that ever comes.
    """
    fields = cron.split()
    if len(fields) != len(_FIELDS):
        names = ", ".join(name for name, *_ in _FIELDS)
        raise ValueError(
            f"{cron!r} has {len(fields)} fields instead of five: {names}; '0 2 * * *' is two "
            "o'clock each night"
        )
    values = [_values(text, *rule, cron=cron) for text, rule in zip(fields, _FIELDS, strict=True)]
    days, months = values[2], values[3]
    if fields[4] == "*" and not any(min(days) <= _LONGEST.get(month, 31) for month in months):
        raise ValueError(f"{cron!r} names a day that no such month has")
    return cron


def checked_timezone(name: str) -> str:
    """The name as it is.

    Raises:
        ValueError: the time zone database has no such zone.
    """
    if name in zoneinfo.available_timezones():
        return name
    zones = sorted(zoneinfo.available_timezones())
    short = {zone.rpartition("/")[2].lower(): zone for zone in zones}
    own = name.strip().rpartition("/")[2].replace(" ", "_").lower()
    near = short.get(own) or nearest(name, zones)
    hint = f"did you mean '{near}'? " if near else ""
    raise ValueError(f"{name!r} is not a time zone; {hint}it is a name such as 'Europe/Berlin'")


def _values(
    text: str, field: str, least: int, most: int, words: tuple[str, ...], *, cron: str
) -> set[int]:
    """The numbers that a field matches."""
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        low = high = None
        if match is not None and match["low"] == "*" and match["high"] is None:
            low, high = least, most
        elif match is not None:
            low = _number(match["low"], least, most, words)
            high = low if match["high"] is None else _number(match["high"], least, most, words)
            if match["step"] is not None and match["high"] is None:
                high = most
        step = int(match["step"]) if match is not None and match["step"] is not None else 1
        if low is None or high is None or low > high or not 1 <= step <= most:
            listed = f" or {words[0]} to {words[-1]}" if words else ""
            raise ValueError(
                f"{cron!r}: {part!r} is no {field}, which is {least} to {most}{listed}, a range "
                "as in 1-5, a list as in 1,15, or a step as in */10"
            )
        found |= set(range(low, high + 1, step))
    return found


def _number(text: str, least: int, most: int, words: tuple[str, ...]) -> int | None:
    if text.lower() in words:
        return least + words.index(text.lower())
    if not text.isdecimal() or len(text) > 2:
        return None
    return int(text) if least <= int(text) <= most else None
