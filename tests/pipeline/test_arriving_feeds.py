"""Feeds that are still being written, or are no files."""

import os
import threading
import time
from pathlib import Path

import pytest

from catalog_gen.errors import FeedError
from catalog_gen.stages.feed import take_feed
from tests.catalog.feed_files import read_bytes
from tests.pipeline.shop import open_shop

ROWS = "".join(f"m-{number},Mug {number},9.00,https://s.example/{number}\n" for number in range(50))
FEED = f"id,title,price,link\n{ROWS}"


@pytest.mark.parametrize("cut", [2, 6, 17])
def test_a_feed_that_ends_in_half_a_row_is_refused(tmp_path: Path, cut: int) -> None:
    text = FEED.rstrip("\n")
    with pytest.raises(FeedError, match="half written"):
        read_bytes(tmp_path, "feed.csv", text[: text.rindex("\n") + cut].encode())


def test_a_cell_that_is_cut_off_is_half_a_row(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="half written"):
        read_bytes(tmp_path, "feed.csv", (FEED + 'm-x,"A mug\nof two lines').encode())


def test_half_an_object_is_refused(tmp_path: Path) -> None:
    text = '{"id": "1", "title": "Mug"}\n{"id": "2", "tit'
    with pytest.raises(FeedError, match="half written"):
        read_bytes(tmp_path, "feed.jsonl", text.encode())


def test_a_last_line_without_its_end_is_whole(tmp_path: Path) -> None:
    assert len(read_bytes(tmp_path, "feed.csv", FEED.rstrip("\n").encode()).products) == 50


def test_a_feed_that_is_being_written_is_waited_for(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    path = shop.catalog.settings.feed.path
    path.write_text(FEED[:900])

    def export() -> None:
        with path.open("a") as stream:
            for start in range(900, len(FEED), 300):
                time.sleep(0.3)
                stream.write(FEED[start : start + 300])
                stream.flush()

    writer = threading.Thread(target=export)
    writer.start()
    taken = take_feed(shop.catalog)
    writer.join()
    assert taken.path.read_text() == FEED


def test_a_feed_that_is_written_forever_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog_gen.stages.feed.PATIENCE", 1.5)
    shop = open_shop(tmp_path)
    over = threading.Event()
    path = shop.catalog.settings.feed.path
    path.touch()

    def export() -> None:
        while not over.wait(0.1):
            with path.open("a") as stream:
                stream.write("m,Mug,1,\n")

    writer = threading.Thread(target=export)
    writer.start()
    try:
        with pytest.raises(FeedError, match="is still being written"):
            take_feed(shop.catalog)
    finally:
        over.set()
        writer.join()
    assert not list((shop.home.root / "feeds").glob("*")), "no half copy stays"


def test_a_fifo_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    path = shop.catalog.settings.feed.path
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    with pytest.raises(FeedError, match="is not a regular file"):
        take_feed(shop.catalog)
