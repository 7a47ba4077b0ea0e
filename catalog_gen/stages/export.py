"""Write what is live for a sales channel: its pictures with their provenance, and its feed.

What the channel would refuse is left out and listed with the reason. With ``[upscale]``, pictures
that are too small for it are enlarged, which their files and the result say. The feed is written
after the pictures, so it never names a missing one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

from catalog_gen.errors import StoreError
from catalog_gen.imaging.credentials import Signer
from catalog_gen.judging.measurement import Signals
from catalog_gen.judging.passports import load_passports
from catalog_gen.progress import report
from catalog_gen.reporting.channels.channel import (
    CHANNELS,
    Channel,
    ChannelProduct,
    ShopFacts,
)
from catalog_gen.reporting.picture_folder import PictureFolder
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.picture_writer import (
    Candidate,
    Enlarged,
    Enlarging,
    PictureWriter,
    made_by,
)
from catalog_gen.stages.shop_feed import (
    ShopFeed,
    feed_name,
    own_feed,
    raw_texts,
    shop_facts,
    with_raw_text,
    write_feed,
)
from catalog_gen.store.files import give_name
from catalog_gen.store.images import image_origins, stored_pngs
from catalog_gen.store.live_products import LiveProduct, list_live
from catalog_gen.store.relations import limit_memory
from catalog_gen.store.scores import newest_signals
from catalog_gen.store.unfinished import unfinished_file, unfinished_folder

#: Number of products whose pictures are in memory at a time.
_PORTION: Final = 64
#: Number of products whose recipes and signals are: every time all scores are gone through.
_LOOKED_AT: Final = 5_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """A product or picture that the channel does not take. ``view`` is '' for a whole product."""

    product_id: str
    view: str
    why: str


@dataclass(frozen=True, slots=True)
class Exported:
    """The result of an export: the feed, and the numbers of products and distinct pictures in it.

    Without products nothing is written, and the files of an earlier export stay.
    """

    feed: Path
    products: int
    images: int
    signed: bool
    refused: tuple[Refusal, ...]
    enlarged: tuple[Enlarged, ...] = ()


def export(
    catalog: Catalog, channel_name: str, out: Path, *, base_url: str | None = None
) -> Exported:
    """Write the live pictures and the feed of a channel below ``out``.

    A feed that came from the channel's platform is given back row by row, with other pictures.
    Pictures that a former export for this channel wrote stay if they were made from the same, and
    are removed if they are no longer live; ``CHANNEL.pictures.sqlite`` lists them. An export that
    was killed is gone on with.

    Args:
        base_url: where ``out`` will be served from; the settings' by default.

    Raises:
        ConfigError: there is no such channel, or ``[credentials]`` can't sign.
        ModelError: ``[upscale]`` names a model that can't be used.
        InputError: the channel takes only its own platform's feeds, and the shop's is none.
        CorruptionError: a stored picture is damaged.
        StoreError: the folder can't be written, or another process exports into it.
    """
    channel = CHANNELS.get(channel_name)()
    shop = own_feed(catalog, channel)
    back = shop if shop is not None and shop.belongs_to(channel) else None
    passport = load_passports(catalog.settings.passports).get(channel_name)
    signer = Signer.load(catalog.settings.credentials) if catalog.settings.credentials else None
    enlarging = Enlarging.of(catalog)
    today, folder = datetime.now(UTC).date(), PictureFolder(out, channel.name)
    by = made_by(channel, signer)
    writer = PictureWriter(channel, passport, signer, enlarging, today, folder, by)
    url = catalog.settings.publish.base_url if base_url is None else base_url
    facts = shop_facts(catalog)
    entries = _Entries(catalog, writer, back is None, shop, facts)
    feed = out / feed_name(channel, back)
    try:
        with (
            folder,
            unfinished_folder(catalog.home.root) as scratch,
            unfinished_file(out) as (stream, partial),
        ):
            write_feed(stream, channel, back, entries.ready(scratch), url, facts)
            if entries.products:
                folder.settle()
                give_name(stream, partial, feed)
                folder.finish()
        if enlarging is not None:
            enlarging.kept.keep_only(entries.live)
    except OSError as error:
        raise StoreError(
            str(error.filename or out),
            f"the export can't be written ({error.strerror})",
            "Free space, or name another folder with --out.",
        ) from error
    return Exported(
        feed,
        entries.products,
        len(folder),
        signer is not None,
        tuple(entries.refused),
        tuple(each for _, each in sorted(writer.enlarged.items())),
    )


@dataclass(slots=True)
class _Entries:
    """The products on their way into a feed; their pictures are written when they are asked for.

    Attributes:
        building: whether the feed's rows are newly built, not the shop's own.
        products: how many are in the feed so far.
        live: the hashes of all live pictures, if some may be enlarged.
    """

    catalog: Catalog
    writer: PictureWriter
    building: bool
    shop: ShopFeed | None
    facts: ShopFacts
    products: int = 0
    live: set[str] = field(default_factory=set)
    refused: list[Refusal] = field(default_factory=list)

    def ready(self, scratch: Path) -> Iterator[ChannelProduct]:
        """Those that the channel takes, by id, with the files of their pictures.

        Args:
            scratch: a folder for the lists of what is live.
        """
        taken: dict[str, str] = {}
        for live, candidates in self._candidates(scratch):
            if self.writer.enlarging is not None:
                self.live.update(each.origin.sha256 for each in candidates)
            entry = with_raw_text(ChannelProduct.of(live.product, images=()), live.raw)
            why = self._why_not(entry, taken) if self.building else ""
            if why:
                self.refused.append(Refusal(entry.product_id, "", why))
                continue
            names = self._written(entry, candidates)
            if names:
                self.products += 1
                yield replace(entry, images=names)

    def _why_not(self, entry: ChannelProduct, taken: dict[str, str]) -> str:
        """Why the channel can't take a product's row; '' if it can."""
        channel = self.writer.channel
        if why := _merged(channel, entry.product_id, taken):
            return why
        missing = channel.missing(entry, self.facts)
        return _lacks(channel, missing) if missing else ""

    def _written(self, entry: ChannelProduct, candidates: Sequence[Candidate]) -> tuple[str, ...]:
        """The files of a product's pictures; none, with the reasons, if the channel takes none."""
        names: list[str] = []
        for candidate in candidates:
            name, why = self.writer.write(candidate, main=not names)
            if why:
                self.refused.append(Refusal(entry.product_id, candidate.view, why))
            else:
                names.append(name)
        return tuple(names)

    def _candidates(self, scratch: Path) -> Iterator[tuple[LiveProduct, list[Candidate]]]:
        """Each product with its live pictures, main one first. Files that are there are not read.

        The database is released while pictures are written, so that a refresh can run meanwhile.
        """
        store, views = self.catalog.store, list(self.catalog.settings.views)
        texts = raw_texts(self.shop) if self.building else ()
        with store.reading() as connection:
            live = list_live(connection, scratch, texts)
        done, total, products = 0, len(live), iter(live)
        while some := list(islice(products, _LOOKED_AT)):
            wanted = _pictures_of(some)
            with store.reading() as connection:
                limit_memory(connection)
                origins = image_origins(connection, wanted)
                measured = newest_signals(connection, wanted) if self.writer.passport else {}
            signals = {image_id: Signals.from_json(text) for image_id, text in measured.items()}
            for first in range(0, len(some), _PORTION):
                portion = some[first : first + _PORTION]
                needed = [
                    each for each in _pictures_of(portion) if self.writer.needs(origins[each])
                ]
                pictures = _pngs(self.catalog, needed)
                for each in portion:
                    yield (
                        each,
                        [
                            Candidate(
                                view, origins[name], pictures.get(name, b""), signals.get(name)
                            )
                            for view in each.ordered_views(views)
                            for name in (each.image_ids[view],)
                        ],
                    )
                    done += 1
                    report("export", done, total)


def _lacks(channel: Channel, missing: Sequence[str]) -> str:
    return (
        f"{channel.name} requires {', '.join(missing)}, which the feed lacks; publish.shop_url, "
        "publish.availability and publish.currency set defaults"
    )


def _pictures_of(products: Sequence[LiveProduct]) -> list[str]:
    """The ids of the products' live pictures, each once."""
    return sorted({image_id for each in products for image_id in each.image_ids.values()})


def _pngs(catalog: Catalog, image_ids: Sequence[str]) -> dict[str, bytes]:
    if not image_ids:
        return {}
    with catalog.store.reading() as connection:
        return stored_pngs(connection, catalog.store.pictures(connection), image_ids)


def _merged(channel: Channel, product_id: str, taken: dict[str, str]) -> str:
    """Why the channel can't tell this id from another one's; '' where it can."""
    most = channel.id_length
    if not most:
        return ""
    if len(product_id) > most:
        return f"{channel.name} takes ids of at most {most} characters"
    other = taken.setdefault(product_id.casefold(), product_id)
    if other == product_id:
        return ""
    return (
        f"its id differs from '{other}' in upper and lower case alone, which is one product there"
    )
