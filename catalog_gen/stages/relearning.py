"""Learn again what could not be learned, after its cause was fixed.

As with pictures, a night gives a lesson up after a number of failed attempts. On request the photos
are hashed again, attempts are counted from zero, and what is learned is asked for at once.
"""

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from duckdb import DuckDBPyConnection

from catalog_gen.catalog.aliases import CANONICAL_ATTRIBUTES
from catalog_gen.catalog.product import CORE_FIELDS
from catalog_gen.dialects.files import dialect_of
from catalog_gen.errors import ConfigError, ModelError
from catalog_gen.planning import NO_LIMIT
from catalog_gen.prompting.templates import compile_template
from catalog_gen.settings.catalog import CatalogSettings
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.drawer import Drawer
from catalog_gen.stages.lessons import LearnResult, learn_concepts
from catalog_gen.stages.mending import Kind, look_at_photos, write_wishes
from catalog_gen.stages.products import REFERENCE_HASH
from catalog_gen.stages.selection import chosen_by
from catalog_gen.store.asking import narrowed
from catalog_gen.store.concepts import FailedLesson, failed_lessons, forget_tries
from catalog_gen.store.prompts import known_attributes

if TYPE_CHECKING:
    from catalog_gen.diffusion.loading import LoadedModel


def open_lesson_failures(
    connection: DuckDBPyConnection, settings: CatalogSettings
) -> list[tuple[FailedLesson, Kind]]:
    """Failed lessons that today's views draw with, and whether nights go on trying.

    A lesson belongs to the first product with its photo that such a view's ``only`` selects. A view
    whose ``only`` can't be used selects all of them: the next night says what is wrong with it.
    """
    failed = failed_lessons(connection, REFERENCE_HASH)
    asked = _asked(
        connection, settings, {product_id for each in failed for product_id in each.shards}
    )
    found: list[tuple[FailedLesson, Kind]] = []
    for each in failed:
        if asking := asked.get(each.name, set()) & each.shards.keys():
            first = each.product_id if each.product_id in asking else min(asking)
            given_up = each.tries >= settings.limits.tries
            found.append((replace(each, product_id=first), "given up" if given_up else "failed"))
    return found


def _asked(
    connection: DuckDBPyConnection, settings: CatalogSettings, product_ids: set[str]
) -> dict[str, set[str]]:
    """Those of the products that today's views are for, by the section of [concepts]."""
    if not product_ids:
        return {}
    known = {*CORE_FIELDS, *CANONICAL_ATTRIBUTES, *known_attributes(connection)}
    relation = narrowed(connection, "products", product_ids, "of failed lessons")
    found: dict[str, set[str]] = {}
    for name, view in settings.views.items():
        if view.concept is None:
            continue
        chosen: Collection[str] = product_ids
        if view.only:
            with suppress(ConfigError, ModelError):
                dialect = dialect_of(Path(settings.model.id), settings.model.dialect)
                only = compile_template(view.only, known, dialect, f"views.{name}.only")
                chosen = chosen_by(connection, only, relation)
        found.setdefault(view.concept, set()).update(chosen)
    return found


def learn_again(
    catalog: Catalog,
    model: "Callable[[], LoadedModel]",
    kinds: Collection[Kind],
    stamp: Stamp,
    *,
    shards: Collection[int] | None = None,
    products: Collection[str] = (),
) -> LearnResult:
    """Learn failed lessons again, and plan the pictures that wait for them.

    Args:
        model: loads the model; called at most once, if there is something to learn.
        shards: the shards to look in; None: all.
        products: only lessons about these products; empty: all.

    Raises:
        ConfigError: a template can't be used.
        ModelError: the model can't be used.
        DrawingError: the GPU failed; finished lessons and checkpoints are kept.
        StoreBusyError: another process holds the database.
    """
    with catalog.store.writing() as connection:
        failed = [
            each
            for each, kind in open_lesson_failures(connection, catalog.settings)
            if kind in kinds
            and (shards is None or each.shard in shards)
            and (not products or each.product_id in products)
        ]
        if not failed:
            return LearnResult()
        asking = sorted({each.product_id for each in failed})
        look_at_photos(connection, catalog, asking, stamp)
        forget_tries(connection, [each.lesson_id for each in failed])
    result = learn_concepts(catalog, model, stamp, budget=NO_LIMIT, products=asking)
    drawer = Drawer.of(catalog)
    with catalog.store.writing() as connection:
        write_wishes(connection, catalog, drawer, asking, stamp)
    return result
