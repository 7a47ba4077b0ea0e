"""What a signal is: the part that one file of this room measures on a picture.

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

#: A measured number, a word or hash that goes with it, or None: not measurable here.
Value = float | str | tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class Signal:
    """One file's measurements.

    Attributes:
        facts: the numbers that rules may name, and what each says, with its unit and range.
        measure: all values by name; beside the facts there may be words and hashes.
        seen: by fact, the name of the value that says in a word what was seen instead.
        on_white: the facts that mean something only where a view asks for a white background.
        on_backdrop: those that mean something only before a background: not in a scene.
    """

    facts: Mapping[str, str]
    measure: Callable[["Picture"], Mapping[str, Value]]
    seen: Mapping[str, str] = field(default_factory=dict)
    on_white: frozenset[str] = frozenset()
    on_backdrop: frozenset[str] = frozenset()


SIGNALS: Final[Registry[Signal]] = Registry("signal", "catalog_gen.signals")
