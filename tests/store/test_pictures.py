"""Every place that keeps pictures' bytes keeps the same promises."""

import os
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from catalog_gen.errors import ConfigError, StoreError
from catalog_gen.picture_place import checked_place
from catalog_gen.settings import Home
from catalog_gen.store.connection import open_memory
from catalog_gen.store.pictures.in_database import InDatabase
from catalog_gen.store.pictures.in_folder import InFolder
from catalog_gen.store.pictures.pictures import Pictures
from tests.store.shop import Shop, drawn, mug


def named(*contents: bytes) -> dict[str, bytes]:
    return {sha256(content).hexdigest(): content for content in contents}


@pytest.fixture(params=["folder", "duckdb"])
def pictures(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pictures]:
    if request.param == "folder":
        yield InFolder(tmp_path / "pictures")
        return
    with open_memory() as connection:
        yield InDatabase(connection)


def test_what_is_put_is_got_listed_and_dropped(pictures: Pictures) -> None:
    kept = named(b"one", b"two", b"", bytes(100_000))
    first = next(iter(kept))
    assert pictures.get(list(kept)) == {}
    assert pictures.broken(kept) == pictures.absent(kept) == set(kept)
    pictures.put(kept)
    pictures.put(kept)
    assert pictures.get(list(kept)) == kept
    assert {address for address, _ in pictures.listed()} == set(kept)
    assert pictures.broken(kept) == pictures.absent(kept) == set()
    pictures.drop([first, "f" * 64])
    assert pictures.broken(kept) == pictures.absent(kept) == {first}
    assert set(pictures.get(list(kept))) == set(kept) - {first}


def test_a_damaged_picture_is_named_and_putting_it_again_heals_it(pictures: Pictures) -> None:
    kept = named(b"whole", b"other")
    damaged, _ = kept
    pictures.put(kept)
    path = pictures.file(damaged)
    if path is None:
        pictures.drop([damaged])
        assert isinstance(pictures, InDatabase)
        pictures._connection.execute("INSERT INTO image_bytes VALUES (?, 'w')", [damaged])
    else:
        path.unlink()
        path.write_bytes(b"w")
    assert pictures.broken(kept) == {damaged}
    assert pictures.absent(kept) == set()
    pictures.put(kept)
    assert pictures.broken(kept) == set()


def test_a_file_is_whole_read_only_and_alone_in_its_folder(tmp_path: Path) -> None:
    pictures = InFolder(tmp_path)
    ((address, content),) = named(b"a picture").items()
    pictures.put({address: content})
    path = pictures.file(address)
    assert path == tmp_path / address[:2] / f"{address}.png"
    assert path.stat().st_mode & 0o777 == 0o444
    stranger = path.with_name("note.txt")
    stranger.write_text("not ours")
    assert list(pictures.listed()) == [(address, len(content))]


def test_what_dead_processes_left_half_written_is_swept(tmp_path: Path) -> None:
    pictures = InFolder(tmp_path)
    (tmp_path / ".writing").mkdir()
    old, fresh = tmp_path / ".writing" / "1-aa", tmp_path / ".writing" / "2-bb"
    for path in (old, fresh):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    pictures.put(named(b"new"))
    assert (old.exists(), fresh.exists()) == (False, True)


def test_a_folder_that_can_not_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "pictures").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match="can't be written"):
        InFolder(tmp_path / "pictures").put(named(b"one"))


def test_another_place_in_the_settings_hides_no_pictures(shop: Shop, home: Home) -> None:
    shop.refresh([mug(1)])
    shop.place = "duckdb"
    with pytest.raises(ConfigError, match="are in 'folder'"):
        shop.draw(["a" * 64])
    shop.place = "folder"
    shop.draw(["a" * 64])
    with shop.store.reading() as connection:
        assert shop.store.pictures(connection).file(drawn("a" * 64).sha256) is not None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("folder", "folder"),
        (" duckdb ", "duckdb"),
        ("../pictures", "../pictures"),
        ("s3://shop/pictures/", "s3://shop/pictures"),
        ("gs://shop", "gs://shop"),
    ],
)
def test_places_are_read(text: str, place: str) -> None:
    assert checked_place(text) == place


@pytest.mark.parametrize("text", ["", "s3://", "ftp://shop/x", "s3://key@shop/x", "s3://a/../b"])
def test_addresses_that_lead_nowhere_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"name|none of"):
        checked_place(text)
