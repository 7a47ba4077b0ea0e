"""The hash shards as Dagster partitions: stable and evenly filled.

A shard is the unit that can be redrawn from Dagster's web UI.
"""

from collections.abc import Sequence
from typing import Final

import dagster as dg

from catalog_gen.fingerprint import SHARDS

SHARD_KEYS: Final = tuple(f"{shard:02d}" for shard in range(SHARDS))

shards = dg.StaticPartitionsDefinition(SHARD_KEYS)

#: All shards of a run in one process: one model load, one set of batches.
in_one_run = dg.BackfillPolicy.single_run()


def shard_range(first: int, last: int) -> dict[str, str]:
    """Run tags that select all shards from the first to the last."""
    return {
        "dagster/asset_partition_range_start": SHARD_KEYS[first],
        "dagster/asset_partition_range_end": SHARD_KEYS[last],
    }


#: Run tags that select every shard.
ALL_SHARDS: Final = shard_range(0, SHARDS - 1)


def shard_key(shard: int) -> str:
    """The partition of a shard."""
    return SHARD_KEYS[shard]


def shards_of(context: dg.AssetExecutionContext) -> Sequence[int]:
    """The shards that this run is for.

    Raises:
        dg.Failure: the run selects no shard, which Dagster would treat as a success.
    """
    if not context.has_partition_key and not context.has_partition_key_range:
        raise dg.Failure(
            "This run has no shard. Choose partitions in the launch dialog, or launch the "
            "nightly_refresh job, which runs all of them.",
            allow_retries=False,
        )
    return [int(key) for key in context.partition_keys]
