"""Photos from the shop's own addresses, where ``feed.fetch_photos`` lists the hosts.

A product's photo is its feed's ``reference``, or else its ``image_link``. After the download, the
product's reference is the file on the shelf, which is named by the hash of its bytes, so a new
photo in the shop changes the product. If the download fails, the product keeps its former photo; if
it had none, it keeps the address, and the attribute ``reference_problem`` gives the reason.
Pictures drawn here are never used as photos; otherwise a shop that shows them would have each
night's pictures drawn from the last night's.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from duckdb import DuckDBPyConnection

from catalog_gen.catalog.product import Product
from catalog_gen.catalog.reference import resolve_reference
from catalog_gen.errors import StoreError
from catalog_gen.hosts import AllowedHosts
from catalog_gen.imaging.decode import read_bytes
from catalog_gen.imaging.decoder import decode_picture
from catalog_gen.imaging.metadata import read_provenance
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.imaging.provenance import ProvenanceError
from catalog_gen.photos.download import Limits, parsed
from catalog_gen.photos.fetcher import Fetched, fetch_photos
from catalog_gen.photos.shelf import Entry, Shelf, is_shelf_name
from catalog_gen.redaction import MASK
from catalog_gen.stages.catalog import Catalog
from catalog_gen.store.relations import registered, strings

#: Attributes of a product: the address of a fetched photo, and why a fetch failed.
REFERENCE_LINK: Final = "reference_link"
REFERENCE_PROBLEM: Final = "reference_problem"

#: How many digits of an image's id name an exported file; see ``stages.export``.
_NAME_LENGTH: Final = 32
_EXPORTED: Final = re.compile(rf"[0-9a-f]{{{_NAME_LENGTH}}}")
#: The separators of a list of addresses; the first address is the main picture's.
_NEXT_ADDRESS: Final = re.compile(r"[|,;\s]+(?=https?://)")
_DRAWN: Final = "is a picture that catalog_gen drew, not a photo"
_MASKED: Final = "the address contains a secret, which is never stored; use an address without one"


@dataclass(frozen=True, slots=True)
class MissingPhoto:
    """A product whose photo was not fetched, the reason, and whether a former one is used."""

    product_id: str
    why: str
    kept: bool


@dataclass(frozen=True, slots=True)
class PhotoCount:
    """Counts of the products' photos.

    Attributes:
        wanted: products whose photo has an address on a listed host.
        unasked: those whose address was never requested; a refresh requests it.
        missing: those whose photo was not fetched.
        elsewhere: number of products by unlisted host that their photo is on.
    """

    wanted: int = 0
    unasked: int = 0
    missing: tuple[MissingPhoto, ...] = ()
    elsewhere: Mapping[str, int] = field(default_factory=dict)


NO_PHOTOS: Final = PhotoCount()


@dataclass(frozen=True, slots=True)
class ShopPhotos:
    """Products with their photos."""

    products: tuple[Product, ...]
    count: PhotoCount


def fetch(catalog: Catalog, products: Sequence[Product], limits: Limits | None = None) -> Fetched:
    """Fetch the products' photos from the listed hosts and store them.

    Raises:
        StoreError: the catalog's folder has no room, or can't be written.
    """
    if not catalog.settings.feed.fetch_photos:
        return Fetched()
    hosts = AllowedHosts(catalog.settings.feed.fetch_photos)
    addresses = {
        address
        for product in products
        if (address := photo_address(product)) and _may_fetch(address, hosts)
    }
    if not addresses:
        return Fetched()
    drawn = _drawn_here(catalog, addresses)
    try:
        with Shelf(catalog.home.photos).writing() as shelf:
            for address in sorted(drawn):
                shelf.fail(address, _DRAWN)
            asked = sorted(addresses - drawn)
            outcome = fetch_photos(asked, shelf, hosts, limits, refuse=_why_no_photo)
            outcome.own += len(drawn)
    except OSError as error:
        raise StoreError(
            str(catalog.home.photos),
            f"photos can't be kept there ({error.strerror or error})",
            "Free space or make the folder writable, and run again; what was fetched is kept.",
        ) from error
    return outcome


def unchanged_photo(catalog: Catalog, reference: str, hashes: Collection[str]) -> Pixels | None:
    """The photo of a reference (H, W, 3); None if its bytes have none of these hashes any more.

    Raises:
        InputError: it can't be read.
    """
    content = read_bytes(resolve_reference(reference, catalog.photo_folders))
    if sha256(content).hexdigest() not in hashes:
        return None
    return decode_picture(content, name=reference)


def with_photos(
    catalog: Catalog, products: Sequence[Product], former: Mapping[str, str]
) -> ShopPhotos:
    """Return the products with their photos from the shelf, without fetching any.

    Args:
        former: the products' previous shelf files by product id; see ``former_photos``.
    """
    hosts = AllowedHosts(catalog.settings.feed.fetch_photos)
    entries = Shelf(catalog.home.photos).entries()
    done: list[Product] = []
    missing: list[MissingPhoto] = []
    elsewhere: Counter[str] = Counter()
    wanted = unasked = 0
    for product in products:
        address = photo_address(product)
        if not address or not _is_listed(address, hosts):
            if address and not product.reference:
                elsewhere[_host(address)] += 1
            done.append(product)
            continue
        wanted += 1
        entry = entries.get(address)
        if MASK in address:
            entry = Entry(problem=_MASKED)
        if entry is None:
            unasked += 1
        name = (entry.name if entry else "") or former.get(product.product_id, "")
        # A shop that shows our pictures misses no photo, as long as the original is on the shelf.
        if entry and entry.problem and not (name and entry.problem == _DRAWN):
            missing.append(MissingPhoto(product.product_id, entry.problem, bool(name)))
        done.append(_with_photo(product, address, name, entry))
    return ShopPhotos(
        tuple(done), PhotoCount(wanted, unasked, tuple(missing), dict(elsewhere.most_common()))
    )


def former_photos(connection: DuckDBPyConnection) -> dict[str, str]:
    """The fetched photos in the products table, by product id."""
    rows = connection.execute("SELECT product_id, reference FROM products").fetchall()
    return {product_id: name for product_id, name in rows if is_shelf_name(name)}


def photo_address(product: Product) -> str:
    """The address of a product's photo; '' if it is a file, or the feed names none."""
    named = product.reference or product.attributes.get("image_link", "")
    named = _NEXT_ADDRESS.split(named, maxsplit=1)[0].strip()
    return named if parsed(named) is not None else ""


def _with_photo(product: Product, address: str, name: str, entry: Entry | None) -> Product:
    facts = {REFERENCE_LINK: address}
    if not name and entry is not None and entry.problem:
        facts[REFERENCE_PROBLEM] = entry.problem
    return replace(product, reference=name or address, attributes={**product.attributes, **facts})


def _may_fetch(address: str, hosts: AllowedHosts) -> bool:
    return MASK not in address and _is_listed(address, hosts)


def _is_listed(address: str, hosts: AllowedHosts) -> bool:
    url = parsed(address)
    return url is not None and hosts.allow(url.scheme, url.host, url.port)


def _host(address: str) -> str:
    url = parsed(address)
    return url.netloc.decode("ascii") if url is not None else ""


def _drawn_here(catalog: Catalog, addresses: Iterable[str]) -> set[str]:
    """The addresses whose file names are those of exported pictures of this catalog."""
    stems = {address: PurePosixPath(urlsplit(address).path).stem for address in addresses}
    ours = {stem for stem in stems.values() if _EXPORTED.fullmatch(stem)}
    if not ours:
        return set()
    with catalog.store.peek() as connection, registered(connection, "stems", strings(ours)):
        rows = connection.execute(
            f"""
            SELECT value FROM stems
            WHERE value IN (SELECT left(image_id, {_NAME_LENGTH}) FROM images)
            """
        ).fetchall()
    drawn = {stem for (stem,) in rows}
    return {address for address, stem in stems.items() if stem in drawn}


def _why_no_photo(content: bytes) -> str:
    """Why a downloaded picture is not the shop's photo; '' if it may be."""
    try:
        read_provenance(content)
    except ProvenanceError:
        return ""
    return _DRAWN
