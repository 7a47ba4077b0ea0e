"""A shop whose mugs are learned from their photos, by a tiny model in a few steps."""

import csv
from pathlib import Path

from catalog_gen.imaging.encode import encode_png
from tests.judging.drawn import product
from tests.pipeline.shop import ROWS, Shop, open_shop

CONCEPT = """
[concepts.word]
learner = { name = "textual-inversion", steps = 3, rate = 0.05 }
caption = "a {{ concept }} {{ category }}"
side = 32
"""
VIEW = """
[views.owned]
template = "{{ concept }} {{ colour }} {{ category }} on wood"
method = "learned"
concept = "word"
only = "{{ category == 'mug' }}"
edit_policy = "unlimited"
candidates = 2
steps = 2
width = 32
height = 32
"""
COLOURS = {"sku-1": (200, 30, 30), "sku-2": (30, 60, 200), "sku-3": (20, 20, 20)}


def photograph(shop: Shop, name: str, colour: tuple[int, int, int]) -> None:
    path = shop.folder / "photos" / f"{name}.png"
    path.write_bytes(encode_png(product(colour, side=64)))


def teaching_shop(folder: Path, settings: str = CONCEPT + VIEW) -> Shop:
    shop = open_shop(folder)
    shop.config.write_text(shop.config.read_text("utf-8") + settings, "utf-8")
    with (folder / "feed.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("id", "title", "product_type", "color", "price", "reference_image"))
        writer.writerows((key, *row, f"{key}.png") for key, row in ROWS.items())
    for name, colour in COLOURS.items():
        photograph(shop, name, colour)
    return shop
