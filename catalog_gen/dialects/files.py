"""Find and read a model's dialect: the key "dialect" of a JSON file beside the model."""

import json
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from catalog_gen.broken_rules import broken_rules
from catalog_gen.dialects.dialect import GENERIC, Dialect
from catalog_gen.errors import ModelError

#: Searched in the model's folder and the folder above it.
FILE: Final = "studio.json"
_PART: Final = "dialect"


def dialect_of(folder: Path, named: Path | None = None) -> Dialect:
    """The dialect of a diffusers folder: the named file's, its own, or the generic one.

    Raises:
        ModelError: the file can't be read, or breaks a rule.
    """
    places = (named,) if named else (folder / FILE, folder.parent / FILE)
    found = next((place for place in places if named or place.is_file()), None)
    return GENERIC if found is None else load_dialect(found)


def load_dialect(path: Path) -> Dialect:
    """Read and check a dialect.

    Raises:
        ModelError: the file can't be read, has no key "dialect", or breaks rules; all of them are
            listed.
    """
    remedy = "Correct the file, or name another one with model.dialect."
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(str(path), f"is not readable JSON ({error})", remedy) from error
    if not isinstance(content, dict) or _PART not in content:
        raise ModelError(str(path), f"has no key '{_PART}'", remedy)
    try:
        return Dialect.model_validate(content[_PART])
    except ValidationError as error:
        broken = "; ".join(f"{each.key}: {each.rule}" for each in broken_rules(error, Dialect))
        raise ModelError(str(path), broken, remedy) from error
