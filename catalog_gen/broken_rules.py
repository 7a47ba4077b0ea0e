"""Describes invalid values in the user's terms instead of pydantic's."""

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """One invalid value: the path to it, and the rule with what would be valid."""

    path: tuple[str | int, ...]
    rule: str

    @property
    def key(self) -> str:
        """The path as users write it: "views.packshot.steps"."""
        return ".".join(str(part) for part in self.path)


def broken_rules(error: ValidationError, shape: Any) -> list[BrokenRule]:
    """Every rule that was broken while ``shape`` was validated, in the order of the fields."""
    return [_broken_rule(item, shape) for item in error.errors()]


def nearest(name: str, known: Collection[str]) -> str:
    """The known name that the user most likely meant; '' if none is similar."""
    return next(iter(difflib.get_close_matches(name, sorted(known), n=1)), "")


def _broken_rule(item: Mapping[str, Any], shape: Any) -> BrokenRule:
    path = tuple(part for part in item["loc"] if part != "[key]")
    message = str(item["msg"]).removeprefix("Value error, ")
    message = message[:1].lower() + message[1:] if message[1:2].islower() else message
    if item["type"] == "extra_forbidden":
        known = _fields_at(shape, path[:-1])
        listed = f"there are {', '.join(known)}" if known else ""
        hint = _hint(str(path[-1]), known)
        return BrokenRule(path, f"there is no such setting; {hint}{listed}".rstrip("; "))
    if item["type"] == "missing":
        return BrokenRule(path, "it is missing")
    value = item["input"]
    if item["type"] == "literal_error" and isinstance(value, str):
        hint = _hint(value, _choices_at(shape, path))
        return BrokenRule(path, f"{value!r} is none of its values; {hint}{message}")
    if isinstance(value, str | int | float) and item["type"] != "value_error":
        shown = repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:59]}…"
        return BrokenRule(path, f"{shown} can't be used: {message}")
    return BrokenRule(path, message)


def _hint(name: str, known: Collection[str]) -> str:
    near = nearest(name, known)
    return f"did you mean '{near}'? " if near else ""


def _fields_at(shape: Any, path: Sequence[str | int]) -> tuple[str, ...]:
    for model in _models(_at(shape, path)):
        return tuple(model.model_fields)
    return ()


def _choices_at(shape: Any, path: Sequence[str | int]) -> tuple[str, ...]:
    found = _at(shape, path)
    return tuple(
        choice for each in _members(found) for choice in get_args(each) if isinstance(choice, str)
    )


def _at(shape: Any, path: Sequence[str | int]) -> Any:
    """The annotation at the path; Any if it can't be followed."""
    for part in path:
        shape = next((found for each in _members(shape) for found in _step(each, part)), Any)
    return shape


def _step(shape: Any, part: str | int) -> Iterator[Any]:
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        found = shape.model_fields.get(str(part))
        if found is not None:
            yield found.annotation
    elif get_origin(shape) in (dict, tuple, list):
        inner = [each for each in get_args(shape) if each is not Ellipsis]
        if inner:
            yield inner[-1]


def _models(shape: Any) -> Iterator[type[BaseModel]]:
    for each in _members(shape):
        if isinstance(each, type) and issubclass(each, BaseModel):
            yield each


def _members(shape: Any) -> Iterator[Any]:
    """The shape without ``Annotated``, and what a union allows but None."""
    if get_origin(shape) is Annotated:
        yield from _members(get_args(shape)[0])
    elif get_origin(shape) in (Union, UnionType):
        for each in get_args(shape):
            yield from _members(each)
    elif shape is not NoneType:
        yield shape
