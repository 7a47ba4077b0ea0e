"""Identify what looks at pictures beside the scorer, so that a change scores stored ones again."""

import json
from collections.abc import Mapping
from pathlib import Path

from catalog_gen.errors import ModelError
from catalog_gen.fingerprint import canonical_json, sha256_json
from catalog_gen.judging.critics.critic import Critic, Hashing
from catalog_gen.judging.signals.signal import SIGNALS


def signals_hash() -> str:
    """SHA-256 over the installed signals: their names, versions and facts.

    Raises:
        ConfigError: a signal can't be imported.
    """
    return sha256_json({name: [each.version, sorted(each.facts)] for name, each in SIGNALS.items()})


def lettering_hash(weights: Path | None, hashing: Hashing) -> str | None:
    """SHA-256 of the lettering detector's weights; None: not configured.

    Raises:
        ModelError: there is no such file.
    """
    if weights is None:
        return None
    if not weights.is_file():
        raise ModelError(
            str(weights),
            "is not there, and catalog.toml names it as the lettering detector",
            "Set lettering to data/models/lettering.safetensors, or take it out.",
        )
    return hashing(weights)


def lookers_of(critic: Critic | None, lettering: Path | None, hashing: Hashing) -> str:
    """Canonical JSON of the parts that answer for a picture, each with its hash or null.

    Raises:
        ModelError: a part's files are missing or can't be used.
        ConfigError: a signal can't be imported.
    """
    return canonical_json(
        {
            "critic": None if critic is None else critic.identity(hashing),
            "lettering": lettering_hash(lettering, hashing),
            "signals": signals_hash(),
        }
    )


def critic_in(lookers: str) -> str | None:
    """The critic's hash in such a record; None: there was none."""
    parts: Mapping[str, str | None] = json.loads(lookers)
    return parts["critic"]


def changed_parts(then: str, now: str) -> list[str]:
    """The parts that differ between two records, in alphabetical order."""
    before, after = json.loads(then), json.loads(now)
    return sorted(
        part for part in before.keys() | after.keys() if before.get(part) != after.get(part)
    )
