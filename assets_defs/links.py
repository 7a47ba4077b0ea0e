"""Links from Dagster's web UI to this pipeline's output."""

import os

import dagster as dg

from catalog_gen.home import Home


def gallery_link(home: Home, show: str = "") -> dg.MetadataValue:
    """The gallery's address if `catalog-gen dev` serves it, else its path on disk.

    ``show`` is one of the gallery's filters (docs/gallery.md), such as "failed".
    """
    address = os.environ.get("CATALOG_GALLERY_URL")
    if address:
        filtered = f"#show={show}" if show else ""
        return dg.MetadataValue.url(f"{address}/index.html{filtered}")
    return dg.MetadataValue.path(str(home.site / "index.html"))
