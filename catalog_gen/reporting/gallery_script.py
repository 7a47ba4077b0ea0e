"""The gallery's data as script files: a browser that reads a page from disk may load nothing else.

``data/index-HASH.js`` is loaded with the page. It has a short row per product with the values that
the grid sorts, filters and searches by. ``data/HASH.js`` has all data of a few neighbouring
products, and is loaded when one of them is scrolled to or opened. The names contain the first 16
digits of the content's SHA-256, so a page never loads data of another night.
"""

import json
from collections.abc import Iterable, Sequence
from hashlib import sha256
from io import BytesIO
from typing import Any, Final

from catalog_gen.reporting.gallery_data import (
    GalleryImage,
    GalleryProduct,
    GalleryView,
)
from catalog_gen.reporting.site_manifest import DataFile

#: Bits of a view's state in the index; gallery.js has the same.
LIVE, WAITING, ALL_REJECTED, FAILED, UNSUPPORTED, UNJUDGED, PRESENT = (1 << n for n in range(7))

#: The index begins with it; then rows follow, a line each.
HEAD: Final = b"galleryIndex=[[\n"
#: UTF-8 bytes of a title in the index. 50,000 titles of a shop's longest (150) would weigh 7.5 MB.
TITLE_BYTES: Final = 56


class GalleryIndex:
    """Collects the rows of the index, about 60 bytes each, while data files stream by."""

    def __init__(self, views: Iterable[str]) -> None:
        self._views = list(views)
        self._files: list[DataFile] = []
        self._content = BytesIO()
        self._content.write(HEAD)

    def add(self, file: DataFile, rows: bytes) -> None:
        """Note a data file, with its rows as ``index_rows`` or an earlier index has them."""
        self._files.append(file)
        self._content.write(rows)

    @property
    def files(self) -> Sequence[DataFile]:
        """The data files noted so far."""
        return self._files

    def file(self) -> tuple[str, memoryview]:
        """The path and the content of the index, once all data files are noted."""
        categories = sorted({name for file in self._files for name in file.categories})
        numbers = {name: number for number, name in enumerate(categories)}
        chunks = [
            (_stem(file.path), file.products, [numbers[name] for name in file.categories])
            for file in self._files
        ]
        tail = {"categories": categories, "views": self._views, "chunks": chunks}
        self._content.write(b"],\n" + _script(tail) + b"];\n")
        content = self._content.getbuffer()
        return f"data/index-{_name(content)}.js", content


def index_rows(
    products: Sequence[GalleryProduct], views: Sequence[str]
) -> tuple[bytes, tuple[str, ...]]:
    """The rows of one data file's products, and their categories.

    A row has the category's number among these, so that it stays the same whatever other files
    have.
    """
    categories: dict[str, int] = {}
    rows = BytesIO()
    for product in products:
        category = categories.setdefault(product.category, len(categories))
        row: list[Any] = [product.product_id, _shortened(product.title), category]
        shown = {view.name: view for view in product.views}
        for name in views:
            view = shown.get(name)
            row += [view_state(view), _total(view)] if view else [0, -1]
        rows.write(_script(row) + b",\n")
    return rows.getvalue(), tuple(categories)


def data_file(products: Sequence[GalleryProduct]) -> tuple[str, bytes]:
    """The path and the content of the data file of these products."""
    content = _script([_product(product) for product in products])
    name = _name(content)
    return f"data/{name}.js", b'galleryChunk("' + name.encode() + b'",' + content + b");\n"


def view_state(view: GalleryView) -> int:
    """The bits of a view."""
    decisions = {image.decision for image in view.images}
    return (
        PRESENT
        | LIVE * any(image.live for image in view.images)
        | WAITING * ("review" in decisions)
        | ALL_REJECTED * (decisions == {"rejected"})
        | FAILED * bool(view.failures)
        | UNSUPPORTED * bool(view.unsupported)
        | UNJUDGED * ("unjudged" in decisions)
    )


def _ordered(view: GalleryView) -> list[GalleryImage]:
    """The live picture, those that wait for a person, the others."""
    return sorted(
        view.images, key=lambda image: (not image.live, image.decision != "review", image.number)
    )


def _total(view: GalleryView) -> int:
    first = next(iter(_ordered(view)), None)
    return -1 if first is None or first.total is None else first.total


def _product(product: GalleryProduct) -> dict[str, Any]:
    return {
        "id": product.product_id,
        "title": product.title,
        "category": product.category,
        "attributes": {name: value for name, value in product.attributes.items() if value},
        "views": [_view(view) for view in product.views],
    }


def _view(view: GalleryView) -> dict[str, Any]:
    return {
        "name": view.name,
        "failures": list(view.failures),
        "unsupported": view.unsupported,
        "images": [_image(image) for image in _ordered(view)],
    }


def _image(image: GalleryImage) -> dict[str, Any]:
    return {
        "id": image.image_id,
        "file": f"images/{image.sha256}.png",
        "photo": f"photos/{image.photo_sha256}.jpg" if image.photo_sha256 else "",
        "cutout": f"photos/{image.mask_sha256}.jpg" if image.mask_sha256 else "",
        "number": image.number,
        "decision": image.decision,
        "live": image.live,
        "products": image.products,
        "total": image.total,
        "criteria": [
            {"name": name, "points": points, "why": why}
            for name, (points, why) in image.criteria.items()
        ],
        "hard": list(image.hard_failures),
        "reason": image.reason,
        "prompt": image.prompt,
        "negative": image.negative_prompt,
        # A seed has up to 63 bits, more than a number in a browser can hold.
        "seed": str(image.seed),
        "model": image.model_hash,
        "settings": image.settings,
        "similarity": image.similarity,
        "margin": image.margin,
        "reviewer": image.reviewer,
        "passports": [
            {
                "title": each.title,
                "passed": each.passed,
                "checks": [list(one) for one in each.checks],
            }
            for each in image.passports
        ],
    }


def _shortened(title: str) -> str:
    content = title.encode("utf-8", "replace")
    if len(content) <= TITLE_BYTES:
        return title
    return content[: TITLE_BYTES - 3].decode("utf-8", "ignore") + "…"


def _stem(path: str) -> str:
    return path.removeprefix("data/").removesuffix(".js")


def _name(content: bytes | memoryview) -> str:
    return sha256(content).hexdigest()[:16]


def _script(value: object) -> bytes:
    """A JavaScript literal: JSON without what could end a script element or open a comment."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode("utf-8", "replace")
