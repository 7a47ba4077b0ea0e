"""Every place that keeps pictures' bytes keeps the same promises."""

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from catalog_gen.errors import ConfigError, CorruptionError, StoreError
from catalog_gen.home import Home
from catalog_gen.picture_place import checked_place
from catalog_gen.store.compaction import compact
from catalog_gen.store.connection import open_memory
from catalog_gen.store.images import picture_addresses
from catalog_gen.store.pictures import move
from catalog_gen.store.pictures.in_database import InDatabase
from catalog_gen.store.pictures.in_folder import InFolder
from catalog_gen.store.pictures.move import move_pictures
from catalog_gen.store.pictures.pictures import Pictures
from catalog_gen.store.pictures.place import pictures_at, place_to_empty, recorded_place
from catalog_gen.store.unfinished import unfinished_folder
from catalog_gen.store.verify import verify
from tests.store.shop import Shop, drawn, mug, spoil


def named(*contents: bytes) -> dict[str, bytes]:
    return {sha256(content).hexdigest(): content for content in contents}


@pytest.fixture(params=["folder", "duckdb"])
def pictures(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pictures]:
    if request.param == "folder":
        yield InFolder(tmp_path / "pictures")
        return
    with open_memory() as connection:
        yield InDatabase(connection)


def test_pictures_can_be_put_read_listed_and_deleted(pictures: Pictures) -> None:
    kept = named(b"one", b"two", b"", bytes(100_000))
    first = next(iter(kept))
    assert pictures.get(list(kept)) == {}
    assert pictures.broken(kept) == set(kept)
    pictures.put(kept)
    pictures.put(kept)
    assert pictures.get(list(kept)) == kept
    assert {address for address, _ in pictures.listed()} == set(kept)
    assert pictures.broken(kept) == set()
    pictures.drop([first, "f" * 64])
    assert pictures.broken(kept) == {first}
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


def test_half_written_files_of_dead_processes_are_deleted(tmp_path: Path) -> None:
    left = tmp_path / ".catalog-gen-abcdefgh.partial"
    left.mkdir()
    (left / "half").write_bytes(b"half")
    with unfinished_folder(tmp_path) as living:
        InFolder(tmp_path).put(named(b"new"))
        assert (left.exists(), living.exists()) == (False, True)


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
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


@pytest.mark.parametrize(("source", "target"), [("folder", "duckdb"), ("duckdb", "folder")])
def test_a_move_moves_every_picture_and_frees_the_space(
    shop: Shop, source: str, target: str
) -> None:
    shop.place = source
    shop.refresh([mug(number) for number in range(5)])
    moved = move_pictures(shop.store, target)
    assert (moved.source, moved.target, moved.copied, moved.present) == (source, target, 5, 0)
    assert move_pictures(shop.store, target).copied == 0
    shop.place = target
    shop.refresh([mug(number, "blue") for number in range(5)])
    assert verify(shop.store, shop.outbox).damaged == ()
    with shop.store.reading() as connection:
        assert recorded_place(connection) == target
        assert list(pictures_at(shop.store.home, source, connection).listed()) == []
        assert len(list(shop.store.pictures(connection).listed())) == 10


@pytest.mark.parametrize("dies_in", ["report", "record_place", "_leave", "compact"])
def test_a_killed_move_continues(shop: Shop, monkeypatch: pytest.MonkeyPatch, dies_in: str) -> None:
    shop.place = "duckdb"
    shop.refresh([mug(number) for number in range(5)])
    folder = shop.store.home.root.parent / "elsewhere"

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(move, "_PORTION", 2)
        patched.setattr(move, dies_in, die)
        with pytest.raises(KeyboardInterrupt):
            move_pictures(shop.store, str(folder))
    assert verify(shop.store, shop.outbox).damaged == ()
    moved = move_pictures(shop.store, str(folder))
    if dies_in == "report":
        assert (moved.copied, moved.present) == (3, 2)
    assert verify(shop.store, shop.outbox).damaged == ()
    with shop.store.reading() as connection:
        assert list(InDatabase(connection).listed()) == []
        assert place_to_empty(connection) is None
    assert len(list(InFolder(folder).listed())) == 5


def test_a_damaged_picture_stops_a_move_before_anything_is_switched(shop: Shop) -> None:
    shop.refresh([mug(1), mug(2)])
    with shop.store.reading() as connection:
        damaged = picture_addresses(connection)[0]
    spoil(shop.store, damaged, b"other")
    with pytest.raises(CorruptionError, match=damaged):
        move_pictures(shop.store, "duckdb")
    with shop.store.reading() as connection:
        assert recorded_place(connection) == "folder"


def test_compacting_gives_the_space_of_deleted_rows_back(shop: Shop) -> None:
    shop.refresh([mug(1)])
    kept = named(*(os.urandom(1_000_000) for _ in range(20)))
    with shop.store.writing(checkpoint=True) as connection:
        InDatabase(connection).put(kept)
    with shop.store.writing(checkpoint=True) as connection:
        InDatabase(connection).drop(kept)
    assert compact(shop.store) >= 0
    assert shop.store.path.stat().st_size < 10_000_000
    shop.refresh([mug(1), mug(2)])
    assert verify(shop.store, shop.outbox).damaged == ()
