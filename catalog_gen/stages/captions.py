"""Caption products' photos, and compare what they show with what the feed says.

A photo is captioned once by each model. What it shows is suggested for fields that the feed leaves
empty, and disputed where the feed says something else. Both are reported only: no prompt reads
them until the shop has written them into its feed.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from catalog_gen.catalog.product import Product
from catalog_gen.dialects.attributes import Count
from catalog_gen.dialects.dialect import Dialect
from catalog_gen.diffusion.hash_cache import HashCache
from catalog_gen.errors import InputError
from catalog_gen.fingerprint import canonical_json
from catalog_gen.progress import report
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.photos import unchanged_photo
from catalog_gen.store.captions import CaptionRow, known_captions, save_captions
from catalog_gen.store.products import PRODUCT_COLUMNS, stored_product
from catalog_gen.vision.attributes import seen_in
from catalog_gen.vision.captioner import Caption, Captioner, Piece

#: Captions that are stored in one transaction: what a run loses that dies.
_SAVED: Final = 16
#: The field that a whole caption is suggested for.
DESCRIPTION: Final = "description"


@dataclass(frozen=True, slots=True)
class CaptionCount:
    """Photos that a run captioned, and those of them that it could not read."""

    made: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """What a product's photo says that its feed does not.

    Attributes:
        kind: "suggested": the feed says nothing of the field; "disputed": it says ``feed``.
        word: what the photo shows, in the dialect's words, or a whole caption.
        confidence: the probability that the captioner gives these words, 0..1.
    """

    product_id: str
    kind: Literal["suggested", "disputed"]
    field: str
    word: str
    confidence: float
    feed: str = ""

    @property
    def words(self) -> str:
        """ "suggested colour: red, 97 %", or "disputed colour: red, 97 %; the feed says blue"."""
        text = f"{self.kind} {self.field}: {self.word}, {self.confidence:.0%}".replace("%", " %")
        return f"{text}; the feed says {self.feed}" if self.feed else text


def caption_photos(
    catalog: Catalog, products: Sequence[Product], photo: str, stamp: Stamp
) -> CaptionCount:
    """Caption the products' photos that were not yet, where the settings name a captioner.

    Args:
        photo: the attribute that has the photo's hash.

    Raises:
        ModelError: the captioner can't be used.
        StoreBusyError: another process holds the database.
    """
    captioner = _captioner(catalog)
    if captioner is None:
        return CaptionCount()
    with catalog.store.reading() as connection:
        known = known_captions(connection, captioner.maker)
    todo: dict[str, str] = {}
    for product in products:
        digest = product.attributes.get(photo, "")
        if digest and digest not in known:
            todo.setdefault(digest, product.reference)
    failed = 0
    waiting: list[CaptionRow] = []
    for number, (digest, reference) in enumerate(todo.items(), start=1):
        waiting.append(_captioned(catalog, captioner, digest, reference, stamp))
        failed += bool(waiting[-1].problem)
        if len(waiting) == _SAVED or number == len(todo):
            with catalog.store.writing() as connection:
                save_captions(connection, waiting)
            waiting.clear()
        report("caption", number, len(todo))
    return CaptionCount(len(todo) - failed, failed)


def findings(catalog: Catalog, dialect: Dialect, photo: str) -> list[Finding]:
    """What the photos of active products say that the feed doesn't, by product.

    Args:
        dialect: in whose words product and photo are compared.
        photo: the attribute that has the photo's hash.

    Raises:
        ModelError: the captioner can't be used.
    """
    captioner = _captioner(catalog)
    if captioner is None or catalog.settings.captions is None:
        return []
    with catalog.store.reading() as connection:
        known = known_captions(connection, captioner.maker)
        rows = connection.execute(
            f"SELECT {PRODUCT_COLUMNS} FROM active_products AS products "
            "WHERE attributes[$photo] IS NOT NULL ORDER BY product_id",
            {"photo": photo},
        ).fetchall()
    least = catalog.settings.captions.at_least
    found: list[Finding] = []
    for product in map(stored_product, rows):
        pieces = json.loads(known.get(product.attributes[photo], "[]"))
        caption = Caption(tuple(Piece(*each) for each in pieces))
        if caption.text:
            found += compared(product, caption, dialect, least)
    return found


def compared(
    product: Product, caption: Caption, dialect: Dialect, at_least: float
) -> Iterator[Finding]:
    """What a caption adds to what the feed says of a product, or disputes, from a confidence on."""
    if not product.description and caption.confidence >= at_least:
        text, confidence = caption.text, caption.confidence
        yield Finding(product.product_id, "suggested", DESCRIPTION, text, confidence)
    fields = product.fields()
    texts = (product.title, product.description)
    for name, seen in seen_in(caption, dialect).items():
        if seen.confidence < at_least:
            continue
        attribute = dialect.attributes[name]
        own = fields.get(name, "")
        phrases = [own] if own else [text for text in texts if text]
        # A text without a number is read as one piece, but does not say so.
        unsaid = attribute.named_in("") if isinstance(attribute, Count) and not own else ""
        words = map(attribute.named_in, phrases)
        said = next((word for word in words if word not in ("", unsaid)), "")
        known = (seen.word, seen.confidence)
        if said and said != seen.word:
            yield Finding(product.product_id, "disputed", name, *known, said)
        elif not said and not own and not isinstance(attribute, Count):
            yield Finding(product.product_id, "suggested", name, *known)


def _captioner(catalog: Catalog) -> Captioner | None:
    if catalog.settings.captions is None:
        return None
    hashes = HashCache(catalog.home.hashes)
    captioner = Captioner(catalog.settings.captions.model, hashes)
    hashes.save()
    return captioner


def _captioned(
    catalog: Catalog, captioner: Captioner, digest: str, reference: str, stamp: Stamp
) -> CaptionRow:
    caption, problem = Caption(()), ""
    try:
        seen = unchanged_photo(catalog, reference, {digest})
        if seen is None:
            problem = "it changed while it was read. Refresh again"
        else:
            caption = captioner.caption(seen)
    except InputError as error:
        problem = str(error)
    return CaptionRow(
        photo_sha256=digest,
        maker=captioner.maker,
        made_by=canonical_json(dict(captioner.made_by)),
        text=caption.text,
        confidence=caption.confidence if caption.pieces else 0.0,
        pieces=json.dumps([[each.text, round(each.probability, 6)] for each in caption.pieces]),
        problem=problem,
        made_at=stamp.now,
        run_id=stamp.run_id,
    )
