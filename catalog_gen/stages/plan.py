"""Plan what the next refresh would read, draw and publish, and what would stop it.

Nothing is written or fetched.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import pyarrow as pa
from duckdb import DuckDBPyConnection

from catalog_gen.catalog.product import Rejection
from catalog_gen.catalog.product_columns import Products
from catalog_gen.catalog.reference import resolve_reference
from catalog_gen.errors import CatalogError, InputError
from catalog_gen.judging.critics.critic import critic_of
from catalog_gen.judging.lookers import changed_parts
from catalog_gen.judging.rubric import load_rubric
from catalog_gen.judging.scorer_files import folder_scorer_hash
from catalog_gen.planning import NO_LIMIT, Budget, Change, Costed, PlanItem, within_budget
from catalog_gen.prompting.language import language_warning, sampled
from catalog_gen.settings.catalog import CatalogSettings
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.drawer import Drawer
from catalog_gen.stages.lessons import NO_LESSONS, LessonPlan, plan_lessons
from catalog_gen.stages.photos import NO_PHOTOS, REFERENCE_LINK, REFERENCE_PROBLEM, PhotoCount
from catalog_gen.stages.products import REFERENCE_HASH, read_products
from catalog_gen.stages.prompts import DesiredPrompt, desired_prompts, firsts, picture_seconds
from catalog_gen.stages.retries import retries
from catalog_gen.stages.scores import lookers_today
from catalog_gen.stages.views import compile_views
from catalog_gen.store.gates import last_gates
from catalog_gen.store.ledger import given_up_among, made_among, open_work
from catalog_gen.store.looks import askers
from catalog_gen.store.products import (
    FeedChanges,
    FeedDiff,
    collapse,
    feed_diff,
    incoming_products,
    products_among,
)
from catalog_gen.store.prompts import reasons_behind, unsupported_products
from catalog_gen.store.publications import hold
from catalog_gen.store.relations import forget_blocks
from catalog_gen.store.scores import outdated_scores

ALL_SHARDS: Final = None


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A product that can't be drawn by the configured model or from its photo, and the reason."""

    product_id: str
    why: str


@dataclass(frozen=True, slots=True)
class PlannedLooks:
    """Numbers of looks that a refresh would draw, and of product views that show them."""

    planned: int
    products: int


@dataclass(frozen=True, slots=True)
class ScoredAgain:
    """Stored pictures that a refresh would score and judge again."""

    pictures: int
    changed: tuple[str, ...]
    """What looks at pictures otherwise than when they were scored: critic, scorer, ..."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a refresh would do.

    ``photos`` are products whose reference photo can't be read, so that their pictures would fail.
    ``photo_count`` has the state of photos at the shop's addresses; the plan requests none.
    ``stops`` are errors that would end the refresh. ``gates`` are sentences about what would keep
    the night's pictures from going live.
    """

    products: FeedChanges
    diff: FeedDiff
    rejections: tuple[Rejection, ...]
    items: tuple[PlanItem, ...]
    deferred: tuple[PlanItem, ...]
    reused: int
    unsupported: tuple[Unsupported, ...]
    photos: tuple[Unsupported, ...]
    stops: tuple[CatalogError, ...]
    gates: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    photo_count: PhotoCount = NO_PHOTOS
    scored_again: ScoredAgain = ScoredAgain(0, ())
    lessons: LessonPlan = NO_LESSONS

    @property
    def looks(self) -> PlannedLooks:
        """The numbers of looks among the items and of the product views that they stand for."""
        sharing = {(item.product_id, item.view): item.products for item in self.items}
        return PlannedLooks(len(sharing), sum(sharing.values()))

    @property
    def seconds(self) -> float:
        """Estimated drawing time of the items, in seconds."""
        return sum(item.seconds for item in self.items)


def make_plan(catalog: Catalog, *, budget: Budget = NO_LIMIT) -> Plan:
    """Compare the feed with the store.

    Raises:
        InputError: the feed, a template or the model can't be used.
    """
    shop = read_products(catalog, catalog.settings.feed.path)
    contents = shop.contents
    products, rejections = contents.products, contents.rejections
    drawer = Drawer.of(catalog)
    titles = [each.title for each in sampled(products)]
    warning = language_warning(titles, drawer.budget.count)
    views = compile_views(catalog.settings, products.attribute_names(), drawer.dialect)
    photos, photo_count = _unread_photos(products, catalog.settings), shop.photos
    active, platform, skipped = len(products), contents.platform, contents.skipped
    with catalog.store.peek() as connection:
        relation = incoming_products(connection, products)
        del shop, contents, products  # the relation is a copy
        pa.default_memory_pool().release_unused()
        diff = feed_diff(connection, relation)
        forget_blocks(connection)
        changes = replace(diff.changes(active, len(rejections)), platform=platform, skipped=skipped)
        feed = catalog.settings.feed
        refusal = collapse(changes, str(feed.path), feed.shrink_limit)
        seconds = picture_seconds(connection, catalog, drawer)
        forget_blocks(connection)
        lessons = plan_lessons(connection, views, drawer, budget, relation)
        learned = {each.lesson.lesson_id for each in lessons.taken}
        wishes = list(
            desired_prompts(connection, views, drawer, relation=relation, planned=learned)
        )
        wanted = [recipe.recipe_id for wish in wishes for recipe in wish.recipes]
        forget_blocks(connection)
        made = made_among(connection, wanted)
        settled = made | given_up_among(connection, wanted)
        left_over = list(_left_over(connection, catalog, drawer))
        sharing = _sharing(connection, wishes, left_over, relation)
        items = [
            PlanItem(
                product_id=wish.stale.product_id,
                view=wish.stale.view,
                reason=wish.reason.name,
                changes=wish.reason.changes,
                seconds=seconds[wish.stale.view],
                products=len(sharing[wish.look.look_id]),
            )
            for wish in firsts(wishes)
            for recipe in wish.recipes
            if recipe.recipe_id not in settled
        ]
        unsupported = unsupported_products(connection)
        for wish in wishes:
            unsupported.pop(wish.stale.product_id, None)
        unsupported |= {
            wish.stale.product_id: wish.unsupported for wish in wishes if wish.unsupported
        }
        listed = set(wanted)
        items += [
            PlanItem(
                product_id=min(sharing[left.look_id]),
                view=left.view,
                reason=left.reason,
                changes=left.changes,
                seconds=seconds[left.view],
                products=len(sharing[left.look_id]),
            )
            for left in left_over
            # A view that was removed from the settings is not drawn.
            if left.view in seconds and sharing[left.look_id] and left.recipe_id not in listed
        ]
        there = products_among(connection, relation, unsupported)
        left_out = tuple(
            Unsupported(product_id, why)
            for product_id, why in unsupported.items()
            if product_id in there
        )
        gates = _gates(connection, catalog.settings, changes.active, len(left_out))
        again = _scored_again(connection, catalog)
    left = budget.after(lessons.seconds)
    cut = within_budget([Costed(item.reason, item.seconds) for item in items], left)
    return Plan(
        products=changes,
        diff=diff,
        rejections=rejections,
        items=tuple(items[index] for index in cut.taken),
        deferred=tuple(items[index] for index in cut.deferred),
        reused=len(made),
        unsupported=left_out,
        photos=photos,
        stops=() if refusal is None else (refusal,),
        gates=gates,
        warnings=(
            *([warning] if warning else []),
            *drawer.model.warnings,
            *_compilation(catalog.settings, items),
        ),
        photo_count=photo_count,
        scored_again=again,
        lessons=lessons,
    )


def _scored_again(connection: DuckDBPyConnection, catalog: Catalog) -> ScoredAgain:
    """What another scorer, critic, detector or other signals have to look at again."""
    scorer = folder_scorer_hash(catalog.settings.scorer.id)
    today = lookers_today(catalog, critic_of(catalog.settings.critic))
    found = outdated_scores(connection, scorer, today)
    changed = {part for each in found for part in changed_parts(each.lookers, today)}
    if any(scorer is not None and each.scorer != scorer for each in found):
        changed.add("scorer")
    return ScoredAgain(sum(each.pictures for each in found), tuple(sorted(changed)))


def _unread_photos(products: Products, settings: CatalogSettings) -> tuple[Unsupported, ...]:
    """Products with an unreadable photo that a view needs."""
    needs = frozenset[str]().union(*(view.method.needs for view in settings.views.values()))
    if needs.isdisjoint({"photo", "concept"}):
        return ()
    found = []
    for product in products.only(products.having("reference")):
        facts = product.attributes
        if facts.get(REFERENCE_HASH):
            continue
        if problem := facts.get(REFERENCE_PROBLEM):
            found.append(Unsupported(product.product_id, f"{product.reference} {problem}"))
            continue
        if facts.get(REFERENCE_LINK) == product.reference:
            continue  # a refresh fetches it first
        try:
            resolve_reference(product.reference, settings.feed.reference_folders)
        except InputError as error:
            found.append(Unsupported(product.product_id, f"{error.value} {error.rule}"))
        else:
            why = f"reference '{product.reference}' can't be read"
            found.append(Unsupported(product.product_id, why))
    return tuple(found)


def _compilation(settings: CatalogSettings, items: Sequence[PlanItem]) -> Iterator[str]:
    """What the estimated seconds don't include: compiling, once per process and shape."""
    if not settings.model.compile or settings.model.device == "cpu":
        return
    views = [settings.views[name] for name in sorted({each.view for each in items})]
    shapes = {(each.width, each.height, each.guidance > 1) for each in views}
    if shapes:
        yield (
            f"model.compile: on a GPU the denoiser is first compiled for {len(shapes)} shapes of "
            "pictures, a minute or more each, which the estimate does not include"
        )


def _gates(
    connection: DuckDBPyConnection, settings: CatalogSettings, active: int, unsupported: int
) -> tuple[str, ...]:
    """The gates that a new set would fail, as far as can be known before drawing."""
    reminders = []
    held = hold(connection)
    if held is not None:
        reminders.append(
            f"publication {held} was restored by hand; nothing else goes live until "
            "`catalog-gen rollback --release`"
        )
    most, least = 1 - unsupported / active if active else 0.0, settings.publish.min_coverage
    if most < least:
        reminders.append(
            f"{unsupported} of {active} products can't be drawn, which leaves {most:.0%} covered, "
            f"and publish.min_coverage asks for {least:.0%}"
        )
    last = last_gates(connection)
    if last is not None and last.publication_id is None:
        reminders += [
            f"the last night's set was kept back: {gate.message}"
            for gate in last.gates
            if not gate.passed and gate.gate != "hold"
        ]
    if not any(each.calibrated for each in load_rubric(settings.rubric).scorers.values()):
        reminders.append(
            "the rubric is not calibrated for any scorer: new pictures wait for a person "
            "(`catalog-gen review`, then `catalog-gen calibrate`)"
        )
    return tuple(reminders)


@dataclass(frozen=True, slots=True)
class _LeftOver:
    """A picture that earlier refreshes left undrawn."""

    recipe_id: str
    look_id: str
    view: str
    reason: str
    changes: tuple[Change, ...]


def _left_over(
    connection: DuckDBPyConnection, catalog: Catalog, drawer: Drawer
) -> Iterator[_LeftOver]:
    """What earlier refreshes left: undrawn, failed, or rejected."""
    tries = catalog.settings.limits.tries
    open_ = open_work(connection, ALL_SHARDS, tries, include_deferred=True)
    reasons = reasons_behind(connection, {work.prompt_id for work in open_})
    for work in open_:
        reason = "failed" if work.error else work.reason
        changes = reasons[work.prompt_id].changes
        yield _LeftOver(work.recipe_id, work.look_id, work.view, reason, changes)
    for item in retries(connection, catalog.settings, drawer.budget, drawer.hash):
        yield _LeftOver(item.recipe_id, item.look_id, item.view, item.reason, ())


def _sharing(
    connection: DuckDBPyConnection,
    wishes: Sequence[DesiredPrompt],
    left_over: Sequence[_LeftOver],
    incoming: str,
) -> Mapping[str, set[str]]:
    """The products that would share a look, by look: those that keep asking for it, and new ones.

    Args:
        incoming: the relation of the feed's products.
    """
    sharing: dict[str, set[str]] = defaultdict(set)
    replaced = {(wish.stale.product_id, wish.stale.view) for wish in wishes}
    for wish in wishes:
        if wish.look_id is not None:
            sharing[wish.look_id].add(wish.stale.product_id)
    view_of = {wish.look_id: wish.stale.view for wish in wishes if wish.look_id is not None}
    view_of |= {left.look_id: left.view for left in left_over}
    asking = askers(connection, view_of.keys())
    there = products_among(
        connection, incoming, {each.product_id for group in asking.values() for each in group}
    )
    for look_id, group in asking.items():
        sharing[look_id] |= {
            each.product_id
            for each in group
            if each.product_id in there and (each.product_id, view_of[look_id]) not in replaced
        }
    return sharing
