"""The examples in CONTRIBUTING.md are in the tree."""

import re
from pathlib import Path

import pytest

from catalog_gen.registry import Registry

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE, re.DOTALL)
GROUPS = re.findall(
    r'^\[project\.entry-points\."(catalog_gen\.\w+)"\]',
    (ROOT / "pyproject.toml").read_text("utf-8"),
    re.MULTILINE,
)


@pytest.mark.parametrize(("file", "code"), EXAMPLES, ids=[file for file, _ in EXAMPLES])
def test_every_example_stands_in_the_tree(file: str, code: str) -> None:
    assert code in (ROOT / file).read_text("utf-8")


@pytest.mark.parametrize("group", GROUPS)
def test_every_registered_part_can_be_imported_and_its_kind_is_explained(group: str) -> None:
    parts = Registry[object]("part", group).items()
    assert parts
    room = {"methods": "method", "families": "model family"}
    kind = group.removeprefix("catalog_gen.")
    assert f"### A {room.get(kind, kind.removesuffix('s'))}" in PAGE.replace(
        "feed reader", "reader"
    )


def test_every_file_that_the_page_names_exists() -> None:
    for name in re.findall(r"`((?:catalog_gen|tests|docs|benchmarks|data)/[\w./]+)`", PAGE):
        assert (ROOT / name).exists(), name
