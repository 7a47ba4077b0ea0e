"""The replay audit: draw a sample of old pictures again and record drift with its cause."""

from collections import Counter
from dataclasses import dataclass

from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.reproduce import Reproduction, Result, redraw
from catalog_gen.store.drawing_lock import drawing_lock
from catalog_gen.store.replays import ReplayRow, next_to_replay, save_replays


@dataclass(frozen=True, slots=True)
class AuditResult:
    """The result of an audit; ``causes`` counts the causes of pictures that are not identical."""

    results: Counter[Result]
    causes: Counter[str]
    drifted: tuple[Reproduction, ...]

    @property
    def replayed(self) -> int:
        """Number of pictures that were replayed."""
        return self.results.total()


def audit(catalog: Catalog, stamp: Stamp, *, sample: int | None = None) -> AuditResult:
    """Draw the pictures with the oldest last replay again, and store the results.

    Args:
        sample: how many; ``audit.sample`` of the settings by default.
    """
    limit = catalog.settings.audit.sample if sample is None else sample
    with catalog.store.reading() as connection:
        ids = next_to_replay(connection, limit)
    with drawing_lock(catalog.home):
        outcomes = redraw(catalog, ids)
    rows = [
        ReplayRow(
            each.image_id,
            each.result,
            each.max_abs_diff,
            each.causes,
            each.environment_changed,
            each.problem,
        )
        for each in outcomes
    ]
    with catalog.store.writing() as connection:
        save_replays(connection, rows, run_id=stamp.run_id, now=stamp.now)
    drifted = tuple(each for each in outcomes if each.result != "identical")
    return AuditResult(
        results=Counter(each.result for each in outcomes),
        causes=Counter(cause for each in drifted for cause in each.causes),
        drifted=drifted,
    )
