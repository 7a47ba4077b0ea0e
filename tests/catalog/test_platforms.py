"""Exports of shop platforms are recognised by their columns; the cases are in ``platforms/``."""

from pathlib import Path

import pytest

from catalog_gen.catalog.contents import FeedContents
from catalog_gen.catalog.feeds import read_feed
from catalog_gen.catalog.product import Product
from catalog_gen.errors import FeedError
from catalog_gen.settings.feed import FeedSettings
from tests.catalog.feed_files import BIGCOMMERCE, BIGCOMMERCE_OLDER, ETSY, META, read_bytes

CASES = Path(__file__).parent / "platforms"


def read(name: str, **settings: object) -> FeedContents:
    path = CASES / name
    return read_feed(path, FeedSettings.model_validate({"path": path, **settings}))


def values_of(product: Product, *names: str) -> list[str]:
    fields = product.fields()
    return [fields.get(name, "") for name in names]


def rows(contents: FeedContents, *names: str) -> list[list[str]]:
    assert contents.rejections == ()
    return [values_of(product, *names) for product in contents.products]


def test_shopify_options_variants_and_states() -> None:
    contents = read("shopify_roundtrip.csv")
    assert (contents.platform, contents.rows_read) == ("shopify", 7)
    assert contents.skipped == {"archived": 1, "draft": 1}
    assert rows(contents, "product_id", "group_id", "colour", "size", "gtin", "availability") == [
        ["DN-R-S", "dune-mug", "Red", "Small", "4006381333931", "in stock"],
        ["DN-R-L", "dune-mug", "Red", "Large", "4006381333948", "in stock"],
        ["DN-B-S", "dune-mug", "Blue", "Small", "4006381333955", "in stock"],
        ["DN-B-L", "dune-mug", "Blue", "Large", "4006381333962", "out of stock"],
        ["LG-VASE", "lagoon-vase", "", "", "", "in stock"],
    ]


def test_shopify_new_column_names() -> None:
    contents = read("shopify_new_template.csv")
    assert contents.platform == "shopify"
    assert rows(contents, "product_id", "group_id", "category", "colour", "image_link") == [
        ["HB-R-S", "harbour-mug", "Coffee Mugs", "Red", "https://cdn.shop.example/hb-red.jpg"],
        ["HB-R-L", "harbour-mug", "Coffee Mugs", "Red", "https://cdn.shop.example/hb.jpg"],
        ["HB-B-S", "harbour-mug", "Coffee Mugs", "Blue", "https://cdn.shop.example/hb-blue.jpg"],
    ]


def test_shopify_master_row_is_no_variant() -> None:
    contents = read("shopify_master_row.csv")
    assert contents.rows_read == 2
    assert rows(contents, "product_id", "colour", "price") == [
        ["MOOR-R", "Red", "12.00"],
        ["MOOR-B", "Blue", "12.00"],
    ]


def test_shopify_variants_that_share_a_sku() -> None:
    assert rows(read("shopify_shared_sku.csv"), "product_id", "size") == [
        ["kelp-top-Black-S", "S"],
        ["kelp-top-Black-M", "M"],
        ["kelp-top-Black-L", "L"],
    ]


def test_a_long_quoted_cell_is_one_cell() -> None:
    contents = read("long_html_cell.csv")
    assert contents.rows_read == 2
    assert rows(contents, "product_id", "title") == [
        ["GLEN-1", "Glen Green Mug"],
        ["FELL-1", "Fell Red Mug"],
    ]


def test_woocommerce() -> None:
    contents = read("woocommerce_export.csv")
    assert (contents.platform, contents.skipped) == ("woocommerce", {"draft": 1, "parent": 1})
    assert rows(
        contents, "product_id", "title", "category", "colour", "size", "group_id", "price"
    ) == [
        ["91", "Ridge Mug & Saucer - Red, S", "Mugs", "Red", "S", "ridge-mug", "12,00"],
        ["92", "Ridge Mug & Saucer - Red, L", "Mugs", "Red", "L", "ridge-mug", "14,00"],
        ["93", "Ridge Mug & Saucer", "Mugs", "Blue", "", "ridge-mug", "14,00"],
    ]
    assert values_of(contents.products[0], "image_link", "brand", "description", "sku") == [
        "https://shop.example/r-red.jpg",
        "Ridge",
        "Two pieces.",
        "ridge-mug-red-s",
    ]


GERMAN_WOOCOMMERCE = """\
ID,Typ,Artikelnummer,Name,Veröffentlicht,"Sichtbarkeit im Katalog",Beschreibung,"Vorrätig?",\
"Regulärer Preis",Kategorien,Bilder,Übergeordnet,"Attribut 1 Name","Attribut 1 Wert(e)"
1,variable,tasse,Tasse,1,visible,Handgedreht.,1,,"Küche > Tassen",,,Farbe,"Rot, Blau"
2,variation,tasse-rot,"Tasse - Rot",1,visible,,1,"12,00",,https://s.example/rot.jpg,tasse,Farbe,Rot
3,"simple, virtual",,Gutschein,0,visible,,1,"20,00",Gutscheine,,,,
"""


def test_woocommerce_in_german(tmp_path: Path) -> None:
    contents = read_bytes(tmp_path, "export.csv", GERMAN_WOOCOMMERCE.encode("utf-8-sig"))
    assert (contents.platform, contents.skipped) == ("woocommerce", {"parent": 1, "private": 1})
    assert rows(contents, "product_id", "category", "colour", "group_id", "description") == [
        ["2", "Tassen", "Rot", "tasse", "Handgedreht."]
    ]


def test_a_woocommerce_parent_without_variations_in_the_file_is_a_product(tmp_path: Path) -> None:
    kept = [line for line in GERMAN_WOOCOMMERCE.splitlines() if ",variation," not in line]
    contents = read_bytes(tmp_path, "export.csv", "\n".join(kept).encode())
    assert rows(contents, "product_id", "title") == [["1", "Tasse"]]


def test_magento() -> None:
    contents = read("magento_export.csv")
    assert contents.platform == "magento"
    assert contents.skipped == {"disabled": 1, "parent": 1, "translation": 1}
    assert rows(contents, "product_id", "category", "colour", "material", "group_id") == [
        ["VL-MUG-R", "Mugs", "Red", "Stoneware", "VL-MUG"]
    ]


def test_prestashop_reference_is_an_article_number() -> None:
    contents = read("prestashop_reference.csv")
    assert (contents.platform, contents.skipped) == ("prestashop", {"disabled": 1})
    assert rows(contents, "product_id", "reference", "sku", "price", "category") == [
        ["11", "", "FJ-4711", "15,00", "Mugs"]
    ]


def test_akeneo_locales() -> None:
    contents = read("akeneo_products.csv")
    assert (contents.platform, contents.skipped) == ("akeneo", {"disabled": 1})
    assert rows(contents, "product_id", "title", "description", "colour", "group_id") == [
        ["BK-MUG-R", "Beck Red Mug", "Glazed.", "red", "BK-MUG"]
    ]
    german = read("akeneo_products.csv", aliases={"name-de_DE": "title"})
    assert german.products[0].title == "Becher Beck rot"


def test_amazon_header_below_its_template_lines() -> None:
    contents = read("amazon_flat_file.txt")
    assert (contents.platform, contents.skipped) == ("amazon", {"parent": 1})
    assert rows(contents, "product_id", "title", "colour", "material", "group_id") == [
        ["CB-MUG-R", "Combe Stoneware Mug, Red", "Red", "Stoneware", "CB-MUG"]
    ]


def test_google_apparel() -> None:
    contents = read("google_apparel.xml")
    assert (contents.platform, contents.rows_read) == ("google", 3)
    assert rows(contents, "product_id", "title", "category", "size") == [
        ["TRAIL-OR-S", "Trail Rucksack & Raincover, Orange", "Backpacks", "S"],
        ["TRAIL-OR-L", "Trail Rucksack, Orange", "Backpacks", "L"],
        ["@HOME-7", "@home Black Dining Chair", "Chairs", ""],
    ]


def test_atom_summary_and_links() -> None:
    assert rows(read("atom_summary.xml"), "product_id", "description", "link") == [
        ["TOR-1", "Thrown by hand.", "https://shop.example/p/tor"]
    ]


def test_sizes_of_one_look_are_products_of_one_group() -> None:
    contents = read("size_variants.csv")
    assert contents.platform == "google"
    assert len(contents.products) == 10
    assert {product.group_id for product in contents.products} == {"PEAT"}


def test_older_encodings() -> None:
    german = read("excel_de.csv")
    assert (german.encoding, german.products[0].title) == ("cp1252", "Kaffeebecher grün, 350 ml")
    russian = read("windows_1251.csv")
    assert (russian.encoding, russian.products[0].title) == ("cp1251", "Керамическая кружка")


def test_bigcommerce(tmp_path: Path) -> None:
    contents = read_bytes(tmp_path, "export.csv", BIGCOMMERCE.encode())
    assert (contents.platform, contents.skipped) == ("bigcommerce", {"hidden": 1, "parent": 1})
    assert rows(contents, "product_id", "title", "colour", "group_id", "price", "category") == [
        ["TARN-R", "Tarn Mug", "Red", "TARN", "14.00", "Mugs"],
        ["TARN-B", "Tarn Mug", "Blue", "TARN", "15.00", "Mugs"],
    ]
    older = read_bytes(tmp_path, "older.csv", BIGCOMMERCE_OLDER.encode())
    assert (older.platform, older.skipped) == ("bigcommerce", {"hidden": 1, "parent": 1})
    assert rows(older, "product_id", "title", "colour", "size", "group_id", "gtin") == [
        ["TARN-R-S", "Tarn Mug", "Red", "Small", "TARN", "4006381333931"]
    ]


def test_etsy(tmp_path: Path) -> None:
    contents = read_bytes(tmp_path, "EtsyListingsDownload.csv", ETSY.encode())
    assert contents.platform == "etsy"
    mug, bowl = contents.products
    assert values_of(mug, "product_id", "title", "price", "material", "image_link") == [
        "FEN-R",
        'Mug "Fen", Red',
        "24.00 EUR",
        "Stoneware, Glaze",
        "https://i.example/1.jpg",
    ]
    assert bowl.product_id.startswith("fen-bowl-")
    assert "colour" not in bowl.attributes


def test_meta_with_its_row_of_comments(tmp_path: Path) -> None:
    above = META.encode()
    comment, header, *rest = META.splitlines()
    below = "\n".join([header, comment, *rest]).encode()
    for data in (above, below):
        contents = read_bytes(tmp_path, "catalog.csv", data)
        assert (contents.platform, contents.skipped) == ("meta", {"archived": 1})
        assert rows(contents, "product_id", "title") == [["#1001", "Red mug"]]


def test_lines_above_the_header(tmp_path: Path) -> None:
    header = "id;title;preis\n1;Tasse;9,50\n"
    for above in ("sep=;\n", '"sep=;"\n', "\n\n", "# stock list\n", "Export of 2026-11-20\n\n"):
        contents = read_bytes(tmp_path, "feed.csv", (above + header).encode())
        assert rows(contents, "product_id", "title", "price") == [["1", "Tasse", "9,50"]]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("nr,wort\n1,Mug\n", "no column for product ids and none for titles"),
        ("id,wort\n1,Mug\n", "no column for titles; its columns are: id, wort"),
        ("nr,title\n1,Mug\n", "no column for product ids; its columns are: nr, title"),
    ],
)
def test_unknown_columns_are_refused_with_the_alias_to_set(
    tmp_path: Path, text: str, rule: str
) -> None:
    with pytest.raises(FeedError, match=rule) as caught:
        read_bytes(tmp_path, "feed.csv", text.encode())
    assert "aliases = {" in caught.value.next_step


def test_a_platform_can_be_set(tmp_path: Path) -> None:
    text = "id,title,status\n1,Mug,draft\n"
    plain = read_bytes(tmp_path, "feed.csv", text.encode(), platform="plain")
    assert plain.skipped == {"draft": 1}


def test_states_of_a_plain_table(tmp_path: Path) -> None:
    text = "id,title,active\n1,Mug,1\n2,Cup,0\n3,Pot,\n4,Jug,no\n"
    contents = read_bytes(tmp_path, "feed.csv", text.encode())
    assert (len(contents.products), contents.skipped) == (2, {"disabled": 2})


def test_unpriced_parents_of_a_plain_table(tmp_path: Path) -> None:
    text = "id,title,price,parent_id\nM,Mug,0.00,\nM-R,Mug red,9.00,M\nM-B,Mug blue,9.00,M\n"
    contents = read_bytes(tmp_path, "feed.csv", text.encode())
    assert contents.skipped == {"parent": 1}
    assert [product.product_id for product in contents.products] == ["M-R", "M-B"]
    first_is_the_group = text.replace("M,Mug,0.00", "M,Mug,8.00")
    assert len(read_bytes(tmp_path, "feed.csv", first_is_the_group.encode()).products) == 3


AMAZON = """\
settings=attributeRow=3&dataRow=5\tlabels\t\t\t\t\t
SKU\tListing Action\tParentage Level\tParent SKU\tItem Name\tColour\tMain Image URL
contribution_sku#1.value\t::record_action\tparentage_level[marketplace_id=A1]#1.value\t\
child_parent_sku_relationship[marketplace_id=A1]#1.parent_sku\t\
item_name[marketplace_id=A1][language_tag=de_DE]#1.value\t\
color[marketplace_id=A1][language_tag=de_DE]#1.value\t\
main_product_image_locator[marketplace_id=A1]#1.media_location
ABC123\t(Default) Create or Replace (Full Update)\tChild\t\tAn example of Amazon's\tRed\t
CUP\tCreate or Replace (Full Update)\tParent\t\tBecher\t\t
CUP-R\tCreate or Replace (Full Update)\tChild\tCUP\tBecher rot\tRot\thttps://c.example/r.jpg
CUP-B\tDelete\tChild\tCUP\tBecher blau\tBlau\t
"""


def test_amazons_template_of_today_with_its_example(tmp_path: Path) -> None:
    contents = read_bytes(tmp_path, "template.txt", AMAZON.encode())
    assert (contents.platform, contents.skipped) == (
        "amazon",
        {"deleted": 1, "example": 1, "parent": 1},
    )
    assert rows(contents, "product_id", "colour", "group_id", "image_link") == [
        ["CUP-R", "Rot", "CUP", "https://c.example/r.jpg"]
    ]


METAFIELDS = """\
Title,URL handle,Vendor,SKU,Option1 name,Option1 value,Price,Product image URL,\
Color (product.metafields.shopify.color-pattern),Fabric (product.metafields.shopify.fabric)
Shirt,shirt,W,S-W,Farbe,White,49.00,https://c.example/1.jpg,white; blue,linen
,shirt,,S-B,,Blue,49.00,,,
Mug,mug,W,M-1,Title,Default Title,9.00,https://c.example/2.jpg,green,
"""


def test_shopifys_metafields_add_to_the_options(tmp_path: Path) -> None:
    contents = read_bytes(tmp_path, "products.csv", METAFIELDS.encode())
    assert rows(contents, "product_id", "colour", "material") == [
        ["S-W", "White", "linen"],
        ["S-B", "Blue", "linen"],
        ["M-1", "green", ""],
    ]


def test_categories_and_pictures_that_say_nothing(tmp_path: Path) -> None:
    text = (
        "ID,Type,SKU,Name,Published,Visibility in catalog,In stock?,Regular price,Categories\n"
        '1,simple,A,Card,1,visible,1,10,Uncategorized\n2,simple,B,Mug,1,visible,1,10,"Sale, Mugs"\n'
    )
    assert rows(read_bytes(tmp_path, "woo.csv", text.encode()), "category") == [[""], ["Mugs"]]
    text = (
        "sku,store_view_code,attribute_set_code,product_type,categories,name,product_online,"
        "base_image,url_key\nA,,Default,simple,Default Category/Mugs,Mug,1,no_selection,mug\n"
    )
    contents = read_bytes(tmp_path, "magento.csv", text.encode())
    assert rows(contents, "category", "image_link") == [["Mugs", ""]]


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        (
            "orders.csv",
            "Name,Email,Financial Status,Paid at,Lineitem name,Id\n#1,a@b.c,paid,,M,1\n",
            "is a list of orders, not of products",
        ),
        (
            "customers.csv",
            "id,title,Vorname,Nachname,E-Mail\n1,Frau,A,B,a@b.c\n",
            "is a list of customers, not of products",
        ),
        (
            "inventory.csv",
            "Handle,Title,Option1 Name,Option1 Value,SKU,HS Code,COO,Location\nm,Mug,,,M-1,,,S\n",
            "is a list of stock by location, not of products",
        ),
        (
            "wix.csv",
            "handleId,fieldType,name,sku,price\np1,Product,Shirt,,49\np1,Variant,,S-W,0\n"
            "p1,Variant,,S-B,0\np2,Product,Mug,M-1,9\n",
            "has rows of several kinds in its column 'fieldType'",
        ),
        (
            "api.json",
            '{\n  "products": [\n    {"id": 1}\n  ]\n}\n',
            "has not one JSON object on each line",
        ),
        ("array.csv", '[{"id": 1, "title": "Mug"}]', "is a JSON array"),
    ],
)
def test_tables_without_products_are_refused(
    tmp_path: Path, name: str, text: str, rule: str
) -> None:
    with pytest.raises(FeedError, match=rule):
        read_bytes(tmp_path, name, text.encode())


def test_how_a_product_is_sold_is_no_category(tmp_path: Path) -> None:
    text = (
        "id,Title,Product Type,Product categories\n"
        "1,Mug,simple,Kitchen>Mugs|Sale\n2,Tee,variable,Clothing\n3,Lamp,Lamps,Light\n"
    )
    contents = read_bytes(tmp_path, "export.csv", text.encode())
    assert rows(contents, "category") == [["Mugs"], ["Clothing"], ["Lamps"]]


def test_woocommerces_lists_of_values(tmp_path: Path) -> None:
    text = (
        "ID,Type,SKU,Name,Published,In stock?,Regular price,Attribute 1 name,Attribute 1 value(s)\n"
        '1,simple,A,Card,1,1,10,Material,"Paper \\, matte | Card"\n'
    )
    contents = read_bytes(tmp_path, "woo.csv", text.encode())
    assert rows(contents, "material") == [["Paper, matte, Card"]]
