"""`catalog-gen calibrate`: set the accept cut from labelled pictures, with a stated error."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.table import Table

from catalog_gen.cli.output import answers, duration, messages, print_json
from catalog_gen.errors import InputError
from catalog_gen.home import Home
from catalog_gen.judging.calibration import Labelled
from catalog_gen.judging.rubric import CutRecord
from catalog_gen.judging.rubric_file import write_cut
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.reporting.calibration_plot import calibration_plot
from catalog_gen.stages.calibration import (
    Findings,
    find_cut,
    reviewed_labels,
    what_is_missing,
)
from catalog_gen.stages.catalog import Catalog

PLOT: Final = "calibration.svg"


@dataclass(frozen=True, slots=True)
class Bound:
    """The limit on bad pictures that the accept cut must meet."""

    most_bad: float
    """The largest share of bad pictures among accepted ones, 0..1."""
    confidence: float
    """The confidence level of that bound, 0..1."""
    prevalence: float | None = None
    """The share of bad pictures among all, 0..1, for artificial labels; None: a sample of all."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where labels come from."""

    name: str
    """The name recorded in the rubric."""
    description: str
    """What the labels are, for messages."""
    first_step: str
    """The next step if there are no labels."""


_REVIEWS: Final = Origin(
    name="reviews",
    description="pictures that people reviewed, accepted ones too, as a sample of all",
    first_step="Review pictures first, good ones too: `catalog-gen review --sample 60` lists a "
    "sample of all.",
)


def run(config: Path, bound: Bound, dry_run: bool, as_json: bool) -> None:
    """Find the cut that the reviews support, print the curve, and write the cut into the rubric.

    Raises:
        InputError: too few labels, or none of the cuts keeps the bound; nothing was changed.
    """
    catalog = Catalog.open(config, Home.from_environment())
    scorer = ClipScorer(catalog.settings.scorer)
    labels = reviewed_labels(catalog, scorer.scorer_hash)
    settle(catalog, scorer, labels, _REVIEWS, bound, dry_run, as_json)


def settle(
    catalog: Catalog,
    scorer: ClipScorer,
    labels: Sequence[Labelled],
    origin: Origin,
    bound: Bound,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Calibrate on any labels.

    Raises:
        InputError: too few labels, or none of the cuts keeps the bound; nothing was changed.
    """
    found = find_cut(catalog, scorer.scorer_hash, labels, **asdict(bound))
    source = f"{found.labels} labels, {found.bad} of them bad: {origin.description}"
    plot = None if dry_run else catalog.home.root / PLOT
    if not labels:
        raise _refusal(found, origin, bound)
    if plot is not None:
        plot.parent.mkdir(parents=True, exist_ok=True)
        plot.write_text(calibration_plot(found.calibration, bound.most_bad, source), "utf-8")
    if as_json and found.calibration.chosen is not None:
        print_json({**asdict(found), "source": source, "plot": None if plot is None else str(plot)})
    elif as_json:
        pass  # the refusal is the one object
    else:
        _print(found, source, plot)
    chosen = found.calibration.chosen
    if chosen is None:
        raise _refusal(found, origin, bound)
    if dry_run:
        messages.print(f"{catalog.settings.rubric} is unchanged (--dry-run).")
        return
    record = CutRecord(
        found_on=datetime.now(UTC).date(), labels=found.labels, source=origin.name, **asdict(bound)
    )
    write_cut(catalog.settings.rubric, scorer.scorer_hash, chosen.cut, record)
    messages.print(
        f"{catalog.settings.rubric}: scorer {scorer.scorer_hash[:12]} accepts from {chosen.cut} on "
        f"(before: {found.accept_now}). The next refresh judges again, without drawing anything."
    )


def _refusal(found: Findings, origin: Origin, bound: Bound) -> InputError:
    rule = (
        f"show no cut with at most {bound.most_bad:.0%} bad pictures at {bound.confidence:.0%} "
        "confidence"
    )
    step = origin.first_step if found.labels == 0 else what_is_missing(found)
    if found.labels:
        step += " Nothing changed."
    return InputError(f"{found.labels} labels", rule, step)


def _print(found: Findings, source: str, plot: Path | None) -> None:
    answers.print(f"Scorer {found.scorer_hash[:12]}; {source}.")
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("Cut", "Accepted", "Bad", "Bad share", "At most", "Manual work", "Good image"):
        table.add_column(column, justify="right")
    chosen = found.calibration.chosen
    for point in found.calibration.curve:
        own = chosen is not None and point.cut == chosen.cut
        seconds = found.seconds_a_picture
        cost = duration(seconds / point.good_share) if seconds and point.good_share else "-"
        table.add_row(
            str(point.cut),
            str(point.accepted),
            str(point.bad),
            f"{point.bad_share:.1%}" if point.accepted else "-",
            f"{point.bound:.1%}" if point.accepted else "-",
            f"{point.manual_share:.1%}",
            cost,
            style="bold green" if own else "",
        )
    answers.print(table)
    if chosen is not None:
        answers.print(
            f"Chosen: accept from [bold]{chosen.cut}[/] on. Among accepted pictures "
            f"{chosen.bad_share:.1%} are bad, at most {chosen.bound:.1%}; "
            f"{chosen.manual_share:.1%} of all go to a person."
        )
    if plot is not None:
        answers.print(f"Plot       {plot}", soft_wrap=True)
