"""Groups the failures that people must resolve by cause and next step."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from catalog_gen.settings.catalog import CatalogSettings
from catalog_gen.stages.relearning import open_lesson_failures
from catalog_gen.stages.retries import out_of_retries
from catalog_gen.store.figures import coverage_figures
from catalog_gen.store.ledger import OpenFailure, open_failures
from catalog_gen.store.retries import AllRejected


@dataclass(frozen=True, slots=True)
class Failed:
    """A product and view without a picture, since it could not be drawn.

    Or a product that could not be learned, and the section of [concepts] in place of the view.
    """

    product_id: str
    view: str
    shard: int
    given_up: bool


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Pictures, or lessons, that failed for the same reason.

    Attributes:
        count: how many there are.
        rule: what was wrong; ``values`` are the files or settings that it was wrong with.
        remedy: what to do about it.
    """

    rule: str
    remedy: str
    values: tuple[str, ...]
    count: int
    failed: tuple[Failed, ...]


@dataclass(frozen=True, slots=True)
class Outlook:
    """Work that a refresh left undone and the next one can't do by itself.

    Attributes:
        groups: pictures that could not be drawn; ``lessons``: products that could not be learned.
        rejected: looks of which every attempt was rejected.
        nothing_live: there are active products, and none has a live picture.
    """

    groups: tuple[FailureGroup, ...]
    lessons: tuple[FailureGroup, ...]
    rejected: tuple[AllRejected, ...]
    nothing_live: bool


def outlook(connection: DuckDBPyConnection, settings: CatalogSettings) -> Outlook:
    """Read the failures that people must resolve from the store."""
    figures = coverage_figures(connection)
    return Outlook(
        groups=grouped(open_failures(connection)),
        lessons=_grouped(
            (each.problem, (Failed(each.product_id, each.name, each.shard, kind == "given up"),))
            for each, kind in open_lesson_failures(connection, settings)
        ),
        rejected=tuple(out_of_retries(connection, settings)),
        nothing_live=figures.active > 0 and figures.live == 0,
    )


def grouped(failures: Sequence[OpenFailure]) -> tuple[FailureGroup, ...]:
    """Group failures by rule and next step, the most frequent first."""
    return _grouped(
        (
            each.error,
            tuple(
                Failed(product_id, each.view, shard, each.status == "given up")
                for product_id, shard in zip(each.product_ids, each.shards, strict=True)
            ),
        )
        for each in failures
    )


def _grouped(failures: Iterable[tuple[str, tuple[Failed, ...]]]) -> tuple[FailureGroup, ...]:
    """The same for errors with what each of them prevents."""
    groups: dict[tuple[str, str], list[tuple[str, tuple[Failed, ...]]]] = {}
    for error, failed in failures:
        value, rule, remedy = parts_of(error)
        groups.setdefault((rule, remedy), []).append((value, failed))
    found = [
        FailureGroup(
            rule=rule,
            remedy=remedy,
            values=tuple(dict.fromkeys(value for value, _ in same if value)),
            count=len(same),
            failed=tuple(dict.fromkeys(each for _, failed in same for each in failed)),
        )
        for (rule, remedy), same in groups.items()
    ]
    return tuple(sorted(found, key=lambda group: -group.count))


def parts_of(error: str) -> tuple[str, str, str]:
    """Value, rule and next step of an error's text, as ``CatalogError`` joined them.

    Texts of another form are all rule.
    """
    value, colon, rest = error.partition(": ")
    if not colon:
        return "", error, ""
    rule, stop, remedy = rest.partition(". ")
    return value, rule, remedy if stop else ""
