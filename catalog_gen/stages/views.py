"""A view with its templates compiled: what it asks of products, whom it is for, what they teach."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from catalog_gen.broken_rules import nearest
from catalog_gen.catalog.aliases import CANONICAL_ATTRIBUTES, canonical_field
from catalog_gen.catalog.product import CORE_FIELDS
from catalog_gen.concept import Lesson
from catalog_gen.dialects.dialect import Dialect
from catalog_gen.errors import ConfigError
from catalog_gen.prompting.templates import PromptTemplate, compile_template
from catalog_gen.prompting.wishes import WishTemplates, compile_wishes
from catalog_gen.settings.catalog import CatalogSettings
from catalog_gen.settings.views import ConceptSettings, ViewSettings
from catalog_gen.stages.cutouts import MASK_HASH
from catalog_gen.stages.drawer import Drawer
from catalog_gen.stages.products import REFERENCE_HASH
from catalog_gen.store.concepts import KnownConcept
from catalog_gen.store.prompts import ViewSpec

#: Fields of a product in a view that draws with concepts: the learned word as prompts spell it,
#: the hash of what was learned, and why nothing was.
CONCEPT: Final = "concept"
CONCEPT_HASH: Final = "concept_sha256"
CONCEPT_PROBLEM: Final = "concept_problem"

#: What ``only`` says of products that a view is not for.
_NO: Final = frozenset({"", "False", "None", "0"})


@dataclass(frozen=True)
class Teaching:
    """A section of [concepts], with its templates compiled; a lesson is tried ``tries`` times."""

    name: str
    settings: ConceptSettings
    tries: int
    caption: PromptTemplate
    initial: PromptTemplate

    @property
    def word(self) -> str:
        """The learned word as captions and prompts spell it; empty: there is none."""
        return self.settings.learner.spelling

    def is_open(self, known: KnownConcept | None) -> bool:
        """Whether a lesson is still to be learned, or to be tried again."""
        return known is None or not (known.concept_sha256 or known.tries >= self.tries)

    def lesson(self, fields: Mapping[str, str], photo: str, drawer: Drawer) -> Lesson:
        """The lesson about a product with these fields.

        Args:
            photo: its hash.

        Raises:
            ConfigError: a template fails on this product.
        """
        known = {**dict.fromkeys(self.caption.fields | self.initial.fields, ""), **fields}
        fit = drawer.budget.fit
        return Lesson(
            learner=self.settings.learner,
            model_hash=drawer.hash,
            photos=(photo,),
            caption=fit(self.caption.render({**known, CONCEPT: self.word})).text,
            kind=fit(self.caption.render({**known, CONCEPT: ""})).text,
            initial=self.initial.render(known),
            side=self.settings.side,
            seed=self.settings.seed,
        )


@dataclass(frozen=True)
class View:
    """A view's settings with its templates compiled.

    ``apart`` are the fields in which products that share pictures must be equal. ``only`` selects
    the products that it is for; None: all. ``teaching`` says how they are learned, where its method
    draws with concepts.
    """

    name: str
    settings: ViewSettings
    wishes: WishTemplates
    apart: tuple[str, ...] = ()
    only: PromptTemplate | None = None
    teaching: Teaching | None = None

    @property
    def needs_reference(self) -> bool:
        """Whether products without a photo are left out."""
        return not self.settings.method.needs.isdisjoint({"photo", "concept"})

    def is_for(self, fields: Mapping[str, str]) -> bool:
        """Whether ``only`` selects a product with these fields.

        Raises:
            ConfigError: the template fails on this product.
        """
        return self.only is None or selects(self.only, fields)

    def spec(self, drawer: Drawer) -> ViewSpec:
        """The fields that the view reads, and the hashes of everything else that affects it."""
        fields = self.wishes.fields.union(self.apart)
        needs = self.settings.method.needs
        fields |= {REFERENCE_HASH} if "photo" in needs else set()
        fields |= {MASK_HASH} if "mask" in needs else set()
        fields |= {CONCEPT_HASH} if "concept" in needs else set()
        return ViewSpec(
            view=self.name,
            fields=tuple(sorted(fields)),
            spec={
                "template": self.wishes.source_hash,
                "model": drawer.hash,
                "settings": self.settings.settings_hash,
            },
            needs_reference=self.needs_reference,
        )


def selects(only: PromptTemplate, fields: Mapping[str, str]) -> bool:
    """Whether what ``only`` says of a product with these fields is a yes.

    Raises:
        ConfigError: the template fails on this product.
    """
    return only.render(fields) not in _NO


def compile_views(
    settings: CatalogSettings, attributes: Collection[str], dialect: Dialect
) -> list[View]:
    """Compile the templates of all views against the fields that products can have.

    Raises:
        ConfigError: a template is broken, or it or ``look`` reads a field that no product has; or a
            view or concept never says the word that is learned.
    """
    known = {*CORE_FIELDS, *CANONICAL_ATTRIBUTES, *attributes}
    apart = _apart(settings.look, known)
    return [_compiled(name, settings, known, apart, dialect) for name in settings.views]


def _compiled(
    name: str,
    settings: CatalogSettings,
    known: Collection[str],
    apart: tuple[str, ...],
    dialect: Dialect,
) -> View:
    view = settings.views[name]
    teaching = _teaching(view.concept, settings, known, dialect) if view.concept else None
    wishes = compile_wishes(
        view.template,
        view.negative_prompt,
        asks=view.asks,
        shared_asks=settings.asks,
        known_fields=known if teaching is None else {*known, CONCEPT},
        dialect=dialect,
        view=name,
    )
    if teaching is not None:
        _require_word(teaching, wishes.prompt)
    only = view.only and compile_template(view.only, known, dialect, f"views.{name}.only")
    return View(name, view, wishes, apart, only or None, teaching)


def _teaching(
    name: str, settings: CatalogSettings, known: Collection[str], dialect: Dialect
) -> Teaching:
    concept, where = settings.concepts[name], f"concepts.{name}"
    teaching = Teaching(
        name,
        concept,
        settings.limits.tries,
        compile_template(concept.caption, {*known, CONCEPT}, dialect, f"{where}.caption"),
        compile_template(concept.initial, known, dialect, f"{where}.initial"),
    )
    _require_word(teaching, teaching.caption)
    return teaching


def _require_word(teaching: Teaching, template: PromptTemplate) -> None:
    if teaching.word and CONCEPT not in template.fields:
        raise ConfigError(
            template.where,
            f"never says the word that concepts.{teaching.name} learns",
            "Put {{ concept }} where the product stands: a photo of a {{ concept }} {{ category }}",
        )


def _apart(look: Collection[str], known: Collection[str]) -> tuple[str, ...]:
    fields = {canonical_field(name): name for name in look}
    for field, name in fields.items():
        if field not in known:
            near = nearest(field, known)
            raise ConfigError(
                "look",
                f"names '{name}', a field that no product has",
                f"Did you mean '{near}'?" if near else f"Known fields: {', '.join(sorted(known))}.",
            )
    return tuple(sorted(fields))
