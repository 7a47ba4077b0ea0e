"""Measure speed and memory of reading each platform's export, compared with ``csv.DictReader``.

Every format is written with the same number of rows and read in its own process. The figures are
rows per second and the peak memory that reading added. ``DictReader`` reads the same file in the
known encoding and keeps every row, as a script would, without interpreting it. On a busy machine,
compare the rows per second of CPU time.

    python benchmarks/feeds.py [--rows N] [--json]
    python benchmarks/feeds.py --table        # the table of docs/feeds.md
"""

import argparse
import csv
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))


def _html(product: int) -> str:
    """A distinct description for every product."""
    return f"<p>Thrown by hand, no. {product}.</p><ul><li>Oven safe</li><li>350 ml</li></ul>"


def main() -> None:
    """Measure every form, or print the table of platforms."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--table", action="store_true", help="of docs/feeds.md")
    parser.add_argument("--step", choices=("ours", "csv"), help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.table:
        print(platform_table())
    elif arguments.step:
        print(json.dumps(_read(arguments.step, arguments.path)))
    else:
        figures = measure(arguments.rows)
        print(json.dumps(figures, indent=2)) if arguments.json else _print(figures)


def measure(rows: int) -> dict[str, Any]:
    """Read every platform's format in both ways."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for platform, (header, row) in FORMS.items():
            path = Path(folder) / f"{platform}.csv"
            with path.open("w", newline="", encoding="utf-8") as stream:
                writer = csv.writer(stream)
                writer.writerow(header)
                writer.writerows(row(number) for number in range(rows))
            figures[platform] = {way: _in_process(way, path) for way in ("ours", "csv")}
            figures[platform]["bytes"] = path.stat().st_size
            path.unlink()
    return figures


def _in_process(way: str, path: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--step", way, "--path", str(path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _read(way: str, path: Path) -> dict[str, Any]:
    from catalog_gen.catalog.feeds import read_feed
    from catalog_gen.catalog.readers.reader import READERS
    from catalog_gen.settings.feed import FeedSettings

    READERS.items()  # modules are loaded once a process, whatever is read
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    started, processor = perf_counter(), process_time()
    outcome: dict[str, Any]
    kept: object
    if way == "ours":
        kept = contents = read_feed(path, FeedSettings(path=path))
        outcome = {"platform": contents.platform, "rows": contents.rows_read}
        outcome |= {"accepted": len(contents.products), "rejected": len(contents.rejections)}
    else:
        with path.open(newline="", encoding="utf-8") as stream:
            kept = rows = list(csv.DictReader(stream))
        outcome = {"rows": len(rows)}
    seconds, processor = perf_counter() - started, process_time() - processor
    peak = _memory("VmHWM") - before
    assert kept
    return {
        **outcome,
        "rows_per_second": round(outcome["rows"] / seconds),
        "rows_per_processor_second": round(outcome["rows"] / processor),
        "peak_mb": round(peak),
    }


def _memory(name: str) -> float:
    """A figure of this process's memory in megabytes (Linux)."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found, name
    return int(found[1]) / 1024


def platform_table() -> str:
    """Markdown: each platform, the fields that are understood, and what comes back."""
    from catalog_gen.catalog.readers.reader import READERS
    from catalog_gen.reporting.channels.channel import CHANNELS

    lines = [
        "| platform | set as | fields that are understood | comes back as |",
        "|---|---|---|---|",
    ]
    for name, reader in READERS.items():
        fields = sorted({field for field in reader.columns if not field.startswith("_")})
        found = ", ".join(fields) or "all spellings of `aliases.py`"
        back = [f"`{each}`" for each, channel in CHANNELS.items() if name in channel.platforms]
        lines.append(f"| {reader.title} | `{name}` | {found} | {', '.join(back) or 'built anew'} |")
    return "\n".join(lines)


Row = Callable[[int], tuple[object, ...]]


def _variants(number: int) -> tuple[str, str]:
    return ("Red", "Blue")[number % 2], ("S", "M", "L")[number % 3]


def _shopify(number: int) -> tuple[object, ...]:
    colour, size = _variants(number)
    first = number % 6 == 0
    shared = (
        f"Mug {number // 6}",
        _html(number // 6),
        "Dune",
        "Mugs",
        "true",
        "Color",
        "Size",
        "active",
    )
    title, body, vendor, kind, published, option1, option2, status = (
        shared if first else ("",) * len(shared)
    )
    return (
        *(f"mug-{number // 6}", title, body, vendor, kind, published, option1, colour, option2),
        *(
            size,
            f"M-{number}",
            4,
            "18.00",
            f"'400638{number:07}",
            "https://c.example/1.jpg",
            status,
        ),
    )


def _woocommerce(number: int) -> tuple[object, ...]:
    colour, size = _variants(number)
    parent = f"mug-{number // 7}"
    if number % 7 == 0:
        return (
            *(number, "variable", parent, f"Mug {number}", 1, "visible", _html(number), 1, ""),
            *("Kitchen > Mugs, Sale", "", "", "Color", "Red, Blue", "Size", "S, M, L"),
        )
    return (
        *(number, "variation", f"m-{number}", f"Mug - {colour}, {size}", 1, "visible", "", 1),
        *("12,00", "", "https://c.example/1.jpg", parent, "Color", colour, "Size", size),
    )


def _magento(number: int) -> tuple[object, ...]:
    colour, size = _variants(number)
    parent = number - number % 7 + 6
    if number == parent:
        children = "|".join(
            f"sku=m-{child},color={_variants(child)[0]}" for child in range(number - 6, number)
        )
        return (
            *(
                f"m-{number}",
                "",
                "configurable",
                "Default Category/Mugs",
                f"Mug {number}",
                _html(number),
            ),
            *("", "mug", 1, "Catalog, Search", "/a.jpg", "", 0, 1, children),
        )
    return (
        *(
            f"m-{number}",
            "",
            "simple",
            "Default Category/Mugs",
            f"Mug {number}",
            _html(number),
            "14.0000",
        ),
        *(f"mug-{number}", 1, "Not Visible Individually", "/a.jpg"),
        *(f"color={colour},material=Stoneware,size={size}", 8, 1, ""),
    )


#: The header of every format, and a function from a number to a row.
FORMS: Final[dict[str, tuple[tuple[str, ...], Row]]] = {
    "plain": (
        ("nr", "id", "title", "kategorie", "description", "color", "price"),
        lambda n: (n, f"m-{n}", f"Mug {n}", "Home > Mugs", _html(n), _variants(n)[0], "9.50 EUR"),
    ),
    "google": (
        (
            *("id", "title", "description", "link", "image_link", "availability", "price"),
            *("brand", "gtin", "product_type", "color", "size", "item_group_id"),
        ),
        lambda n: (
            *(f"m-{n}", f"Mug {n}", _html(n), f"https://s.example/{n}", "https://c.example/1.jpg"),
            *("in stock", "9.50 EUR", "Dune", f"400638{n:07}", "Home > Mugs", *_variants(n)),
            f"g-{n // 6}",
        ),
    ),
    "shopify": (
        (
            *("Handle", "Title", "Body (HTML)", "Vendor", "Type", "Published", "Option1 Name"),
            *("Option1 Value", "Option2 Name", "Option2 Value", "Variant SKU"),
            *("Variant Inventory Qty", "Variant Price", "Variant Barcode", "Image Src", "Status"),
        ),
        _shopify,
    ),
    "woocommerce": (
        (
            *("ID", "Type", "SKU", "Name", "Published", "Visibility in catalog", "Description"),
            *("In stock?", "Regular price", "Categories", "Images", "Parent", "Attribute 1 name"),
            *("Attribute 1 value(s)", "Attribute 2 name", "Attribute 2 value(s)"),
        ),
        _woocommerce,
    ),
    "magento": (
        (
            *("sku", "store_view_code", "product_type", "categories", "name", "description"),
            *("price", "url_key", "product_online", "visibility", "base_image"),
            *("additional_attributes", "qty", "is_in_stock", "configurable_variations"),
        ),
        _magento,
    ),
    "prestashop": (
        (
            *("Product ID", "Image", "Name", "Reference", "Category", "Price (tax excl.)"),
            *("Price (tax incl.)", "Quantity", "Status"),
        ),
        lambda n: (n, "https://c.example/1.jpg", f"Mug {n}", f"R-{n}", "Mugs", 12.5, 15, 8, 1),
    ),
    "bigcommerce": (
        (
            *("Item", "ID", "Name", "Type", "SKU", "Options", "Inventory Tracking", "Price"),
            *("Categories", "Description", "Is Visible", "Image URL (Import)"),
        ),
        lambda n: (
            (
                "Product",
                n,
                f"Mug {n}",
                "physical",
                f"p-{n}",
                "",
                "none",
                9,
                "Mugs",
                _html(n),
                "TRUE",
                "",
            )
            if n % 7 == 0
            else (
                *(
                    "Variant",
                    n,
                    "",
                    "",
                    f"v-{n}",
                    f"Type=Swatch|Name=Colour|Value={_variants(n)[0]}",
                ),
                *("", 9, "", "", "", ""),
            )
        ),
    ),
    "akeneo": (
        (
            *("sku", "family", "parent", "groups", "categories", "enabled", "name-en_GB"),
            *("name-de_DE", "description-en_GB-ecommerce", "color", "size", "price-EUR"),
        ),
        lambda n: (
            *(f"m-{n}", "mugs", f"g-{n // 6}", "", "drinkware,sale", 1, f"Mug {n}", f"Becher {n}"),
            *(_html(n), *_variants(n), "9.50"),
        ),
    ),
    "etsy": (
        (
            *("TITLE", "DESCRIPTION", "PRICE", "CURRENCY_CODE", "QUANTITY", "TAGS", "MATERIALS"),
            *("IMAGE1", "IMAGE2", "SKU"),
        ),
        lambda n: (
            *(f"Mug {n}", "By hand.", "24.00", "EUR", 3, "mug", "Stoneware,Glaze"),
            *("https://c.example/1.jpg", "", f"m-{n}"),
        ),
    ),
    "amazon": (
        (
            *("item_sku", "item_name", "brand_name", "color_name", "size_name", "material_type"),
            *("parent_child", "parent_sku", "standard_price", "main_image_url"),
        ),
        lambda n: (
            *(f"m-{n}", f"Mug {n}", "Combe", *_variants(n), "Stoneware", "child", f"g-{n // 6}"),
            *("9.50", "https://c.example/1.jpg"),
        ),
    ),
    "meta": (
        (
            *("id", "title", "description", "availability", "condition", "price", "link"),
            *("image_link", "brand", "status", "item_group_id", "color", "size"),
        ),
        lambda n: (
            *(
                f"m-{n}",
                f"Mug {n}",
                _html(n),
                "in stock",
                "new",
                "9.50 EUR",
                f"https://s.example/{n}",
            ),
            *("https://c.example/1.jpg", "Dune", "active", f"g-{n // 6}", *_variants(n)),
        ),
    ),
}


def _lines(figures: dict[str, Any]) -> Iterator[str]:
    yield (
        f"{'form':<12} {'rows/s':>9} {'DictReader':>11} {'ratio':>6} "
        f"{'peak MB':>8} {'DictReader':>11}"
    )
    for platform, found in figures.items():
        ours, theirs = found["ours"], found["csv"]
        ratio = ours["rows_per_processor_second"] / theirs["rows_per_processor_second"]
        yield (
            f"{platform:<12} {ours['rows_per_processor_second']:>9,} "
            f"{theirs['rows_per_processor_second']:>11,} {ratio:>6.2f} "
            f"{ours['peak_mb']:>8} {theirs['peak_mb']:>11}"
        )


def _print(figures: dict[str, Any]) -> None:
    for line in _lines(figures):
        print(line)


if __name__ == "__main__":
    main()
