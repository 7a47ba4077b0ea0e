"""Feeds written as shops write them, for the tests of the readers."""

import csv
import gzip
import io
import json
from collections.abc import Sequence
from pathlib import Path

from catalog_gen.catalog.contents import FeedContents
from catalog_gen.catalog.feeds import read_feed
from catalog_gen.settings.feed import FeedSettings

HEADER = ("id", "title", "product_type", "description", "color", "price")
ROWS = (
    ("m-1", "Blue mug", "Home > Kitchen > Mugs", "A <b>blue</b> mug", "blue", "9.50 EUR"),
    ("m-2", "Teekännchen für zwei", "Home > Kitchen > Teapots", "Größe M", "grün", "19.00 EUR"),
    ("m-3", 'Plate, 10" wide', "Home > Plates", "Line one\nline two", "white", "4.00 EUR"),
)

GOOGLE_XML = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0">
<channel><title>Shop</title><link>https://shop.example</link>
<item>
  <title>Mug in the reader's view</title>
  <g:id>m-1</g:id><g:title>Blue mug</g:title>
  <g:description>A &lt;b&gt;blue&lt;/b&gt; mug</g:description>
  <g:google_product_category>2169</g:google_product_category>
  <g:product_type>Home &gt; Mugs</g:product_type>
  <g:color>blue</g:color>
  <g:additional_image_link>https://a.example/1.jpg</g:additional_image_link>
  <g:additional_image_link>https://a.example/2.jpg</g:additional_image_link>
  <g:shipping><g:country>DE</g:country><g:price>4.90 EUR</g:price></g:shipping>
</item>
<item><g:id>m-2</g:id><g:title>Teekännchen</g:title></item>
<item><g:id>m-3</g:id></item>
</channel></rss>
"""

ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0">
<title>Shop</title>
<entry><g:id>a-1</g:id><title>Lamp</title><link href="https://shop.example/a-1"/></entry>
</feed>
"""

SHOPIFY = """Handle,Title,Body (HTML),Vendor,Type,Option1 Name,Option1 Value,Option2 Name,\
Option2 Value,Variant SKU,Variant Price,Image Src,Google Shopping / Gender
tee,Linen tee,<p>Soft</p>,Weaver,Tops > Tees,Color,Red,Size,S,TEE-R-S,20.00,https://a/1.jpg,unisex
tee,,,,,,Blue,,M,,21.00,,
tee,,,,,,,,,,,https://a/2.jpg,
mug,Mug,<p>Round</p>,Potter,Mugs,Title,Default Title,,,,8.00,https://a/3.jpg,
mug,,,,,,,,,,,https://a/4.jpg,
,Nameless,,,,,,,,X-1,1.00,,
"""

BIGCOMMERCE = """\
Item,ID,Name,Type,SKU,Options,Inventory Tracking,Current Stock,Price,Categories,Description,\
Is Visible,Brand ID,Variant Image URL,Image URL (Import)
Product,77,Tarn Mug,physical,TARN,,variant,,14.00,Shop All/Mugs;Sale,<p>Thrown.</p>,TRUE,3,,
Image,501,,,,,,,,,,,,,https://s.example/tarn.jpg
Variant,901,,,TARN-R,Type=Swatch|Name=Colour|Value=Red[#f00],,4,,,,,,https://s.example/r.jpg,
Variant,902,,,TARN-B,Type=Swatch|Name=Colour|Value=Blue[#00f],,0,15.00,,,,,,
Product,78,Gill Bowl,physical,GILL,,none,,9.00,Bowls,,FALSE,3,,
"""

BIGCOMMERCE_OLDER = """\
Item Type,Product ID,Product Name,Product Type,Product Code/SKU,Brand Name,Option Set,\
Product Description,Price,Product Visible?,Category,Product Image URL - 1,Product UPC/EAN
Product,77,Tarn Mug,P,TARN,Tarn,Mugs,<p>Thrown.</p>,14.00,Y,Kitchen/Mugs,https://s.example/t.jpg,
  SKU,,"[CS]Colour=Red:#ff0000,[RT]Size=Small",,TARN-R-S,,,,,,,,4006381333931
  Rule,,,,TARN-R-S,,,,,,,,
Product,78,Gill Bowl,P,GILL,Tarn,,,9.00,N,Kitchen/Bowls,,
"""

ETSY = """\
TITLE,DESCRIPTION,PRICE,CURRENCY_CODE,QUANTITY,TAGS,MATERIALS,IMAGE1,IMAGE2,VARIATION 1 TYPE,\
VARIATION 1 NAME,VARIATION 1 VALUES,SKU
"Mug &quot;Fen&quot;, Red",By hand.,24.00,EUR,3,mug,"Stoneware,Glaze",https://i.example/1.jpg,\
https://i.example/2.jpg,,,,FEN-R
Fen Bowl,By hand.,30.00,EUR,1,bowl,Stoneware,https://i.example/3.jpg,,Primary color,Colour,\
"Red,Blue","FB-R,FB-B"
"""

META = """\
# Required | The id,# Required | The title,# Required | Availability,# Required | Condition,\
# Required | Price,# Required | Link,# Required | Picture,# Optional | Status
id,title,availability,condition,price,link,image_link,status
#1001,Red mug,in stock,new,9.00 EUR,https://s.example/1,https://s.example/1.jpg,active
1002,Blue mug,in stock,new,9.00 EUR,https://s.example/2,https://s.example/2.jpg,archived
"""


def csv_text(rows: Sequence[Sequence[str]], delimiter: str = ",") -> str:
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter).writerows([HEADER, *rows])
    return stream.getvalue()


def jsonl_text(rows: Sequence[Sequence[str]]) -> str:
    return "".join(json.dumps(dict(zip(HEADER, row, strict=True))) + "\n" for row in rows)


def read_bytes(folder: Path, name: str, data: bytes, **settings: object) -> FeedContents:
    """Write a feed and read it; the counts always agree."""
    path = folder / name
    path.write_bytes(data)
    contents = read_feed(path, FeedSettings.model_validate({"path": path, **settings}))
    skipped = sum(contents.skipped.values())
    assert len(contents.products) + len(contents.rejections) + skipped == contents.rows_read
    return contents


def packed(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)
