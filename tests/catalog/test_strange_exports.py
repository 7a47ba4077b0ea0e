"""Exports in other languages, of other versions and of other shop systems."""

from pathlib import Path

import pytest

from catalog_gen.errors import FeedError
from tests.catalog.feed_files import read_bytes

#: WooCommerce's columns in the shop's language: id to name, published, visibility, tax, regular
#: price, categories, parent, and the first attribute's name and values.
WOOCOMMERCE = {
    "fr": "ID,Type,UGS,Nom,Publié,Visibilité dans le catalogue,En stock ?,Tarif régulier,"
    "Catégories,Parent,Nom de l’attribut 1,Valeur(s) de l’attribut 1",  # noqa: RUF001
    "es": "ID,Tipo,SKU,Nombre,Publicado,Visibilidad en el catálogo,¿Existencias?,Precio normal,"
    "Categorías,Superior,Nombre del atributo 1,Valor(es) del atributo 1",
    "it": "ID,Tipo,COD,Nome,Pubblicato,Visibilità nel catalogo,In stock?,Prezzo di listino,"
    "Categorie,Genitore,Nome dell'attributo 1,Valore dell'attributo 1",
    "nl": "ID,Type,SKU,Naam,Gepubliceerd,Zichtbaarheid in catalogus,Op voorraad?,Reguliere prijs,"
    "Categorieën,Hoofd,Naam attribuut 1,Waarde(n) attribuut 1",
    "pl": "ID,Rodzaj,SKU,Nazwa,Opublikowano,Widoczność w katalogu,Na stanie?,Cena regularna,"
    "Kategorie,Nadrzędny,Nazwa atrybutu 1,Wartości atrybutu 1",
    "pt": "ID,Tipo,SKU,Nome,Publicado,Visibilidade no catálogo,Em estoque?,Preço,"
    "Categorias,Ascendente,Nome do atributo 1,Valores do atributo 1",
    "sv": "ID,Typ,Artikelnummer,Namn,Publicerad,Synlighet i katalog,I lager?,Ordinarie pris,"
    "Kategorier,Överordnad,Attribut 1 namn,Attribut 1 värde(n)",
    "da": "ID,Type,Varenummer,Navn,Udgivet,Synlighed i katalog,På lager?,Normalpris,"
    "Kategorier,Forælder,Attribut 1 navn,Attribut 1 værdi(er)",
    "cs": "ID,Typ,Katalogové číslo,Název,Publikováno,Viditelnost v katalogu,Skladem?,Běžná cena,"
    "Kategorie,Nadřazený,Název vlastnosti 1,Hodnoty vlastnosti 1",
}
WOOCOMMERCE_ROWS = """
1,variable,cup,Cup,1,visible,1,,Kitchen > Cups,,Color,"Red, Blue"
2,variation,cup-r,Cup - Red,1,visible,0,"8,00",,cup,Color,Red
3,simple,plate,Plate,-1,visible,1,5,Kitchen,,,
"""


@pytest.mark.parametrize("language", WOOCOMMERCE)
def test_woocommerce_in_the_shops_language(tmp_path: Path, language: str) -> None:
    text = WOOCOMMERCE[language] + WOOCOMMERCE_ROWS
    contents = read_bytes(tmp_path, "export.csv", text.encode("utf-8-sig"))
    assert (contents.platform, contents.skipped) == ("woocommerce", {"draft": 1, "parent": 1})
    (cup,) = contents.products
    assert (cup.product_id, cup.category, cup.group_id) == ("2", "Cups", "cup")
    values = [cup.attributes.get(name) for name in ("colour", "price", "availability", "sku")]
    assert values == ["Red", "8,00", "out of stock", "cup-r"]


#: PrestaShop's product grid: id, picture, name, reference, category, prices, quantity, status.
PRESTASHOP = {
    "en": "Product ID;Image;Name;Reference;Category;Price (tax excl.);Price (tax incl.);"
    "Quantity;Status",
    "fr": "ID produit;Image;Nom;Référence;Catégorie;Prix (HT);Prix (TTC);Quantité;État",
    "de": "ID;Bild;Name;Artikel-Nr.;Kategorie;Preis (zzgl. MwSt.);Preis (inkl. MwSt.);Menge;Status",
    "es": "ID;Imagen;Nombre;Referencia;Categoría;Precio (imp. excl.);Precio (imp. incl.);"
    "Cantidad;Estado",
    "it": "ID;Immagine;Nome;Riferimento;Categoria;Prezzo (tasse escl.);Prezzo (tasse incl.);"
    "Quantità;Stato",
    "nl": "ID;Afbeelding;Naam;Referentie;Categorie;Prijs (excl. btw);Prijs (incl. btw);"
    "Hoeveelheid;Status",
    "pl": "ID;Zdjęcie;Nazwa;Indeks;Kategoria;Cena (netto);Cena (brutto);Ilość;Stan",
    "pt": "ID do produto;Imagem;Nome;Referência;Categoria;Preço (sem impostos);"
    "Preço (com impostos);Quantidade;Estado",
}


def test_a_plain_table_of_a_price_comparison(tmp_path: Path) -> None:
    text = "sku|title|categoryPath|eans|price\nI1|Rote Tasse|Haushalt > Tassen|123|12,90\n"
    (cup,) = read_bytes(tmp_path, "idealo.csv", text.encode()).products
    assert (cup.product_id, cup.category, cup.attributes["gtin"]) == ("I1", "Tassen", "123")


@pytest.mark.parametrize("language", PRESTASHOP)
def test_prestashop_in_the_shops_language(tmp_path: Path, language: str) -> None:
    rows = '7;https://s.example/7.jpg;"Mug ""Phare""";R-7;Mugs;"10,00 €";"12,00 €";3;1\n'
    text = f"{PRESTASHOP[language]}\n{rows}8;;Off;R-8;Mugs;1;2;0;0\n"
    contents = read_bytes(tmp_path, "products.csv", text.encode())
    assert (contents.platform, contents.skipped) == ("prestashop", {"disabled": 1})
    (mug,) = contents.products
    assert (mug.product_id, mug.title, mug.category) == ("7", 'Mug "Phare"', "Mugs")
    values = [mug.attributes.get(name) for name in ("price", "sku", "image_link", "availability")]
    assert values == ["12,00 €", "R-7", "https://s.example/7.jpg", "in stock"]


def test_bigcommerce_pictures_below_and_stock_by_variant(tmp_path: Path) -> None:
    text = """\
Item,ID,Name,Type,SKU,Options,Inventory Tracking,Current Stock,Price,Categories,Is Visible,\
Variant Image URL,Internal Image URL (Export),Image is Thumbnail
Product,1,Journal,physical,SJ,,product,9,25.00,Shop All;Publications/Journals,TRUE,,,
Image,2,,,,,,,,,,,https://s.example/back.jpg,FALSE
Image,3,,,,,,,,,,,https://s.example/cover.jpg,TRUE
Product,4,Linen,physical,FL,,variant,0,49.00,23,TRUE,,,
Variant,5,,,,Type=Swatch|Name=Color|Value=Ink[#000],,0,,,,,,
"""
    journal, ink = read_bytes(tmp_path, "products.csv", text.encode()).products
    assert journal.attributes["image_link"] == "https://s.example/cover.jpg"
    assert (ink.product_id, ink.group_id, ink.attributes["colour"]) == ("5", "FL", "Ink")
    assert ink.attributes["availability"] == "out of stock"


def test_prestashops_import_columns(tmp_path: Path) -> None:
    text = """\
Product ID;Active (0/1);Name *;Categories (x,y,z...);Price tax excluded;Reference #;Visibility;\
Image URLs (x,y,z...);Feature(Name:Value:Position)
1;1;Jug;Home,Jugs;12.5;FJ-1;both;https://s.example/1.jpg,https://s.example/2.jpg;Color:Blue:1
2;1;Nowhere;Home,Jugs;2;FJ-2;none;;
"""
    contents = read_bytes(tmp_path, "products.csv", text.encode())
    assert contents.skipped == {"hidden": 1}
    (jug,) = contents.products
    assert (jug.category, jug.attributes["colour"]) == ("Jugs", "Blue")


UNKNOWN = {
    "types in an unknown language": (
        "ID,Típus,Cikkszám,Név,Közzétéve\n1,variable,cs,Csésze,1\n2,variation,cs-p,Piros,-1\n",
        "several kinds in its column 'Típus'",
    ),
    "Wix": (
        "handleId,fieldType,name,sku,price,productOptionName1\np1,Product,Tee,T,9,Size\n"
        "p1,Variant,,T-S,9,\n",
        "several kinds in its column 'fieldType'",
    ),
    "Squarespace": (
        "Product ID [Non Editable],Variant ID [Non Editable],Title,SKU,Option Name 1,"
        "Option Value 1,Price\n1,2,Tee,T-R,Color,Red,9\n,3,,T-B,,Blue,9\n1,4,Cap,C,,,9\n",
        "1 of its 3 rows have no id or no title",
    ),
    "Shopware": (
        "id;parent_id;product_number;active;name\na;;SW1;1;Jug\nb;a;SW1.1;;\nc;;SW2;1;Cup\n",
        "1 of its 3 rows have no id or no title",
    ),
    "OpenCart": ("product_id,name(en-gb),model,status\n28,Phone,P1,true\n", "no column for titles"),
    "eBay": (
        "*Action(SiteID=UK),CustomLabel,*Category,*Title\nAdd,FT,15687,Tee\n",
        "no column for product ids",
    ),
    "Google's local inventory": ("store code\tid\tquantity\nS1\t1\t3\n", "no column for titles"),
}


@pytest.mark.parametrize("system", UNKNOWN)
def test_tables_that_would_be_half_understood_are_refused(tmp_path: Path, system: str) -> None:
    text, rule = UNKNOWN[system]
    with pytest.raises(FeedError, match=rule) as refused:
        read_bytes(tmp_path, "export.csv", text.encode())
    assert "aliases" in str(refused.value)


def test_walmarts_states(tmp_path: Path) -> None:
    text = (
        "SKU,Product Name,Lifecycle Status,Publish Status,Product Category\n"
        "W1,Mug,ACTIVE,PUBLISHED,Home\nW2,Old,RETIRED,UNPUBLISHED,Home\nW3,New,ACTIVE,UNPUBLISHED,\n"
    )
    contents = read_bytes(tmp_path, "items.csv", text.encode())
    assert contents.skipped == {"archived": 1, "unpublished": 1}
    assert [product.product_id for product in contents.products] == ["W1"]
