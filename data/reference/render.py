"""Renders the reference photos of the sample feed: ``python data/reference/render.py``.

What a shop would photograph, the studio renders: each product that names a reference photo gets
one in its own words, seen at three quarters on white. The scenes lie beyond every training split.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from catalog_gen.catalog.feeds import read_feed
from catalog_gen.catalog.product import Product
from catalog_gen.dialects.files import dialect_of
from catalog_gen.errors import InputError
from catalog_gen.fingerprint import sha256_text
from catalog_gen.settings.catalog import load_settings
from catalog_gen.stages.views import View, compile_views
from studio.photos.scene import BLOCK, SPLIT_STARTS, Scene, scene_at
from studio.phrasing import count_of

#: First seed of the photos: as far behind the last split as the splits are apart.
FIRST_SEED: Final = SPLIT_STARTS["held-out"] + (SPLIT_STARTS["held-out"] - SPLIT_STARTS["judge"])
_BLOCKS: Final = 1_000


def reference_scene(product_id: str, asked: Mapping[str, str]) -> Scene:
    """The one scene with the asked category, material and count in a block of its own."""
    start = FIRST_SEED + int(sha256_text(product_id), 16) % _BLOCKS * BLOCK
    return next(
        scene
        for scene in map(scene_at, range(start, start + BLOCK))
        if scene.category == asked["category"]
        and scene.material == asked["material"]
        and scene.count == count_of(asked)
        and scene.background == "white"
        and scene.angle == "three-quarter"
    )


def render_references(config: Path) -> list[Path]:
    """Write the photo of every product that names one into the first reference folder.

    Raises:
        InputError: the feed names a photo of something that the studio can't draw, or the
            settings allow no reference folder.
    """
    settings = load_settings(config)
    if not settings.feed.reference_folders:
        raise InputError(
            str(config), "feed.reference_folders is empty", "Name the folder of the photos in it."
        )
    products = read_feed(settings.feed.path, settings.feed).products
    attributes = {name for product in products for name in product.attributes}
    dialect = dialect_of(Path(settings.model.id), settings.model.dialect)
    view = compile_views(settings, attributes, dialect)[0]
    wanted = [product for product in products if product.reference]
    folder = settings.feed.reference_folders[0]
    folder.mkdir(parents=True, exist_ok=True)
    return [_render(product, view, folder / Path(product.reference).name) for product in wanted]


def _render(product: Product, view: View, path: Path) -> Path:
    from PIL import Image

    from studio.photos.negatives import PHOTO_SIDE
    from studio.photos.render import render_photo

    asked = view.wishes.asked(product.fields())
    if reason := view.wishes.unsupported(product.fields(), asked):
        raise InputError(product.product_id, reason, "Take its reference out of the feed.")
    colour: Any = asked["colour"]
    scene = reference_scene(product.product_id, asked)
    photo = render_photo(scene, colour, side=PHOTO_SIDE)
    Image.fromarray(photo).save(path, optimize=True)
    return path


def main() -> None:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description="Render the sample feed's reference photos.")
    parser.add_argument("--config", type=Path, default=Path("data/catalog.toml"))
    for path in render_references(parser.parse_args().config):
        print(path)


if __name__ == "__main__":
    main()
