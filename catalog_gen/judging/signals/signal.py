"""The interface of a signal: what one file of this package measures on a picture.

``pyproject.toml`` lists the signals under ``catalog_gen.signals``. A new one is a file with a
``Signal`` and a line there; its values are stored with every picture from then on, and a rule of
the rubric may name its facts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from catalog_gen.registry import Registry

if TYPE_CHECKING:
    from catalog_gen.judging.picture import Picture

#: A measured number, a related word or hash, or None: not measurable.
Value = float | str | tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class Signal:
    """One file's measurements.

    Attributes:
        facts: the numbers that rules may use, with description, unit and range.
        measure: computes all values by name: the facts, and possibly words and hashes.
        seen: fact to the name of the value that describes, in a word, what was seen instead.
        on_white: facts that are meaningful only if the view asks for a white background.
        at_full_size: it is measured on the whole picture, not on its reduction.
        on_backdrop: facts that are meaningful only against a plain backdrop, not in a scene.
        version: raised when the values of a picture change, so that stored ones are measured again.
    """

    facts: Mapping[str, str]
    measure: Callable[["Picture"], Mapping[str, Value]]
    seen: Mapping[str, str] = field(default_factory=dict)
    on_white: frozenset[str] = frozenset()
    on_backdrop: frozenset[str] = frozenset()
    at_full_size: bool = False
    version: int = 1


SIGNALS: Final[Registry[Signal]] = Registry("signal", "catalog_gen.signals")
