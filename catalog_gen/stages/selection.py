"""Who asks for a view: those whom ``only`` selects, with what was learned about them.

The fields that a concept adds are no attributes of a product: they are joined to it while the
view's wishes are compared, so that a lesson changes no product.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from duckdb import DuckDBPyConnection

from catalog_gen.catalog.product import Product
from catalog_gen.concept import Lesson
from catalog_gen.prompting.templates import PromptTemplate
from catalog_gen.stages.drawer import Drawer
from catalog_gen.stages.photos import REFERENCE_LINK
from catalog_gen.stages.products import REFERENCE_HASH
from catalog_gen.stages.views import (
    CONCEPT,
    CONCEPT_HASH,
    CONCEPT_PROBLEM,
    Teaching,
    View,
    selects,
)
from catalog_gen.store.asking import Extra, alike, narrowed, photographed, with_extras
from catalog_gen.store.concepts import KnownConcept, known_concepts

#: In a plan: what the refresh will learn.
NOT_YET: Final = "not learned yet"
_UNREAD: Final = "its photo can't be read, so that nothing can be learned from it"


@dataclass(frozen=True, slots=True)
class WantedLesson:
    """A lesson, and the first product and the section of [concepts] that ask for it."""

    lesson: Lesson
    product: Product
    name: str
    known: KnownConcept | None

    @property
    def tries(self) -> int:
        """How often it was tried."""
        return self.known.tries if self.known else 0


def selected(connection: DuckDBPyConnection, view: View, relation: str) -> str:
    """The relation of a view's products, by its ``only``.

    The template is rendered once for each combination of the values that it reads.

    Raises:
        ConfigError: it fails on a product.
    """
    if view.only is None:
        return relation
    chosen = chosen_by(connection, view.only, relation)
    return narrowed(connection, relation, chosen, f"{_plain(view)} only")


def chosen_by(connection: DuckDBPyConnection, only: PromptTemplate, relation: str) -> list[str]:
    """The ids of a relation's active products that ``only`` selects.

    Raises:
        ConfigError: it fails on a product.
    """
    return [
        product_id
        for values, product_ids in alike(connection, only.fields, relation)
        if selects(only, values)
        for product_id in product_ids
    ]


def open_lessons(
    connection: DuckDBPyConnection,
    views: Sequence[View],
    drawer: Drawer,
    relation: str = "products",
) -> list[WantedLesson]:
    """The lessons that views wait for, each once, in the order of views and product ids.

    Raises:
        ConfigError: a template fails on a product.
    """
    found: dict[str, WantedLesson] = {}
    for view in views:
        if view.teaching is not None:
            for _, wanted in _by_product(connection, view, view.teaching, drawer, relation):
                if wanted is not None and view.teaching.is_open(wanted.known):
                    found.setdefault(wanted.lesson.lesson_id, wanted)
    return list(found.values())


def asking(
    connection: DuckDBPyConnection,
    view: View,
    drawer: Drawer,
    relation: str = "products",
    planned: Collection[str] = (),
) -> str:
    """The relation of the products that ask for a view, with its concepts as attributes.

    A product that is still to be learned is left out, and keeps what it asked for before.

    Args:
        planned: ids of lessons that count as if they were learned.

    Raises:
        ConfigError: a template fails on a product.
    """
    if view.teaching is None:
        return selected(connection, view, relation)
    extras = []
    for product, wanted in _by_product(connection, view, view.teaching, drawer, relation):
        if wanted is None:
            known: KnownConcept | None = KnownConcept("", _UNREAD, view.teaching.tries, 0.0)
        elif wanted.lesson.lesson_id in planned:
            known = KnownConcept(NOT_YET, "", 0, 0.0)
        else:
            known = wanted.known
        if known is not None and not view.teaching.is_open(known):
            problem = known.problem and f"it can't be learned: {known.problem}"
            attributes = {
                CONCEPT: view.teaching.word,
                CONCEPT_HASH: known.concept_sha256,
                CONCEPT_PROBLEM: problem,
            }
            extras.append(Extra(product.product_id, attributes))
    return with_extras(connection, relation, extras, f"{_plain(view)} asking")


def _by_product(
    connection: DuckDBPyConnection, view: View, teaching: Teaching, drawer: Drawer, relation: str
) -> list[tuple[Product, WantedLesson | None]]:
    """The products that a view is for and that have a photo; None: it can't be read."""
    products = [
        each
        for each in photographed(connection, selected(connection, view, relation))
        if each.attributes.get(REFERENCE_LINK) != each.reference  # else it was not fetched yet
    ]
    lessons = {
        each.product_id: teaching.lesson(each.fields(), photo, drawer)
        for each in products
        if (photo := each.attributes.get(REFERENCE_HASH, ""))
    }
    known = known_concepts(connection, {each.lesson_id for each in lessons.values()})
    found: list[tuple[Product, WantedLesson | None]] = []
    for each in products:
        lesson = lessons.get(each.product_id)
        if lesson is None:
            found.append((each, None))
            continue
        asked = WantedLesson(lesson, each, teaching.name, known.get(lesson.lesson_id))
        found.append((each, asked))
    return found


def _plain(view: View) -> str:
    """A view's name as part of a relation's."""
    return view.name.replace('"', "'")
