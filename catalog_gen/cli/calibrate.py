"""`catalog-gen calibrate`: set the accept cut from labelled pictures, with a stated error."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.table import Table

from catalog_gen.cli.output import answers, duration, messages, print_json
from catalog_gen.errors import InputError
from catalog_gen.judging.rubric import CutRecord
from catalog_gen.judging.rubric_file import write_cut
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.reporting.calibration_plot import calibration_plot
from catalog_gen.settings import Home
from catalog_gen.stages.calibration import (
    Findings,
    LabelSource,
    find_cut,
    planted_labels,
    reviewed_labels,
)
from catalog_gen.stages.catalog import Catalog

PLOT: Final = "calibration.svg"


def run(
    config: Path,
    source: LabelSource,
    photos: Path,
    each: int,
    most_bad: float,
    confidence: float,
    prevalence: float,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Find the cut, print the curve, and write the cut into the rubric.

    Raises:
        InputError: too few labels, or none of the cuts keeps the bound; nothing was changed.
    """
    catalog = Catalog.open(config, Home.from_environment())
    scorer = ClipScorer(catalog.settings.scorer)
    if source == "planted":
        with messages.status(f"Planting defects in {each} pictures ..."):
            labels = planted_labels(catalog, scorer, photos, each)
        assumed: float | None = prevalence
    else:
        labels, assumed = reviewed_labels(catalog, scorer.scorer_hash), None
    found = find_cut(
        catalog, scorer, labels, most_bad=most_bad, confidence=confidence, prevalence=assumed
    )
    told = _labels(found, source, assumed)
    plot = catalog.home.root / PLOT
    if not labels:
        raise _refusal(found, source, most_bad, confidence)
    plot.parent.mkdir(parents=True, exist_ok=True)
    plot.write_text(calibration_plot(found.calibration, most_bad, told), "utf-8")
    if as_json:
        print_json({**asdict(found), "source": told, "plot": str(plot)})
    else:
        _print(found, told, plot)
    chosen = found.calibration.chosen
    if chosen is None:
        raise _refusal(found, source, most_bad, confidence)
    if dry_run:
        messages.print(f"{catalog.settings.rubric} is as it was (--dry-run).")
        return
    record = CutRecord(
        found_on=datetime.now(UTC).date(),
        labels=found.labels,
        source=source,
        prevalence=assumed,
        most_bad=most_bad,
        confidence=confidence,
    )
    write_cut(catalog.settings.rubric, scorer.scorer_hash, chosen.cut, record)
    messages.print(
        f"{catalog.settings.rubric}: scorer {scorer.scorer_hash[:12]} accepts from {chosen.cut} on "
        f"(before: {found.accept_now}). The next refresh judges again and draws nothing for it."
    )


def _labels(found: Findings, source: LabelSource, prevalence: float | None) -> str:
    """Where the labels come from, in words that claim no more than they show."""
    counted = f"{found.labels} labels, {found.bad} of them bad"
    if source == "planted":
        return (
            f"{counted}: renders with planted defects, all kinds equally, weighed as if "
            f"{prevalence:.0%} of all pictures were bad"
        )
    return f"{counted}: pictures that people reviewed, accepted ones too, as a sample of all"


def _refusal(
    found: Findings, source: LabelSource, most_bad: float, confidence: float
) -> InputError:
    needed = found.calibration.needed
    rule = f"show no cut with at most {most_bad:.0%} bad pictures at {confidence:.0%} confidence"
    if found.labels == 0 and source == "reviews":
        step = "Review pictures first: catalog-gen review lists those that wait."
    elif needed is None:
        step = (
            "More labels would not help: too many bad pictures pass the strictest cut. Raise "
            "thresholds in the rubric, or --most-bad."
        )
    else:
        step = f"About {needed} labels are needed if the rates stay as they are. Nothing changed."
    return InputError(f"{found.labels} labels", rule, step)


def _print(found: Findings, told: str, plot: Path) -> None:
    answers.print(f"Scorer {found.scorer_hash[:12]}; {told}.")
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
    answers.print(f"Plot       {plot}", soft_wrap=True)
