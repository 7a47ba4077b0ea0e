"""Measures a picture once: the values of all installed signals as one frozen record.

The caller adds the results of networks (contrasts, the distance to the photo, lettering). The
record is stored, and judged again whenever the rubric changes.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from catalog_gen.diffusion.references import Origin
from catalog_gen.fingerprint import canonical_json
from catalog_gen.judging.contrasts import Contrast
from catalog_gen.judging.picture import Asked, Picture
from catalog_gen.judging.signals.signal import SIGNALS, Value

_DIGITS: Final = 5
_CONTRASTS: Final = "contrasts"


@dataclass(frozen=True, slots=True)
class Signals:
    """Everything measured on one picture, by name; None: not measurable.

    The signals document units and sources.
    """

    values: Mapping[str, Value]
    contrasts: Mapping[str, Contrast] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Value:
        """A value; None if it was not measured or could not be."""
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
        """A copy with the results of networks added."""
        known = self.contrasts if contrasts is None else contrasts
        return Signals({**self.values, **values}, known)

    def to_json(self) -> str:
        """Canonical JSON, as the store keeps it: one flat object, with the contrasts in it."""
        contrasts = {name: asdict(each) for name, each in self.contrasts.items()}
        return canonical_json({**self.values, _CONTRASTS: contrasts})

    @classmethod
    def from_json(cls, text: str) -> "Signals":
        """Parse the output of ``to_json``.

        Raises:
            ValueError, KeyError, TypeError: the text is not such a record.
        """
        raw: dict[str, Any] = json.loads(text)
        contrasts = {name: Contrast(**each) for name, each in raw.pop(_CONTRASTS).items()}
        values = {name: tuple(x) if isinstance(x, list) else x for name, x in raw.items()}
        return cls(values, contrasts)


def measure(
    pixels: NDArray[np.uint8],
    *,
    asked: Asked,
    reference: NDArray[np.uint8] | None = None,
    origin: Origin | None = None,
) -> Signals:
    """All signals of a picture, uint8 (H, W, 3) sRGB; a few milliseconds at 128x128.

    A larger picture is first reduced to the measuring size, and values in pixels refer to that.
    ``reference`` is the photo that the picture started from, at the picture's size; ``origin`` is
    the same with the product's mask in it, and with what had to be kept of it.

    Raises:
        ValueError: another type or shape, under 16 pixels a side, or a reference of another size.
        ConfigError: an installed signal can't be imported.
    """
    if origin is None:
        whole = Picture(pixels, asked, reference)
    else:
        whole = Picture(pixels, asked, origin.photo, origin.coverage, origin.kept)
    picture = whole.at_measuring_size()
    values: dict[str, Value] = {"width": pixels.shape[1], "height": pixels.shape[0]}
    for _, signal in SIGNALS.items():
        measured = signal.measure(whole if signal.at_full_size else picture)
        values |= {name: _rounded(value) for name, value in measured.items()}
    return Signals(values)


def _rounded(value: Value) -> Value:
    """Round to five decimal places: more is noise, and the stored text stays short."""
    if isinstance(value, float):
        return round(value, _DIGITS)
    return tuple(round(x, _DIGITS) for x in value) if isinstance(value, tuple) else value
