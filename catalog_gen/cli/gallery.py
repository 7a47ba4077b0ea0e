"""`catalog-gen gallery`: write the gallery page and print its path."""

import webbrowser
from pathlib import Path

from catalog_gen.cli.output import answers
from catalog_gen.home import Home
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.gallery import write_catalog_gallery


def run(config: Path, open_page: bool) -> None:
    """Write the page; with ``open_page``, show it."""
    page = write_catalog_gallery(Catalog.open(config, Home.from_environment()))
    answers.print(str(page), soft_wrap=True)
    if open_page:
        webbrowser.open(page.as_uri())
