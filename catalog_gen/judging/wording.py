"""How measured numbers are written in the sentences of rubric and passports."""


def number(value: float) -> str:
    """Three significant digits, without an exponent or idle zeros; whole numbers stay whole."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:.0f}"
    digits = 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def percent(share: float) -> str:
    """A share of 0..1 as a percentage with at most one digit after the point."""
    return f"{number(round(share * 100, 1))}%"


def worded(says: str, value: float, **words: str) -> str:
    """A clause with ``{value}``, ``{percent}`` and further words filled in.

    Raises:
        KeyError, IndexError, ValueError: the clause holds anything else in braces.
    """
    # A night writes millions of clauses, and few have both.
    if "{value" in says:
        words["value"] = number(value)
    if "{percent" in says:
        words["percent"] = percent(value)
    return says.format(**words)
