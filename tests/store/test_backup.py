"""Verify, backup and restore, together and with flipped bytes."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from catalog_gen.errors import CorruptionError, InputError, StoreBusyError, StoreError
from catalog_gen.home import Home
from catalog_gen.store.backup import back_up, check_backup, restore
from catalog_gen.store.connection import Store
from catalog_gen.store.drawing_lock import drawing_lock, drawing_process
from catalog_gen.store.ingestion import ingest
from catalog_gen.store.outbox import Outbox
from catalog_gen.store.verify import verify
from tests.store.shop import ENVIRONMENT, Shop, drawn, mug, spoil

WAITING = "c" * 64


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x40
    path.write_bytes(content)


def contents(home: Home) -> dict[str, list[tuple[object, ...]]]:
    with Store(home).reading() as connection:
        tables = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()"
        ).fetchall()
        return {
            str(table): connection.execute(f'FROM "{table}" ORDER BY ALL').fetchall()
            for (table,) in tables
        }


@pytest.fixture(scope="module", params=["folder", "duckdb"])
def original(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Shop:
    """Two nights in the store, and a picture that waits in the outbox; only to be copied."""
    home = Home(tmp_path_factory.mktemp("original"))
    shop = Shop(Store(home), Outbox(home.outbox), place=request.param)
    shop.refresh([mug(1), mug(2)])
    shop.refresh([mug(1), mug(2, "blue")])
    shop.outbox.write([drawn(WAITING)], [], ENVIRONMENT)
    return shop


@pytest.fixture(scope="module")
def whole_backup(original: Shop) -> Path:
    """A backup of the original; only to be copied."""
    folder = original.store.home.root.with_name(f"backup-{original.place}")
    back_up(original.store.home, folder)
    return folder


@pytest.fixture
def full(original: Shop, home: Home) -> Shop:
    """A copy of the original in a home of its own."""
    shutil.copytree(original.store.home.root, home.root)
    return replace(original, store=Store(home, patience=0.3), outbox=Outbox(home.outbox))


@pytest.fixture
def backup(whole_backup: Path, tmp_path: Path) -> Path:
    """A copy of the backup."""
    return Path(shutil.copytree(whole_backup, tmp_path / "backup"))


def test_a_backup_restores_every_row_and_the_waiting_files(
    full: Shop, home: Home, tmp_path: Path
) -> None:
    before = contents(home)
    backup = back_up(home, tmp_path / "backup")
    elsewhere = Home(tmp_path / "elsewhere")
    assert restore(elsewhere, tmp_path / "backup").earlier is None
    assert contents(elsewhere) == before
    assert backup.images == len(before["images"]) == 3
    found = verify(Store(elsewhere), Outbox(elsewhere.outbox))
    assert (found.images, found.outbox_images, found.damaged) == (3, 1, ())
    # It is a store to go on with: the waiting picture is taken over, views and keys are there.
    taken = ingest(
        Store(elsewhere), Outbox(elsewhere.outbox), "next", max_tries=3, place=full.place
    )
    assert taken.images == 1
    with Store(elsewhere).reading() as connection:
        assert connection.execute("SELECT count(*) FROM lineage").fetchall()


def test_a_restore_needs_force_and_keeps_the_old_store(
    full: Shop, home: Home, tmp_path: Path
) -> None:
    back_up(home, tmp_path / "backup")
    before = contents(home)
    full.refresh([mug(1, "green"), mug(2, "blue")])
    later = contents(home)
    full.outbox.write([drawn("d" * 64)], [], ENVIRONMENT)
    with pytest.raises(InputError, match="--force"):
        restore(home, tmp_path / "backup")
    assert contents(home) == later
    earlier = restore(home, tmp_path / "backup", force=True).earlier
    assert earlier is not None
    assert contents(home) == before
    assert contents(Home(earlier)) == later
    waiting = [verify(Store(each), Outbox(each.outbox)) for each in (home, Home(earlier))]
    assert [found.outbox_images for found in waiting] == [1, 1]
    assert len(Outbox(home.outbox).pending()) == 1


def test_a_backup_does_not_overwrite_a_folder(
    full: Shop, home: Home, backup: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="exists and is not empty"):
        back_up(home, backup)
    with pytest.raises(StoreError, match="no database"):
        back_up(Home(tmp_path / "nothing"), tmp_path / "another")
    assert not (tmp_path / "another").exists()


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.99])
@pytest.mark.parametrize("which", ["catalog.duckdb", "outbox", "pictures"])
def test_a_flipped_byte_of_a_backup_is_named_and_nothing_is_restored(
    original: Shop, backup: Path, tmp_path: Path, which: str, share: float
) -> None:
    if which == "pictures" and original.place == "duckdb":
        pytest.skip("the database has them")
    path = backup / which
    if path.is_dir():
        path = next(each for each in sorted(path.rglob("*")) if each.is_file())
        path.chmod(0o644)
    flip(path, int(share * (path.stat().st_size - 1)))
    elsewhere = Home(tmp_path / "elsewhere")
    with pytest.raises(CorruptionError, match=path.stem):
        restore(elsewhere, backup)
    assert not elsewhere.root.exists()


def test_a_manifest_that_is_no_manifest_is_refused(backup: Path) -> None:
    manifest = backup / "manifest.json"
    text = manifest.read_text("utf-8")
    manifest.write_text(text.replace('"outbox/', '"../outbox/'), "utf-8")
    with pytest.raises(CorruptionError, match="missing or changed"):
        check_backup(backup)
    manifest.write_text(text.replace('"version": ', '"version": 9'), "utf-8")
    with pytest.raises(StoreError, match="newer"):
        check_backup(backup)
    manifest.write_text(text.replace('"schema"', '"schema_version"'), "utf-8")
    with pytest.raises(InputError, match="unreleased"):
        check_backup(backup)
    manifest.write_text("[]", "utf-8")
    with pytest.raises(CorruptionError, match="can't be read"):
        check_backup(backup)
    shutil.rmtree(backup / "outbox")
    manifest.unlink()
    with pytest.raises(InputError, match="not a readable backup"):
        check_backup(backup)


def test_verify_names_a_changed_picture_and_a_damaged_outbox_file(
    full: Shop, home: Home, tmp_path: Path
) -> None:
    with full.store.writing() as connection:
        ((image_id, address),) = connection.execute(
            "SELECT image_id, sha256 FROM images ORDER BY image_id LIMIT 1"
        ).fetchall()
    spoil(full.store, address, b"x")
    (waiting,) = full.outbox.pending()
    flip(waiting, 100)
    found = verify(full.store, full.outbox)
    assert {(damage.kind, damage.name) for damage in found.damaged} == {
        ("image", image_id),
        ("outbox file", waiting.name),
    }
    with pytest.raises(CorruptionError, match="No backup was written"):
        back_up(home, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


def test_flipped_bytes_in_the_database_are_found_and_a_restore_mends_them(
    full: Shop, home: Home, tmp_path: Path
) -> None:
    with full.store.writing(checkpoint=True):
        pass
    before = contents(home)
    back_up(home, tmp_path / "backup")
    size = home.database.stat().st_size
    for at in range(12_288 + 4_000, size, 65_536):  # past the headers, in every quarter block
        flip(home.database, at)
    found = verify(Store(home), full.outbox)
    assert [damage.kind for damage in found.damaged] == ["database"]
    restore(home, tmp_path / "backup", force=True)
    assert contents(home) == before
    assert verify(Store(home), full.outbox).damaged == ()


def test_nothing_is_restored_while_a_refresh_draws(full: Shop, home: Home, backup: Path) -> None:
    assert drawing_process(home) is None
    with drawing_lock(home):
        assert drawing_process(home) is not None
        with pytest.raises(StoreBusyError, match="is drawing"):
            restore(home, backup, force=True)
    assert drawing_process(home) is None
