"""The common form of the pipeline's assets: each is one idempotent stage of a refresh.

A step that fails because of the machine is retried, which only costs time. Wrong input is not: a
broken template stays broken, and retrying would only delay the message. Nor is a step that a person
interrupted, which Dagster would otherwise retry, nor one for which memory is too little: a library
that was half imported fails the second time for another reason.
"""

from collections.abc import Callable, Sequence, Set
from functools import wraps
from typing import Any, Final

import dagster as dg

from assets_defs.partitions import in_one_run, shards
from catalog_gen.errors import InputError
from catalog_gen.too_little_memory import too_little_memory
from resources.internals import begin_to_cancel

Body = Callable[..., Any]

#: Raise it when the output of the stages changes, so that Dagster shows what is out of date.
CODE_VERSION: Final = "1"

#: The exceptions that Ctrl-C and SIGTERM raise in a step.
INTERRUPTS: Final = (KeyboardInterrupt, dg.DagsterExecutionInterruptedError)

retry_twice = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL)


def stage_asset(
    *,
    group: str,
    kinds: set[str],
    deps: Sequence[dg.AssetsDefinition] = (),
    sharded: bool = False,
    freshness: dg.FreshnessPolicy | None = None,
    hooks: Set[dg.HookDefinition] = frozenset(),
) -> Callable[[Body], dg.AssetsDefinition]:
    """Make an asset from a body. ``sharded`` partitions it by shard, one process per run."""
    asset = dg.asset(
        group_name=group,
        kinds=kinds,
        deps=deps,
        partitions_def=shards if sharded else None,
        backfill_policy=in_one_run if sharded else None,
        freshness_policy=freshness,
        hooks=hooks,
        retry_policy=retry_twice,
        code_version=CODE_VERSION,
    )
    return lambda body: asset(_some_errors_are_final(body))


def _some_errors_are_final(body: Body) -> Body:
    """Wrong input, an interrupt or a lack of memory fails the step at once, with its message."""

    @wraps(body)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return body(*args, **kwargs)
        except InputError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        except INTERRUPTS as error:
            context = dg.AssetExecutionContext.get()
            begin_to_cancel(context.instance, context.run.run_id)
            raise dg.Failure("Interrupted", allow_retries=False) from error
        except (MemoryError, ImportError, OSError, RuntimeError) as error:
            short = too_little_memory(error)
            if short is None:
                raise
            raise dg.Failure(str(short), allow_retries=False) from short

    return wrapped
