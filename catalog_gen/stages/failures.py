"""Groups the failures that people must resolve by cause and next step."""

from collections.abc import Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from catalog_gen.settings import CatalogSettings
from catalog_gen.stages.retries import out_of_retries
from catalog_gen.store.figures import coverage_figures
from catalog_gen.store.ledger import OpenFailure, open_failures
from catalog_gen.store.retries import AllRejected


@dataclass(frozen=True, slots=True)
class Failed:
    """A product and view without a picture, since it could not be drawn."""

    product_id: str
    view: str
    shard: int
    given_up: bool


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Pictures that failed for the same reason.

    Attributes:
        rule: what was wrong; ``values`` are the files or settings that it was wrong with.
        remedy: what to do about it.
    """

    rule: str
    remedy: str
    values: tuple[str, ...]
    pictures: int
    failed: tuple[Failed, ...]


@dataclass(frozen=True, slots=True)
class Outlook:
    """Work that a refresh left undone and the next one can't do by itself.

    Attributes:
        rejected: looks of which every attempt was rejected.
        nothing_live: there are active products, and none has a live picture.
    """

    groups: tuple[FailureGroup, ...]
    rejected: tuple[AllRejected, ...]
    nothing_live: bool

    @property
    def pictures(self) -> int:
        """Pictures that could not be drawn."""
        return sum(group.pictures for group in self.groups)


def outlook(connection: DuckDBPyConnection, settings: CatalogSettings) -> Outlook:
    """Read the failures that people must resolve from the store."""
    figures = coverage_figures(connection)
    return Outlook(
        groups=grouped(open_failures(connection)),
        rejected=tuple(out_of_retries(connection, settings)),
        nothing_live=figures.active > 0 and figures.live == 0,
    )


def grouped(failures: Sequence[OpenFailure]) -> tuple[FailureGroup, ...]:
    """Group failures by rule and next step, the most frequent first."""
    groups: dict[tuple[str, str], list[tuple[str, OpenFailure]]] = {}
    for each in failures:
        value, rule, remedy = parts_of(each.error)
        groups.setdefault((rule, remedy), []).append((value, each))
    found = [
        FailureGroup(
            rule=rule,
            remedy=remedy,
            values=tuple(dict.fromkeys(value for value, _ in same if value)),
            pictures=len(same),
            failed=tuple(
                dict.fromkeys(
                    Failed(product_id, each.view, shard, each.status == "given up")
                    for _, each in same
                    for product_id, shard in zip(each.product_ids, each.shards, strict=True)
                )
            ),
        )
        for (rule, remedy), same in groups.items()
    ]
    return tuple(sorted(found, key=lambda group: -group.pictures))


def parts_of(error: str) -> tuple[str, str, str]:
    """Value, rule and next step of an error's text, as ``CatalogError`` joined them.

    Texts of another form are all rule.
    """
    value, colon, rest = error.partition(": ")
    if not colon:
        return "", error, ""
    rule, stop, remedy = rest.partition(". ")
    return value, rule, remedy if stop else ""
