"""Parts that register by an entry point: methods, model families, readers, channels, signals.

catalog_gen lists its own parts in its ``pyproject.toml``, one line each. Other packages add theirs
in the same way:

    [project.entry-points."catalog_gen.methods"]
    img2img = "catalog_gen.diffusion.methods.img2img:ImageToImage"

A part's module is imported when the part is first used, which defers heavy libraries until then.
"""

from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, ValidationError

from catalog_gen.broken_rules import broken_rules, nearest
from catalog_gen.errors import ConfigError

Part = TypeVar("Part")
Chosen = TypeVar("Chosen", bound=BaseModel)


class Registry(Generic[Part]):
    """The parts of one kind by name. ``kind`` names it in error messages: "method"."""

    def __init__(self, kind: str, group: str) -> None:
        self.kind = kind
        self.group = group

    def names(self) -> tuple[str, ...]:
        """All names, in alphabetical order."""
        return tuple(sorted(_entry_points(self.group)))

    def get(self, name: str) -> Part:
        """Import and return the part with this name.

        Raises:
            ConfigError: no such part is installed, or its module can't be imported.
        """
        entry = _entry_points(self.group).get(name)
        if entry is None:
            near = nearest(name, self.names())
            hint = f"Did you mean '{near}'? " if near else ""
            raise ConfigError(
                f"{self.kind} '{name}'",
                f"no {self.kind} of this name is installed",
                f"{hint}There are: {', '.join(self.names())}.",
            )
        return cast(Part, _loaded(entry, self.kind))

    def items(self) -> tuple[tuple[str, Part], ...]:
        """Every name with its part, in alphabetical order.

        Raises:
            ConfigError: a part's module can't be imported.
        """
        return tuple((name, self.get(name)) for name in self.names())


def part_of(
    registry: Registry[type[Chosen]], base: type[Chosen], example: str
) -> Callable[[object], Chosen]:
    """A validator for fields that hold a part with its parameters.

    It takes an instance, a name (with default parameters) or a table with the name and parameters.

    Args:
        base: the class of all parts of the registry.
        example: how such a table is written, for messages.
    """

    def resolved(value: object) -> Chosen:
        if isinstance(value, base):
            return value
        given = {"name": value} if isinstance(value, str) else value
        if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
            raise ValueError(
                f"write a {registry.kind}'s name, or a table with its name and parameters: "
                f"{example}"
            )
        try:
            part = registry.get(given["name"])
        except ConfigError as error:
            raise ValueError(f"{error.rule}. {error.next_step.rstrip('.')}") from error
        try:
            return part.model_validate(given)
        except ValidationError as error:
            broken = broken_rules(error, part)
            raise ValueError("; ".join(f"{each.key}: {each.rule}" for each in broken)) from error

    return resolved


@cache
def _entry_points(group: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in _installed().select(group=group)}


@cache
def _installed() -> Any:
    """Those of all packages, which it takes 40 ms to go through.

    Before Python 3.12 of another type than since, but with the same ``select``.
    """
    return entry_points()


@cache
def _loaded(entry: EntryPoint, kind: str) -> Any:
    try:
        return entry.load()
    except (ImportError, AttributeError) as error:
        package = entry.dist.name if entry.dist else "?"
        raise ConfigError(
            f"{kind} '{entry.name}' of package {package}",
            f"{entry.value} can't be imported ({error})",
            f"Repair or uninstall {package}.",
        ) from error
