"""Reads a TOML file into a checked model and reports every broken rule with its line."""

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from catalog_gen.broken_rules import BrokenRule, broken_rules
from catalog_gen.errors import ConfigError
from catalog_gen.toml_lines import key_lines, line_of

Shape = TypeVar("Shape")


def load_toml(path: Path, shape: type[Shape], how_to_name: str) -> Shape:
    """Load the file as ``shape``, a pydantic model or a dictionary of models.

    Validators find the file's own folder in their context, as "folder". ``how_to_name`` says which
    option or setting selects another file.

    Raises:
        ConfigError: the file is missing, is not TOML, or breaks a rule of ``shape``.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigError(
            str(path), "there is no such file", f"Name another with {how_to_name}."
        ) from None
    except (ValueError, OSError) as error:  # not UTF-8
        raise ConfigError(str(path), f"is not valid TOML ({error})", "Correct the file.") from error
    return checked_toml(text, path, shape)


def checked_toml(text: str, path: Path, shape: type[Shape]) -> Shape:
    """The same from the text of a file, which errors call ``path``."""
    try:
        content = tomllib.loads(text)
    except RecursionError:
        raise ConfigError(
            str(path), "its tables or arrays are nested too deeply", "Correct the file."
        ) from None
    except ValueError as error:  # not TOML, or a number of 5,000 digits
        raise ConfigError(str(path), f"is not valid TOML ({error})", "Correct the file.") from error
    if _has_nul(content):
        raise ConfigError(str(path), "a value has the character NUL (\\u0000)", "Take it out.")
    try:
        folder = path.absolute().parent
        return TypeAdapter(shape).validate_python(content, context={"folder": folder})
    except ValidationError as error:
        raise _refused(path, text, broken_rules(error, shape)) from error


def _has_nul(value: object) -> bool:
    """Whether a text in it can be no path and no text of a database."""
    if isinstance(value, dict):
        return any(map(_has_nul, (*value.keys(), *value.values())))
    if isinstance(value, list):
        return any(map(_has_nul, value))
    return isinstance(value, str) and "\0" in value


def _refused(path: Path, text: str, rules: list[BrokenRule]) -> ConfigError:
    """All broken rules, each with its line, from the top of the file down."""
    lines = key_lines(text)
    placed = sorted(((line_of(lines, rule.path) or 0, rule) for rule in rules), key=lambda x: x[0])
    found = [
        f"line {line}, {rule.key}: {rule.rule}" if line else f"{rule.key or 'it'}: {rule.rule}"
        for line, rule in placed
    ]
    if len(found) == 1:
        return ConfigError(str(path), found[0].rstrip("."), "Correct this line.")
    listed = "".join(f"\n  {each}" for each in found)
    return ConfigError(
        str(path), f"{len(found)} settings are wrong{listed}", "Correct these lines."
    )
