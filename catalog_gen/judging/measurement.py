"""Measures a picture once: what all installed signals say of it, as one frozen record.

What needs a network (contrasts, the distance to the photo, lettering) is added by whoever has its
answers. The record is stored, and judged again whenever the rubric changes.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from catalog_gen.fingerprint import canonical_json
from catalog_gen.judging.contrasts import Contrast
from catalog_gen.judging.picture import Asked, Picture, at_measuring_size
from catalog_gen.judging.signals.signal import SIGNALS, Value

_DIGITS: Final = 5
_CONTRASTS: Final = "contrasts"


@dataclass(frozen=True, slots=True)
class Signals:
    """Everything measured on one picture, by name; None: not measurable here.

    Units and sources stand with the signals.
    """

    values: Mapping[str, Value]
    contrasts: Mapping[str, Contrast] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Value:
        """A value; None where this name was not measured, or could not be."""
        return self.values.get(name)

    def number(self, name: str) -> float | None:
        """A value that is a number; None otherwise."""
        value = self[name]
        return value if isinstance(value, int | float) else None

    def text(self, name: str) -> str:
        """A value that is a word or a hash; '' otherwise."""
        value = self[name]
        return value if isinstance(value, str) else ""

    def with_answers(
        self, contrasts: Mapping[str, Contrast] | None = None, **values: Value
    ) -> "Signals":
        """The same with what networks said of the picture."""
        known = self.contrasts if contrasts is None else contrasts
        return Signals({**self.values, **values}, known)

    def to_json(self) -> str:
        """Canonical JSON, as the store keeps it: one flat object, with the contrasts in it."""
        contrasts = {name: asdict(each) for name, each in self.contrasts.items()}
        return canonical_json({**self.values, _CONTRASTS: contrasts})

    @classmethod
    def from_json(cls, text: str) -> "Signals":
        """The record of ``to_json``.

        Raises:
            ValueError, KeyError, TypeError: the text is no such record.
        """
        raw: dict[str, Any] = json.loads(text)
        contrasts = {name: Contrast(**each) for name, each in raw.pop(_CONTRASTS).items()}
        values = {name: tuple(x) if isinstance(x, list) else x for name, x in raw.items()}
        return cls(values, contrasts)


def measure(
    pixels: NDArray[np.uint8], *, asked: Asked, reference: NDArray[np.uint8] | None = None
) -> Signals:
    """All signals of a picture, uint8 (H, W, 3) sRGB; a few milliseconds at 128x128.

    A larger picture is brought to the measuring size first, and pixels as a unit are those then.
    ``reference`` is the photo that the picture started from, at the picture's size.

    Raises:
        ValueError: another type or shape, under 16 pixels a side, or a reference of another size.
        ConfigError: an installed signal can't be imported.
    """
    whole = Picture(pixels, asked, reference)
    photo = None if reference is None else at_measuring_size(reference)
    picture = replace(whole, pixels=at_measuring_size(pixels), reference=photo)
    values: dict[str, Value] = {"width": pixels.shape[1], "height": pixels.shape[0]}
    for _, signal in SIGNALS.items():
        measured = signal.measure(picture)
        values |= {name: _rounded(value) for name, value in measured.items()}
    return Signals(values)


def _rounded(value: Value) -> Value:
    """Five digits after the point: more is noise, and the stored text stays short."""
    if isinstance(value, float):
        return round(value, _DIGITS)
    return tuple(round(x, _DIGITS) for x in value) if isinstance(value, tuple) else value
