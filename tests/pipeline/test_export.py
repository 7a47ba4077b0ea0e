"""Exports for channels: the feed, the pictures, their provenance, and what is refused."""

import csv
import io
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from catalog_gen.errors import InputError
from catalog_gen.imaging.metadata import read_provenance
from catalog_gen.imaging.provenance import Enlargement
from catalog_gen.reporting.channels.channel import CHANNELS, ChannelProduct
from catalog_gen.reporting.picture_listing import PictureListing, Written
from catalog_gen.settings.publishing import CredentialSettings, UpscaleSettings
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.export import Exported, export
from catalog_gen.stages.identify import identify
from catalog_gen.stages.publication import write_channel_feeds
from tests.pipeline.shop import Shop, open_shop
from tests.tiny.swin2sr import write_tiny_swin2sr

ROWS = (
    ("id", "title", "product_type", "color", "price", "link", "availability", "brand"),
    ("sku-1", "Red Mug", "mug", "red", "9.00 EUR", "https://s.example/1", "in stock", "Hearth"),
    ("sku-2", "=Blue Mug", "mug", "blue", "9.50 EUR", "https://s.example/2", "in stock", "Hearth"),
    ("sku-3", "Black Chair", "chair", "black", "99.00 EUR", "", "in stock", "Oak"),
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop after a night, with a product that has no link."""
    shop = open_shop(tmp_path_factory.mktemp("exporting"))
    with (shop.folder / "feed.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(ROWS)
    text = shop.config.read_text("utf-8").replace("width = 32", "width = 104")
    text = text.replace("height = 32", "height = 104")
    shop.config.write_text(text + second_view(), "utf-8")
    assert shop.night("first")["live"] == 3
    return shop


def second_view() -> str:
    return """
[views.small]
template = "small {{ colour }} {{ category }}"
steps = 2
width = 64
height = 64
"""


def feed_of(exported: Exported) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(exported.feed.read_text("utf-8"))))


def test_a_web_server_can_read_files_written_under_a_strict_umask(
    shop: Shop, tmp_path: Path
) -> None:
    left = tmp_path / "out" / ".catalog-gen-abcdefgh.partial"
    left.parent.mkdir(mode=0o700)
    left.write_bytes(b"of an export that was killed")
    before = os.umask(0o077)
    try:
        export(shop.catalog, "google", tmp_path / "out")
        fed = write_channel_feeds(shop.catalog).path
    finally:
        os.umask(before)
    assert not left.exists()
    for path in [tmp_path / "out", *(tmp_path / "out").rglob("*"), fed, fed.parent]:
        wanted = 0o755 if path.is_dir() else 0o644
        assert path.stat().st_mode & wanted == wanted, path


def test_google_gets_its_fields_its_form_and_nothing_that_it_refuses(
    shop: Shop, tmp_path: Path
) -> None:
    exported = export(shop.catalog, "google", tmp_path, base_url="https://cdn.example/shop/")
    first, second = feed_of(exported)
    assert (first["id"], first["price"], first["availability"]) == (
        "sku-1",
        "9.00 EUR",
        "in_stock",
    )
    assert second["title"] == "=Blue Mug"  # a machine reads it: no apostrophe for spreadsheets
    assert first["link"] == "https://s.example/1"
    for row in (first, second):
        assert row["image_link"].startswith("https://cdn.example/shop/images/")
        path = tmp_path / row["image_link"].removeprefix("https://cdn.example/shop/")
        with Image.open(path) as picture:
            assert (picture.format, picture.size) == ("JPEG", (104, 104))
    refused = {(each.product_id, each.view): each.why for each in exported.refused}
    assert refused.keys() == {("sku-1", "small"), ("sku-2", "small"), ("sku-3", "")}
    assert "link" in refused["sku-3", ""]
    assert refused["sku-1", "small"] == "the shorter side has 64 pixels (at least 100)"


def test_shopify_has_one_row_per_picture_and_meta_its_terms(shop: Shop, tmp_path: Path) -> None:
    rows = feed_of(export(shop.catalog, "shopify", tmp_path / "shopify"))
    assert [(row["Handle"], row["Title"], row["Image Position"]) for row in rows[:2]] == [
        ("sku-1", "Red Mug", "1"),
        ("sku-1", "", "2"),
    ]
    assert {row["Variant Price"] for row in rows} == {"9.00", "9.50", "99.00", ""}
    meta = export(shop.catalog, "meta", tmp_path / "meta")
    assert (meta.products, meta.feed.exists()) == (0, False)  # Meta takes 500 pixels and more
    assert all("500" in each.why for each in meta.refused if each.view)


@pytest.mark.parametrize(
    ("price", "amount"),
    [("12.99 EUR", "12.99"), ("EUR 12.99", "12.99"), ("1 299.00 EUR", "1299.00"), ("soon", "")],
)
def test_shopify_never_merges_products_and_takes_the_number_of_a_price(
    price: str, amount: str
) -> None:
    products = [
        ChannelProduct(product_id, "Mug", "", "mug", "", ("1.png",), {"price": price})
        for product_id in ("MUG-1", "MUG_1", "mug 1")
    ]
    text = io.StringIO(newline="")
    CHANNELS.get("shopify")().write_feed(text, products, "https://s")
    rows = list(csv.DictReader(text.getvalue().splitlines()))
    handles = {row["Handle"] for row in rows}
    assert len(handles) == 3
    assert "mug-1" in handles
    assert {row["Variant Price"] for row in rows} == {amount}


def test_every_exported_picture_identifies_itself(shop: Shop, tmp_path: Path) -> None:
    exported = export(shop.catalog, "files", tmp_path / "files")
    export(shop.catalog, "google", tmp_path / "google")
    paths = [*(tmp_path / "files" / "images").iterdir(), *(tmp_path / "google/images").iterdir()]
    assert (exported.images, len(paths)) == (6, 8)
    live = {image_id for (image_id,) in shop.query("SELECT image_id FROM live_images")}
    with shop.catalog.store.reading() as connection:
        assert {identify(connection, str(path)) for path in paths} == live
        for path in paths:
            assert read_provenance(path.read_bytes()).image_id.startswith(path.stem)
        stranger = tmp_path / "stranger.png"
        Image.new("RGB", (9, 9), "red").save(stranger)
        with pytest.raises(InputError, match="carries no catalog_gen recipe"):
            identify(connection, str(stranger))
    other = open_shop(tmp_path / "other")
    with (
        other.catalog.store.reading() as connection,
        pytest.raises(InputError, match="this store does not have"),
    ):
        identify(connection, str(paths[0]))


def test_pictures_are_enlarged_to_a_channels_size_and_say_so(shop: Shop, tmp_path: Path) -> None:
    """Meta takes 500 pixels: 104 is enlarged within 6 times, 64 is refused as ever."""

    def sent(folder: Path, model: Path | None) -> Exported:
        upscale = UpscaleSettings(model=model, at_most=6)
        settings = shop.catalog.settings.model_copy(update={"upscale": upscale})
        return export(Catalog(settings, shop.home), "meta", folder)

    exported = sent(tmp_path / "lanczos", None)
    assert {(each.drawn, each.size, each.by) for each in exported.enlarged} == {
        ((104, 104), (500, 500), "Lanczos")
    }
    assert (exported.images, len(exported.enlarged)) == (2, 2)
    assert {each.view for each in exported.refused if each.view} == {"small"}
    file = tmp_path / "lanczos" / exported.enlarged[0].file
    with Image.open(file) as picture:
        assert picture.size == (500, 500)
    provenance = read_provenance(file.read_bytes())
    assert provenance.enlarged == Enlargement(104, 104, "Lanczos")
    assert provenance.image_id.startswith(file.stem)

    model = write_tiny_swin2sr(tmp_path / "model")
    by_model = sent(tmp_path / "by-model", model)
    (name,) = {each.by for each in by_model.enlarged}
    assert name.startswith("Swin2SRForImageSuperResolution ")
    kept = {path: path.stat().st_mtime_ns for path in shop.home.enlarged.iterdir()}
    assert len(kept) == 2
    again = sent(tmp_path / "again", model)
    assert {path: path.stat().st_mtime_ns for path in shop.home.enlarged.iterdir()} == kept
    for each in again.enlarged:
        content = (tmp_path / "again" / each.file).read_bytes()
        assert content == (tmp_path / "by-model" / each.file).read_bytes()
        assert content != (tmp_path / "lanczos" / each.file).read_bytes()


def test_with_a_certificate_every_picture_is_signed(shop: Shop, tmp_path: Path) -> None:
    pytest.importorskip("c2pa", reason="c2pa-python is not installed (extra: credentials)")
    from catalog_gen.imaging.credentials import verify
    from tests.imaging.test_credentials import shop as signing_shop

    signing = signing_shop()
    for name, text in (
        ("chain.pem", signing.signer.certificates),
        ("key.pem", signing.signer.private_key),
    ):
        (tmp_path / name).write_text(text)
    (tmp_path / "key.pem").chmod(0o600)
    settings = shop.catalog.settings.model_copy(
        update={
            "credentials": CredentialSettings(
                certificates=tmp_path / "chain.pem", private_key=tmp_path / "key.pem"
            )
        }
    )
    exported = export(Catalog(settings, shop.home), "google", tmp_path / "out")
    assert exported.signed
    paths = list((tmp_path / "out" / "images").iterdir())
    assert len(paths) == 2
    for path in paths:
        found = verify(path.read_bytes(), "JPEG", signing.root)
        assert (found.state, found.problems) == ("Trusted", ())


def test_the_bytes_alone_are_enough_to_find_a_picture(shop: Shop, tmp_path: Path) -> None:
    ((image_id,),) = shop.query("SELECT image_id FROM images LIMIT 1")
    path = tmp_path / "bare.png"
    path.write_bytes(shop.png(str(image_id)))
    renamed = tmp_path / "renamed.bin"
    shutil.copy(path, renamed)
    with shop.catalog.store.reading() as connection:
        assert identify(connection, str(path)) == image_id
        assert identify(connection, str(renamed)) == image_id


def test_an_export_deletes_only_its_own_pictures(shop: Shop, tmp_path: Path) -> None:
    for channel in ("google", "shopify"):
        export(shop.catalog, channel, tmp_path, base_url="https://cdn.example")
    before = {path.name for path in (tmp_path / "images").iterdir()}
    stranger, former = tmp_path / "images" / f"{'0' * 32}.jpg", f"images/{'1' * 32}.jpg"
    stranger.write_bytes(b"not ours")
    (tmp_path / former).write_bytes(b"of an export that listed it")
    listing = PictureListing(tmp_path, "google")
    listed = listing.all_but(())
    strange = (former, "../feed.csv", "images/../../feed.csv")
    listing.put(dict.fromkeys(strange, Written("", "", 0, 0)))
    listing.commit()
    listing.close()
    export(shop.catalog, "google", tmp_path, base_url="https://cdn.example")
    assert {path.name for path in (tmp_path / "images").iterdir()} == before | {stranger.name}
    assert (shop.folder / "feed.csv").exists()
    assert PictureListing(tmp_path, "google").all_but(()) == listed


def files_below(out: Path) -> dict[str, tuple[bytes, int]]:
    """The pictures' bytes and times by name."""
    paths = (out / "images").glob("*")
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}


def test_files_that_are_made_from_the_same_stay(shop: Shop, tmp_path: Path) -> None:
    first = export(shop.catalog, "google", tmp_path)
    before, text = files_below(tmp_path), first.feed.read_text()
    again = export(shop.catalog, "google", tmp_path)
    assert files_below(tmp_path) == before
    assert (again, again.feed.read_text()) == (first, text)

    copied = min((tmp_path / "images").iterdir())
    os.utime(copied)  # as after a copy or a restore
    export(shop.catalog, "google", tmp_path)
    assert {name: content for name, (content, _) in files_below(tmp_path).items()} == {
        name: content for name, (content, _) in before.items()
    }
    assert copied.stat().st_mtime_ns != before[copied.name][1]


@pytest.mark.parametrize("damage", ["cut off", "zeros", "gone"])
def test_a_torn_file_is_written_again(shop: Shop, tmp_path: Path, damage: str) -> None:
    export(shop.catalog, "files", tmp_path)
    before = files_below(tmp_path)
    torn = min((tmp_path / "images").iterdir())
    size = torn.stat().st_size
    if damage == "gone":
        torn.unlink()
    else:
        torn.write_bytes(b"\0" * (size if damage == "zeros" else size // 2))
    export(shop.catalog, "files", tmp_path)
    after = files_below(tmp_path)
    assert after.pop(torn.name)[0] == before.pop(torn.name)[0]
    assert after == before


def test_files_are_written_again_if_anything_that_makes_them_changes(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rewritten() -> set[str]:
        before = files_below(tmp_path)
        export(shop.catalog, "files", tmp_path)
        after = files_below(tmp_path)
        return {name for name in after if after[name] != before.get(name)}

    every = rewritten()
    assert len(every) == 6
    assert rewritten() == set()
    listing = tmp_path / "files.pictures.sqlite"
    os.truncate(listing, listing.stat().st_size // 2)  # damaged: nothing says what is whole
    assert rewritten() == every
    monkeypatch.setattr("catalog_gen.stages.picture_writer.code_version", lambda: "of another day")
    assert rewritten() == every
    assert rewritten() == set()


def test_ids_that_a_channel_would_merge_are_refused(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    rows = [ROWS[0], *((name, *ROWS[1][1:]) for name in ("MUG-1", "mug-1", "m" * 60, "m" * 61))]
    with (shop.folder / "feed.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(rows)
    assert shop.night("first")["live"] == 4
    exported = export(shop.catalog, "google", tmp_path / "out", base_url="https://cdn.example")
    reasons = {each.product_id: each.why for each in exported.refused if not each.view}
    assert "differs from 'MUG-1' in upper and lower case alone" in reasons["mug-1"]
    assert reasons["m" * 60] == reasons["m" * 61] == "google takes ids of at most 50 characters"
    files = export(shop.catalog, "files", tmp_path / "files", base_url="https://cdn.example")
    assert files.products == 4
