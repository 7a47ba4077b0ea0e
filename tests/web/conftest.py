"""A shop after one night, whose pictures wait for a person, and the page over it."""

import sys
from collections.abc import Iterator

import pytest

from catalog_gen.web.desk import Desk, open_desk
from tests.pipeline.shop import Shop
from tests.pipeline.test_mending import save_photo, with_photos


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Three products, one of them with a photo that can be read; nothing is accepted."""
    shop = with_photos(tmp_path_factory.mktemp("studio"))
    save_photo(shop, "one.png", 90)
    rubric = shop.folder / "rubric.toml"
    text = rubric.read_text("utf-8").replace("calibrated = true", "calibrated = false")
    rubric.write_text(text, "utf-8")
    shop.night("first")
    return shop


@pytest.fixture(scope="package")
def desk(shop: Shop) -> Iterator[Desk]:
    """The page's own state, as `catalog-gen studio` opens it."""
    with open_desk(shop.catalog, shop.config) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _main_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit makes a page's script `__main__`, which later processes would run anew."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
