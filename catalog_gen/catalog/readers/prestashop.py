"""PrestaShop: the product grid's export, and the columns of its CSV import.

``Reference`` is the article number, not a photo. The grid writes its headers in the language of
the back office; besides English, this reader knows French, German, Spanish, Italian, Dutch,
Polish and Portuguese.

Source: https://docs.prestashop-project.org/ (Advanced parameters > Import) and the sample files of
PrestaShop 8.
"""

import re
from typing import ClassVar

from catalog_gen.catalog.aliases import Naming
from catalog_gen.catalog.readers.reader import (
    Reader,
    Translation,
    Understand,
    is_number,
    main_path,
    record_of,
)
from catalog_gen.catalog.readers.record import Record, Row, Skipped, Table
from catalog_gen.catalog.readers.states import is_no, not_for_sale, stock_word


class PrestaShop(Reader):
    """PrestaShop's product list."""

    title: ClassVar = "PrestaShop"
    marks: ClassVar = frozenset(
        {
            *("reference", "price (tax excl.)", "price (tax incl.)", "final price", "base price"),
            *("active (0/1)", "categories (x,y,z...)", "price tax excluded", "price tax included"),
            *("reference #", "image urls (x,y,z...)", "on sale (0/1)", "name *", "product id"),
            *("référence", "prix (ht)", "prix (ttc)", "prix de base", "prix final"),
            *("preis (zzgl. mwst.)", "preis (inkl. mwst.)", "artikel-nr.", "produkt-id"),
            *("referencia", "precio (imp. excl.)", "precio (imp. incl.)", "cantidad"),
            *("precio base", "precio final", "precio (sin iva)", "precio (con iva)"),
            *("riferimento", "prezzo (tasse escl.)", "prezzo (tasse incl.)", "quantità"),
            *("referentie", "prijs (excl. btw)", "prijs (incl. btw)", "hoeveelheid", "aantal"),
            *("indeks", "cena (netto)", "cena (brutto)", "cena bez podatku", "cena z podatkiem"),
            *("referência", "preço (sem iva)", "preço (com iva)", "preço (imp. excl.)"),
            *("preço (imp. incl.)", "preço (sem impostos)", "preço (com impostos)"),
            *("id do produto", "id_product", "id_category_default", "id_manufacturer"),
            *("wholesale price", "tax rules id", "supplier reference #", "link_rewrite"),
        }
    )
    columns: ClassVar = {
        "product_id": (
            *("product id", "id", "id_product", "produkt-id", "id produit", "id prodotto"),
            *("id du produit", "id del producto", "id do produto", "id produktu"),
        ),
        "title": ("name", "name *", "nom", "nombre", "nome", "naam", "nazwa"),
        "sku": (
            *("reference", "reference #", "référence", "artikel-nr.", "referencia", "riferimento"),
            *("referentie", "indeks", "referência", "artikelnummer", "referenz"),
        ),
        "_categories": (
            *("categories (x,y,z...)", "category", "categories", "catégorie", "kategorie"),
            *("categoría", "categoria", "categorie", "kategoria"),
        ),
        "_price": (
            *("price tax included", "price (tax incl.)", "prix (ttc)", "preis (inkl. mwst.)"),
            *("precio (imp. incl.)", "prezzo (tasse incl.)", "final price", "prix final"),
            *("precio (con iva)", "precio final", "prijs (incl. btw)", "cena (brutto)"),
            *("cena z podatkiem", "preço (com iva)", "preço (imp. incl.)", "preis (brutto)"),
            "preço (com impostos)",
        ),
        "_net_price": (
            *("price tax excluded", "price (tax excl.)", "prix (ht)", "preis (zzgl. mwst.)"),
            *("precio (imp. excl.)", "prezzo (tasse escl.)", "base price", "prix de base"),
            *("precio (sin iva)", "precio base", "prijs (excl. btw)", "cena (netto)"),
            *("cena bez podatku", "preço (sem iva)", "preço (imp. excl.)", "preis (netto)"),
            "preço (sem impostos)",
        ),
        "_status": (
            *("status", "active (0/1)", "active", "displayed", "enabled", "état", "statut"),
            *("aktiviert", "estado", "stato", "activé", "stan", "zustand", "ingeschakeld"),
        ),
        "_quantity": (
            *("quantity", "quantité", "menge", "cantidad", "quantità", "hoeveelheid", "aantal"),
            *("ilość", "quantidade"),
        ),
        "image_link": ("image", "bild", "imagen", "immagine", "afbeelding", "zdjęcie", "imagem"),
        "_images": ("image urls (x,y,z...)", "image urls"),
        "description": ("description", "beschreibung"),
        "_short": ("summary", "short description", "description_short"),
        "brand": ("manufacturer", "brand", "marke", "marque"),
        "gtin": ("ean13", "ean-13", "ean"),
        "_features": (
            *("feature (name:value:position:customized)", "feature(name:value:position)"),
            *("feature (name:value:position)", "features"),
        ),
        "_page": ("url rewritten", "link_rewrite"),
        "_visibility": ("visibility",),
        "condition": ("condition",),
    }

    def score(self, names: frozenset[str]) -> int:
        return super().score(names) if names & set(self.columns["product_id"]) else 0

    def understand(self, table: Table, naming: Naming) -> Understand:
        translation = Translation(self.columns, naming)

        def understood(record: Record) -> Row:
            fields = translation.fields(record)
            status = fields.get("_status", "")
            if why := not_for_sale(status) or ("disabled" if is_no(status) else ""):
                return Skipped(record.line, why)
            if fields.get("_visibility", "").casefold() == "none":
                return Skipped(record.line, "hidden")
            return record_of(record.line, _product(fields))

        return understood


def _product(fields: dict[str, str]) -> dict[str, str]:
    product = dict(fields)
    if "_categories" in fields:
        listed = [re.split(r"[>/]", path) for path in fields["_categories"].split(",")]
        product["product_type"] = main_path(path for path in listed if not is_number(path))
    if price := fields.get("_price") or fields.get("_net_price"):
        product["price"] = price
    images = [each.strip() for each in fields.get("_images", "").split(",") if each.strip()]
    if images:
        product["image_link"] = images[0]
        product["additional_image_link"] = ", ".join(images[1:])
    if "_short" in fields:
        product.setdefault("description", fields["_short"])
    if "_quantity" in fields:
        product["availability"] = stock_word(fields["_quantity"])
    for feature in fields.get("_features", "").split(","):
        name, *rest = feature.split(":")
        if rest and rest[0].strip():
            product.setdefault(name.strip(), rest[0].strip())
    number = fields.get("product_id", "")
    if number:
        product["page"] = f"index.php?controller=product&id_product={number}"
    return product
