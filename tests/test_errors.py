"""The tree of errors: all classes are in it and its drawing, with value, rule and next step."""

import importlib
import re
from pathlib import Path

import pytest

import catalog_gen
from catalog_gen import errors
from catalog_gen.errors import CatalogError, InfrastructureError, InputError
from catalog_gen.redaction import without_credentials

ROOT = Path(catalog_gen.__file__).parent


def own_errors() -> set[type[CatalogError]]:
    """Every class of the package that is called an error, wherever it lives."""
    found = set()
    for source in sorted(ROOT.rglob("*.py")):
        for name in re.findall(r"^class (\w+Error)\(", source.read_text("utf-8"), re.MULTILINE):
            parts = source.relative_to(ROOT.parent).with_suffix("").parts
            found.add(getattr(importlib.import_module(".".join(parts)), name))
    return found


def test_every_error_is_in_the_tree_and_in_its_drawing() -> None:
    drawn = errors.__doc__ or ""
    found = own_errors()
    assert len(found) >= 12
    for each in found:
        assert issubclass(each, CatalogError)
        assert each.__name__ in drawn
        assert each is CatalogError or issubclass(each, (InputError, InfrastructureError))


def test_exit_codes_are_those_of_the_two_branches() -> None:
    for each in own_errors() - {CatalogError}:
        assert each.exit_code == (2 if issubclass(each, InputError) else 3)


def test_an_error_names_value_rule_and_next_step_and_no_password() -> None:
    error = InputError(
        "https://me:secret1@shop.example/f.csv?X-Amz-Signature=secret2&page=3",
        "is no file (https://shop.example/?api_key=secret3)",
        "Download it first.",
    )
    assert str(error) == (
        "https://***@shop.example/f.csv?X-Amz-Signature=***&page=3: "
        "is no file (https://shop.example/?api_key=***). Download it first."
    )
    assert "secret" not in error.value + error.rule


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("https://tok@git.example/x", "https://***@git.example/x"),
        ("https:/me:p@ss@h/f", "https:/***@h/f"),
        ("postgres://u:p@db/x and s3://k:s@b/y", "postgres://***@db/x and s3://***@b/y"),
        ("https://a.example/?access_token=x#id_token=y", None),
        ("https://a.example/mug?colour=red&size=2", "https://a.example/mug?colour=red&size=2"),
        ("file:///photos/mug@2x.png", "file:///photos/mug@2x.png"),
        ("write to me@shop.example: 1/2 price", "write to me@shop.example: 1/2 price"),
    ],
)
def test_credentials_go_and_the_rest_stays(text: str, left: str | None) -> None:
    masked = without_credentials(text)
    assert masked == (left or "https://a.example/?access_token=***#id_token=***")
    assert without_credentials(masked) == masked
