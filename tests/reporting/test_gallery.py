import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from catalog_gen.reporting.gallery import render_gallery, write_gallery
from catalog_gen.reporting.gallery_data import (
    GalleryData,
    GalleryImage,
    GalleryProduct,
    GalleryRejection,
    GalleryView,
)

HOSTILE = "</script><script>alert(1)</script><!--<img src=x onerror=alert(1)> & \u2028 \"'"


def image(number: int = 0, *, live: bool = True, **changes: object) -> GalleryImage:
    base = GalleryImage(
        image_id=f"{number:064x}",
        sha256=f"{number + 16:064x}",
        number=number,
        decision="accepted",
        live=live,
        total=9,
        criteria={"artifacts": (1, "It has 1 parts too many.")},
        hard_failures=(),
        reason="new",
        prompt="product photo of one red mug",
        negative_prompt="",
        seed=2**62 + 1,
        model_hash="a" * 64,
        settings="text2img, ddim, 20 steps",
        similarity=0.3,
        margin=0.1,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def catalog(*products: GalleryProduct, **changes: object) -> GalleryData:
    base = GalleryData(
        title="Sample shop",
        written_at=datetime(2026, 11, 21, 2, 4, tzinfo=UTC),
        run_id="4e1d0a77",
        publication_id=3,
        coverage=0.5,
        products=products,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def mug(*images: GalleryImage, **changes: object) -> GalleryProduct:
    base = GalleryProduct("SKU-1", "Red mug", "mug", (GalleryView("packshot", images),))
    return replace(base, **changes)  # type: ignore[arg-type]


def products_of(page: str) -> list[dict[str, object]]:
    element = BeautifulSoup(page, "html.parser").find("script", type="application/json")
    assert element is not None
    found: list[dict[str, object]] = json.loads(element.text)
    return found


def bytes_of(sha256: str) -> bytes:
    return f"picture {sha256}".encode()


def test_the_page_and_its_pictures(tmp_path: Path) -> None:
    page = write_gallery(catalog(mug(image(0), image(1, live=False))), tmp_path, bytes_of)
    assert page == tmp_path / "index.html"
    (product,) = products_of(page.read_text("utf-8"))
    first, second = product["views"][0]["images"]  # type: ignore[index]
    assert (first["live"], second["live"]) == (True, False)
    assert first["seed"] == str(2**62 + 1)
    for shown in (first, second):
        assert (tmp_path / shown["file"]).read_bytes() == bytes_of(Path(shown["file"]).stem)


def test_the_live_picture_comes_first() -> None:
    page = render_gallery(catalog(mug(image(0, live=False), image(1), image(2, live=False))))
    (product,) = products_of(page)
    numbers = [each["number"] for each in product["views"][0]["images"]]  # type: ignore[index]
    assert numbers == [1, 0, 2]


def test_the_second_night_fetches_only_new_pictures_and_drops_old_ones(tmp_path: Path) -> None:
    fetched: list[str] = []

    def fetch(sha256: str) -> bytes:
        fetched.append(sha256)
        return bytes_of(sha256)

    write_gallery(catalog(mug(image(0), image(1, live=False))), tmp_path, fetch)
    (tmp_path / "images" / "notes.txt").write_text("someone's own file")
    fetched.clear()
    write_gallery(catalog(mug(image(0), image(2, live=False))), tmp_path, fetch)
    assert fetched == [image(2).sha256]
    assert {each.name for each in (tmp_path / "images").iterdir()} == {
        f"{image(0).sha256}.png",
        f"{image(2).sha256}.png",
        "notes.txt",
    }


def test_a_failed_write_leaves_the_old_page_whole(tmp_path: Path) -> None:
    write_gallery(catalog(mug(image(0))), tmp_path, bytes_of)
    before = (tmp_path / "index.html").read_bytes()

    def broken(sha256: str) -> bytes:
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk"):
        write_gallery(catalog(mug(image(5))), tmp_path, broken)
    assert (tmp_path / "index.html").read_bytes() == before
    assert not list(tmp_path.rglob("*.partial"))


def test_hostile_text_stays_text() -> None:
    hostile = GalleryProduct(
        HOSTILE,
        HOSTILE,
        HOSTILE,
        (GalleryView(HOSTILE, (image(0, prompt=HOSTILE, reason=HOSTILE),), failures=(HOSTILE,)),),
        {HOSTILE: HOSTILE},
    )
    rejection = GalleryRejection(3, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    page = render_gallery(catalog(hostile, title=HOSTILE, rejections=(rejection,)))
    plain = render_gallery(catalog(mug(image(0))))
    soup = BeautifulSoup(page, "html.parser")
    assert len(soup.find_all("script")) == len(
        BeautifulSoup(plain, "html.parser").find_all("script")
    )
    assert not soup.find_all("img")
    assert "alert(1)</script>" not in page
    (product,) = products_of(page)
    assert product["title"] == HOSTILE
    heading = soup.find("h1")
    assert heading is not None
    assert heading.text == HOSTILE


@given(st.text())
def test_every_title_reaches_the_browser_as_it_is(title: str) -> None:
    encodable = title.encode("utf-8", "replace").decode()
    (product,) = products_of(render_gallery(catalog(mug(image(0), title=encodable))))
    assert product["title"] == encodable


def test_nothing_is_loaded_from_the_network() -> None:
    page = render_gallery(catalog(mug(image(0))))
    assert "http://" not in page
    assert "https://" not in page
    assert "default-src 'none'" in page


def test_the_policy_allows_exactly_the_own_script_and_style() -> None:
    import base64
    import hashlib

    page = render_gallery(catalog(mug(image(0))))
    soup = BeautifulSoup(page, "html.parser")
    policy = soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
    assert policy is not None
    for element in (soup.find_all("script")[-1], soup.find("style")):
        assert element is not None
        digest = hashlib.sha256(str(element.string).encode()).digest()
        assert f"'sha256-{base64.b64encode(digest).decode()}'" in str(policy["content"])


def test_counts_failures_and_rejected_rows_are_shown() -> None:
    failed = GalleryProduct(
        "SKU-2", "Hose", "hose", (GalleryView("packshot", (), ("it was black",), ""),)
    )
    unknown = GalleryProduct(
        "SKU-3", "Rake", "rake", (GalleryView("packshot", (), (), "no word for rake"),)
    )
    rejection = GalleryRejection(12, "SKU-9", "title", "", "a product needs a title")
    review = image(1, live=False, decision="review")
    data = catalog(mug(image(0), review), failed, unknown, rejections=(rejection,))
    soup = BeautifulSoup(render_gallery(data), "html.parser")
    figures = {
        each.dt.text: each.dd.text for each in soup.select(".figures div") if each.dt and each.dd
    }
    assert figures["products"] == "3"
    assert figures["live pictures"] == "1"
    assert figures["coverage"] == "50%"
    assert figures["to review"] == "1"
    assert figures["rejected rows"] == "1"
    troubles = soup.select("#troubles tbody tr")
    assert "it was black" in troubles[0].text
    assert "no word for rake" in troubles[1].text
    assert "a product needs a title" in soup.select("#rejections tbody tr")[0].text


def test_an_empty_catalog_is_a_page_too(tmp_path: Path) -> None:
    def none(sha256: str) -> bytes:
        raise AssertionError(sha256)

    fetch: Callable[[str], bytes] = none
    page = write_gallery(catalog(publication_id=None, coverage=0.0), tmp_path, fetch)
    assert "Nothing is published yet" in page.read_text("utf-8")
