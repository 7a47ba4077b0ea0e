"""Shards with pictures that could not be drawn are marked as failed in Dagster's page.

A picture that can't be drawn ends no run, so that Dagster would show its shard as green as the
others. Another run is recorded for such shards, which failed and says why; executed again, it draws
what is missing. A shard is green again once it was materialised with nothing failed.
"""

import uuid
from typing import Final

import dagster as dg

from assets_defs.partitions import shard_key, shard_range
from catalog_gen.stages.failures import FailureGroup, grouped
from catalog_gen.store.ledger import open_failures
from resources.internals import fail_partitions

#: The tag of a run that did nothing itself; its value is that run's own id, since a run that is
#: executed again hands its tags on.
MARK: Final = "catalog_gen/marks_failed_shards"

#: Groups of equal reasons in the message.
_TOLD: Final = 10


@dg.success_hook(required_resource_keys={"catalog"})
def mark_failed_shards(context: dg.HookContext) -> None:
    """Mark those shards that the step has just materialised and that lack pictures."""
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
    """Whether a run only says that pictures of another one failed."""
    return run.tags.get(MARK) == run.run_id


def in_words(run_id: str, groups: tuple[FailureGroup, ...]) -> str:
    """What failed, what to do about it, and how to draw it again."""
    lines = [
        f"{group.pictures} x {group.rule}. {group.remedy}".rstrip()
        + f" ({', '.join(f'{each.product_id} {each.view}' for each in group.failed)})"
        for group in groups[:_TOLD]
    ]
    if len(groups) > _TOLD:
        lines.append(f"{len(groups) - _TOLD} more reasons: see the check all_drawn.")
    pictures = sum(group.pictures for group in groups)
    return "\n".join(
        [
            f"Pictures that could not be drawn: {pictures}. Run {run_id[:8]} itself went on.",
            *lines,
            "When that is mended, execute this run again, or run `catalog-gen retry`.",
        ]
    )


def _materialised(
    instance: dg.DagsterInstance, run: dg.DagsterRun, step_key: str
) -> dict[str, dg.AssetKey]:
    """The partitions that a step of a run has materialised, and of which asset."""
    events = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    found: dict[str, dg.AssetKey] = {}
    for entry in events:
        event = entry.dagster_event
        if event is not None and event.step_key == step_key and event.partition and event.asset_key:
            found[event.partition] = event.asset_key
    return found
