"""The experiment files of a project: one folder, a file for each experiment."""

import re
from pathlib import Path
from typing import Final

from catalog_gen.errors import InputError
from catalog_gen.store.files import write_whole

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_SUFFIX: Final = ".toml"


def experiment_files(folder: Path) -> list[str]:
    """The names of the folder's experiments, in order."""
    return sorted(path.stem for path in folder.glob(f"*{_SUFFIX}"))


def experiment_file(folder: Path, name: str) -> Path:
    """The file of an experiment.

    Raises:
        InputError: the name can be no experiment's.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"experiment '{name}'",
            "its name may have small letters, digits, - and _, and at most 64 of them",
            "Name it again.",
        )
    return folder / f"{name}{_SUFFIX}"


def save_experiment_file(folder: Path, name: str, text: str) -> Path:
    """Keep an experiment file; the same text again changes nothing.

    Raises:
        InputError: the name can't be used, or another file has it.
    """
    path = experiment_file(folder, name)
    if path.exists() and path.read_text("utf-8") != text:
        raise InputError(
            f"experiment '{name}'", "there is another file of this name", "Choose another name."
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode("utf-8"))
    return path
