import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from catalog_gen.fingerprint import sha256_text
from catalog_gen.reporting.gallery import LISTED, Differences, WantedPicture, write_gallery
from catalog_gen.reporting.gallery_data import (
    GalleryData,
    GalleryImage,
    GalleryPart,
    GalleryProduct,
    GalleryRejection,
    GalleryTrouble,
    GalleryView,
)
from catalog_gen.reporting.gallery_script import (
    FAILED,
    LIVE,
    TITLE_BYTES,
    WAITING,
    data_file,
    index_rows,
    view_state,
)
from catalog_gen.reporting.site_checks import damaged_files, torn_files
from catalog_gen.reporting.site_folder import PAGE, PNG_END, SiteFolder
from catalog_gen.store.shown import ShownCounts

HOSTILE = "</script><script>alert(1)</script><!--<img src=x onerror=alert(1)> & \u2028 \"'"


def png_of(number: int) -> bytes:
    return f"picture {number}".encode() + PNG_END


def image(number: int = 0, *, live: bool = True, **changes: object) -> GalleryImage:
    base = GalleryImage(
        image_id=f"{number:064x}",
        sha256=sha256(png_of(number)).hexdigest(),
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


@dataclass(frozen=True)
class Shown:
    """A page, and its products: each has a data file of its own."""

    data: GalleryData
    products: tuple[GalleryProduct, ...]


def catalog(*products: GalleryProduct, **changes: object) -> Shown:
    base = GalleryData(
        title="Sample shop",
        written_at=datetime(2026, 11, 21, 2, 4, tzinfo=UTC),
        run_id="4e1d0a77",
        publication_id=3,
        coverage=0.5,
        views=("packshot",),
        counts=ShownCounts(len(products), 0, 0, 0, 0, 0),
        parts=[
            GalleryPart(number, sha256_text(repr(product)))
            for number, product in enumerate(products)
        ],
    )
    return Shown(replace(base, **changes), products)  # type: ignore[arg-type]


def mug(*images: GalleryImage, **changes: object) -> GalleryProduct:
    base = GalleryProduct("SKU-1", "Red mug", "mug", (GalleryView("packshot", images),))
    return replace(base, **changes)  # type: ignore[arg-type]


@dataclass
class Source:
    """Made-up files; ``asked`` and ``read`` have the numbers of what was fetched."""

    photo_bytes: bytes | None = b"a photo"
    asked: list[int] = field(default_factory=list)
    read: list[int] = field(default_factory=list)
    shown: tuple[GalleryProduct, ...] = ()

    def products(self, parts: Sequence[GalleryPart]) -> Iterator[list[GalleryProduct]]:
        self.read += [part.number for part in parts]
        return ([self.shown[part.number]] for part in parts)

    def differences(self, present: Iterator[tuple[str, int]]) -> Differences:
        images = [each for product in self.shown for view in product.views for each in view.images]
        wanted = {each.sha256: each for each in images}
        sizes = dict(present)
        missing = [
            WantedPicture(each.image_id, address)
            for address, each in sorted(wanted.items())
            if sizes.get(address) != len(png_of(each.number))
        ]
        return Differences(missing, sorted(sizes.keys() - wanted))

    def png(self, picture: WantedPicture) -> bytes:
        self.asked.append(int(picture.image_id, 16))
        return png_of(self.asked[-1])

    def file(self, picture: WantedPicture) -> Path | None:
        return None

    def photo(self, product: GalleryProduct, sha256: str) -> bytes | None:
        return self.photo_bytes

    def cutout(self, product: GalleryProduct, image: GalleryImage) -> bytes | None:
        return self.photo_bytes


def write(shown: Shown, folder: Path, source: Source | None = None) -> Path:
    source = source or Source()
    source.shown = shown.products
    return write_gallery(shown.data, folder, source)


def written(shown: Shown, folder: Path) -> str:
    return write(shown, folder).read_text("utf-8")


def data_of(content: str) -> list[Any]:
    found: list[Any] = json.loads(content[content.index("[") : content.rindex("]") + 1])
    return found


def products_in(folder: Path) -> list[dict[str, Any]]:
    """The contents of the data files in the page's index, in order."""
    soup = BeautifulSoup((folder / "index.html").read_text("utf-8"), "html.parser")
    index = (folder / str(soup.find_all("script")[0]["src"])).read_text("utf-8")
    chunks = data_of(re.sub(r",\n\],", "],", index))[1]["chunks"]
    return [
        product
        for name, *_ in chunks
        for product in data_of((folder / "data" / f"{name}.js").read_text("utf-8"))
    ]


def test_the_page_and_its_pictures(tmp_path: Path) -> None:
    source = Source()
    page = write(catalog(mug(image(0), image(1, live=False))), tmp_path, source)
    assert page == tmp_path / "index.html"
    (product,) = products_in(tmp_path)
    first, second = product["views"][0]["images"]
    assert (first["live"], second["live"]) == (True, False)
    assert first["seed"] == str(2**62 + 1)
    for shown in (first, second):
        assert (tmp_path / shown["file"]).read_bytes() == png_of(shown["number"])
    assert list(damaged_files(tmp_path)) == []


def test_the_live_picture_comes_first_then_those_that_wait(tmp_path: Path) -> None:
    waiting = image(2, live=False, decision="review")
    written(catalog(mug(image(0, live=False), image(1), waiting)), tmp_path)
    (product,) = products_in(tmp_path)
    assert [each["number"] for each in product["views"][0]["images"]] == [1, 2, 0]


def test_the_second_night_writes_new_files_and_deletes_old_ones(tmp_path: Path) -> None:
    source = Source()
    write(catalog(mug(image(0), image(1, live=False))), tmp_path, source)
    (tmp_path / "images" / "notes.txt").write_text("someone's own file")
    (tmp_path / ".killed.partial").write_text("half a file")
    source.asked.clear()
    write(catalog(mug(image(0), image(2, live=False))), tmp_path, source)
    assert source.asked == [2]
    assert {each.name for each in (tmp_path / "images").iterdir()} == {
        f"{image(0).sha256}.png",
        f"{image(2).sha256}.png",
        "notes.txt",
    }
    assert not (tmp_path / ".killed.partial").exists()
    assert len(list((tmp_path / "data").iterdir())) == 2


def test_files_that_are_right_already_are_left_alone(tmp_path: Path) -> None:
    edited = mug(image(0, photo_sha256="e" * 64))
    written(catalog(edited), tmp_path)
    before = {each: each.stat().st_ino for each in tmp_path.rglob("*") if each.is_file()}
    written(catalog(edited), tmp_path)
    after = {each: each.stat().st_ino for each in tmp_path.rglob("*") if each.is_file()}
    assert after == before
    assert list(damaged_files(tmp_path)) == []


def test_cutouts_are_shown_beside_existing_photos(tmp_path: Path) -> None:
    kept = mug(image(0, photo_sha256="e" * 64, mask_sha256="f" * 64))
    written(catalog(kept), tmp_path)
    assert {each.stem for each in (tmp_path / "photos").iterdir()} == {"e" * 64, "f" * 64}
    (shown,) = products_in(tmp_path)[0]["views"][0]["images"]
    assert shown["cutout"] == f"photos/{'f' * 64}.jpg"
    write(catalog(kept), tmp_path / "gone", Source(photo_bytes=None))
    (shown,) = products_in(tmp_path / "gone")[0]["views"][0]["images"]
    assert (shown["photo"], shown["cutout"]) == ("", "")


@pytest.mark.parametrize("kind", ["images", "photos", "data", "index.html", "manifest.json"])
def test_torn_files_are_seen_and_written_anew(tmp_path: Path, kind: str) -> None:
    data = catalog(mug(image(0, photo_sha256="e" * 64)))
    written(data, tmp_path)
    place = tmp_path / kind
    for file in place.iterdir() if place.is_dir() else [place]:
        whole = file.read_bytes()
        for torn in (b"", whole[:-4], whole[:-8] + bytes(8)):
            file.write_bytes(torn)
            name = str(file.relative_to(tmp_path))
            assert [path for path, _ in damaged_files(tmp_path)] == [name]
            if kind in {"images", "index.html"} or len(torn) < len(whole):
                assert list(torn_files(tmp_path)) == [name]
            written(data, tmp_path)
            assert file.read_bytes() == whole
            assert list(damaged_files(tmp_path)) == []


def test_a_web_server_can_read_files_written_under_a_strict_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        written(catalog(mug(image(0, photo_sha256="e" * 64))), tmp_path / "site")
    finally:
        os.umask(before)
    for path in [tmp_path / "site", *(tmp_path / "site").rglob("*")]:
        if path.name != ".lock":
            wanted = 0o755 if path.is_dir() else 0o644
            assert path.stat().st_mode & wanted == wanted, path


def test_a_failed_write_leaves_the_old_page_whole(tmp_path: Path) -> None:
    written(catalog(mug(image(0))), tmp_path)
    before = (tmp_path / "index.html").read_bytes()

    class Broken(Source):
        def png(self, picture: WantedPicture) -> bytes:
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk"):
        write(catalog(mug(image(5))), tmp_path, Broken())
    assert (tmp_path / "index.html").read_bytes() == before
    assert list(damaged_files(tmp_path)) == []
    assert not list(tmp_path.rglob("*.partial"))


def test_killed_before_the_page_the_old_one_is_whole_and_the_next_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = catalog(mug(image(0))), catalog(mug(image(1), title="Green mug"))
    put = SiteFolder.put

    def killed(self: SiteFolder, path: str, content: bytes, **rest: Any) -> None:
        if path == PAGE:
            raise KeyboardInterrupt
        put(self, path, content, **rest)

    written(old, tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(SiteFolder, "put", killed)
        with pytest.raises(KeyboardInterrupt):
            written(new, tmp_path)
    (product,) = products_in(tmp_path)
    assert product["title"] == "Red mug"
    assert (tmp_path / product["views"][0]["images"][0]["file"]).read_bytes() == png_of(0)
    source = Source()
    write(new, tmp_path, source)
    assert source.read == []
    assert products_in(tmp_path)[0]["title"] == "Green mug"
    assert len(list((tmp_path / "data").iterdir())) == 2
    assert len(list((tmp_path / "images").iterdir())) == 1


def test_a_photo_stands_beside_its_edit_unless_it_is_gone(tmp_path: Path) -> None:
    edited = catalog(mug(image(0, photo_sha256="e" * 64)))
    write(edited, tmp_path, Source(photo_bytes=None))
    assert products_in(tmp_path)[0]["views"][0]["images"][0]["photo"] == ""
    write(edited, tmp_path, Source())
    path = products_in(tmp_path)[0]["views"][0]["images"][0]["photo"]
    assert (tmp_path / path).read_bytes() == Source().photo_bytes


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    hostile = GalleryProduct(
        HOSTILE,
        HOSTILE,
        HOSTILE,
        (GalleryView(HOSTILE, (image(0, prompt=HOSTILE, reason=HOSTILE),), failures=(HOSTILE,)),),
        {HOSTILE: HOSTILE},
    )
    rejection = GalleryRejection(3, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    data = catalog(hostile, title=HOSTILE, rejections=(rejection,), views=(HOSTILE,))
    page = written(data, tmp_path)
    soup = BeautifulSoup(page, "html.parser")
    assert len(soup.find_all("script")) == 2
    assert not soup.find_all("img")
    assert "alert(1)</script>" not in page
    for file in (tmp_path / "data").iterdir():
        assert "<" not in file.read_text("utf-8")
    assert products_in(tmp_path)[0]["title"] == HOSTILE
    heading = soup.find("h1")
    assert heading is not None
    assert heading.text == HOSTILE


@given(st.text())
def test_every_title_reaches_the_browser_as_it_is(title: str) -> None:
    encodable = title.encode("utf-8", "replace").decode()
    _, content = data_file([mug(image(0), title=encodable)])
    assert data_of(content.decode())[0]["title"] == encodable


@given(st.text(min_size=1))
def test_a_long_title_is_cut_in_the_index_between_characters(title: str) -> None:
    content, _ = index_rows([mug(image(0), title=title * 60)], ["packshot"])
    row = json.loads(content.decode().removesuffix(",\n"))
    assert len(row[1].encode()) <= TITLE_BYTES
    assert (title * 60).startswith(row[1].removesuffix("…"))


def test_the_index_marks_the_states_of_the_filters() -> None:
    waiting = GalleryView("packshot", (image(0), image(1, live=False, decision="review")), ("x",))
    assert view_state(waiting) & (LIVE | WAITING | FAILED) == LIVE | WAITING | FAILED
    assert not view_state(GalleryView("packshot", (image(0),))) & (WAITING | FAILED)


def test_a_part_is_read_only_if_it_changed_and_its_rows_stay(tmp_path: Path) -> None:
    products = [
        mug(image(number), product_id=f"sku-{number}", category=f"kind {number % 3}")
        for number in range(9)
    ]
    written(catalog(*products), tmp_path)
    products[4] = replace(products[4], category="a new kind", title="Another")
    source = Source()
    write(catalog(*products), tmp_path, source)
    assert source.read == [4]
    written(catalog(*products), tmp_path / "anew")
    names = {path.name for path in (tmp_path / "data").iterdir()}
    assert names == {path.name for path in (tmp_path / "anew" / "data").iterdir()}


def test_nothing_is_loaded_from_the_network(tmp_path: Path) -> None:
    page = written(catalog(mug(image(0))), tmp_path)
    assert "http://" not in page
    assert "https://" not in page
    assert "default-src 'none'" in page
    for file in (tmp_path / "data").iterdir():
        assert "://" not in file.read_text("utf-8")


def test_the_policy_allows_exactly_the_own_script_and_style(tmp_path: Path) -> None:
    import base64
    import hashlib

    soup = BeautifulSoup(written(catalog(mug(image(0))), tmp_path), "html.parser")
    policy = soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
    assert policy is not None
    assert "unsafe" not in str(policy["content"])
    for element in (soup.find_all("script")[-1], soup.find("style")):
        assert element is not None
        digest = hashlib.sha256(str(element.string).encode()).digest()
        assert f"'sha256-{base64.b64encode(digest).decode()}'" in str(policy["content"])


def test_counts_failures_and_rejected_rows_are_shown(tmp_path: Path) -> None:
    troubles = [
        GalleryTrouble("SKU-2", "Hose", "packshot", "failed", "it was black"),
        GalleryTrouble("SKU-3", "Rake", "packshot", "not supported", "no word for rake"),
    ]
    rejection = GalleryRejection(12, "SKU-9", "title", "", "a product needs a title")
    rows = (rejection,) * (LISTED + 1)
    counts = ShownCounts(products=3, live=1, review=1, rejected=0, failed=1, troubles=2)
    data = catalog(mug(image(0)), counts=counts, troubles=troubles, rejections=rows)
    soup = BeautifulSoup(written(data, tmp_path), "html.parser")
    figures = {
        each.dt.text: each.dd.text for each in soup.select(".figures div") if each.dt and each.dd
    }
    assert figures["products"] == "3"
    assert figures["live pictures"] == "1"
    assert figures["coverage"] == "50%"
    assert figures["to review"] == "1"
    assert figures["failed"] == "1"
    assert figures["rejected rows"] == str(LISTED + 1)
    listed = soup.select("#troubles tbody tr")
    assert "it was black" in listed[0].text
    assert "no word for rake" in listed[1].text
    rejections = soup.select("#rejections tbody tr")
    assert len(rejections) == LISTED
    assert "a product needs a title" in rejections[0].text


def test_an_empty_catalog_is_a_page_too(tmp_path: Path) -> None:
    page = written(catalog(publication_id=None, coverage=0.0), tmp_path)
    assert "Nothing is published yet" in page
    assert products_in(tmp_path) == []


def test_a_picture_of_this_disk_gets_another_name_and_no_second_copy(tmp_path: Path) -> None:
    kept = tmp_path / "kept.png"
    kept.write_bytes(png_of(0))
    kept.chmod(0o444)

    class OnDisk(Source):
        def file(self, picture: WantedPicture) -> Path | None:
            return kept if int(picture.image_id, 16) == 0 else tmp_path / "gone.png"

    page = write(catalog(mug(image(0), image(1))), tmp_path / "site", OnDisk())
    linked, copied = (page.parent / "images" / f"{image(number).sha256}.png" for number in (0, 1))
    assert linked.samefile(kept)
    assert copied.read_bytes() == png_of(1)
    write(catalog(mug(image(1))), tmp_path / "site", OnDisk())
    assert not linked.exists()
    assert kept.read_bytes() == png_of(0)
