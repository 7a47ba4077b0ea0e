"""Links from Dagster's page to what this pipeline wrote."""

import os

import dagster as dg

from catalog_gen.settings import Home


def gallery_link(home: Home) -> dg.MetadataValue:
    """The gallery: its address where `catalog-gen dev` serves it, else where it lies on disk."""
    address = os.environ.get("CATALOG_GALLERY_URL")
    if address:
        return dg.MetadataValue.url(f"{address}/index.html")
    return dg.MetadataValue.path(str(home.site / "index.html"))
