"""`catalog-gen publications` and `rollback`: list the published sets, or restore one."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

from catalog_gen.cli.output import answers, messages, print_json
from catalog_gen.errors import InputError
from catalog_gen.home import Home
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.gallery import write_catalog_gallery
from catalog_gen.stages.publication import release, roll_back, write_channel_feeds
from catalog_gen.store.connection import Store
from catalog_gen.store.gates import last_gates
from catalog_gen.store.publications import Publication, hold, live_at, publications
from catalog_gen.store.snapshot import publish_snapshot

#: Recorded in place of a run's id for a rollback.
RUN: str = "rollback"


def run(at: str | None, as_json: bool) -> None:
    """List what went live, the newest first, and the results of the last night's gates.

    Raises:
        InputError: ``at`` is not a date.
    """
    moment = None if at is None else _moment(at)
    with Store(Home.from_environment()).peek() as connection:
        known = publications(connection)
        gates = last_gates(connection)
        held = hold(connection)
        shown = None if moment is None else live_at(connection, moment)
    if as_json:
        print_json(
            {
                "publications": [asdict(each) for each in known],
                "last_night": asdict(gates) if gates else None,
                "held_at": held,
                **({} if shown is None else {"live": [asdict(each) for each in shown]}),
            }
        )
        return
    if shown is not None:
        for image in shown:
            answers.print(f"{image.image_id[:16]}  {image.product_id}  {image.view}", markup=False)
        messages.print(f"{len(shown)} pictures were live at {moment:%Y-%m-%d %H:%M} UTC")
        return
    answers.print(_table(known) if known else "Nothing was published yet: `catalog-gen refresh`.")
    if gates and gates.publication_id is None:
        for gate in gates.gates:
            if not gate.passed:
                messages.print("[yellow]not published[/]:", end=" ")
                messages.print(gate.message, markup=False)


def run_rollback(config: Path, publication: int | None, lift: bool, as_json: bool) -> None:
    """Restore an earlier set, with its gallery page, feeds and snapshot.

    Raises:
        InputError: no publication has this number.
    """
    catalog = Catalog.open(config, Home.from_environment())
    stamp = Stamp.at_once(RUN)
    if lift:
        lifted = release(catalog, stamp)
        answer = "Nights publish again." if lifted else "Nothing was held back."
        if as_json:
            print_json({"released": lifted})
        else:
            answers.print(answer)
        return
    made = roll_back(catalog, publication, stamp)
    write_catalog_gallery(catalog)
    write_channel_feeds(catalog)
    publish_snapshot(catalog.store, catalog.home)
    if as_json:
        print_json(asdict(made))
        return
    answers.print(
        f"Publication {made.restored} is live again, as {made.publication_id}: {made.images} "
        f"pictures, {made.added} came and {made.removed} went. Nights are held back until "
        "`catalog-gen rollback --release`."
    )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            text, "is no date or time", "Write it as 2026-11-21 or 2026-11-21T12:00:00+00:00."
        ) from None
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)


def _table(known: list[Publication]) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("Number", "Published", "Pictures", "Products", "Coverage", "Change", "Run"):
        table.add_column(column, justify="right" if column in ("Pictures", "Products") else "left")
    for place, each in enumerate(known):
        number = str(each.publication_id) + (" [green]live[/]" if place == 0 else "")
        restored = f" = {each.restored}" if each.restored else ""
        table.add_row(
            number + restored,
            f"{each.published_at:%Y-%m-%d %H:%M}",
            str(each.images),
            str(each.products),
            f"{each.coverage:.0%}",
            f"+{each.added} -{each.removed}",
            each.run_id[:8],
        )
    return table
