"""The licence that a model's card names: some forbid commercial use of the pictures."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

#: The card's front matter; a card without one names no licence.
_FRONT: Final = re.compile(r"\A---\n(.*?)\n---", re.DOTALL)
_LICENCE: Final = re.compile(
    r"^(license|license_name):\s*['\"]?([^'\"\n]+?)['\"]?\s*$", re.MULTILINE
)
#: Names of licences that forbid commercial use.
_NOT_FOR_SALE: Final = re.compile(r"non-?commercial|\bnc\b|research", re.IGNORECASE)


def licence_of(card: Path) -> str:
    """The licence that a model card names, as it names it; "": none is named."""
    try:
        text = card.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    front = _FRONT.match(text.replace("\r\n", "\n"))
    named: dict[str, str] = dict(_LICENCE.findall(front.group(1))) if front else {}
    return named.get("license_name") or named.get("license", "")


def licence_warning(card: Path) -> Iterator[str]:
    """A sentence about a licence that seems to forbid commercial use."""
    licence = licence_of(card)
    if _NOT_FOR_SALE.search(licence):
        yield (
            f"{card} names the licence '{licence}': by its name not for commercial use; read it "
            "before pictures go live"
        )
