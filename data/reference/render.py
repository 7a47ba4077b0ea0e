"""Renders the reference photos of the sample feed: ``python data/reference/render.py``.

What a shop would photograph, the studio renders: each product that names a reference photo gets
one in its own words, seen at three quarters on white. The scenes lie beyond every training split.
"""

import argparse
from pathlib import Path
from typing import Final

from catalog_gen.catalog.feeds import read_feed
from catalog_gen.catalog.product import Product
from catalog_gen.errors import InputError
from catalog_gen.fingerprint import sha256_text
from catalog_gen.prompting.support import unsupported_by_studio
from catalog_gen.prompting.words import StudioWords, studio_words
from catalog_gen.settings import load_settings
from studio.photos.scene import BLOCK, SPLIT_STARTS, Scene, scene_at

#: First seed of the photos: as far behind the last split as the splits are apart.
FIRST_SEED: Final = SPLIT_STARTS["held-out"] + (SPLIT_STARTS["held-out"] - SPLIT_STARTS["judge"])
_BLOCKS: Final = 1_000


def reference_scene(product_id: str, words: StudioWords) -> Scene:
    """The one scene with the product's category, material and count in a block of its own."""
    start = FIRST_SEED + int(sha256_text(product_id), 16) % _BLOCKS * BLOCK
    return next(
        scene
        for scene in map(scene_at, range(start, start + BLOCK))
        if scene.category == words.category
        and scene.material == words.material
        and scene.count == words.count
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
    wanted = [product for product in products if product.reference]
    folder = settings.feed.reference_folders[0]
    folder.mkdir(parents=True, exist_ok=True)
    return [_render(product, folder / Path(product.reference).name) for product in wanted]


def _render(product: Product, path: Path) -> Path:
    from PIL import Image

    from studio.photos.negatives import PHOTO_SIDE
    from studio.photos.render import render_photo

    words = studio_words(product)
    reason = unsupported_by_studio(product)
    if reason or words.colour is None:
        raise InputError(product.product_id, reason, "Take its reference out of the feed.")
    photo = render_photo(reference_scene(product.product_id, words), words.colour, side=PHOTO_SIDE)
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
