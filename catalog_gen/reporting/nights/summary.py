"""The summary of a night: what changed, failed, waits, cost and drifted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from catalog_gen.reporting.nights.message import Album, Message, Section

#: A night costs notably more or less than usual beyond this factor.
_NOTABLE: Final = 1.5


@dataclass(frozen=True, slots=True)
class Trouble:
    """Pictures, or lessons, that failed for one reason, and what to do about it."""

    count: int
    rule: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Drift:
    """The audits since the night before: pictures drawn again by result, and causes of drift."""

    results: Mapping[str, int]
    causes: Mapping[str, int]


@dataclass(frozen=True)
class NightSummary:
    """A night, read from the store.

    Attributes:
        error: why it failed or was interrupted, or ''.
        figures: what its stages noted, as ``refresh --json`` prints them.
        reasons: pictures drawn by reason.
        waiting: pictures that wait for a person.
        usual_seconds: median drawing time of the nights before; None: there were none.
        live: products with a live picture, of ``active``.
        added: products' views that show another picture than before, or their first.
    """

    run_id: str
    status: str
    launched_by: str
    started_at: datetime
    finished_at: datetime | None
    error: str
    figures: Mapping[str, Any]
    reasons: Mapping[str, int]
    troubles: tuple[Trouble, ...]
    waiting: int
    usual_seconds: float | None
    drift: Drift
    live: int
    active: int
    added: int
    removed: int
    albums: tuple[Album, ...] = ()

    def figure(self, section: str, name: str) -> float:
        """A figure that a stage noted; 0 where none did."""
        value: float = self.figures.get(section, {}).get(name, 0)
        return value

    @property
    def held_back(self) -> str:
        """Why the night's set did not go live, or ''."""
        return str(self.figures.get("held_back", {}).get("why", ""))

    @property
    def needs_someone(self) -> bool:
        """Whether a person has to do something."""
        return bool(
            self.status != "succeeded"
            or self.held_back
            or self.troubles
            or self.waiting
            or self.drift.causes.get("unexplained")
        )


def night_message(night: NightSummary, link: str) -> Message:
    """What is sent of a night."""
    return Message(
        key=f"night {night.run_id}",
        subject=_subject(night),
        sections=tuple(each for each in _sections(night) if each.lines),
        albums=night.albums,
        needs_someone=night.needs_someone,
        link=link,
    )


def _subject(night: NightSummary) -> str:
    day = f"{night.started_at:%Y-%m-%d}"
    if night.status != "succeeded":
        return f"Night of {day} {night.status}: {_short(night.error)}"
    parts = [f"{night.figure('images', 'generated'):g} drawn"]
    if night.troubles:
        parts.append(f"{sum(each.count for each in night.troubles)} failed")
    if night.waiting:
        parts.append(f"{night.waiting} wait for you")
    if night.held_back:
        parts.append("not published")
    return f"Night of {day}: {', '.join(parts)}; {night.live} of {night.active} products live"


def _sections(night: NightSummary) -> Iterator[Section]:
    if night.error:
        log = f"catalog-gen runs {night.run_id[:8]}"
        yield Section("What stopped it", (night.error, f"Its log: {log}"))
    yield Section("Changed", tuple(_changed(night)))
    yield Section("Failed", tuple(_failed(night)))
    yield Section("Waits", tuple(_waits(night)))
    yield Section("Cost", tuple(_cost(night)))
    yield Section("Drifted", tuple(_drifted(night.drift)))


def _changed(night: NightSummary) -> Iterator[str]:
    names = ("added", "changed", "retired")
    counts = [(night.figure("products", name), name) for name in names]
    moved = [f"{count:g} {name}" for count, name in counts if count]
    active = night.figure("products", "active")
    if active:
        yield f"Products: {active:g} active" + (f", {', '.join(moved)}" if moved else "")
    if night.reasons:
        listed = ", ".join(f"{count} {reason}" for reason, count in night.reasons.items())
        yield f"Drawn: {listed}"
    elif night.figure("images", "generated"):
        yield f"Drawn: {night.figure('images', 'generated'):g} pictures, which are kept"
    reused = night.figure("images", "reused")
    if reused:
        yield f"Reused from earlier nights: {reused:g} pictures"
    if night.added or night.removed:
        yield f"Live: {night.added} product views show a new picture, {night.removed} lost theirs"
    elif night.status == "succeeded" and not night.held_back:
        yield "The shop shows the same pictures as before"
    if night.held_back:
        yield f"Not published: {night.held_back}"


def _failed(night: NightSummary) -> Iterator[str]:
    for each in night.troubles:
        yield f"{each.count} x {each.rule}. {each.remedy}".rstrip()
    rejected = night.figure("products", "rejected")
    if rejected:
        yield f"{rejected:g} rows of the feed were rejected: catalog-gen plan says why"


def _waits(night: NightSummary) -> Iterator[str]:
    if night.waiting:
        yield f"{night.waiting} pictures for a person: catalog-gen review"
    deferred = night.figure("images", "deferred")
    if deferred:
        yield f"{deferred:g} pictures beyond the budget, for the next night"


def _cost(night: NightSummary) -> Iterator[str]:
    seconds = night.figure("seconds", "generate")
    if night.finished_at is not None:
        whole = (night.finished_at - night.started_at).total_seconds()
        yield f"{_time(whole)} in all, {_time(seconds)} of them drawing"
    accepted = night.figure("verdicts", "accepted")
    if seconds and accepted:
        yield f"{seconds / accepted:.1f} s of drawing for each accepted picture"
    usual = night.usual_seconds
    if usual and seconds and not 1 / _NOTABLE <= seconds / usual <= _NOTABLE:
        yield f"Usual are {_time(usual)} of drawing: this was {seconds / usual:.1f} times that"


def _drifted(drift: Drift) -> Iterator[str]:
    drawn = sum(drift.results.values())
    if not drawn:
        return
    results = ", ".join(f"{count} {name}" for name, count in drift.results.items())
    yield f"Of {drawn} old pictures that were drawn again: {results}"
    if drift.causes:
        causes = ", ".join(f"{count} {name}" for name, count in drift.causes.items())
        yield f"Causes: {causes}"


def _short(text: str, most: int = 100) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{seconds:.1f} s"
