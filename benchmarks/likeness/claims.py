"""What papers and reports claim of these ways, each as one difference that can be looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from likeness.measures import Measured, interval

Verdict = Literal["holds", "does not hold", "not shown"]


@dataclass(frozen=True)
class Claim:
    """That ``more`` has more of a measure than ``less``.

    ``request`` is the one that it is measured by; "way": all together.
    """

    says: str
    source: str
    measure: str
    more: str
    less: str
    request: str = "way"


_INVERSION: Final = "Textual Inversion"
_IMAGIC: Final = "Imagic"
_REPORT: Final = "the founding report"
_VERSATILE: Final = "Versatile Diffusion"

CLAIMS: Final = (
    Claim(
        "a lower rate moves towards editability",
        _INVERSION,
        "editability",
        "inversion, rate 0.0005",
        "inversion, rate 0.05",
    ),
    Claim(
        "a higher rate moves towards reconstruction",
        _INVERSION,
        "reconstruction",
        "inversion, rate 0.05",
        "inversion, rate 0.0005",
    ),
    Claim(
        "regularisation moves towards editability",
        _INVERSION,
        "editability",
        "inversion, regularised",
        "inversion, rate 0.05",
    ),
    Claim(
        "more vectors lose flexibility",
        _INVERSION,
        "editability",
        "inversion, rate 0.05",
        "inversion, 4 vectors",
    ),
    Claim(
        "more vectors reconstruct better",
        _INVERSION,
        "reconstruction",
        "inversion, 4 vectors",
        "inversion, rate 0.05",
    ),
    Claim(
        "a word a photo loses flexibility",
        _INVERSION,
        "editability",
        "inversion, 3 photos",
        "inversion, a word a photo",
    ),
    Claim(
        "more photos, up to about five, reconstruct better (here: three against one)",
        _INVERSION,
        "reconstruction",
        "inversion, 3 photos",
        "inversion, rate 0.05",
    ),
    Claim(
        "pivotal tuning loses editability as guidance grows",
        _INVERSION,
        "editability",
        "pivotal, guidance 1",
        "pivotal, guidance 6",
    ),
    Claim(
        "eta 0.7 edits more than 0.3",
        _IMAGIC,
        "embedding",
        "Imagic 0.7",
        "Imagic 0.3",
        "background",
    ),
    Claim(
        "eta 0.7 keeps more than 1.0",
        _IMAGIC,
        "structure",
        "Imagic 0.7",
        "Imagic 1.0",
        "background",
    ),
    Claim(
        "squared error is better than cross-entropy",
        _REPORT,
        "embedding",
        "Imagic 0.7",
        "Imagic 0.7, cross-entropy",
        "background",
    ),
    Claim(
        "a LoRA of to_q and to_v keeps more than the prompt alone",
        _REPORT,
        "structure",
        "LoRA, to_q and to_v",
        "text2img",
        "background",
    ),
    Claim(
        "a LoRA of all four projections keeps more than of two",
        _REPORT,
        "structure",
        "LoRA",
        "LoRA, to_q and to_v",
        "background",
    ),
    Claim(
        "strength 0.35 keeps more than 0.60",
        _REPORT,
        "structure",
        "img2img 0.35",
        "img2img 0.60",
        "background",
    ),
    Claim(
        "strength 0.60 keeps more than 0.85",
        _REPORT,
        "structure",
        "img2img 0.60",
        "img2img 0.85",
        "background",
    ),
    Claim(
        "strength 0.35 is usable: it resembles what was asked for more than 0.60",
        _REPORT,
        "embedding",
        "img2img 0.35",
        "img2img 0.60",
        "background",
    ),
    Claim(
        "a variation is nearer to the photo than the prompt is",
        _VERSATILE,
        "reconstruction",
        "variation",
        "text2img",
    ),
    Claim(
        "the share of the photo leads from editability",
        _VERSATILE,
        "editability",
        "dual 0.3",
        "dual 0.7",
    ),
    Claim(
        "focus on content keeps the form more than focus on style",
        _VERSATILE,
        "structure",
        "variation, content",
        "variation, style",
        "colour",
    ),
)


def judged(products: Mapping[str, Sequence[Measured]]) -> list[dict[str, Any]]:
    """Each claim with its difference, paired by product, and the verdict.

    Args:
        products: measures of the same products in the same order, by way; a claim about a way that
            is not among them is left out.
    """
    found = []
    for claim in CLAIMS:
        if not {claim.more, claim.less} <= set(products):
            continue
        pairs = zip(products[claim.more], products[claim.less], strict=True)
        difference = interval(
            [
                more[claim.request][claim.measure] - less[claim.request][claim.measure]
                for more, less in pairs
            ]
        )
        verdict = _verdict(difference, len(products[claim.more]))
        row = {"claim": claim.says, "source": claim.source, "measure": claim.measure}
        found.append(row | {"more": claim.more, "less": claim.less, **difference, "here": verdict})
    return found


def _verdict(difference: Mapping[str, float], count: int) -> Verdict:
    """By whether the interval leaves zero out; one product shows nothing."""
    mean, half = difference["mean"], difference["half"]
    if count < 2 or abs(mean) <= half:
        return "not shown"
    return "holds" if mean > 0 else "does not hold"
