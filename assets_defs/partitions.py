"""The hash shards: stable, evenly filled, and independent of what the products are.

A shard is what a person draws again from Dagster's page after something in it was mended.
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
    """Run tags that ask for all shards from the first to the last."""
    return {
        "dagster/asset_partition_range_start": SHARD_KEYS[first],
        "dagster/asset_partition_range_end": SHARD_KEYS[last],
    }


#: Run tags that ask for every shard.
ALL_SHARDS: Final = shard_range(0, SHARDS - 1)


def shard_key(shard: int) -> str:
    """The partition of a shard."""
    return SHARD_KEYS[shard]


def shards_of(context: dg.AssetExecutionContext) -> Sequence[int]:
    """The shards that this run is for.

    Raises:
        dg.Failure: the run names none. Dagster would call that a success with nothing done.
    """
    if not context.has_partition_key and not context.has_partition_key_range:
        raise dg.Failure(
            "This run names no shard. Choose partitions in the launch dialog, or launch the "
            "nightly_refresh job, which asks for all of them.",
            allow_retries=False,
        )
    return [int(key) for key in context.partition_keys]
