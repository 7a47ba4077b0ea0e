"""What a model's card says of its licence: a shop must know before it sells with the pictures."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

#: The card's front matter; a card without one names no licence.
_FRONT: Final = re.compile(r"\A---\n(.*?)\n---", re.DOTALL)
_LICENCE: Final = re.compile(
    r"^(license|license_name):\s*['\"]?([^'\"\n]+?)['\"]?\s*$", re.MULTILINE
)
#: How licences that forbid selling are named.
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
    """A sentence about a licence that does not let a shop sell with its pictures."""
    licence = licence_of(card)
    if _NOT_FOR_SALE.search(licence):
        yield (
            f"{card} names the licence '{licence}': by its name not for commercial use; read it "
            "before pictures go live"
        )
