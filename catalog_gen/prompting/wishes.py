"""A view's templates: what it asks of a product, as data, and the prompts that express it.

The asks are rendered first, over the product's fields. In the prompt's template their values then
replace fields of the same name, so the prompt can be rendered again with one value exchanged.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from catalog_gen.dialects.dialect import Dialect
from catalog_gen.fingerprint import sha256_json
from catalog_gen.prompting.templates import PromptTemplate, compile_template

#: Asked if a template reads them as fields, unless the settings override them.
COMMON_ASKS: Final = ("category", "colour", "material", "count")


@dataclass(frozen=True)
class WishTemplates:
    """The checked templates of one view in the dialect of its model."""

    prompt: PromptTemplate
    negative: PromptTemplate
    asks: Mapping[str, PromptTemplate]
    """By attribute, in alphabetical order."""
    dialect: Dialect

    @cached_property
    def fields(self) -> frozenset[str]:
        """The product fields that the view reads."""
        read = (self.prompt.fields | self.negative.fields) - self.asks.keys()
        return read.union(*(ask.fields for ask in self.asks.values()))

    @cached_property
    def source_hash(self) -> str:
        """SHA-256 of everything but the product's fields that determines the wish."""
        return sha256_json(
            {
                "prompt": self.prompt.source_hash,
                "negative": self.negative.source_hash,
                "asks": {name: ask.source_hash for name, ask in self.asks.items()},
                "dialect": self.dialect.identity,
            }
        )

    def asked(self, fields: Mapping[str, str]) -> dict[str, str]:
        """What the view asks of a product with these fields: attribute to value, '' for nothing.

        Raises:
            ConfigError: an ask fails on this product.
        """
        filled = self._filled(fields)
        return {name: ask.render(filled) for name, ask in self.asks.items()}

    def say(self, fields: Mapping[str, str], asked: Mapping[str, str]) -> str:
        """The prompt that asks for these values of a product.

        Raises:
            ConfigError: the template fails on this product.
        """
        return self.prompt.render({**self._filled(fields), **asked})

    def say_negative(self, fields: Mapping[str, str], asked: Mapping[str, str]) -> str:
        """The negative prompt; as ``say``."""
        return self.negative.render({**self._filled(fields), **asked})

    def unsupported(self, fields: Mapping[str, str], asked: Mapping[str, str]) -> str:
        """'' if the model can draw what is asked, else one sentence giving the reason."""

        def read(attribute: str) -> dict[str, str]:
            return {field: fields.get(field, "") for field in self.asks[attribute].fields}

        return self.dialect.why_not(asked, read)

    def _filled(self, fields: Mapping[str, str]) -> dict[str, str]:
        return {**dict.fromkeys(self.fields, ""), **fields}


def compile_wishes(
    prompt: str,
    negative: str,
    *,
    asks: Mapping[str, str],
    shared_asks: Mapping[str, str],
    known_fields: Collection[str],
    dialect: Dialect,
    view: str = "view",
) -> WishTemplates:
    """Compile a view's templates and asks.

    All of the view's own ``asks`` are asked. ``shared_asks`` are the catalog's and are asked if the
    templates read their names. A common attribute that the templates read but neither defines is
    asked for as the product's own value in the model's words. ``view`` is the view's name, for
    messages.

    Raises:
        ConfigError: a template is invalid, or reads a field that no product has.
    """
    defaults = {name: f"{{{{ {name} | words('{name}') }}}}" for name in COMMON_ASKS}
    names = {*known_fields, *shared_asks, *asks}
    texts = [
        compile_template(source, names, dialect, f"views.{view}.{setting}")
        for setting, source in (("template", prompt), ("negative_prompt", negative))
    ]
    read = {
        name: source
        for name, source in {**defaults, **shared_asks}.items()
        if any(name in text.fields for text in texts)
    }
    return WishTemplates(
        prompt=texts[0],
        negative=texts[1],
        asks={
            name: compile_template(
                source,
                known_fields,
                dialect,
                f"views.{view}.asks.{name}" if name in asks else f"asks.{name}",
            )
            for name, source in sorted({**read, **asks}.items())
        },
        dialect=dialect,
    )
