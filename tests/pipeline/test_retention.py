"""Bytes that nothing needs go after some nights; rows stay, and the pictures can be drawn again."""

from pathlib import Path

import pytest

from catalog_gen.errors import InputError, StoreBusyError
from catalog_gen.stages import retention
from catalog_gen.stages.catalog import Stamp
from catalog_gen.stages.gallery import write_catalog_gallery
from catalog_gen.stages.plan import make_plan
from catalog_gen.stages.publication import roll_back
from catalog_gen.stages.replay import audit
from catalog_gen.stages.reproduce import reproduce
from catalog_gen.stages.retention import Dropped, drop_old_pictures
from catalog_gen.store.pictures.lock import pictures_lock
from catalog_gen.store.verdicts import save_review
from catalog_gen.store.verify import verify
from tests.pipeline.shop import ROWS, Shop, open_shop

GREEN = ROWS | {"sku-2": ("Green Mug", "mug", "green", "9.00 EUR")}
DROPPED = "SELECT image_id FROM images WHERE dropped_at IS NOT NULL ORDER BY image_id"


@pytest.fixture
def shop(tmp_path: Path, request: pytest.FixtureRequest) -> Shop:
    shop = open_shop(tmp_path)
    retained(shop, nights=2, publications=1, place=getattr(request, "param", "folder"))
    return shop


in_both_places = pytest.mark.parametrize(
    "shop", ["folder", pytest.param("duckdb", marks=pytest.mark.slow)], indirect=True
)


def retained(shop: Shop, *, nights: int, publications: int, place: str) -> None:
    text = shop.config.read_text("utf-8").partition("[retention]")[0]
    shop.config.write_text(
        f"{text}[retention]\nnights = {nights}\npublications = {publications}\n"
        f'[store]\npictures = "{place}"\n',
        "utf-8",
    )


def night(shop: Shop, run_id: str) -> Dropped:
    shop.night(run_id)
    return drop_old_pictures(shop.catalog, Stamp.at_once(run_id))


def kept(shop: Shop) -> set[str]:
    with shop.catalog.store.reading() as connection:
        return {address for address, _ in shop.catalog.store.pictures(connection).listed()}


def ids(shop: Shop, sql: str) -> list[str]:
    return [str(image_id) for (image_id,) in shop.query(sql)]


def live_blue(shop: Shop) -> str:
    (image_id,) = ids(shop, "SELECT image_id FROM live_images WHERE product_id = 'sku-2'")
    return image_id


@in_both_places
def test_lost_and_replaced_pictures_are_deleted_and_live_ones_stay(shop: Shop) -> None:
    assert night(shop, "first") == Dropped()
    blue = live_blue(shop)
    assert night(shop, "second") == Dropped()
    # Two nights old: the candidates that lost, one of each product.
    dropped = night(shop, "third")
    assert dropped.pictures == 3
    assert dropped.bytes > 0
    lost = ids(shop, DROPPED)
    assert not set(lost) & set(ids(shop, "SELECT image_id FROM live_images"))
    assert len(kept(shop)) == 3
    shop.write_feed(GREEN)
    assert night(shop, "fourth") == Dropped()  # blue was live until now
    assert night(shop, "fifth") == Dropped()
    assert night(shop, "sixth").pictures == 2  # blue, and the green one that lost
    assert blue in ids(shop, DROPPED)
    assert len(kept(shop)) == 3
    assert shop.query("SELECT count(*) FROM images") == [(8,)]
    assert verify(shop.catalog.store, shop.catalog.outbox).damaged == ()
    page = write_catalog_gallery(shop.catalog)
    assert len(list((page.parent / "images").iterdir())) == 3
    assert night(shop, "seventh") == Dropped()


@pytest.mark.slow
def test_a_product_that_returns_is_drawn_again_with_the_same_bytes(shop: Shop) -> None:
    night(shop, "first")
    blue = live_blue(shop)
    before = shop.query(f"SELECT sha256, seq FROM images WHERE image_id = '{blue}'")
    shop.write_feed(GREEN)
    for number in range(4):
        night(shop, f"green {number}")
    assert blue in ids(shop, DROPPED)
    shop.write_feed(ROWS)
    assert len(make_plan(shop.catalog).items) == 2
    again = shop.night("blue again")
    assert (again["planned"], again["generated"], again["live"]) == (2, 2, 3)
    assert live_blue(shop) == blue
    assert shop.query(f"SELECT sha256, seq FROM images WHERE image_id = '{blue}'") == before
    assert verify(shop.catalog.store, shop.catalog.outbox).damaged == ()


@pytest.mark.slow
def test_reproduce_draws_deleted_pictures_and_keeps_them_for_a_while(shop: Shop) -> None:
    for number in range(3):
        night(shop, f"night {number}")
    lost = ids(shop, DROPPED)
    with pytest.raises(InputError, match="draws it again"):
        shop.png(lost[0])
    found = audit(shop.catalog, Stamp.at_once("audit"), sample=6)
    assert found.results == {"identical": 6}
    assert ids(shop, DROPPED) == lost  # an audit keeps nothing
    (outcome,) = reproduce(shop.catalog, [lost[0]])
    assert (outcome.result, outcome.problem) == ("identical", "")
    assert ids(shop, DROPPED) == lost[1:]
    assert shop.png(lost[0])
    assert [night(shop, f"later {number}").pictures for number in range(3)] == [0, 0, 1]


@pytest.mark.slow
def test_reviewed_pictures_and_those_for_rollbacks_stay(shop: Shop) -> None:
    night(shop, "first")
    (loser,) = ids(
        shop,
        """
        SELECT image_id FROM lineage WHERE product_id = 'sku-1' AND NOT live
        """,
    )
    blue = live_blue(shop)
    with shop.catalog.store.writing() as connection:
        stamp = Stamp.at_once("review")
        save_review(connection, loser, "rejected", reviewer="me", note="", now=stamp.now)
    retained(shop, nights=1, publications=2, place=shop.catalog.settings.store.pictures)
    shop.write_feed(GREEN)
    for number in range(4):
        night(shop, f"green {number}")
    assert loser not in ids(shop, DROPPED)
    assert blue not in ids(shop, DROPPED)
    roll_back(shop.catalog, 1, Stamp.at_once("rollback"))
    assert live_blue(shop) == blue


def test_a_look_without_a_live_picture_keeps_all_of_its_pictures(shop: Shop) -> None:
    night(shop, "first")
    with shop.catalog.store.writing() as connection:
        connection.execute("UPDATE verdicts SET decision = 'rejected'")
        connection.execute("DELETE FROM publication_items")
    for number in range(3):
        drop_old_pictures(shop.catalog, Stamp.at_once(f"later {number}"))
    assert ids(shop, DROPPED) == []


@in_both_places
def test_killed_between_the_row_and_the_file_the_next_night_deletes_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_: object) -> None:
        raise KeyboardInterrupt

    shop.night("first")
    shop.night("second")
    shop.night("third")
    with monkeypatch.context() as patched:
        patched.setattr(retention, "_delete", die)
        with pytest.raises(KeyboardInterrupt):
            drop_old_pictures(shop.catalog, Stamp.at_once("third"))
    assert len(ids(shop, DROPPED)) == 3
    assert len(kept(shop)) == 6
    assert verify(shop.catalog.store, shop.catalog.outbox).damaged == ()
    night(shop, "fourth")
    assert len(kept(shop)) == 3


def test_nothing_goes_while_a_backup_copies_the_pictures(shop: Shop) -> None:
    with pictures_lock(shop.home), pytest.raises(StoreBusyError, match="copies"):
        drop_old_pictures(shop.catalog, Stamp.at_once("now"))
