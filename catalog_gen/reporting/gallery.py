"""Writes the gallery: one page that shows every product, its pictures, and why they were chosen.

The page needs no network and no server: style, script and data are inside ``index.html``, pictures
lie beside it and are loaded when they are scrolled to. It reads no database.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from catalog_gen.reporting.gallery_data import (
    GalleryData,
    GalleryImage,
    GalleryProduct,
    GalleryView,
)
from catalog_gen.store.files import write_whole

_PICTURE: Final = re.compile(r"[0-9a-f]{64}\.png")
#: Longest value of a rejected row that is shown; a feed can hold a whole page in one field.
_LONGEST_VALUE: Final = 160


def write_gallery(data: GalleryData, folder: Path, image_bytes: Callable[[str], bytes]) -> Path:
    """Writes ``folder/index.html`` and the pictures that it shows; returns the page's path.

    ``image_bytes`` gives the PNG of a SHA-256, and is asked only for pictures that are not in
    ``folder/images`` yet. The page appears whole or not at all, after its pictures; those that it
    no longer shows are deleted afterwards.
    """
    pictures = folder / "images"
    pictures.mkdir(parents=True, exist_ok=True)
    shown = {image.sha256 for image in _images(data)}
    for sha256 in sorted(shown):
        target = pictures / f"{sha256}.png"
        if not target.exists():
            write_whole(target, image_bytes(sha256))
    page = folder / "index.html"
    write_whole(page, render_gallery(data).encode("utf-8", "replace"))
    for file in pictures.iterdir():
        if _PICTURE.fullmatch(file.name) and file.stem not in shown:
            file.unlink(missing_ok=True)
    return page


def render_gallery(data: GalleryData) -> str:
    """The page as HTML. All product text is data in it, never markup or script."""
    style, script = _asset("gallery.css"), _asset("gallery.js")
    products = [_product(product) for product in data.products]
    return (
        _environment()
        .get_template("gallery.html.j2")
        .render(
            data=data,
            counts=_counts(data),
            troubles=list(_troubles(data)),
            rejections=data.rejections,
            longest=_LONGEST_VALUE,
            style=Markup(style),
            script=Markup(script),
            style_hash=_csp_hash(style),
            script_hash=_csp_hash(script),
            products_json=Markup(_json_in_html(products)),
        )
    )


def _images(data: GalleryData) -> Iterator[GalleryImage]:
    for product in data.products:
        for view in product.views:
            yield from view.images


def _counts(data: GalleryData) -> dict[str, int]:
    images = list(_images(data))
    return {
        "products": len(data.products),
        "live": sum(image.live for image in images),
        "candidates": len(images),
        "review": sum(image.decision == "review" for image in images),
        "rejected": sum(image.decision == "rejected" for image in images),
        "rows": len(data.rejections),
    }


def _troubles(data: GalleryData) -> Iterator[tuple[GalleryProduct, str, str, str]]:
    """Product, view, kind and words of everything that could not be drawn."""
    for product in data.products:
        for view in product.views:
            if view.unsupported:
                yield product, view.name, "not supported", view.unsupported
            for failure in view.failures:
                yield product, view.name, "failed", failure


def _product(product: GalleryProduct) -> dict[str, Any]:
    return {
        "id": product.product_id,
        "title": product.title,
        "category": product.category,
        "attributes": {name: value for name, value in product.attributes.items() if value},
        "views": [_view(view) for view in product.views],
    }


def _view(view: GalleryView) -> dict[str, Any]:
    ordered = sorted(view.images, key=lambda image: (not image.live, image.number))
    return {
        "name": view.name,
        "failures": list(view.failures),
        "unsupported": view.unsupported,
        "images": [_image(image) for image in ordered],
    }


def _image(image: GalleryImage) -> dict[str, Any]:
    return {
        "id": image.image_id,
        "file": f"images/{image.sha256}.png",
        "number": image.number,
        "decision": image.decision,
        "live": image.live,
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


def _json_in_html(value: object) -> str:
    """JSON for a script element: nothing in it can end the element or open a comment."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _asset(name: str) -> str:
    text = resources.files("catalog_gen.reporting").joinpath("templates", name).read_text("utf-8")
    return f"\n{text}"


def _csp_hash(text: str) -> str:
    """The hash by which a content security policy allows an inline element (W3C CSP 3)."""
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("catalog_gen.reporting", "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
