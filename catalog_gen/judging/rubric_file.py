"""Writes a scorer's accept cut into ``rubric.toml`` and leaves every other line as it is."""

import copy
import os
from pathlib import Path
from typing import Any

import tomlkit

from catalog_gen.errors import ConfigError
from catalog_gen.judging.rubric import DEFAULT_SCORER, CutRecord, Rubric
from catalog_gen.store.files import write_whole


def with_cut(text: str, scorer_hash: str, accept: int, record: CutRecord) -> str:
    """The file's text with the scorer's section calibrated, and made if it has none.

    A new section begins with the rules of the default one.
    """
    document = tomlkit.parse(text)
    scorers: Any = document["scorers"]
    if scorer_hash not in scorers:
        scorers[scorer_hash] = copy.deepcopy(scorers[DEFAULT_SCORER])
    section = scorers[scorer_hash]
    cut = tomlkit.inline_table()
    cut.update(record.chosen())
    section["calibrated"] = True
    section["accept"] = accept
    section["cut"] = cut
    return tomlkit.dumps(document)


def write_cut(path: Path, scorer_hash: str, accept: int, record: CutRecord) -> None:
    """Write the cut; the old file stays until the new one is whole and known to be a rubric.

    Raises:
        ConfigError: the file can't be written.
        ValidationError: with this cut it would be no rubric.
    """
    text = with_cut(path.read_text("utf-8"), scorer_hash, accept, record)
    Rubric.model_validate(tomlkit.parse(text).unwrap())
    try:
        mode = path.stat().st_mode & 0o777
        write_whole(path, text.encode())
        os.chmod(path, mode)
    except OSError as error:
        raise ConfigError(
            str(path), f"can't be written ({error})", "Make it writable, or use --dry-run."
        ) from error
