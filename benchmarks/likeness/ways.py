"""The ways that are compared: a method, and what it needs to have learned before."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

#: The layers of the denoiser's attentions that LoRAs are learned in.
TARGETS: Final = ("to_q", "to_k", "to_v", "to_out.0")
#: Name of the studio model's IP-Adapter in the settings.
ADAPTER: Final = "studio"
#: Guidance, where a way has no other.
GUIDANCE: Final = 3.0


@dataclass(frozen=True)
class Way:
    """One way to draw a known product.

    ``photos`` are those that its learner, if it has one, learns from. An ``extra`` one is there
    because a paper or a report claims something of it; ``only`` names the requests that matter for
    that, where it learns anew for each.
    """

    method: Mapping[str, Any]
    learner: Mapping[str, Any] | None = None
    photos: tuple[str, ...] = ("white",)
    guidance: float = GUIDANCE
    extra: bool = False
    only: tuple[str, ...] | None = None

    @property
    def looks(self) -> bool:
        """Whether it draws with the IP-Adapter."""
        return "adapter" in self.method


_LEARNED: Final = {"name": "learned"}
_WORD: Final = Way(_LEARNED, {"name": "textual-inversion"})
_LORA: Final = Way(_LEARNED, {"name": "lora", "targets": TARGETS})
_REDRAWN: Final = Way({"name": "learned-img2img", "strength": 0.85}, _LORA.learner, guidance=1.5)
_PIVOTAL: Final = Way(_LEARNED, {"name": "pivotal", "targets": TARGETS})
_IMAGIC: Final = {"name": "imagic", "targets": TARGETS}
_VARIATION: Final = {"name": "variation", "adapter": ADAPTER, "scale": 1.0}


def _inverted(photos: tuple[str, ...] = ("white",), **settings: Any) -> Way:
    return Way(_LEARNED, {"name": "textual-inversion", **settings}, photos, extra=True)


def _imagic(eta: float) -> Way:
    return Way({"name": "imagic", "eta": eta}, _IMAGIC)


def _dual(mix: float) -> Way:
    return Way({"name": "dual", "adapter": ADAPTER, "mix": mix})


_PHOTOS: Final = ("white", "grey", "turned")

WAYS: Final[Mapping[str, Way]] = {
    "text2img": Way({"name": "text2img"}),
    "img2img 0.35": Way({"name": "img2img", "strength": 0.35}),
    "img2img 0.60": Way({"name": "img2img", "strength": 0.60}),
    "img2img 0.85": Way({"name": "img2img", "strength": 0.85}),
    "background": Way({"name": "background"}),
    "inversion": _WORD,
    "LoRA": _LORA,
    "LoRA, guidance 1.5": replace(_LORA, guidance=1.5),
    "LoRA, img2img 0.85": _REDRAWN,
    "pivotal": _PIVOTAL,
    "Imagic 0.3": _imagic(0.3),
    "Imagic 0.7": _imagic(0.7),
    "Imagic 1.0": _imagic(1.0),
    "variation": Way(_VARIATION),
    "dual 0.3": _dual(0.3),
    "dual 0.7": _dual(0.7),
    "dual 1.0": _dual(1.0),
    "variation, guidance 1.5": Way(_VARIATION, guidance=1.5),
    "variation, scale 1.5": Way({**_VARIATION, "scale": 1.5}, guidance=1.5),
    "variation, content": Way({**_VARIATION, "focus": "content"}, extra=True),
    "variation, style": Way({**_VARIATION, "focus": "style"}, extra=True),
    "variation, down": Way({**_VARIATION, "blocks": ("down",)}, extra=True),
    "variation, up": Way({**_VARIATION, "blocks": ("up",)}, extra=True),
    "inversion, rate 0.0005": _inverted(rate=5e-4),
    "inversion, rate 0.05": _inverted(rate=5e-2),
    "inversion, regularised": _inverted(rate=5e-2, regularisation=0.1),
    "inversion, 4 vectors": _inverted(tokens=4, rate=5e-2),
    "inversion, 3 photos": _inverted(_PHOTOS, rate=5e-2),
    "inversion, a word a photo": _inverted(_PHOTOS, rate=5e-2, per_photo=True),
    "pivotal, guidance 1": replace(_PIVOTAL, guidance=1.0, extra=True),
    "pivotal, guidance 6": replace(_PIVOTAL, guidance=6.0, extra=True),
    "LoRA, to_q and to_v": Way(_LEARNED, {"name": "lora"}, extra=True),
    "Imagic 0.7, cross-entropy": Way(
        {"name": "imagic", "eta": 0.7},
        {**_IMAGIC, "error": "cross-entropy"},
        extra=True,
        only=("background",),
    ),
}
