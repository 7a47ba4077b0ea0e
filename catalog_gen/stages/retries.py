"""The retry ladder: what to draw after every candidate of a look was rejected.

The first rung uses other seeds; each further one raises the guidance and adds to the negative
prompt. After the last rung a person decides.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from duckdb import DuckDBPyConnection

from catalog_gen.planning import recipes_for
from catalog_gen.prompting.budget import TokenBudget
from catalog_gen.recipe import MAX_GUIDANCE
from catalog_gen.settings import CatalogSettings, ViewSettings
from catalog_gen.stages.cutouts import MASK_HASH
from catalog_gen.stages.products import REFERENCE_HASH
from catalog_gen.store.ledger import PlannedItem, candidates
from catalog_gen.store.retries import AllRejected, all_rejected

#: The factor on the view's guidance at the second rung, applied once more at every further one.
STRICTER: Final = 1.3


def retries(
    connection: DuckDBPyConnection,
    settings: CatalogSettings,
    budget: TokenBudget,
    model_hash: str,
    shards: Collection[int] | None = None,
) -> list[PlannedItem]:
    """New candidates for all rejected looks that have rungs left."""
    waiting = (
        each
        for each in all_rejected(connection, shards)
        if each.attempts <= settings.limits.retries
    )
    return one_more_rung(waiting, settings, budget, model_hash)


def one_more_rung(
    rejected: Iterable[AllRejected],
    settings: CatalogSettings,
    budget: TokenBudget,
    model_hash: str,
) -> list[PlannedItem]:
    """New candidates at a person's request, regardless of the rungs already used."""
    return [
        item
        for each in rejected
        if each.view in settings.views
        for item in _next_rung(each, settings.views[each.view], budget, model_hash)
    ]


def out_of_retries(connection: DuckDBPyConnection, settings: CatalogSettings) -> list[AllRejected]:
    """Products and views that were also rejected on the last rung and need a person."""
    return [each for each in all_rejected(connection) if each.attempts > settings.limits.retries]


def _next_rung(
    each: AllRejected, view: ViewSettings, budget: TokenBudget, model_hash: str
) -> list[PlannedItem]:
    changes: Mapping[str, object] = {}
    negative, reason = each.negative_prompt, "rejected: other seeds"
    if each.attempts > 1:
        guidance = min(MAX_GUIDANCE, round(view.guidance * STRICTER ** (each.attempts - 1), 3))
        changes = {"guidance": guidance}
        wanted = ", ".join(filter(None, (each.negative_prompt, view.retry_negative_prompt)))
        negative = budget.fit(wanted).text
        reason = f"rejected: guidance {guidance:g}, stronger negative prompt"
    recipes = recipes_for(
        view.model_copy(update=changes),
        form=each.form,
        prompt=each.prompt,
        negative_prompt=negative,
        model_hash=model_hash,
        reference_sha256=each.inputs.get(REFERENCE_HASH) or None,
        mask_sha256=each.inputs.get(MASK_HASH) or None,
        attempt=each.attempts,
    )
    return candidates(
        recipes,
        look_id=each.look_id,
        prompt_id=each.prompt_id,
        view=each.view,
        attempt=each.attempts,
        reason=reason,
    )
