"""Write what is live for a sales channel: its pictures with their provenance, and its feed.

What the channel would refuse is left out and listed with the reason. With ``[upscale]``, pictures
that are too small for it are enlarged, which their files and the result say. The feed is written
after the pictures, so it never names a missing one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from catalog_gen.catalog.product import Product
from catalog_gen.code_version import code_version
from catalog_gen.diffusion.hash_cache import HashCache
from catalog_gen.errors import StoreError
from catalog_gen.fingerprint import sha256_json, sha256_text
from catalog_gen.imaging.credentials import Signer, sign
from catalog_gen.imaging.decode import contain_on_white
from catalog_gen.imaging.decode import read_image as decode
from catalog_gen.imaging.encode import encode_png
from catalog_gen.imaging.metadata import label_png, render
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.imaging.provenance import Enlargement, Provenance
from catalog_gen.judging.measurement import Signals
from catalog_gen.judging.passports import Passport, PictureFile, Slot, load_passports
from catalog_gen.progress import report
from catalog_gen.reporting.channels.channel import (
    CHANNELS,
    SUFFIXES,
    Channel,
    ChannelProduct,
)
from catalog_gen.reporting.picture_folder import NAME_LENGTH, PICTURES, PictureFolder
from catalog_gen.settings.publishing import UpscaleSettings
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.passports import sent_size
from catalog_gen.stages.shop_feed import (
    channel_text,
    own_feed,
    raw_texts,
    shop_facts,
    with_raw_texts,
)
from catalog_gen.store.enlarged import EnlargedPictures
from catalog_gen.store.files import write_whole
from catalog_gen.store.images import ImageOrigin, image_origins, stored_pngs
from catalog_gen.store.scores import newest_signals
from catalog_gen.store.showcase import LiveProduct, live_products
from catalog_gen.vision.upscaler import Upscaler, upscaler_of

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
class Enlarged:
    """A written file that is larger than its picture; sizes are width and height in pixels."""

    file: str
    drawn: tuple[int, int]
    size: tuple[int, int]
    by: str


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


@dataclass(frozen=True, slots=True)
class Candidate:
    """A live picture on its way to a channel; ``png`` is empty if its file needs not be written."""

    view: str
    origin: ImageOrigin
    png: bytes
    signals: Signals | None


@dataclass(frozen=True, slots=True)
class _Enlarging:
    """How pictures are enlarged that are smaller than the channel requires."""

    settings: UpscaleSettings
    upscaler: Upscaler
    kept: EnlargedPictures

    @classmethod
    def of(cls, catalog: Catalog) -> "_Enlarging | None":
        """None: they are never enlarged."""
        settings = catalog.settings.upscale
        if settings is None:
            return None
        hashes = HashCache(catalog.home.hashes)
        upscaler = upscaler_of(settings, hashes)
        hashes.save()
        return cls(settings, upscaler, EnlargedPictures(catalog.home.enlarged))

    def enlarge(self, sha256: str, pixels: Pixels, width: int, height: int) -> Pixels:
        """The picture with this hash at a larger size."""
        if not self.upscaler.slow:
            return self.upscaler.enlarge(pixels, width, height)

        def make() -> bytes:
            return encode_png(self.upscaler.enlarge(pixels, width, height))

        return decode(self.kept.kept(sha256, self.upscaler.name, width, height, make))


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes pictures in a channel's form, once each even if several products show them."""

    channel: Channel
    passport: Passport | None
    signer: Signer | None
    enlarging: _Enlarging | None
    day: date
    folder: PictureFolder
    made_by: str
    """The hash of what determines the bytes of every file."""
    weights: dict[str, int] = field(default_factory=dict)
    """Sizes of the written files in bytes, by name."""
    enlarged: dict[str, Enlarged] = field(default_factory=dict)
    """Those of the written files that are larger than their pictures, by name."""

    def write(self, candidate: Candidate, *, main: bool) -> tuple[str, str]:
        """The file's name, and why the channel refuses it; '' if it was written.

        The channel is asked for every product, since products may show a picture in other slots.
        """
        name, size = self._name(candidate.origin), self._size(candidate.origin)
        if name not in self.weights and (weight := self._kept(candidate.origin)) is not None:
            self._note(name, candidate.origin, size, weight)
        # What is refused at no weight is not worth being enlarged.
        why = self._refusal(candidate, size, self.weights.get(name, 0), main=main)
        if why or name in self.weights:
            return name, why
        content = self._rendered(candidate, size)
        why = self._refusal(candidate, size, len(content), main=main)
        if not why:
            self.folder.put(name, self._made_of(candidate.origin, size), content)
            self._note(name, candidate.origin, size, len(content))
        return name, why

    def needs(self, origin: ImageOrigin) -> bool:
        """Whether a picture's file is to be written."""
        return self._kept(origin) is None

    def _kept(self, origin: ImageOrigin) -> int | None:
        made_of = self._made_of(origin, self._size(origin))
        return self.folder.keeps(self._name(origin), made_of)

    def _name(self, origin: ImageOrigin) -> str:
        suffix = SUFFIXES[self.channel.form.rendition]
        return f"{PICTURES}/{origin.image_id[:NAME_LENGTH]}.{suffix}"

    def _made_of(self, origin: ImageOrigin, size: tuple[int, int]) -> str:
        """The hash of everything that determines a file's bytes; the image's id is its recipe's."""
        drawn = f"{origin.image_id} {origin.sha256} {origin.created_at.isoformat()}"
        enlargement = self._enlargement(origin, size)
        by = "" if enlargement is None else enlargement.by
        return sha256_text(f"{self.made_by} {drawn} {origin.width} {size[0]} {size[1]} {by}")

    def _note(self, name: str, origin: ImageOrigin, size: tuple[int, int], weight: int) -> None:
        self.weights[name] = weight
        if (enlargement := self._enlargement(origin, size)) is not None:
            drawn = (enlargement.width, enlargement.height)
            self.enlarged[name] = Enlarged(name, drawn, size, enlargement.by)

    def _size(self, origin: ImageOrigin) -> tuple[int, int]:
        upscale = self.enlarging.settings if self.enlarging else None
        drawn = origin.width, origin.height
        return sent_size(self.channel.form, self.passport, upscale, drawn, self.day)

    def _enlargement(self, origin: ImageOrigin, size: tuple[int, int]) -> Enlargement | None:
        if self.enlarging is None or size[0] <= origin.width:
            return None
        return Enlargement(origin.width, origin.height, self.enlarging.upscaler.name)

    def _refusal(
        self, candidate: Candidate, size: tuple[int, int], weight: int, *, main: bool
    ) -> str:
        """Why the channel refuses a file of so many bytes in this slot; '' if it does not."""
        if self.passport is None:
            return ""
        file = PictureFile(self.channel.form.rendition, *size, weight, declared=True)
        slot: Slot = "main" if main else "additional"
        return "; ".join(self.passport.check(file, candidate.signals, self.day, slot).failures)

    def _rendered(self, candidate: Candidate, size: tuple[int, int]) -> bytes:
        """The picture in the channel's form, with provenance, signed if there is a signer."""
        origin, form = candidate.origin, self.channel.form
        enlargement = self._enlargement(origin, size)
        provenance = Provenance(origin.recipe, origin.created_at, enlargement)
        if form.rendition == "PNG" and size == (origin.width, origin.height):
            content = label_png(candidate.png, provenance)
        else:
            pixels = decode(candidate.png, name=f"image {origin.image_id}")
            if enlargement is not None and self.enlarging is not None:
                pixels = self.enlarging.enlarge(origin.sha256, pixels, *size)
            fitted = contain_on_white(pixels, *size)
            content = render(fitted, form.rendition, provenance, form.quality)
        return sign(content, form.rendition, provenance, self.signer) if self.signer else content


def export(
    catalog: Catalog, channel_name: str, out: Path, *, base_url: str | None = None
) -> Exported:
    """Write the live pictures and the feed of a channel below ``out``.

    A feed that came from the channel's platform is given back row by row, with other pictures.
    Pictures that a former export for this channel wrote stay if they were made from the same, and
    are removed if they are no longer live; ``CHANNEL.pictures.json`` lists them.

    Args:
        base_url: where ``out`` will be served from; the settings' by default.

    Raises:
        ConfigError: there is no such channel, or ``[credentials]`` can't sign.
        ModelError: ``[upscale]`` names a model that can't be used.
        InputError: the channel takes only its own platform's feeds, and the shop's is none.
        CorruptionError: a stored picture is damaged.
        StoreError: the folder can't be written.
    """
    channel = CHANNELS.get(channel_name)()
    shop = own_feed(catalog, channel)
    back = shop if shop is not None and shop.belongs_to(channel) else None
    passport = load_passports(catalog.settings.passports).get(channel_name)
    signer = Signer.load(catalog.settings.credentials) if catalog.settings.credentials else None
    refused: list[Refusal] = []
    ready: list[ChannelProduct] = []
    enlarging = _Enlarging.of(catalog)
    today, folder = datetime.now(UTC).date(), PictureFolder(out, channel.name)
    made_by = _made_by(channel, signer)
    writer = _Writer(channel, passport, signer, enlarging, today, folder, made_by)
    live: set[str] = set()
    facts = shop_facts(catalog)
    texts = {} if back is not None else raw_texts(shop)
    taken: dict[str, str] = {}
    try:
        with folder:
            for product, candidates in _live(catalog, writer):
                live.update(each.origin.sha256 for each in candidates)
                entry = ChannelProduct.of(product, images=())
                if back is None:
                    if why := _merged(channel, product.product_id, taken):
                        refused.append(Refusal(product.product_id, "", why))
                        continue
                    entry = with_raw_texts(entry, texts)
                    if missing := channel.missing(entry, facts):
                        refused.append(Refusal(product.product_id, "", _lacks(channel, missing)))
                        continue
                written = _write_product(entry, candidates, writer, refused)
                if written is not None:
                    ready.append(written)
            url = catalog.settings.publish.base_url if base_url is None else base_url
            text = channel_text(channel, back, ready, url, facts)
            feed = out / f"{channel.name}.{text.suffix}"
            if ready:
                folder.announce()
                write_whole(feed, text.content)
                folder.finish({name for product in ready for name in product.images})
        if enlarging is not None:
            enlarging.kept.keep_only(live)
    except OSError as error:
        raise StoreError(
            str(error.filename or out),
            f"the export can't be written ({error.strerror})",
            "Free space, or name another folder with --out.",
        ) from error
    images = {name for product in ready for name in product.images}
    enlarged = tuple(each for name, each in sorted(writer.enlarged.items()) if name in images)
    return Exported(feed, len(ready), len(images), signer is not None, tuple(refused), enlarged)


def _lacks(channel: Channel, missing: Sequence[str]) -> str:
    return (
        f"{channel.name} requires {', '.join(missing)}, which the feed lacks; publish.shop_url, "
        "publish.availability and publish.currency set defaults"
    )


def _made_by(channel: Channel, signer: Signer | None) -> str:
    """The hash of what determines the bytes of all of a channel's files, but for the pictures."""
    form = channel.form
    signed = None if signer is None else [signer.certificates, signer.algorithm]
    return sha256_json([code_version(), form.rendition, form.quality, signed])


def _live(catalog: Catalog, writer: _Writer) -> Iterator[tuple[Product, list[Candidate]]]:
    """Each product with its live pictures, main one first. Those whose file is there are not read.

    The database is released while pictures are written, so that a refresh can run meanwhile.
    """
    with catalog.store.reading() as connection:
        live = live_products(connection)
    views = list(catalog.settings.views)
    for start in range(0, len(live), _LOOKED_AT):
        some = live[start : start + _LOOKED_AT]
        wanted = _pictures_of(some)
        with catalog.store.reading() as connection:
            origins = image_origins(connection, wanted)
            signals = {
                image_id: Signals.from_json(text)
                for image_id, text in newest_signals(connection, wanted).items()
            }
        for first in range(0, len(some), _PORTION):
            portion = some[first : first + _PORTION]
            needed = [each for each in _pictures_of(portion) if writer.needs(origins[each])]
            pictures = _pngs(catalog, needed)
            for done, each in enumerate(portion, start=start + first + 1):
                candidates = [
                    Candidate(view, origins[name], pictures.get(name, b""), signals.get(name))
                    for view in each.ordered_views(views)
                    for name in (each.image_ids[view],)
                ]
                yield each.product, candidates
                report("export", done, len(live))


def _pictures_of(products: Sequence[LiveProduct]) -> list[str]:
    """The ids of the products' live pictures, each once."""
    return sorted({image_id for each in products for image_id in each.image_ids.values()})


def _pngs(catalog: Catalog, image_ids: Sequence[str]) -> dict[str, bytes]:
    if not image_ids:
        return {}
    with catalog.store.reading() as connection:
        return stored_pngs(connection, catalog.store.pictures(connection), image_ids)


def _write_product(
    entry: ChannelProduct,
    candidates: Sequence[Candidate],
    writer: _Writer,
    refused: list[Refusal],
) -> ChannelProduct | None:
    """Write a product's pictures; None, with the reasons, if the channel takes none of them."""
    names: list[str] = []
    for candidate in candidates:
        name, why = writer.write(candidate, main=not names)
        if why:
            refused.append(Refusal(entry.product_id, candidate.view, why))
        else:
            names.append(name)
    return replace(entry, images=tuple(names)) if names else None


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
