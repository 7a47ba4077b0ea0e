"""Writes a scorer's accept cut into ``rubric.toml`` and leaves every other line as it is."""

import os
import re
import tempfile
from pathlib import Path
from typing import Final

from catalog_gen.errors import ConfigError
from catalog_gen.judging.rubric import DEFAULT_SCORER, CutRecord, load_rubric

_HEADER: Final = re.compile(r"^\[", re.MULTILINE)
#: What is written anew; everything else that stands under a header stays.
_WRITTEN: Final = re.compile(r"^(calibrated|accept|cut) *=.*\n", re.MULTILINE)


def with_cut(text: str, scorer_hash: str, accept: int, record: CutRecord) -> str:
    """The file's text with the scorer's section calibrated, and made if it has none.

    A new section begins with the rules of the default one.
    """
    header = f"[scorers.{scorer_hash}]"
    if not re.search(rf"^{re.escape(header)}", text, re.MULTILINE):
        text = f"{text.rstrip()}\n\n{_copied(text, scorer_hash)}"
    text = f"{text.rstrip()}\n"
    start = re.search(rf"^{re.escape(header)}.*\n", text, re.MULTILINE)
    assert start is not None  # it was there or has just been added
    following = _HEADER.search(text, start.end())
    end = following.start() if following else len(text)
    kept = _WRITTEN.sub("", text[start.end() : end]).lstrip("\n")
    told = ", ".join(f"{name} = {_toml(value)}" for name, value in record.chosen().items())
    lines = f"calibrated = true\naccept = {accept}\ncut = {{ {told} }}\n"
    gap = "\n" if following else ""
    return text[: start.end()] + lines + (kept or gap) + text[end:]


def write_cut(path: Path, scorer_hash: str, accept: int, record: CutRecord) -> None:
    """Write the cut: the old file stays until the new one is whole and has been read back.

    Raises:
        ConfigError: the file can't be written, or would be no rubric.
    """
    text = with_cut(path.read_text("utf-8"), scorer_hash, accept, record)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        new = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
            load_rubric(new)
            new.chmod(path.stat().st_mode & 0o777)
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(
            str(path), f"can't be written ({error})", "Make it writable, or use --dry-run."
        ) from error


def _copied(text: str, scorer_hash: str) -> str:
    """The default section's blocks under the scorer's name."""
    blocks = re.split(r"(?=^\[)", text, flags=re.MULTILINE)
    own = [
        # A comment at the end of a block belongs to the next one.
        re.sub(r"(\n#.*)+\n*\Z", "\n", block).replace(DEFAULT_SCORER, scorer_hash, 1).rstrip()
        for block in blocks
        if re.match(rf"\[+scorers\.{DEFAULT_SCORER}[.\]]", block)
    ]
    return "\n\n".join(own) + "\n"


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
