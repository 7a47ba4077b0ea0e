"""Writes a scorer's accept cut or critic into ``rubric.toml``; every other line stays as it is."""

import copy
import os
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import InlineTable

from catalog_gen.errors import ConfigError
from catalog_gen.judging.rubric import DEFAULT_SCORER, CriticRecord, CutRecord, Rubric
from catalog_gen.store.files import write_whole


def with_cut(text: str, scorer_hash: str, accept: int, record: CutRecord) -> str:
    """The file's text with a calibrated section for the scorer.

    A missing section is created as a copy of the default scorer's.
    """
    document, section = _section(text, scorer_hash)
    section["calibrated"] = True
    section["accept"] = accept
    section["cut"] = _inline(record)
    return tomlkit.dumps(document)


def with_critic(text: str, scorer_hash: str, record: CriticRecord) -> str:
    """The file's text with a critic in the scorer's section, created if missing."""
    document, section = _section(text, scorer_hash)
    section["critic"] = _inline(record)
    return tomlkit.dumps(document)


def _section(text: str, scorer_hash: str) -> tuple[tomlkit.TOMLDocument, Any]:
    document = tomlkit.parse(text)
    scorers: Any = document["scorers"]
    if scorer_hash not in scorers:
        scorers[scorer_hash] = copy.deepcopy(scorers[DEFAULT_SCORER])
    return document, scorers[scorer_hash]


def _inline(record: CutRecord | CriticRecord) -> InlineTable:
    table = tomlkit.inline_table()
    table.update(record.chosen())
    return table


def write_cut(path: Path, scorer_hash: str, accept: int, record: CutRecord) -> None:
    """Write the cut; the old file stays until the new one is complete and validated.

    Raises:
        ConfigError: the file can't be written.
        ValidationError: the file would not be a valid rubric with this cut.
    """
    _write(path, with_cut(path.read_text("utf-8"), scorer_hash, accept, record))


def write_critic(path: Path, scorer_hash: str, record: CriticRecord) -> None:
    """Write the critic's record in the same way; its weights file must already exist.

    Raises:
        ConfigError: the rubric can't be written.
    """
    _write(path, with_critic(path.read_text("utf-8"), scorer_hash, record))


def _write(path: Path, text: str) -> None:
    Rubric.model_validate(tomlkit.parse(text).unwrap())
    try:
        mode = path.stat().st_mode & 0o777
        write_whole(path, text.encode())
        os.chmod(path, mode)
    except OSError as error:
        raise ConfigError(
            str(path), f"can't be written ({error})", "Make it writable, or use --dry-run."
        ) from error
