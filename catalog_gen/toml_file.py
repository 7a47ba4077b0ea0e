"""Reads a TOML file into a checked model; every rule that it breaks is named in one error."""

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from catalog_gen.errors import ConfigError

Shape = TypeVar("Shape")


def load_toml(path: Path, shape: type[Shape], how_to_name: str) -> Shape:
    """The file as ``shape``, a pydantic model or a dictionary of models.

    ``how_to_name`` says which option or setting names another file.

    Raises:
        ConfigError: the file is missing, is no TOML, or breaks a rule of ``shape``.
    """
    try:
        return TypeAdapter(shape).validate_python(tomllib.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        raise ConfigError(
            str(path), "there is no such file", f"Name another with {how_to_name}."
        ) from None
    except ValidationError as error:
        rules = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'])}: "
            f"{item['msg'].removeprefix('Value error, ')}"
            for item in error.errors()
        )
        raise ConfigError(str(path), rules, "Mend these lines.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(str(path), f"is no readable TOML ({error})", "Mend the file.") from error
