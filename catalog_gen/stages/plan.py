"""What a refresh would draw now, why, and how long it would take. Touches nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from duckdb import DuckDBPyConnection

from catalog_gen.planning import NO_LIMIT, Budget, Costed, PlanItem, within_budget
from catalog_gen.prompting.language import language_warning
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.products import read_products
from catalog_gen.stages.prompts import (
    Drawer,
    compile_views,
    desired_prompts,
    picture_seconds,
    plan_items,
)
from catalog_gen.stages.retries import retries
from catalog_gen.store.ledger import given_up_among, made_among, open_work
from catalog_gen.store.products import FeedChanges, compare_feed, incoming_products
from catalog_gen.store.prompts import reasons_behind, unsupported_products

ALL_SHARDS: Final = None


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A product that the configured model can't draw, and what to do about it."""

    product_id: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a refresh would do."""

    products: FeedChanges
    items: tuple[PlanItem, ...]
    deferred: tuple[PlanItem, ...]
    reused: int
    unsupported: tuple[Unsupported, ...]
    warnings: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Estimated drawing time of the items, in seconds."""
        return sum(item.seconds for item in self.items)


def make_plan(catalog: Catalog, *, budget: Budget = NO_LIMIT) -> Plan:
    """Compare the feed with the store.

    Raises:
        InputError: the feed, a template or the model can't be used.
    """
    contents = read_products(catalog, catalog.settings.feed.path)
    attributes = {name for product in contents.products for name in product.attributes}
    drawer = Drawer.of(catalog)
    warning = language_warning([each.title for each in contents.products], drawer.budget.count)
    views = compile_views(catalog.settings, attributes, drawer.dialect)
    with catalog.store.peek() as connection:
        relation = incoming_products(connection, contents.products)
        active = {product.product_id for product in contents.products}
        rejected = len(contents.rejections)
        platform, skipped = contents.platform, contents.skipped
        del contents  # a million products are a gigabyte, and the relation has them
        changes = replace(
            compare_feed(connection, relation, rejected), platform=platform, skipped=skipped
        )
        seconds = picture_seconds(connection, catalog, drawer)
        wishes = list(desired_prompts(connection, views, drawer, relation=relation))
        wanted = [recipe.recipe_id for wish in wishes for recipe in wish.recipes]
        made = made_among(connection, wanted)
        settled = made | given_up_among(connection, wanted)
        items = [
            item
            for wish in wishes
            for item, recipe in zip(plan_items(wish, seconds), wish.recipes, strict=True)
            if recipe.recipe_id not in settled
        ]
        unsupported = unsupported_products(connection)
        for wish in wishes:
            unsupported.pop(wish.stale.product_id, None)
        unsupported |= {
            wish.stale.product_id: wish.unsupported for wish in wishes if wish.unsupported
        }
        replaced = {(wish.stale.product_id, wish.stale.view) for wish in wishes}
        items += [
            replace(item, seconds=seconds[item.view])
            for item in _left_over(connection, catalog, drawer)
            # A view that the settings no longer have is not drawn.
            if item.product_id in active
            and item.view in seconds
            and (item.product_id, item.view) not in replaced
        ]
    cut = within_budget([Costed(item.reason, item.seconds) for item in items], budget)
    return Plan(
        products=changes,
        items=tuple(items[index] for index in cut.taken),
        deferred=tuple(items[index] for index in cut.deferred),
        reused=len(made),
        unsupported=tuple(
            Unsupported(product_id, why)
            for product_id, why in unsupported.items()
            if product_id in active
        ),
        warnings=(warning,) if warning else (),
    )


def _left_over(
    connection: DuckDBPyConnection, catalog: Catalog, drawer: Drawer
) -> Iterator[PlanItem]:
    """What earlier refreshes left, at no cost yet: undrawn, failed, or rejected."""
    tries = catalog.settings.limits.tries
    open_ = open_work(connection, ALL_SHARDS, tries, include_deferred=True)
    reasons = reasons_behind(connection, {work.prompt_id for work in open_})
    for work in open_:
        reason = "failed" if work.error else work.reason
        changes = reasons[work.prompt_id].changes
        yield PlanItem(work.product_id, work.view, reason, changes, 0.0)
    for item in retries(connection, catalog.settings, drawer.budget, drawer.hash):
        yield PlanItem(item.product_id, item.view, item.reason, (), 0.0)
