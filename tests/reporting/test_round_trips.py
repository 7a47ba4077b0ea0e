"""A shop's own feed is written back with every row unchanged except for the pictures."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import pytest

from catalog_gen.catalog.feeds import open_feed
from catalog_gen.catalog.readers.reader import READERS
from catalog_gen.reporting.channels.channel import CHANNELS, ChannelProduct, ShopFacts
from catalog_gen.settings.feed import FeedSettings
from catalog_gen.stages.shop_feed import ShopFeed, raw_texts, with_raw_text
from catalog_gen.stages.shop_feed import give_back as write_back
from tests.catalog.test_platforms import AMAZON

CASES = Path(__file__).parents[1] / "catalog" / "platforms"
URL = "https://cdn.example/new"

#: Where each channel may change a row.
PICTURES = {
    "shopify": {"Image Src", "Image Position", "Image Alt Text", "Variant Image"}
    | {"Product image URL", "Image position", "Variant image URL"},
    "woocommerce": {"Images"},
    "magento": {"base_image"},
    "prestashop": {"Image"},
    "akeneo": {"image"},
    "amazon": {"main_image_url"},
    "google": {"image_link"},
}
#: The reader's field for pictures, where it is another than ``image_link``.
PICTURE = {"woocommerce": "_images", "etsy": "_image1"}


def shop_feed(path: Path) -> ShopFeed:
    settings = FeedSettings(path=path)
    return ShopFeed(open_feed(path, settings), settings)


def given_back(channel: str, shop: ShopFeed, images: Mapping[str, tuple[str, ...]]) -> bytes:
    stream = io.BytesIO()
    write_back(stream, CHANNELS.get(channel)(), shop, images, URL)
    return stream.getvalue()


def give_back(path: Path, channel: str, *also: str) -> tuple[ShopFeed, list[dict[str, str]], str]:
    """The feed written back with a new picture ``ID.jpg`` (and these others) per product."""
    shop = shop_feed(path)
    assert shop.belongs_to(CHANNELS.get(channel)())
    images = {
        product.product_id: (f"{product.product_id}.jpg", *also)
        for product, _, _ in shop.products()
    }
    text = given_back(channel, shop, images).decode(
        "utf-8" if shop.feed.table.format == "xml" else shop.feed.table.encoding
    )
    lines = text.splitlines(keepends=True)[len(shop.feed.table.preamble) :]
    delimiter = shop.feed.table.delimiter or ","
    return shop, list(csv.DictReader(io.StringIO("".join(lines)), delimiter=delimiter)), text


@pytest.mark.parametrize(
    ("case", "channel"),
    [
        ("shopify_roundtrip.csv", "shopify"),
        ("shopify_new_template.csv", "shopify"),
        ("shopify_master_row.csv", "shopify"),
        ("shopify_shared_sku.csv", "shopify"),
        ("long_html_cell.csv", "shopify"),
        ("woocommerce_export.csv", "woocommerce"),
        ("magento_export.csv", "magento"),
        ("prestashop_reference.csv", "prestashop"),
        ("akeneo_products.csv", "akeneo"),
        ("amazon_flat_file.txt", "amazon"),
        ("size_variants.csv", "google"),
    ],
)
def test_only_pictures_change(case: str, channel: str) -> None:
    shop, rows, text = give_back(CASES / case, channel)
    names = shop.feed.table.names
    before = [
        dict(zip(names, row.values, strict=True))
        for row in shop.feed.table.read()
        if not hasattr(row, "rule")
    ]
    assert tuple(rows[0])[: len(names)] == names
    assert set(rows[0]) - set(names) <= PICTURES[channel]
    kept = [name for name in names if name not in PICTURES[channel]]
    # Shopify's galleries may need rows with a handle and a picture alone.
    given = [row for row in rows if any(row[name] for name in kept if "andle" not in name)]
    assert [[row[name] for name in kept] for row in given] == [
        [row[name] for name in kept] for row in before
    ]
    assert text.startswith("\n".join(shop.feed.table.preamble))
    assert URL in text


@pytest.mark.parametrize(
    ("channel", "spelling"),
    [
        (name, spelling)
        for name, channel in CHANNELS.items()
        if name != "shopify"  # two columns, and no other language
        for platform in channel.platforms
        for spelling in READERS.get(platform).columns.get(PICTURE.get(name, "image_link"), ())
    ],
)
def test_a_picture_column_in_the_shops_language_is_replaced(channel: str, spelling: str) -> None:
    assert CHANNELS.get(channel)().added_columns([spelling]) == ()


def test_shopify_gets_variant_images_and_a_gallery() -> None:
    _, rows, _ = give_back(CASES / "shopify_roundtrip.csv", "shopify")
    dune = [row for row in rows if row["Handle"] == "dune-mug"]
    assert [row["Variant Image"].removeprefix(f"{URL}/") for row in dune if row["Variant SKU"]] == [
        "DN-R-S.jpg",
        "DN-R-L.jpg",
        "DN-B-S.jpg",
        "DN-B-L.jpg",
    ]
    gallery = [row["Image Src"].removeprefix(f"{URL}/") for row in dune]
    kept = "https://cdn.shop.example/dune-side.jpg"
    assert gallery == ["DN-R-S.jpg", "DN-R-L.jpg", "DN-B-S.jpg", "DN-B-L.jpg", kept]
    assert [row["Image Position"] for row in dune] == ["1", "2", "3", "4", "5"]
    (vase,) = [row for row in rows if row["Handle"] == "lagoon-vase"]
    assert (vase["Image Src"], vase["Variant Image"]) == (f"{URL}/LG-VASE.jpg", "")
    (draft,) = [row for row in rows if row["Handle"] == "autumn-bowl"]
    assert (draft["Image Src"], draft["Status"]) == ("", "draft")


def test_google_xml_as_text() -> None:
    _, rows, _ = give_back(CASES / "google_apparel.xml", "google")
    trail, _, home = rows
    assert trail["image_link"] == f"{URL}/TRAIL-OR-S.jpg"
    assert trail["additional_image_link"] == (
        "https://shop.example/i/trail-or-2.jpg, https://shop.example/i/trail-or-3.jpg"
    )
    assert (trail["title"], trail["price"]) == ("Trail Rucksack & Raincover, Orange", "1299.00 EUR")
    assert trail["sale_price"] == "999.00 EUR"
    assert trail["shipping"] == "DE::DHL:4.90 EUR, AT::Post:9.90 EUR"
    assert trail["product_type"] == "Outdoor > Packs > Backpacks"
    for name, value in {
        "gender": "unisex",
        "age_group": "adult",
        "size_system": "EU",
        "pattern": "solid",
        "custom_label_0": "winter",
        "identifier_exists": "yes",
        "google_product_category": "Luggage & Bags > Backpacks",
        "sale_price_effective_date": "2026-11-20T00:00+0100/2026-11-30T23:59+0100",
    }.items():
        assert trail[name] == value
    assert (home["id"], home["brand"]) == ("@HOME-7", "@home")
    assert home["description"].startswith("- Solid beech")
    assert home["availability_date"] == "2027-02-01T00:00+0100"


def test_further_views_stand_before_the_shops_own_pictures() -> None:
    _, rows, _ = give_back(CASES / "google_apparel.xml", "google", "side.jpg")
    assert rows[0]["additional_image_link"].split(",") == [
        f"{URL}/side.jpg",
        "https://shop.example/i/trail-or-2.jpg",
        "https://shop.example/i/trail-or-3.jpg",
    ]


def test_an_older_encoding_and_its_delimiter_stay(tmp_path: Path) -> None:
    text = (CASES / "prestashop_reference.csv").read_text("utf-8").replace("Ceramic", "grün")
    (tmp_path / "feed.csv").write_bytes(text.encode("cp1252"))
    _, rows, _ = give_back(tmp_path / "feed.csv", "prestashop")
    assert rows[0]["Name"] == "Fjord Red grün Mug"


def built(case: str, channel: str, facts: ShopFacts) -> list[tuple[dict[str, str], list[str]]]:
    """Rows for another platform, with the values that they lack."""
    shop = shop_feed(CASES / case)
    texts = {each.product_id: each for each in raw_texts(shop)}
    target = CHANNELS.get(channel)()
    found = []
    for product, _, _ in shop.products():
        entry = with_raw_text(ChannelProduct.of(product, ["1.jpg"]), texts[product.product_id])
        (row, *_) = target.rows(entry, ["https://cdn.example/1.jpg"], facts)
        found.append((row, target.missing(entry, facts)))
    return found


def test_from_shopify_to_google() -> None:
    facts = ShopFacts("https://dune.example/", currency="EUR")
    row, missing = built("shopify_roundtrip.csv", "google", facts)[0]
    assert missing == []
    assert row["link"] == "https://dune.example/products/dune-mug"
    assert (row["availability"], row["price"], row["sale_price"]) == (
        "in_stock",
        "22.00 EUR",
        "18.00 EUR",
    )
    assert row["google_product_category"] == "Home & Garden > Kitchen & Dining > Drinkware"
    assert row["description"].startswith("<p>Wheel-thrown.</p>")
    _, unsaid = built("shopify_roundtrip.csv", "google", ShopFacts())[0]
    assert unsaid == ["link", "a currency of the price (publish.currency)"]


def test_prices_have_a_decimal_point_everywhere() -> None:
    assert built("excel_de.csv", "shopify", ShopFacts())[0][0]["Variant Price"] == "14.90"
    assert built("google_apparel.xml", "shopify", ShopFacts())[0][0]["Variant Price"] == "1299.00"
    row, _ = built("woocommerce_export.csv", "google", ShopFacts(currency="EUR"))[0]
    assert (row["price"], row["product_type"]) == ("12.00 EUR", "Kitchen & Bar > Mugs")


def test_apparel_asks_for_more() -> None:
    product = ChannelProduct(
        *("T-1", "Tee", "", "Tees", "", ("1.jpg",)),
        {
            "link": "https://s.example/t",
            "availability": "in stock",
            "price": "9 EUR",
            "google_product_category": "Apparel & Accessories > Clothing",
            "colour": "Red",
        },
    )
    assert CHANNELS.get("google")().missing(product) == ["gender", "age_group", "size"]


def test_line_ends_and_blanks_of_the_header_stay(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    text = (
        "sep=;\r\nid;title ;description;link;image link;availability;condition\r\n"
        '1;Mug;"One\r\ntwo\nthree";https://s.example/1;https://s.example/1.jpg;in stock;new\r\n'
    )
    path.write_bytes(text.encode())
    _, _, written = give_back(path, "google")
    assert written == text.replace("https://s.example/1.jpg", f"{URL}/1.jpg")


def test_googles_spellings_and_its_columns_for_further_pictures(tmp_path: Path) -> None:
    path = tmp_path / "feed.tsv"
    path.write_text(
        "id\ttitle\tlink\timage link\tavailability\tcondition\n"
        "1\tMug\thttps://s.example/1\thttps://s.example/1.jpg\tin_stock\tnew\n"
        "2\tCup\thttps://s.example/2\t\tin_stock\tnew\n"
    )
    _, rows, text = give_back(path, "google", "more.jpg")
    assert text.splitlines()[0].split("\t")[-2:] == ["condition", "additional_image_link"]
    assert [(row["image link"], row["additional_image_link"]) for row in rows] == [
        (f"{URL}/1.jpg", f"{URL}/more.jpg"),
        (f"{URL}/2.jpg", f"{URL}/more.jpg"),
    ]


def test_amazons_locators_take_the_pictures(tmp_path: Path) -> None:
    path = tmp_path / "template.txt"
    path.write_text(AMAZON)
    _, rows, text = give_back(path, "amazon")
    assert "main_image_url" not in text
    located = "main_product_image_locator[marketplace_id=A1]#1.media_location"
    assert [row[located] for row in rows[-2:]] == [f"{URL}/CUP-R.jpg", ""]
    assert len(text.splitlines()) == len(AMAZON.splitlines())


#: Cells that a careless writer damages; none may change, however they are quoted.
NASTY = (
    *(
        "'=1+1",
        "+49 30",
        "-5 %",
        "@home",
        "'0401",
        "a;b,c|d",
        '5" wide',
        'say ""',
        "it's",
        "  pad ",
    ),
    *("<p>One\nTwo\r\n\n# three</p>", "&amp; &lt;b&gt;", "x\u00a0y", "a\tb", "", "0012", "1,50 €"),
)
#: The columns of each platform, with a product's cells; the picture's column last.
PLATFORMS = {
    "shopify": ("Handle,Title,Option1 Value,Variant SKU,Variant Image,Image Src", "m,Mug,,M-1,"),
    "woocommerce": (
        "ID,Type,SKU,Name,In stock?,Regular price,Tax status,Images",
        "1,simple,,Mug,1,2,",
    ),
    "magento": (
        "sku,product_type,name,attribute_set_code,product_online,base_image",
        "M,simple,Mug,D,1",
    ),
    "prestashop": ("Product ID,Name,Reference,Price (tax incl.),Status,Image", "1,Mug,R,2,1"),
    "bigcommerce": (
        "Product ID,Item Type,Product Name,Product Code/SKU,Product Visible?,Product Image URL - 1",
        "1,Product,Mug,M-1,Y",
    ),
    "akeneo": ("sku,family,enabled,groups,categories,name,image", "M,mugs,1,,c,Mug"),
    "etsy": ("TITLE,PRICE,CURRENCY_CODE,TAGS,MATERIALS,QUANTITY,IMAGE1", "Mug,2,EUR,t,,1"),
    "amazon": ("item_sku,item_name,brand_name,standard_price,main_image_url", "M,Mug,B,2"),
    "google": (
        "id,title,link,availability,condition,image_link",
        "1,Mug,https://s.example,in stock,new",
    ),
    "meta": (
        "id,title,link,availability,condition,fb_product_category,image_link",
        "1,Mug,https://s.example,in stock,new,",
    ),
}


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize(("delimiter", "end"), [(",", "\n"), (";", "\r\n")])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_other_character_stays(
    tmp_path: Path, platform: str, delimiter: str, end: str, quoting: int
) -> None:
    """Quotes, line ends, a BOM, comments, unreadable rows and columns without or of one name."""
    header, cells = (text.split(",") for text in PLATFORMS[platform])
    more = [f"n{number}" for number in range(len(NASTY))]
    columns = [*header, *more, "twice", "twice", "", ""]
    product = [*cells, "OLD", *NASTY, "one", "two", "", ""]
    draft = ["#1" if name == header[0] else "" for name in columns]
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerow(columns)
    writer.writerow(["# Required | An id", *["# Optional"] * (len(columns) - 1)])
    writer.writerow(product)
    text.write(f"broken{delimiter}row{end}{end}")
    writer.writerow(draft)
    text.write(f"# the end{end}")
    data = text.getvalue().encode("utf-8-sig")
    path = tmp_path / "feed.csv"
    path.write_bytes(data)
    shop = shop_feed(path)
    assert shop.feed.platform == platform
    ((made, _, _),) = [each for each in shop.products() if each[0].title == "Mug"]
    images = {made.product_id: ("new.jpg",)}
    written = given_back(platform, shop, images)
    assert written == data.replace(b"OLD", f"{URL}/new.jpg".encode())


def test_an_inch_mark_in_a_tsv_without_quotes(tmp_path: Path) -> None:
    path = tmp_path / "feed.tsv"
    text = 'id\ttitle\tlink\tgtin\tmpn\tcondition\tbrand\n1\tBowl 10"\thttps://s\t0\t\tnew\t"B"\n'
    path.write_text(text)
    _, _, written = give_back(path, "google")
    assert written == text.replace("brand\n", "brand\timage_link\n").replace(
        '"B"\n', f'"B"\t{URL}/1.jpg\n'
    )
