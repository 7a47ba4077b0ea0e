"""`catalog-gen report`: print a night's summary, or send the reports that are due."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from catalog_gen.cli.output import answers, messages, print_json
from catalog_gen.cli.refresh import prepare
from catalog_gen.errors import InputError
from catalog_gen.reporting.nights.message import as_text
from catalog_gen.reporting.nights.summary import NightSummary, night_message
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.night import night_summary
from catalog_gen.store.nights import last_night


def run(config: Path, start: str | None, as_json: bool) -> int:
    """Print a night's summary; return 1 if the night needs attention, else 0.

    Raises:
        InputError: no night has run, or no run's id begins so.
    """
    catalog = Catalog.open(config, prepare(config))
    if start is None:
        with catalog.store.reading() as connection:
            start = last_night(connection)
    if start is None:
        raise InputError("report", "no night has run yet", "`catalog-gen refresh` runs one.")
    night = night_summary(catalog, start)
    if as_json:
        print_json(_as_json(night))
    else:
        message = night_message(night, catalog.settings.reports.link)
        answers.print(as_text(message), markup=False, soft_wrap=True, end="")
    return int(night.needs_someone)


def send(config: Path, as_json: bool) -> int:
    """Send what is due, as the daemon's sensor does; return 1 if a night is late, else 0.

    Raises:
        SendingError: a message did not arrive; it is tried again by the next call.
        ConfigError: the environment lacks a secret that the settings ask for.
    """
    home = prepare(config)
    catalog = Catalog.open(config, home)
    from assets_defs.launch import dagster_instance
    from assets_defs.night_reports import late, tell

    with dagster_instance(home) as instance:
        delivery = tell(instance, catalog, datetime.now(UTC))
        overdue = late(instance, catalog, datetime.now(UTC))
    if as_json:
        print_json({"sent": delivery.sent, "late": [each.subject for each in overdue]})
    for sent in delivery.sent:
        messages.print(f"Sent by {sent}", markup=False)
    for each in overdue:
        messages.print(f"Late: {each.subject}", markup=False)
    if delivery.errors:
        raise delivery.errors[0]
    return int(bool(overdue))


def _as_json(night: NightSummary) -> dict[str, object]:
    shown = {name: value for name, value in asdict(night).items() if name != "albums"}
    pictures = {album.title: [each.caption for each in album.pictures] for album in night.albums}
    return {**shown, "needs_someone": night.needs_someone, "pictures": pictures}
