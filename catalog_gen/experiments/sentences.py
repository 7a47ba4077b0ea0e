"""Effects in words: "steps 15 to 25: +0.6 of 10 points (+0.2 to +1.0), cost x1.7"."""

from catalog_gen.experiments.definition import level_text
from catalog_gen.experiments.effects import Effect, Interval


def sentence(effect: Effect) -> str:
    """What a setting does, in one sentence; an interval that allows both ways is "not clear"."""
    return f"{effect.axis} {compared(effect)}: {'; '.join(_parts(effect))}."


def compared(effect: Effect) -> str:
    """The two levels: "15 to 25", "ddim instead of euler-a"."""
    before, after = level_text(effect.before), level_text(effect.after)
    numbers = isinstance(effect.before, int | float)
    return f"{before} to {after}" if numbers else f"{after} instead of {before}"


def _parts(effect: Effect) -> list[str]:
    points = effect.points
    if points.n < 2:
        said = f"{points.mean:+.1f} of 10 points on one pair of pictures, which proves nothing"
    elif effect.verdict == "no difference":
        said = f"no difference ({_ends(points)} of 10 points)"
    elif effect.verdict == "not clear":
        said = f"not clear ({_ends(points)} of 10 points)"
    else:
        said = f"{points.mean:+.1f} of 10 points ({_ends(points)})"
    parts = [said]
    before, after = effect.shares
    if effect.accepted.is_above or effect.accepted.is_below:
        parts.append(f"accepted {after:.0%} instead of {before:.0%}")
    if effect.cost is not None:
        parts.append("same cost" if 0.9 <= effect.cost <= 1.1 else f"cost x{effect.cost:.1f}")
    return parts


def _ends(interval: Interval) -> str:
    return f"{interval.low:+.1f} to {interval.high:+.1f}"
