"""Tell people how a night went, and that it failed, is late, or never began.

A sensor of Dagster's daemon looks every minute; a run from the command line looks when it ends.
What to report is found in Dagster's records of runs, so it is reported even where the store can't
be read. docs/reports.md says how to watch the daemon itself.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import dagster as dg

from assets_defs.failed_shards import is_mark
from catalog_gen.errors import CatalogError
from catalog_gen.home import Home
from catalog_gen.reporting.nights.delivery import Delivery, Messenger, sent_in
from catalog_gen.reporting.nights.lateness import Launched, Patience, late_nights
from catalog_gen.reporting.nights.message import Message, Section
from catalog_gen.reporting.nights.senders import senders_of
from catalog_gen.reporting.nights.summary import night_message
from catalog_gen.settings.catalog import CatalogSettings
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.night import night_summary
from catalog_gen.stages.runs import End
from catalog_gen.store.nights import NIGHTLY
from resources.catalog import config_from_environment
from resources.internals import last_scheduled
from resources.run_ends import end_of, ended_as, has_begun

#: The newest runs of a job that are looked at.
_LOOKED_AT: Final = 20
#: Jobs of which only a failure is reported.
_BESIDE: Final = ("nightly_audit", "retry_failed", "run_experiment")


def tell(
    instance: dg.DagsterInstance, catalog: Catalog, now: datetime, *, since: datetime | None = None
) -> Delivery:
    """Send what is to be reported and was not yet.

    Args:
        since: runs that ended from then on are reported, even if nothing was ever sent before.

    Raises:
        ConfigError: the environment lacks a secret that the settings ask for.
    """
    home, reports = catalog.home, catalog.settings.reports
    delivery = Delivery()
    senders = senders_of(reports, home.reports, os.environ)
    with Messenger.at_work(home.reports, senders, now, quiet=reports.only_if_needed) as messenger:
        if messenger is None:
            return delivery
        for job in (NIGHTLY, *_BESIDE):
            for record in _records(instance, job):
                end = end_of(instance, record)
                if end is not None and (job == NIGHTLY or end.status != "succeeded"):
                    make = partial(_of_a_night if job == NIGHTLY else _of_a_failure, catalog, end)
                    messenger.send(_key(job, end), end.at, make, delivery, since=since)
        for message in _overdue(instance, catalog.settings, messenger.record.since, now):
            messenger.send(message.key, now, partial(_itself, message), delivery)
    return delivery


def late(instance: dg.DagsterInstance, catalog: Catalog, now: datetime) -> list[Message]:
    """What is late now, reported or not."""
    record = sent_in(catalog.home.reports)
    return list(_overdue(instance, catalog.settings, record.since if record else now, now))


def _overdue(
    instance: dg.DagsterInstance, settings: CatalogSettings, since: datetime, now: datetime
) -> Iterator[Message]:
    """What is late now; nights that were due before ``since`` are not missed."""
    schedule, reports = settings.schedule, settings.reports
    due = last_scheduled(schedule.cron, schedule.timezone, now)
    patience = Patience(
        timedelta(minutes=reports.begin_minutes), timedelta(minutes=reports.end_minutes)
    )
    runs = [_launched(record) for record in _records(instance, NIGHTLY)]
    return late_nights(now, due, since, runs, patience)


def _key(job: str, end: End) -> str:
    return f"{'night' if job == NIGHTLY else 'failed'} {end.run_id}"


def _itself(message: Message) -> Message:
    return message


def _of_a_night(catalog: Catalog, end: End) -> Message:
    """The summary; where the store can't be read, how the run ended by Dagster's records."""
    link = catalog.settings.reports.link
    try:
        night = night_summary(catalog, end.run_id)
        # The store may learn of its end a moment later than Dagster.
        night = replace(night, status=end.status, error=end.error, finished_at=end.at)
        return night_message(night, link)
    except CatalogError as error:
        about = Section("The store has no summary of it", (str(error),))
        return _ended(_key(NIGHTLY, end), end, (about,))


def _of_a_failure(catalog: Catalog, end: End) -> Message:
    return _ended(_key(end.job, end), end, ())


def _ended(key: str, end: End, more: tuple[Section, ...]) -> Message:
    subject = f"{end.job or 'A run'} of {end.at:%Y-%m-%d} {end.status}"
    lines = tuple(filter(None, (end.error, f"Its log: catalog-gen runs {end.run_id[:8]}")))
    needed = end.status != "succeeded" or bool(more)
    return Message(key, subject, (Section("How it ended", lines), *more), needs_someone=needed)


def _records(instance: dg.DagsterInstance, job: str) -> Sequence[dg.RunRecord]:
    """The newest runs of a job, the oldest of them first."""
    found = instance.get_run_records(dg.RunsFilter(job_name=job), limit=_LOOKED_AT)
    return [record for record in reversed(found) if not is_mark(record.dagster_run)]


def _launched(record: dg.RunRecord) -> Launched:
    return Launched(
        record.dagster_run.run_id,
        record.create_timestamp,
        _moment(record.start_time),
        _moment(record.end_time),
        ended_as(record.dagster_run, began=has_begun(record)) == "succeeded",
    )


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


@dg.sensor(
    name="night_reports",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sends each night's summary, and tells of nights that failed or are late.",
)
def night_reports(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Tell what is due; what could not be sent fails the tick, and is tried again."""
    catalog = Catalog.open(config_from_environment(), Home.from_environment())
    delivery = tell(context.instance, catalog, datetime.now(UTC))
    for sent in delivery.sent:
        context.log.info(sent)
    if delivery.errors:
        raise delivery.errors[0]
    return dg.SkipReason(f"{len(delivery.sent)} messages sent")
