"""The retry ladder: what to draw after every candidate of a look was rejected or of doubtful form.

The first rung uses other seeds; each further one adds to the negative prompt, and raises the
guidance for what was rejected, but not for doubtful forms, which more guidance makes worse
(``docs/log.md``). After the last rung a person decides on what was rejected, and the best of the
doubtful pictures stays.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, Literal

from duckdb import DuckDBPyConnection

from catalog_gen.planning import recipes_for
from catalog_gen.prompting.budget import TokenBudget
from catalog_gen.recipe import MAX_GUIDANCE
from catalog_gen.settings.catalog import CatalogSettings
from catalog_gen.settings.views import ViewSettings
from catalog_gen.stages.cutouts import MASK_HASH
from catalog_gen.stages.products import REFERENCE_HASH
from catalog_gen.stages.views import CONCEPT_HASH
from catalog_gen.store.ledger import PlannedItem, candidates
from catalog_gen.store.retries import AllRejected, Unsettled, all_rejected, doubtful

#: The factor on the view's guidance at the second rung after rejections, and once more at every
#: further one.
STRICTER: Final = 1.3

#: Why a look gets more candidates; the first word of its reason in plan and lineage.
Cause = Literal["rejected", "doubtful"]


def retries(
    connection: DuckDBPyConnection,
    settings: CatalogSettings,
    budget: TokenBudget,
    model_hash: str,
    shards: Collection[int] | None = None,
) -> list[PlannedItem]:
    """New candidates for all that was rejected or is in doubt, and has rungs left."""
    limits = settings.limits
    causes: Mapping[Cause, Iterable[Unsettled]] = {
        "rejected": all_rejected(connection, shards),
        "doubtful": doubtful(connection, *limits.doubt, shards),
    }
    return [
        item
        for cause, unsettled in causes.items()
        for item in one_more_rung(
            (each for each in unsettled if each.attempts <= limits.retries),
            settings,
            budget,
            model_hash,
            cause,
        )
    ]


def one_more_rung(
    unsettled: Iterable[Unsettled],
    settings: CatalogSettings,
    budget: TokenBudget,
    model_hash: str,
    cause: Cause = "rejected",
) -> list[PlannedItem]:
    """New candidates for all of these, regardless of the rungs already used."""
    return [
        item
        for each in unsettled
        if each.view in settings.views
        for item in _next_rung(each, settings.views[each.view], budget, model_hash, cause)
    ]


def out_of_retries(connection: DuckDBPyConnection, settings: CatalogSettings) -> list[AllRejected]:
    """Products and views that were also rejected on the last rung and need a person."""
    return [each for each in all_rejected(connection) if each.attempts > settings.limits.retries]


def _next_rung(
    each: Unsettled, view: ViewSettings, budget: TokenBudget, model_hash: str, cause: Cause
) -> list[PlannedItem]:
    changes: Mapping[str, object] = {}
    negative, changed = each.negative_prompt, "other seeds"
    if each.attempts > 1:
        wanted = ", ".join(filter(None, (each.negative_prompt, view.retry_negative_prompt)))
        negative = budget.fit(wanted).text
        if cause == "rejected":
            guidance = min(MAX_GUIDANCE, round(view.guidance * STRICTER ** (each.attempts - 1), 3))
            changes, changed = {"guidance": guidance}, f"guidance {guidance:g}"
        changed += ", stronger negative prompt"
    recipes = recipes_for(
        view.model_copy(update=changes),
        form=each.form,
        prompt=each.prompt,
        negative_prompt=negative,
        model_hash=model_hash,
        reference_sha256=each.inputs.get(REFERENCE_HASH) or None,
        mask_sha256=each.inputs.get(MASK_HASH) or None,
        concept_sha256=each.inputs.get(CONCEPT_HASH) or None,
        attempt=each.attempts,
    )
    return candidates(
        recipes,
        look_id=each.look_id,
        prompt_id=each.prompt_id,
        view=each.view,
        attempt=each.attempts,
        reason=f"{cause}: {changed}",
    )
