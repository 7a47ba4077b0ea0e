"""The CLIP scorer."""

from threading import Lock
from typing import TYPE_CHECKING

import dagster as dg

from catalog_gen.settings import ScorerSettings

if TYPE_CHECKING:
    from catalog_gen.judging.scorer import ClipScorer

_scorers: dict[ScorerSettings, "ClipScorer"] = {}
_lock = Lock()


class ClipScorerResource(dg.ConfigurableResource["ClipScorer"]):
    """Holds one scorer per process; its weights are loaded for the first picture to score."""

    def scorer(self, settings: ScorerSettings) -> "ClipScorer":
        """The scorer for an open_clip model.

        Raises:
            ModelError: the model is missing or not an open_clip folder.
        """
        from catalog_gen.judging.scorer import ClipScorer

        with _lock:
            if settings not in _scorers:
                _scorers.clear()
                _scorers[settings] = ClipScorer(settings)
            return _scorers[settings]
