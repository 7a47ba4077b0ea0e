"""A sandbox for templates in which no text can be multiplied until it fills the memory.

Loops, ``~``, ``+``, ``join`` and ``replace`` are counted for each rendering, before they do their
work: a template of one line could otherwise turn one product's description into gigabytes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final

from jinja2 import StrictUndefined, TemplateRuntimeError, nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

#: Characters of one text, and of all that one rendering writes.
MAX_TEXT: Final = 1_000_000
#: Rounds of all loops of one rendering.
MAX_ROUNDS: Final = 100_000

#: The filters that templates are rewritten with.
_JOINED: Final = "_joined"
_COUNTED: Final = "_counted"
_FLAT: Final = "_flat"

_TOO_LONG: Final = f"its text grows beyond {MAX_TEXT:,} characters"
_NESTED: Final = (list, tuple, dict)


@dataclass(slots=True)
class _Spent:
    """What a rendering has used."""

    characters: int = 0
    rounds: int = 0


_spent: Final[ContextVar[_Spent | None]] = ContextVar("spent", default=None)


@contextmanager
def one_rendering() -> Iterator[None]:
    """Count from nothing for the block."""
    token = _spent.set(_Spent())
    try:
        yield
    finally:
        _spent.reset(token)


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """Strict about names, without globals. It compiles what ``bounded`` returns."""

    intercepted_binops = frozenset("+")

    def __init__(self, filters: Mapping[str, Callable[..., Any]]) -> None:
        super().__init__(undefined=StrictUndefined, finalize=_written)
        self.globals.clear()  # no range() or lipsum(): every free name is a field
        own = {_JOINED: _joined, _COUNTED: _counted, _FLAT: _flat}
        self.filters.clear()
        self.filters.update({**filters, **own})
        for name, size in (("join", _size_joined), ("replace", _size_replaced)):
            if name in self.filters:
                self.filters[name] = _checked(self.filters[name], size)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """``+`` of two texts or lists."""
        if hasattr(left, "__len__") and hasattr(right, "__len__"):
            _require(len(left) + len(right))
        return super().call_binop(context, operator, left, right)


def bounded(tree: nodes.Template) -> nodes.Template:
    """The template with everything counted that could multiply."""
    return _Counting().visit(tree)  # type: ignore[no-any-return]


class _Counting(NodeTransformer):
    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), _JOINED)

    def visit_For(self, node: nodes.For) -> nodes.Node:
        self.generic_visit(node)
        node.iter = _filtered(node.iter, _COUNTED)
        return node

    def visit_List(self, node: nodes.List) -> nodes.Node:
        self.generic_visit(node)
        return _filtered(node, _FLAT) if node.find(nodes.Name) else node

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:
        self.generic_visit(node)
        return _filtered(node, _FLAT) if node.find(nodes.Name) else node

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        self.generic_visit(node)
        return _filtered(node, _FLAT) if node.ctx == "load" and node.find(nodes.Name) else node


def _filtered(node: nodes.Node, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


@pass_context
def _joined(context: Context, parts: list[Any]) -> str:
    texts = [str(part) for part in _flat(context, parts)]
    _require(sum(map(len, texts)))
    return "".join(texts)


@pass_context
def _counted(context: Context, items: Iterable[Any]) -> Iterator[Any]:
    for item in items:
        spent = _spent.get()
        if spent is not None:
            spent.rounds += 1
            if spent.rounds > MAX_ROUNDS:
                raise TemplateRuntimeError(f"its loops take more than {MAX_ROUNDS:,} rounds")
        yield item


@pass_context
def _flat(context: Context, literal: Any) -> Any:
    """A list of lists, doubled a few times, is small until it is written."""
    parts = literal.values() if isinstance(literal, dict) else literal
    if any(isinstance(part, _NESTED) for part in parts):
        raise TemplateRuntimeError("it has a list within a list")
    return literal


def _written(value: Any) -> Any:
    """Count what ``{{ }}`` writes; while Jinja compiles, constants pass uncounted."""
    spent = _spent.get()
    if spent is not None:
        value = str(value)
        spent.characters += len(value)
        _require(spent.characters)
    return value


def _checked(function: Callable[..., Any], size: Callable[..., int]) -> Callable[..., Any]:
    """A filter whose result's length is computed first; its first argument is Jinja's own."""

    @wraps(function)
    def checked(own: Any, *arguments: Any, **options: Any) -> Any:
        _require(size(*arguments, **options))
        return function(own, *arguments, **options)

    return checked


def _size_joined(value: Iterable[Any], d: Any = "", attribute: Any = None) -> int:
    parts = value if isinstance(value, str) else list(value)
    return sum(len(str(part)) for part in parts) + len(parts) * len(str(d))


def _size_replaced(s: Any, old: Any, new: Any, count: int | None = None) -> int:
    text = str(s)
    return len(text) + text.count(str(old)) * len(str(new))


def _require(characters: int) -> None:
    if characters > MAX_TEXT:
        raise TemplateRuntimeError(_TOO_LONG)
