"""Nights with photos from the shop's own server: fetched, unchanged, changed, lost and refused."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog_gen.stages.export import export
from catalog_gen.stages.plan import make_plan
from catalog_gen.store.runs import run_summary
from tests.photos.server import Shop as Server
from tests.photos.server import shop_server
from tests.pipeline.shop import ROWS, Shop, open_shop
from tests.pipeline.test_plan import EDITED


@pytest.fixture
def server() -> Iterator[Server]:
    with shop_server() as running:
        yield running


@pytest.fixture
def shop(tmp_path: Path, server: Server) -> Shop:
    opened = open_shop(tmp_path)
    text = opened.config.read_text("utf-8").replace(
        'path = "feed.csv"', f'path = "feed.csv"\nfetch_photos = ["{server.host}"]'
    )
    opened.config.write_text(text + EDITED, "utf-8")
    write_feed(opened, {key: server.url(f"/good/{key}.png") for key in ROWS})
    return opened


def write_feed(shop: Shop, links: dict[str, str]) -> None:
    with (shop.folder / "feed.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("id", "title", "product_type", "color", "price", "image_link"))
        writer.writerows((key, *ROWS[key], link) for key, link in links.items())


def photos(shop: Shop) -> dict[str, tuple[str, str, str]]:
    """By product: its reference, the address that it came from, and the problem, if any."""
    rows = shop.query(
        "SELECT product_id, reference, attributes['reference_link'], "
        "coalesce(attributes['reference_problem'], '') FROM products ORDER BY product_id"
    )
    return {str(key): (str(name), str(link), str(why)) for key, name, link, why in rows}


@pytest.mark.slow
def test_a_photo_draws_once_and_again_when_it_changes(shop: Shop, server: Server) -> None:
    plan = make_plan(shop.catalog)
    assert (plan.photo_count.wanted, plan.photo_count.unasked) == (3, 3)
    assert plan.photos == ()
    assert not server.asked, "a plan asks nobody"
    first = shop.night("first")
    assert (first["generated"], first["failed"]) == (9, 0)
    again = shop.night("again")
    assert (again["generated"], again["changed"]) == (0, 0)
    assert server.asked["/good/sku-1.png"] == 2
    server.shade = 60
    changed = shop.night("changed")
    assert (changed["changed"], changed["generated"]) == (3, 3)
    reasons = shop.query(
        "SELECT DISTINCT view, reason FROM why_regenerated WHERE run_id = 'changed'"
    )
    assert reasons == [("edited", "changed: reference_sha256")]
    assert make_plan(shop.catalog).photo_count.unasked == 0


def test_photos_that_do_not_come(shop: Shop, server: Server) -> None:
    shop.night("first")
    kept = photos(shop)["sku-1"][0]
    links = {"sku-1": "/gone", "sku-2": "/good/sku-2.png", "sku-3": "/good/sku-3.png"}
    write_feed(shop, {key: server.url(path) for key, path in links.items()})
    night = shop.night("moved")
    assert (night["generated"], night["failed"]) == (0, 0)
    assert photos(shop)["sku-1"] == (kept, server.url("/gone"), "")
    (missing,) = make_plan(shop.catalog).photo_count.missing
    assert (missing.product_id, missing.why, missing.kept) == ("sku-1", "HTTP 404", True)
    with shop.catalog.store.reading() as connection:
        noted = run_summary(connection, "moved")["photos"]
    assert noted == {"fetched": 0, "unchanged": 2, "failed": 1, "own": 0, "missing": 1}


def test_a_product_that_never_had_a_photo_gives_the_reason(shop: Shop, server: Server) -> None:
    write_feed(shop, {"sku-1": server.url("/page"), "sku-2": server.url("/good/2.png")})
    night = shop.night("first")
    assert (night["generated"], night["failed"]) == (5, 1)
    link = server.url("/page")
    assert photos(shop)["sku-1"] == (link, link, "is text/html, not a picture")
    ((error,),) = shop.query("SELECT error FROM open_failures")
    assert "was not fetched" in str(error)
    (unread,) = make_plan(shop.catalog).photos
    assert unread.why == f"{link} is text/html, not a picture"


def test_hosts_that_are_not_listed_are_never_asked(shop: Shop, server: Server) -> None:
    with shop_server() as other:
        write_feed(shop, {"sku-1": server.url("/good/1"), "sku-2": other.url("/good/2")})
        assert make_plan(shop.catalog).photo_count.elsewhere == {other.host: 1}
        assert shop.night("first")["failed"] == 0
        assert not other.asked
    assert photos(shop)["sku-2"][0] == ""


def test_a_secret_in_an_address_is_named(shop: Shop, server: Server) -> None:
    write_feed(shop, {"sku-1": server.url("/good/1?signature=abc")})
    shop.night("first")
    assert not server.asked
    assert "contains a secret" in photos(shop)["sku-1"][2]


@pytest.mark.slow
def test_pictures_that_were_drawn_are_no_photos(shop: Shop, server: Server, tmp_path: Path) -> None:
    """The shop shows what was drawn, and its next feed names that as the product's picture."""
    shop.night("first")
    before = photos(shop)
    exported = export(shop.catalog, "files", tmp_path / "out")
    (picture, *_) = sorted((exported.feed.parent / "images").iterdir())
    server.files["/shown/of-the-shop.png"] = picture.read_bytes()
    paths = ["/shown/of-the-shop.png", f"/good/{picture.name}", f"/good/{'0' * 32}.png"]
    write_feed(shop, {key: server.url(path) for key, path in zip(ROWS, paths, strict=True)})
    assert shop.night("fed back")["generated"] == 0
    after = photos(shop)
    assert [after[key][0] for key in ("sku-1", "sku-2")] == [
        before[key][0] for key in ("sku-1", "sku-2")
    ]
    assert server.asked[paths[1]] == 0, "its name says that it was drawn here"
    assert server.asked[paths[2]] == 1
    assert make_plan(shop.catalog).photo_count.missing == ()
