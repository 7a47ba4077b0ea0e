"""What processes that are killed while they write leave behind is swept, and nothing else is."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from catalog_gen.home import Home
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.feed import take_feed
from catalog_gen.store.backup import back_up, restore
from catalog_gen.store.connection import Store
from catalog_gen.store.files import write_whole
from catalog_gen.store.ingestion import ingest
from catalog_gen.store.outbox import Outbox
from catalog_gen.store.snapshot import publish_snapshot, query_snapshot
from catalog_gen.store.unfinished import abandoned, sweep, unfinished_file, unfinished_folder
from tests.store.shop import ENVIRONMENT, Shop, drawn, mug

#: Runs a piece of code; at the named function it says so and waits to be killed.
HALTED = """
import importlib, sys
module, name, code = sys.argv[1:4]
def halt(*arguments, **options):
    print("here", flush=True)
    sys.stdin.read()
setattr(importlib.import_module(module), name, halt)
from pathlib import Path
from catalog_gen.home import Home
from catalog_gen.store.connection import Store
home = Home(Path(sys.argv[4]))
exec(code)
"""


@contextmanager
def halted(home: Home, at: str, code: str) -> "Iterator[subprocess.Popen[bytes]]":
    """A process that runs the code up to the call of a function, and is killed at the end."""
    module, _, name = at.rpartition(".")
    command = [sys.executable, "-c", HALTED, module, name, code, str(home.root)]
    environment = os.environ | {"TMPDIR": str(home.root.parent)}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.read(5) == b"here\n"
        yield process
        process.kill()


SNAPSHOT = """
from catalog_gen.store.snapshot import publish_snapshot
publish_snapshot(Store(home), home)
"""
BACKUP = """
from catalog_gen.store.backup import back_up
back_up(home, home.root.parent / "backups" / "monday")
"""
RESTORE = """
from catalog_gen.store.backup import restore
restore(home, home.root.parent / "good", force=True)
"""
FEED = """
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.feed import take_feed
take_feed(Catalog.open(home.root.parent / "catalog.toml", home))
"""
OUTBOX = """
from catalog_gen.store.outbox import Outbox
from tests.store.shop import ENVIRONMENT, drawn
Outbox(home.outbox).write([drawn("d" * 64)], [], ENVIRONMENT)
"""
ASKED = """
from catalog_gen.store.snapshot import query_snapshot
query_snapshot(home, "SELECT 1")
"""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A night in the database, a snapshot of it, a backup, and a feed beside it; to be copied."""
    folder = tmp_path_factory.mktemp("original")
    home = Home(folder / "catalog")
    shop = Shop(Store(home), Outbox(home.outbox))
    shop.refresh([mug(1), mug(2)])
    publish_snapshot(shop.store, home)
    back_up(home, folder / "good")
    (folder / "feed.csv").write_text("id,title,product_type\n1,Mug,mug\n", "utf-8")
    sample = (Path(__file__).parents[2] / "data" / "catalog.toml").read_text("utf-8")
    (folder / "catalog.toml").write_text(sample, "utf-8")
    return folder


@pytest.fixture
def full(original: Path, store: Store, outbox: Outbox) -> Shop:
    shutil.copytree(original, store.home.root.parent, symlinks=True, dirs_exist_ok=True)
    return Shop(store, outbox)


def again_take_feed(shop: Shop, home: Home) -> None:
    take_feed(Catalog.open(home.root.parent / "catalog.toml", home))


def again_ingest(shop: Shop, home: Home) -> None:
    shop.outbox.write([drawn("e" * 64)], [], ENVIRONMENT)
    assert ingest(shop.store, Outbox(home.outbox), "next", max_tries=3).images == 1


def again_back_up(shop: Shop, home: Home) -> None:
    back_up(home, home.root.parent / "backups" / "tuesday")


def again_restore(shop: Shop, home: Home) -> None:
    restore(home, home.root.parent / "good", force=True)


def again_publish(shop: Shop, home: Home) -> None:
    publish_snapshot(shop.store, home)


def again_ask(shop: Shop, home: Home) -> None:
    assert query_snapshot(home, "SELECT 1").rows == ((1,),)


@pytest.mark.parametrize(
    ("code", "at", "folder", "again"),
    [
        (SNAPSHOT, "catalog_gen.store.snapshot._lay_out_lineage", "home/snapshots", again_publish),
        (BACKUP, "catalog_gen.store.backup._require_whole", "backups", again_back_up),
        (RESTORE, "catalog_gen.store.backup._switch", "home", again_restore),
        (RESTORE, "catalog_gen.store.backup._switch", "home", again_take_feed),
        (FEED, "catalog_gen.stages.feed.sha256_file", "home/feeds", again_take_feed),
        (OUTBOX, "os.fsync", "home/outbox", again_ingest),
        (ASKED, "catalog_gen.store.snapshot._answer", ".", again_ask),
    ],
)
def test_leftovers_of_a_killed_process_are_deleted_by_the_next(
    code: str,
    at: str,
    folder: str,
    again: Callable[[Shop, Home], None],
    full: Shop,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(home.root.parent))
    place = home.root.parent / folder.replace("home", home.root.name)
    with halted(home, at, code):
        (left,) = partial(place)
        assert abandoned(place) == []
        sweep(place)
        assert left.exists(), "its process is at work"
    assert abandoned(place) == [left]
    again(full, home)
    assert partial(place) == []


def partial(folder: Path) -> list[Path]:
    return sorted(folder.glob(".*.partial"))


def test_files_in_use_by_this_process_are_not_deleted(tmp_path: Path) -> None:
    with unfinished_folder(tmp_path) as first, unfinished_file(tmp_path) as (stream, second):
        (first / "within").write_text("half", "utf-8")
        stream.write(b"half")
        with unfinished_folder(tmp_path) as third:
            assert {first, second, third} == set(tmp_path.iterdir())
        assert abandoned(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_files_of_others_stay(tmp_path: Path) -> None:
    others = [
        ".catalog-gen-mine.partial",
        ".catalog-gen-abcdefgh",
        "abcdefgh.partial",
        ".x.partial",
    ]
    for name in others:
        (tmp_path / name).mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".catalog-gen-abcdefgh.partial").symlink_to(tmp_path / "elsewhere")
    before = set(tmp_path.iterdir())
    sweep(tmp_path)
    sweep(tmp_path / "there is no such folder")
    with unfinished_folder(tmp_path):
        pass
    assert set(tmp_path.iterdir()) == before


def test_a_file_that_is_renamed_is_whole_and_readable(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"first")
    write_whole(path, b"second")
    assert path.read_bytes() == b"second"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]
