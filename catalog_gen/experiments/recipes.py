"""The recipe of a cell: the view's own, with the cell's values."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from catalog_gen.broken_rules import broken_rules, nearest
from catalog_gen.errors import ConfigError
from catalog_gen.experiments.definition import Level, level_text
from catalog_gen.recipe import Recipe

#: Axes that are no field of a recipe.
MODEL: Final = "model"
WORDS: Final = "words"
#: Fields that follow from others.
_DERIVED: Final = frozenset(
    {"version", "model_hash", "reference_sha256", "mask_sha256", "concept_sha256"}
)
_FIELDS: Final = tuple(name for name in Recipe.model_fields if name not in _DERIVED)


def usual_values(recipe: Recipe) -> dict[str, Level]:
    """What a recipe says, as axes name it: its fields, and its method's parameters."""
    chosen = recipe.chosen(without=_DERIVED)
    return {**chosen, "method": recipe.method.name, **recipe.method.parameters}


def recipe_of(where: str, recipe: Recipe, values: Mapping[str, Level]) -> Recipe:
    """The recipe with these values in place of its own.

    A method that is named with another name starts from its defaults; a value that is no field of
    a recipe is a parameter of the method, and needs one that has it.

    Raises:
        ConfigError: a value has no such field, or is none that it takes.
    """
    fields = {name: value for name, value in values.items() if name in _FIELDS}
    parameters = {
        name: value
        for name, value in values.items()
        if name not in _FIELDS and name not in (MODEL, WORDS)
    }
    method = _method(recipe, fields.pop("method", None), parameters)
    if WORDS in values:
        fields["prompt"] = _reworded(where, str(fields.get("prompt", recipe.prompt)), values[WORDS])
    try:
        return Recipe.model_validate({**recipe.chosen(), **fields, "method": method})
    except ValidationError as error:
        raise _refused(where, values, error, parameters) from error


def replaced(text: str, words: Mapping[str, str]) -> str:
    """A prompt with words replaced, in the order given."""
    for old, new in words.items():
        text = text.replace(old, new)
    return text


def _method(recipe: Recipe, named: Level | None, parameters: Mapping[str, Level]) -> dict[str, Any]:
    given: dict[str, Any] = {"name": named} if isinstance(named, str) else dict(named or {})  # type: ignore[arg-type]
    if given.get("name", recipe.method.name) == recipe.method.name:
        given = {**recipe.method.chosen(), **given}
    return {**given, **parameters}


def _reworded(where: str, prompt: str, words: Level) -> str:
    if not isinstance(words, Mapping):
        raise ConfigError(
            f"{where}: words = {words!r}",
            "it is no table of words and their replacements",
            'Write words = [{}, {"studio lighting" = "soft daylight"}].',
        )
    for old in words:
        if old not in prompt:
            raise ConfigError(
                f"{where}: words {old!r}",
                f"the prompt does not have them: {prompt}",
                "Replace words that it has.",
            )
    return replaced(prompt, {old: str(new) for old, new in words.items()})


def _refused(
    where: str, values: Mapping[str, Level], error: ValidationError, parameters: Mapping[str, Level]
) -> ConfigError:
    rules = "; ".join(f"{each.key}: {each.rule}" for each in broken_rules(error, Recipe))
    near = [
        f"{name} (did you mean {nearest(name, _FIELDS)}?)"
        for name in parameters
        if nearest(name, _FIELDS)
    ]
    stated = ", ".join(f"{name} {level_text(value)}" for name, value in values.items())
    hint = f"; {', '.join(near)}" if near else ""
    return ConfigError(
        f"{where}: {stated}",
        f"no recipe can say this ({rules.rstrip('.')}{hint})",
        "Correct the axis or the base, or leave such cells out with only.",
    )
