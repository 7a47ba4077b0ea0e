"""The CLIP scorer, and whoever looks at pictures with it."""

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING

import dagster as dg

from catalog_gen.settings.judge import ScorerSettings
from catalog_gen.stages.catalog import Catalog

if TYPE_CHECKING:
    from catalog_gen.judging.looking import Looks
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

    def elsewhere(self, catalog: Catalog) -> "Callable[[], Looks] | None":
        """A pool of machines that looks at pictures; None: this process does."""
        return None


class RayScorerResource(ClipScorerResource):
    """The same with pictures looked at by Ray workers; texts are embedded here."""

    def elsewhere(self, catalog: Catalog) -> "Callable[[], Looks] | None":
        def looks() -> "Looks":
            from resources.ray_eyes import RayEyes
            from resources.ray_workers import LookingOrders

            settings = catalog.settings
            orders = LookingOrders(
                settings.scorer,
                self.scorer(settings.scorer).scorer_hash,
                settings.lettering,
                settings.critic,
                max(1, int(settings.ray.cpus)),
            )
            return RayEyes(settings.ray, orders)

        return looks
