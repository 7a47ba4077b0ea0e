"""Publish: the best accepted picture of each product and view goes live, all at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from duckdb import DuckDBPyConnection

from catalog_gen.errors import InputError
from catalog_gen.judging.rubric import load_rubric
from catalog_gen.reporting.channels.channel import CHANNELS, ChannelProduct
from catalog_gen.settings.publishing import PublishSettings
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.shop_feed import (
    feed_name,
    own_feed,
    raw_texts,
    shop_facts,
    with_raw_text,
    write_feed,
)
from catalog_gen.store.figures import coverage_figures, verdict_figures
from catalog_gen.store.files import give_name, served_folder
from catalog_gen.store.gates import Gate, save_gates
from catalog_gen.store.live_products import list_live
from catalog_gen.store.publications import (
    Publication,
    hold,
    publications,
    publish,
    release_hold,
    rollback_to,
)
from catalog_gen.store.relations import limit_memory, memory_for_rows
from catalog_gen.store.runs import note_figures
from catalog_gen.store.selection import best_pictures, damaged_among, selection_figures
from catalog_gen.store.unfinished import unfinished_file, unfinished_folder


@dataclass(frozen=True, slots=True)
class PublishResult:
    """The live publication after the stage."""

    products: int
    images: int
    coverage: float
    gates: tuple[Gate, ...]

    @property
    def held_back(self) -> str:
        """Why the previous publication was kept; empty if it was replaced."""
        failed = [gate.message for gate in self.gates if not gate.passed]
        return "; ".join([*failed, "the last publication stays live"]) if failed else ""


@dataclass(frozen=True, slots=True)
class ChannelFeed:
    """A feed written for a sales channel."""

    path: Path
    rows: int


def publish_best(catalog: Catalog, scorer_hash: str, stamp: Stamp) -> PublishResult:
    """Select and publish the best pictures in one transaction; a failed gate changes nothing.

    Notes ``published`` with the run, and ``held_back`` where a gate failed.

    Raises:
        ConfigError: the rubric can't be used.
    """
    rubric = load_rubric(catalog.settings.rubric)
    with catalog.store.writing() as connection:
        limit_memory(connection, memory_for_rows(connection, "ledger"))
        selection = best_pictures(connection, rubric.rubric_hash(scorer_hash))
        figures = coverage_figures(connection)
        products = selection_figures(connection, selection).products
        coverage = products / figures.active if figures.active else 0.0
        pictures = catalog.store.pictures(connection)
        damaged = damaged_among(connection, pictures, selection, only_new=True)
        gates = _gates(connection, catalog.settings.publish, damaged, coverage, figures.active)
        live: Publication | None = None
        if all(gate.passed for gate in gates):
            live = publish(
                connection, selection, coverage=coverage, run_id=stamp.run_id, now=stamp.now
            )
        save_gates(
            connection,
            gates,
            publication_id=live.publication_id if live else None,
            run_id=stamp.run_id,
            now=stamp.now,
        )
        if live is not None:
            result = PublishResult(live.products, live.images, live.coverage, gates)
        else:
            share = figures.live / figures.active if figures.active else 0.0
            result = PublishResult(figures.live, figures.images, share, gates)
        _note(connection, result, stamp)
    return result


def _note(connection: DuckDBPyConnection, result: PublishResult, stamp: Stamp) -> None:
    published = {"products": result.products, "coverage": round(result.coverage, 4)}
    note_figures(connection, stamp.run_id, "published", published, stamp.now)
    if result.held_back:
        why = {"why": result.held_back}
        note_figures(connection, stamp.run_id, "held_back", why, stamp.now)


def roll_back(catalog: Catalog, publication_id: int | None, stamp: Stamp) -> Publication:
    """Make an earlier set, by default the previous one, live again and block later nights.

    Raises:
        InputError: the publication doesn't exist, or there is none before the live one.
        CorruptionError: a picture of it is gone or damaged.
    """
    with catalog.store.writing() as connection:
        limit_memory(connection, memory_for_rows(connection, "publication_items"))
        if publication_id is None:
            standing = _standing(publications(connection))
            if len(standing) < 2:
                raise InputError(
                    "rollback",
                    "there is no publication before the live one",
                    "`catalog-gen publications` lists them.",
                )
            publication_id = standing[-2]
        pictures = catalog.store.pictures(connection)
        return rollback_to(connection, pictures, publication_id, run_id=stamp.run_id, now=stamp.now)


def _standing(newest_first: Sequence[Publication]) -> list[int]:
    """The nights' sets that were not rolled back, oldest first; the last one is live.

    Rolling back twice goes back two nights, and never to a set that was rolled back.
    """
    night: dict[int, int] = {}
    standing: list[int] = []
    for each in reversed(newest_first):
        number = each.publication_id
        night[number] = number if each.restored is None else night[each.restored]
        if each.restored is not None:
            standing = [before for before in standing if before < night[number]]
        standing.append(night[number])
    return standing


def release(catalog: Catalog, stamp: Stamp) -> bool:
    """Let nights publish again after a rollback; False if they were not blocked."""
    with catalog.store.writing() as connection:
        return release_hold(connection, now=stamp.now)


def _gates(
    connection: DuckDBPyConnection,
    settings: PublishSettings,
    damaged: Sequence[str],
    coverage: float,
    active: int,
) -> tuple[Gate, ...]:
    """The gates that a set must pass to go live."""
    verdicts = verdict_figures(connection)
    rate = verdicts.accepted / verdicts.judged if verdicts.judged else 1.0
    held = hold(connection)
    return (
        Gate(
            "coverage",
            coverage >= settings.min_coverage,
            coverage,
            settings.min_coverage,
            f"the new set covers {coverage:.0%} of {active} active products, and "
            f"publish.min_coverage asks for {settings.min_coverage:.0%}",
        ),
        Gate(
            "pass rate",
            rate >= settings.min_pass_rate,
            rate,
            settings.min_pass_rate,
            f"{verdicts.accepted} of {verdicts.judged} judged pictures are accepted, and "
            f"publish.min_pass_rate asks for {settings.min_pass_rate:.0%}",
        ),
        Gate(
            "integrity",
            not damaged,
            len(damaged),
            0,
            f"{len(damaged)} chosen pictures are gone or damaged"
            + (f" ({damaged[0][:16]}, ...)" if damaged else ""),
        ),
        Gate(
            "hold",
            held is None,
            held or 0,
            0,
            "no rollback holds nights back"
            if held is None
            else f"publication {held} was restored by hand; `catalog-gen rollback --release` lets "
            "nights publish again",
        ),
    )


def write_channel_feeds(catalog: Catalog) -> ChannelFeed:
    """Write the live products as a Google Merchant feed below the site folder.

    The feed has all of them, with the gallery's pictures; only an export leaves out what Google
    would refuse. If the shop's feed is Google's, its rows are written back, as in an export.
    """
    folder = catalog.home.site / "feeds"
    for each in (catalog.home.site, folder):
        served_folder(each)
    channel = CHANNELS.get("google")()
    shop = own_feed(catalog, channel)
    back = shop if shop is not None and shop.belongs_to(channel) else None
    path = folder / feed_name(channel, back)
    views, facts = list(catalog.settings.views), shop_facts(catalog)
    base_url = catalog.settings.publish.base_url
    with (
        unfinished_folder(catalog.home.root) as scratch,
        unfinished_file(folder) as (stream, partial),
    ):
        with catalog.store.reading() as connection:
            live = list_live(connection, scratch, () if back is not None else raw_texts(shop))
        products = (
            with_raw_text(
                ChannelProduct.of(
                    each.product,
                    (f"images/{each.images[view]}.png" for view in each.ordered_views(views)),
                ),
                each.raw,
            )
            for each in live
        )
        write_feed(stream, channel, back, products, base_url, facts)
        if live:
            give_name(stream, partial, path)
    return ChannelFeed(path, len(live))
