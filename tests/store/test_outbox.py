import os
import signal
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog_gen.errors import CorruptionError, StoreBusyError, StoreError
from catalog_gen.home import Home
from catalog_gen.recipe import Failure
from catalog_gen.store import ingestion
from catalog_gen.store.connection import Store
from catalog_gen.store.images import damaged_images, stored_png
from catalog_gen.store.ingestion import Ingested, ingest
from catalog_gen.store.ledger import open_failures
from catalog_gen.store.outbox import Outbox
from catalog_gen.store.outbox_file import read_batch
from tests.store.shop import ENVIRONMENT, Shop, drawn, mug, png_of

#: Dies by SIGKILL where it is told to: a real process, a real database file.
DYING = """
import os, signal, sys
from pathlib import Path
from catalog_gen.home import Home
from catalog_gen.store import ingestion as module
from catalog_gen.store.connection import Store
from catalog_gen.store.ingestion import ingest
from catalog_gen.store.outbox import Outbox
from tests.store.shop import ENVIRONMENT, drawn

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

home, where, ids = Home(Path(sys.argv[1])), sys.argv[2], sys.argv[3:]
outbox = Outbox(home.outbox)
if where == "before the rename":
    Path.rename = die
if where == "inside the transaction":
    module.record_failures = die
if where == "between commit and unlink":
    Outbox.remove = die
outbox.write([drawn(each) for each in ids], [], ENVIRONMENT)
print("acknowledged", flush=True)
if where == "between rename and ingest":
    die()
ingest(Store(home), outbox, "dying", max_tries=3)
"""

IDS = [digit * 64 for digit in "abc"]


def stored_ids(store: Store) -> list[str]:
    with store.reading() as connection:
        assert damaged_images(connection, store.pictures(connection)) == []
        rows = connection.execute("SELECT image_id FROM images ORDER BY image_id").fetchall()
    return [image_id for (image_id,) in rows]


def take(store: Store, outbox: Outbox) -> Ingested:
    return ingest(store, outbox, "run", max_tries=3)


@settings(max_examples=50)
@given(st.lists(st.binary(max_size=300), max_size=4), st.lists(st.text("ab \n'€"), max_size=3))
def test_written_rows_are_read_unchanged(pngs: list[bytes], errors: list[str]) -> None:
    images = [
        replace(drawn(str(number)), png=png, sha256=sha256(png).hexdigest())
        for number, png in enumerate(pngs)
    ]
    failures = [Failure(f"f{number}", error, 0.1) for number, error in enumerate(errors)]
    with TemporaryDirectory() as folder:
        name = Outbox(Path(folder)).write(images, failures, ENVIRONMENT, run_id="night")
        batch = read_batch(Path(folder) / name)
    assert batch.environment == ENVIRONMENT
    assert batch.run_id == "night"
    addresses = [sha256(png).hexdigest() for png in pngs]
    assert batch.rows["sha256"].to_pylist() == addresses + [None] * len(errors)
    assert batch.rows["size"].to_pylist() == [len(png) for png in pngs] + [None] * len(errors)
    assert batch.pictures == dict(zip(addresses, pngs, strict=True))
    assert batch.rows["error"].to_pylist() == [None] * len(pngs) + errors


def test_taking_over_the_same_file_twice_changes_nothing(store: Store, outbox: Outbox) -> None:
    name = outbox.write([drawn(each) for each in IDS], [Failure("f", "black", 1.0)], ENVIRONMENT)
    path = outbox.folder / name
    content = path.read_bytes()
    assert take(store, outbox) == Ingested(images=3, failures=1)
    assert outbox.pending() == []
    path.write_bytes(content)
    assert take(store, outbox) == Ingested(duplicates=3)
    assert outbox.pending() == []
    assert stored_ids(store) == IDS


def test_the_first_picture_of_a_recipe_stays(store: Store, outbox: Outbox) -> None:
    other = b"other bytes"
    outbox.write([drawn(IDS[0])], [], ENVIRONMENT)
    second = replace(drawn(IDS[0]), png=other, sha256=sha256(other).hexdigest())
    outbox.write([second], [], ENVIRONMENT)
    assert take(store, outbox) == Ingested(images=1, duplicates=1)
    with store.reading() as connection:
        pictures = store.pictures(connection)
        assert stored_png(connection, pictures, IDS[0]) == png_of(IDS[0])
        assert list(pictures.listed()) == [(sha256(png_of(IDS[0])).hexdigest(), 2568)]


@pytest.mark.parametrize(
    ("where", "acknowledged"),
    [
        ("before the rename", False),
        ("between rename and ingest", True),
        ("inside the transaction", True),
        ("between commit and unlink", True),
    ],
)
def test_a_process_killed_anywhere_loses_and_doubles_nothing(
    home: Home, store: Store, outbox: Outbox, where: str, acknowledged: bool
) -> None:
    child = subprocess.run(
        [sys.executable, "-c", DYING, str(home.root), where, *IDS],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert child.returncode == -signal.SIGKILL, child.stderr
    assert ("acknowledged" in child.stdout) == acknowledged
    taken = take(store, outbox)
    assert taken.images + taken.duplicates == (3 if acknowledged else 0)
    assert stored_ids(store) == (IDS if acknowledged else [])
    assert outbox.pending() == []
    assert take(store, outbox) == Ingested()


@pytest.mark.parametrize("damage", ["torn", "flipped", "empty"])
def test_a_damaged_file_is_set_aside_and_the_others_go_in(
    store: Store, outbox: Outbox, damage: str
) -> None:
    bad = outbox.folder / outbox.write([drawn(IDS[0])], [], ENVIRONMENT)
    outbox.write([drawn(IDS[1])], [], ENVIRONMENT)
    content = bytearray(bad.read_bytes())
    content[len(content) // 2] ^= 1
    bad.write_bytes({"torn": content[:-20], "flipped": content, "empty": b""}[damage])
    assert take(store, outbox) == Ingested(images=1, corrupt=(f"{bad.name}.corrupt",))
    assert stored_ids(store) == [IDS[1]]
    assert take(store, outbox) == Ingested()


def test_bytes_that_changed_after_hashing_are_never_written(outbox: Outbox) -> None:
    with pytest.raises(CorruptionError, match="changed between hashing and writing"):
        outbox.write([replace(drawn(IDS[0]), png=b"other")], [], ENVIRONMENT)
    assert outbox.pending() == []


def test_files_wait_while_another_process_holds_the_database(store: Store, outbox: Outbox) -> None:
    stored_ids(store)
    outbox.write([drawn(each) for each in IDS], [], ENVIRONMENT)
    hold = "import sys, duckdb; c = duckdb.connect(sys.argv[1]); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(store.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(StoreBusyError, match=str(other.pid)):
            take(store, outbox)
        other.kill()
    assert len(outbox.pending()) == 1
    assert take(store, outbox) == Ingested(images=3)


def test_an_outbox_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match="can't take a batch"):
        Outbox(tmp_path / "outbox").write([drawn(IDS[0])], [], ENVIRONMENT)


def test_many_files_go_in_group_by_group(
    store: Store, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingestion, "GROUP_BYTES", 1)
    for each in IDS:
        outbox.write([drawn(each)], [], ENVIRONMENT)
    assert take(store, outbox) == Ingested(images=3)
    assert stored_ids(store) == IDS


def test_the_ledger_records_the_run_and_the_time(shop: Shop, outbox: Outbox) -> None:
    shop.record([mug(1), mug(2)])
    shop.plan()
    with shop.store.reading() as connection:
        made, failed = [key for (key,) in connection.execute(
            "SELECT recipe_id FROM ledger JOIN prompts USING (prompt_id) ORDER BY product_id"
        ).fetchall()]  # fmt: skip
    outbox.write([drawn(made, 2.0)], [Failure(failed, "NaN", 3.0)], ENVIRONMENT, run_id="drawer")
    ingest(shop.store, outbox, "sweeper", max_tries=1)
    with shop.store.reading() as connection:
        rows = connection.execute(
            """
            SELECT status, tries, error, seconds, ledger.run_id
            FROM ledger JOIN prompts USING (prompt_id) ORDER BY product_id
            """
        ).fetchall()
        batch = connection.execute("SELECT images, failures, run_id FROM outbox_batches").fetchall()
        (failure,) = open_failures(connection)
    assert rows == [("made", 1, "", 2.0, "drawer"), ("given up", 1, "NaN", 3.0, "drawer")]
    assert batch == [(1, 1, "sweeper")]
    assert failure.status == "given up"
