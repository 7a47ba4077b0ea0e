"""Find what dead processes left in Dagster's storage: runs that never ended, and their slots.

Read-only; ``catalog-gen dev`` runs Dagster's monitor, which ends such runs and frees the slots.
"""

from dataclasses import dataclass

import dagster as dg

from assets_defs.launch import dagster_instance
from catalog_gen.home import Home
from resources.internals import ahead_of_the_clock, taken_pools

_UNFINISHED = (
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Ids of runs that Dagster considers running, keys of the pools whose slots are taken, and
    names of schedules and sensors that last ran in the future."""

    runs: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    ahead: tuple[str, ...] = ()


def leftovers(home: Home) -> Leftovers:
    """Read the catalog's Dagster instance, without creating one."""
    if not (home.dagster / "dagster.yaml").exists():
        return Leftovers()
    with dagster_instance(home) as instance:
        records = instance.get_run_records(dg.RunsFilter(statuses=list(_UNFINISHED)))
        pools, ahead = taken_pools(instance), ahead_of_the_clock(instance)
    runs = tuple(each.dagster_run.run_id for each in records)
    return Leftovers(runs, tuple(pools), tuple(ahead))
