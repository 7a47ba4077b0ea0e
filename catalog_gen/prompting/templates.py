"""Prompt templates: Jinja2 in a sandbox, strict about names, over one product's text fields.

Product text is a value and never parsed, so nothing that a feed says can run. A template reads no
files and calls nothing but filters. Fitting the result to a text encoder is ``budget``'s part.
"""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from catalog_gen.errors import ConfigError
from catalog_gen.fingerprint import sha256_json
from catalog_gen.prompting.filters import FILTERS, FILTERS_VERSION

#: Characters; far above any text encoder's limit, far below what a long description could reach.
MAX_LENGTH: Final = 4_000
#: What an expression of a template can raise; the sandbox lets it reach nothing else.
_FAILURES: Final = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class PromptTemplate:
    """A checked template. ``compile_template`` makes it."""

    source: str
    fields: frozenset[str]
    """The product fields that it reads: only a change of these can change what it says."""
    _template: Template = field(repr=False, compare=False)

    @property
    def source_hash(self) -> str:
        """SHA-256 of all that decides the text apart from the fields: template and filters."""
        return sha256_json([self.source, FILTERS_VERSION])

    def render(self, fields: Mapping[str, str]) -> str:
        """The prompt for one product: one line, white space collapsed, at most ``MAX_LENGTH``.

        A longer text is cut after a whole word.

        Raises:
            ConfigError: the template fails on this product, or ``fields`` lacks one that it reads.
        """
        try:
            raw = self._template.render({name: fields[name] for name in self.fields})
        except _FAILURES as error:
            product = fields.get("product_id", "")
            raise ConfigError(
                f"template {self.source!r}",
                f"fails on product '{product}' ({type(error).__name__}: {error})",
                "Mend the template in catalog.toml.",
            ) from error
        # Lone surrogates, which JSON feeds can carry, are no text to any tokenizer.
        text = " ".join(raw.encode("utf-8", "ignore").decode("utf-8").split())
        return text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH + 1].rpartition(" ")[0]


def compile_template(source: str, known_fields: Collection[str]) -> PromptTemplate:
    """Parse a template and check every name in it against the fields that products have.

    Raises:
        ConfigError: a syntax error, with its line, or an unknown field, with the nearest known one.
    """
    environment = _environment()
    try:
        names = meta.find_undeclared_variables(environment.parse(source))
        template = environment.from_string(source)
    except TemplateSyntaxError as error:
        raise ConfigError(
            f"template {source!r}",
            f"line {error.lineno}: {error.message}",
            f"Mend the template in catalog.toml; filters beside Jinja's own: {', '.join(FILTERS)}.",
        ) from error
    for name in sorted(names - set(known_fields)):
        near = difflib.get_close_matches(name, sorted(known_fields), n=1)
        raise ConfigError(
            f"template {source!r}",
            f"reads '{name}', a field that no product has",
            f"Did you mean '{near[0]}'?"
            if near
            else f"Known fields: {', '.join(sorted(known_fields))}.",
        )
    return PromptTemplate(source, frozenset(names), template)


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    environment.globals.clear()  # no range() or lipsum(): every free name is a field
    environment.filters.update(FILTERS)
    return environment
