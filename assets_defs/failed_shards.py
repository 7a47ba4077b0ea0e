"""Mark shards with pictures that could not be drawn as failed in Dagster's web UI.

A picture that can't be drawn does not fail its run, so Dagster would show its shard as green. A
second, failed run with the reasons is recorded for such shards; re-executing it draws what is
missing. A shard turns green again when it is materialised without failures.
"""

import uuid
from typing import Final

import dagster as dg

from assets_defs.partitions import shard_key, shard_range
from catalog_gen.stages.failures import FailureGroup, grouped
from catalog_gen.store.ledger import open_failures
from resources.internals import fail_partitions

#: The tag of a run that only marks failures. Its value is that run's own id, because re-execution
#: copies a run's tags.
MARK: Final = "catalog_gen/marks_failed_shards"

#: Maximum groups of failures in the message.
_TOLD: Final = 10


@dg.success_hook(required_resource_keys={"catalog"})
def mark_failed_shards(context: dg.HookContext) -> None:
    """Mark the shards that the step has just materialised and that lack pictures."""
    instance, run = context.instance, context.instance.get_run_by_id(context.run_id)
    if run is None:
        return
    done = _materialised(instance, run, context.step_key)
    with context.resources.catalog.open().store.reading() as connection:
        failures = [each for each in open_failures(connection) if shard_key(each.shard) in done]
    if not failures:
        return
    failed = sorted({each.shard for each in failures})
    mark = str(uuid.uuid4())
    fail_partitions(
        instance,
        run,
        done[shard_key(failed[0])],
        [shard_key(shard) for shard in failed],
        run_id=mark,
        tags={MARK: mark, **shard_range(failed[0], failed[-1])},
        why=in_words(run.run_id, grouped(failures)),
    )
    shards = ", ".join(map(shard_key, failed))
    context.log.warning(f"Marked as failed: shard {shards}, by run {mark[:8]}")


def is_mark(run: dg.DagsterRun) -> bool:
    """Whether a run only marks failed pictures of another run."""
    return run.tags.get(MARK) == run.run_id


def in_words(run_id: str, groups: tuple[FailureGroup, ...]) -> str:
    """Describe what failed, what to do about it, and how to draw it again."""
    lines = [
        f"{group.count} x {group.rule}. {group.remedy}".rstrip()
        + f" ({', '.join(f'{each.product_id} {each.view}' for each in group.failed)})"
        for group in groups[:_TOLD]
    ]
    if len(groups) > _TOLD:
        lines.append(f"{len(groups) - _TOLD} more reasons: see the check all_drawn.")
    pictures = sum(group.count for group in groups)
    return "\n".join(
        [
            f"Pictures that could not be drawn: {pictures}. Run {run_id[:8]} itself continued.",
            *lines,
            "After fixing the cause, re-execute this run, or run `catalog-gen retry`.",
        ]
    )


def _materialised(
    instance: dg.DagsterInstance, run: dg.DagsterRun, step_key: str
) -> dict[str, dg.AssetKey]:
    """The partitions that a step of a run has materialised, with their asset."""
    events = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    found: dict[str, dg.AssetKey] = {}
    for entry in events:
        event = entry.dagster_event
        if event is not None and event.step_key == step_key and event.partition and event.asset_key:
            found[event.partition] = event.asset_key
    return found
