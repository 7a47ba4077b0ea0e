"""The lines of keys in a TOML file, in every notation of TOML."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from catalog_gen.toml_lines import key_lines, line_of

TEXT = '''\
title = "a # no comment"  # a comment
[feed]
path = "feed.csv"
"odd.key" = 'x = 1'
aliases = { Farbe = "colour", "Größe" = "size" }
[views.packshot]
template = """
steps = 3
[no.table] \\""" }
"""
method = { name = "img2img", strength = 0.35 }
numbers = [
  1,  # one
  { deep = [2, 3] },
]
a.b.c = 1.5e3
[[rules]]
signal = "x"
[[rules]]
signal = "y"
[[rules.parts]]
size = -1
[views.lifestyle]
when = 2026-11-21T12:00:00Z
'''


def test_every_key_has_its_line() -> None:
    lines = key_lines(TEXT)
    assert lines["title",] == 1
    assert lines["feed",] == 2
    assert lines["feed", "odd.key"] == 4
    assert lines["feed", "aliases", "Größe"] == 5
    assert lines["views", "packshot"] == 6
    assert lines["views", "packshot", "template"] == 7
    assert lines["views", "packshot", "method", "strength"] == 11
    assert lines["views", "packshot", "numbers", 1, "deep", 1] == 14
    assert lines["views", "packshot", "a", "b", "c"] == 16
    assert (lines["rules", 0, "signal"], lines["rules", 1, "signal"]) == (18, 20)
    assert lines["rules", 1, "parts", 0, "size"] == 22
    assert lines["views", "lifestyle", "when"] == 24
    assert ("views", "packshot", "steps") not in lines


def test_a_missing_key_is_reported_at_its_table() -> None:
    lines = key_lines(TEXT)
    assert line_of(lines, ("views", "packshot", "steps")) == 6
    assert line_of(lines, ("nowhere",)) is None


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found: set[tuple[str | int, ...]] = set()
    for key, each in items:
        found.add((*path, key))
        if isinstance(each, dict | list):
            found |= _paths(each, (*path, key))
    return found


@pytest.mark.parametrize(
    "name", ["data/catalog.toml", "data/rubric.toml", "data/passports.toml", "pyproject.toml"]
)
def test_nothing_of_a_real_file_is_missed_and_nothing_invented(name: str) -> None:
    text = Path(name).read_text("utf-8")
    assert set(key_lines(text)) == _paths(tomllib.loads(text))
    assert set(key_lines(TEXT)) == _paths(tomllib.loads(TEXT))
