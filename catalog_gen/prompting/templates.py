"""Prompt templates: Jinja2 in a sandbox, strict about names, over one product's text fields.

Product text is a value and never parsed, so nothing that a feed says can run. A template has
fields, filters, conditions and loops over text; it reads no files, calls no methods, computes no
products or powers, and is counted while it runs (``bounded``), so that neither a mistake nor a feed
can exhaust the machine's memory. ``budget`` fits the result to a text encoder.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Final

from jinja2 import Environment, Template, TemplateError, TemplateSyntaxError, meta, nodes

from catalog_gen.broken_rules import nearest
from catalog_gen.dialects.dialect import GENERIC, Dialect
from catalog_gen.errors import ConfigError
from catalog_gen.fingerprint import sha256_json
from catalog_gen.prompting.bounded import BoundedEnvironment, bounded, one_rendering
from catalog_gen.prompting.filters import FILTERS_VERSION, filters_of

#: Characters; far above any text encoder's limit, far below what a long description could reach.
_EMPTY_CLAUSES: Final = re.compile(r"\s*,(?:\s*,)+")
MAX_LENGTH: Final = 4_000
#: Characters of a template's line that a message shows.
_SHOWN: Final = 68
#: What a prompt never needs. Counted and repeated text ("x" * 10**9) would fill the memory.
_REFUSED: Final[Mapping[type[nodes.Node], str]] = {
    nodes.Getattr: "an attribute or method",
    nodes.Call: "a call",
    nodes.Mul: "*",
    nodes.Pow: "**",
    nodes.Mod: "%",
    nodes.Macro: "a macro",
    nodes.CallBlock: "a call block",
    nodes.Include: "another file",
    nodes.Import: "another file",
    nodes.FromImport: "another file",
    nodes.Extends: "another file",
}
#: Jinja's built-in filters that are deterministic and can't make text much longer; this excludes
#: ``random`` and filters that pad to any width.
_KEPT_FILTERS: Final = (
    *("capitalize", "d", "default", "first", "float", "int", "join", "last", "length", "list"),
    *("lower", "reject", "replace", "reverse", "round", "select", "sort", "string", "striptags"),
    *("title", "trim", "truncate", "unique", "upper", "wordcount"),
)
#: What a template's expression can raise inside the sandbox.
_FAILURES: Final = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
_MEND: Final = (
    "Correct the template in catalog.toml; it has fields, if, for, set and these filters: "
    f"{', '.join(sorted((*filters_of(GENERIC), *_KEPT_FILTERS)))}."
)


@dataclass(frozen=True)
class PromptTemplate:
    """A checked template. ``compile_template`` makes it."""

    source: str
    fields: frozenset[str]
    """The product fields that it reads; only a change to these can change the result."""
    where: str = field(compare=False)
    """The setting that holds it: "views.packshot.template"."""
    _template: Template = field(repr=False, compare=False)

    @property
    def source_hash(self) -> str:
        """SHA-256 of the template and the filters; the dialect has a hash of its own."""
        return sha256_json([self.source, FILTERS_VERSION])

    def render(self, fields: Mapping[str, str]) -> str:
        """The prompt for one product: one line, white space collapsed, at most ``MAX_LENGTH``.

        Empty clauses, which a product's missing fields leave, are removed with their commas. A
        longer text is cut after a whole word.

        Raises:
            ConfigError: the template fails on this product, or ``fields`` lacks one that it reads.
        """
        if not self.fields:
            return self._constant
        return self._rendered(fields)

    @cached_property
    def _constant(self) -> str:
        """The result of a template without fields, the same for every product."""
        return self._rendered({})

    def _rendered(self, fields: Mapping[str, str]) -> str:
        try:
            with one_rendering():
                raw = self._template.render({name: fields[name] for name in self.fields})
        except _FAILURES as error:
            product = fields.get("product_id", "")
            raise ConfigError(
                self.where,
                f"fails on product '{product}' ({type(error).__name__}: {error})"
                f"{_marked(self.source, 1)}",
                "Correct the template in catalog.toml.",
            ) from error
        # Lone surrogates, which JSON feeds can carry, are no text to any tokenizer.
        text = " ".join(raw.encode("utf-8", "ignore").decode("utf-8").split())
        # A field that a product lacks leaves no ", ," behind.
        text = _EMPTY_CLAUSES.sub(",", text).strip(", ")
        return text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH + 1].rpartition(" ")[0]


def compile_template(
    source: str,
    known_fields: Collection[str],
    dialect: Dialect = GENERIC,
    where: str = "template",
) -> PromptTemplate:
    """Parse a template and check every name in it against the fields that products have.

    ``dialect`` belongs to the model that the prompt is for. ``where`` is the setting that holds the
    template, for error messages; these also mark the place in the template.

    Raises:
        ConfigError: a syntax error, with its line, or an unknown field, with the nearest known one.
    """
    environment = _environment(dialect)
    try:
        tree = environment.parse(source)
        _check_parts(source, tree, environment, where)
        names = meta.find_undeclared_variables(tree)
        template = environment.from_string(bounded(tree))
    except TemplateSyntaxError as error:
        rule = f"line {error.lineno}: {error.message}{_marked(source, error.lineno)}"
        raise ConfigError(where, rule, _MEND) from error
    except RecursionError:
        raise ConfigError(where, "is nested too deeply", "Write it flatter.") from None
    for name in sorted(names - set(known_fields)):
        near = nearest(name, known_fields)
        line, column = _place(source, name)
        raise ConfigError(
            where,
            f"line {line}: reads '{name}', a field that no product has"
            f"{_marked(source, line, column, len(name))}",
            f"Did you mean '{near}'?"
            if near
            else f"Known fields: {', '.join(sorted(known_fields))}.",
        )
    return PromptTemplate(source, frozenset(names), where, template)


def _check_parts(source: str, tree: nodes.Template, environment: Environment, where: str) -> None:
    """Refuse now what Jinja would find only when a product takes that branch, or never."""
    watched: tuple[type[nodes.Node], ...] = (*_REFUSED, nodes.Filter, nodes.Test)
    for node in tree.find_all(watched):
        if isinstance(node, nodes.Filter) and node.name not in environment.filters:
            problem = f"has no filter '{node.name}'{_near(node.name, environment.filters)}"
        elif isinstance(node, nodes.Test) and node.name not in environment.tests:
            problem = f"has no test '{node.name}'"
        elif type(node) in _REFUSED:
            problem = f"may not use {_REFUSED[type(node)]}"
        else:
            continue
        raise ConfigError(
            where, f"line {node.lineno}: {problem}{_marked(source, node.lineno)}", _MEND
        )


def _near(name: str, known: Collection[str]) -> str:
    near = nearest(name, known)
    return f" (did you mean '{near}'?)" if near else ""


def _place(source: str, name: str) -> tuple[int, int]:
    """Line from 1 on and column from 0 on of a name's first use inside braces."""
    inside = re.compile(
        r"\{[{%](?:(?!\}\}|%\}).)*?\b(?P<name>" + re.escape(name) + r")\b", re.DOTALL
    )
    found = inside.search(source)
    at = found.start("name") if found else 0
    return source.count("\n", 0, at) + 1, at - (source.rfind("\n", 0, at) + 1)


def _marked(source: str, line: int, column: int | None = None, length: int = 1) -> str:
    """The template's line on a line of its own, with marks below the faulty part."""
    text = (source.splitlines() or [""])[line - 1 : line]
    shown = (text[0] if text else "").rstrip()
    first = len(shown) - len(shown.lstrip()) if column is None else column
    count = len(shown) - first if column is None else length
    start = max(0, first - _SHOWN // 2)
    cut = shown[start : start + _SHOWN]
    marks = " " * (first - start) + "^" * max(1, min(count, len(cut) - (first - start)))
    return f"\n    {cut}\n    {marks}"


@lru_cache(maxsize=8)
def _environment(dialect: Dialect) -> Environment:
    usual = Environment().filters
    kept = {name: usual[name] for name in _KEPT_FILTERS}
    return BoundedEnvironment(kept | filters_of(dialect))
