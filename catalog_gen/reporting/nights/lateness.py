"""Nights that are late: not begun, or still at work after hours. Pure functions of times."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from catalog_gen.reporting.nights.message import Message, Section

#: A run that was launched so long before its time, as by hand, still is that night's.
_EARLY: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Launched:
    """A run of the nightly job; ``began`` and ``ended`` are None until then."""

    run_id: str
    created: datetime
    began: datetime | None
    ended: datetime | None
    succeeded: bool = False


@dataclass(frozen=True, slots=True)
class Patience:
    """How long after its time a night may begin, and how long it may take."""

    begin: timedelta
    end: timedelta


def late_nights(
    now: datetime,
    due: datetime,
    watching_since: datetime,
    runs: Sequence[Launched],
    patience: Patience,
) -> Iterator[Message]:
    """What is late at ``now``.

    Args:
        due: the newest time at which a night should have begun.
        watching_since: nights that were due earlier are not missed.
    """
    begun = [each for each in runs if each.created >= due - _EARLY and each.began is not None]
    at_work = [each for each in runs if each.began is not None and each.ended is None]
    if now >= due + patience.begin and due >= watching_since and not begun and not at_work:
        yield _late(
            f"silent {due.isoformat()}",
            f"No night has begun: {due:%Y-%m-%d %H:%M %Z} was its time",
            [
                "Dagster's daemon may be down, its schedule off, or its queue stuck.",
                "catalog-gen doctor says more; catalog-gen refresh runs the night now.",
                _last_success(runs),
            ],
        )
    for each in at_work:
        if each.began is not None and now >= each.began + patience.end:
            hours = (now - each.began).total_seconds() / 3600
            yield _late(
                f"long {each.run_id}",
                f"The night of {each.began:%Y-%m-%d} has been at work for {hours:.1f} hours",
                [
                    f"Its log: catalog-gen runs {each.run_id[:8]}",
                    "What it has drawn is kept, also if it is stopped: the next one goes on.",
                    _last_success(runs),
                ],
            )


def _late(key: str, subject: str, lines: list[str]) -> Message:
    return Message(key, subject, (Section("Late", tuple(lines)),), needs_someone=True)


def _last_success(runs: Sequence[Launched]) -> str:
    ended = [each.ended for each in runs if each.succeeded and each.ended is not None]
    if not ended:
        return "No night has succeeded yet."
    return f"The last night that succeeded ended {max(ended):%Y-%m-%d %H:%M %Z}."
