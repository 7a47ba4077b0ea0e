import os
import resource
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

from catalog_gen.errors import CorruptionError, StoreBusyError, StoreError
from catalog_gen.home import Home
from catalog_gen.store.connection import Store
from catalog_gen.store.images import damaged_images
from catalog_gen.store.relations import forget_blocks, limit_memory

HOLD = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "reader")
print("holding", flush=True)
sys.stdin.read()
"""


def start_run_row(store: Store, run_id: str) -> None:
    with store.writing() as connection:
        connection.execute(
            """
            INSERT INTO runs BY NAME
            SELECT ? AS run_id, now() AS started_at, 'started' AS status, '{}' AS summary
            """,
            [run_id],
        )


def run_ids(store: Store) -> list[str]:
    with store.reading() as connection:
        rows = connection.execute("SELECT run_id FROM runs ORDER BY run_id").fetchall()
    return [run_id for (run_id,) in rows]


def test_an_error_leaves_nothing_behind(store: Store) -> None:
    start_run_row(store, "first")

    def fail() -> None:
        with store.writing() as connection:
            connection.execute("DELETE FROM runs")
            raise RuntimeError("the caller failed")

    with pytest.raises(RuntimeError):
        fail()
    with pytest.raises(StoreError, match="Constraint"):
        start_run_row(store, "first")
    assert run_ids(store) == ["first"]


def test_a_swallowed_error_is_raised_at_the_end(store: Store) -> None:
    start_run_row(store, "first")

    def swallow() -> None:
        with store.writing() as connection:
            connection.execute("UPDATE runs SET summary = 'changed'")
            with suppress(duckdb.Error):
                connection.execute("UPDATE runs SET status = 'nonsense'")

    with pytest.raises(StoreError, match="Nothing of this step was stored"):
        swallow()
    assert run_ids(store) == ["first"]


def test_reading_makes_an_empty_database_and_peeking_makes_nothing(store: Store) -> None:
    with store.peek() as connection:
        assert connection.execute("SELECT count(*) FROM lineage").fetchone() == (0,)
    assert not store.path.parent.exists()
    assert run_ids(store) == []
    assert store.path.is_file()


def test_peeking_at_a_database_changes_no_file(store: Store) -> None:
    start_run_row(store, "first")
    before = [(path.name, path.stat().st_mtime_ns) for path in store.path.parent.iterdir()]
    with store.peek() as connection:
        connection.execute("CREATE TEMP TABLE scratch AS SELECT range FROM range(100000)")
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (1,)
    after = [(path.name, path.stat().st_mtime_ns) for path in store.path.parent.iterdir()]
    assert after == before


def test_reading_can_not_write(store: Store) -> None:
    with pytest.raises(StoreError, match="read-only"), store.reading() as connection:
        connection.execute("DELETE FROM runs")


@pytest.mark.parametrize("role", ["writer", "reader"])
def test_another_process_is_reported_with_its_pid(store: Store, role: str) -> None:
    start_run_row(store, "first")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(store.path), role],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        try:
            with pytest.raises(StoreBusyError, match=rf"process {other.pid} .*python"):
                start_run_row(store, "second")
        finally:
            other.kill()
    start_run_row(store, "second")
    assert run_ids(store) == ["first", "second"]


def test_the_store_waits_for_a_short_lock(home: Home) -> None:
    patient = Store(home, patience=30)
    start_run_row(patient, "first")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(patient.path), "writer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        other.stdout.readline()
        threading.Timer(0.2, other.stdin.close).start()
        start_run_row(patient, "second")
    assert run_ids(patient) == ["first", "second"]


def test_threads_take_turns(store: Store) -> None:
    threads = [
        threading.Thread(target=start_run_row, args=(store, f"run-{number}")) for number in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert run_ids(store) == [f"run-{number}" for number in range(6)]


def test_opening_twice_in_one_thread_is_an_error_and_no_deadlock(store: Store) -> None:
    with store.writing(), pytest.raises(StoreError, match="open already"), store.reading():
        pass


def test_stores_of_one_database_wait_for_each_other(store: Store) -> None:
    start_run_row(store, "first")
    with store.reading(), pytest.raises(StoreBusyError, match="another thread has held"):
        start_run_row(Store(store.home, patience=0.01), "second")
    start_run_row(Store(store.home), "second")
    assert run_ids(store) == ["first", "second"]


def test_a_block_leaves_no_limit_and_no_database_to_the_next(store: Store, tmp_path: Path) -> None:
    settings = "SELECT current_setting('memory_limit'), current_setting('temp_directory')"
    with store.writing() as connection:
        usual, beside = connection.execute(settings).fetchall()[0]
        limit_memory(connection)
        connection.execute("CREATE TEMP TABLE scratch AS SELECT 1")
    assert beside == f"{store.path}.tmp"
    other = Store(Home(tmp_path / "other"))
    with other.writing() as connection:
        assert connection.execute(settings).fetchall() == [(usual, f"{other.path}.tmp")]
        known = connection.execute("SELECT path FROM duckdb_databases() WHERE path IS NOT NULL")
        assert known.fetchall() == [(str(other.path),)]
        tables = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        assert ("scratch",) not in tables


def test_cached_blocks_are_forgotten_and_temporary_tables_stay(store: Store) -> None:
    cached = "SELECT sum(memory_usage_bytes) FROM duckdb_memory() WHERE tag = 'BASE_TABLE'"
    limit = "SELECT current_setting('memory_limit')"
    with store.writing(checkpoint=True) as connection:
        connection.execute("CREATE TABLE numbers AS SELECT range, hash(range) FROM range(500000)")
    with store.peek() as connection:
        usual = connection.execute(limit).fetchall()
        connection.execute("CREATE TEMP TABLE kept AS FROM numbers")
        ((before,),) = connection.execute(cached).fetchall()
        forget_blocks(connection)
        ((after,),) = connection.execute(cached).fetchall()
        assert before > 1_000_000 > after
        assert connection.execute("SELECT count(*) FROM kept").fetchall() == [(500_000,)]
        assert connection.execute("SELECT count(*) FROM numbers").fetchall() == [(500_000,)]
        assert connection.execute(limit).fetchall() == usual
    with store.reading() as connection:
        forget_blocks(connection)  # without temporary tables, too


def test_spill_files_are_deleted_with_their_folder(store: Store) -> None:
    spilled = store.path.with_name(f"{store.path.name}.tmp")
    start_run_row(store, "first")
    with store.reading() as connection:
        connection.execute("SET memory_limit = '10MB'")
        connection.execute("CREATE TEMP TABLE big AS SELECT range, hash(range) FROM range(1000000)")
        assert spilled.is_dir()
    assert not spilled.exists()
    assert run_ids(store) == ["first"]


def test_after_a_commit_that_failed_the_database_opens_again(store: Store) -> None:
    start_run_row(store, "first")
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)

    def write_more_than_fits() -> None:
        with store.writing() as connection:
            connection.execute("INSERT INTO image_bytes VALUES ('a', repeat('x', 10000)::BLOB)")
            resource.setrlimit(resource.RLIMIT_FSIZE, (5000, usual[1]))
            try:
                connection.execute("COMMIT")
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, usual)

    with pytest.raises(StoreError, match="Failed to commit"):
        write_more_than_fits()
    start_run_row(store, "second")
    assert run_ids(store) == ["first", "second"]


def test_a_damaged_database_is_named_as_such(store: Store) -> None:
    start_run_row(store, "first")
    content = bytearray(store.path.read_bytes())
    content[100] ^= 0xFF
    store.path.write_bytes(content)
    with pytest.raises(CorruptionError, match=r"damaged.*Restore a backup"), store.reading():
        pass


#: Commits a picture with a checkpoint and rows without one, and dies: the log stays behind.
LEAVES_A_LOG = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
import duckdb
from catalog_gen.home import Home
from catalog_gen.store.connection import Store
from catalog_gen.store.ingestion import ingest
from catalog_gen.store.outbox import Outbox
from catalog_gen.store.runs import start_run
from tests.store.shop import ENVIRONMENT, drawn

home = Home(Path(sys.argv[1]))
outbox = Outbox(home.outbox)
outbox.write([drawn("a" * 64)], [], ENVIRONMENT)
ingest(Store(home), outbox, "dying", max_tries=3)
connection = duckdb.connect(home.database)
for number in range(5):
    start_run(connection, f"run {number}", datetime.now(UTC))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_damaged_log_is_named_or_loses_its_tail_and_never_a_picture(home: Home) -> None:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", LEAVES_A_LOG, str(home.root)]
    subprocess.run(command, check=False, cwd=root, env=environment)
    log = home.database.with_name("catalog.duckdb.wal")
    database, whole = home.database.read_bytes(), log.read_bytes()

    def rows_with(content: bytes | None) -> list[str]:
        home.database.write_bytes(database)
        log.unlink(missing_ok=True)
        if content is not None:
            log.write_bytes(content)
        store = Store(home)
        with store.reading() as connection:
            assert damaged_images(connection, store.pictures(connection)) == []
            assert connection.execute("SELECT count(*) FROM images").fetchall() == [(1,)]
            rows = connection.execute("SELECT run_id FROM runs ORDER BY run_id").fetchall()
        return [run_id for (run_id,) in rows]

    everything = rows_with(whole)
    assert everything == [f"run {number}" for number in range(5)]
    for length in range(0, len(whole), len(whole) // 10):
        rows = rows_with(whole[:length])
        assert rows == everything[: len(rows)]  # what a power cut tears off is the last of it
    named = 0
    for at in range(0, len(whole), len(whole) // 20):
        flipped = bytearray(whole)
        flipped[at] ^= 0x10
        with suppress(CorruptionError):
            rows = rows_with(bytes(flipped))
            assert rows == everything[: len(rows)]
            continue
        named += 1
    assert named > 10
    with pytest.raises(CorruptionError, match=r"duckdb\.wal: the write-ahead log is damaged"):
        rows_with(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert rows_with(None) == []  # the remedy: without the log all pictures are still there


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    # Root may write to any folder but to those that the kernel makes up.
    folder = tmp_path if os.geteuid() else Path("/sys")
    with pytest.raises(StoreError, match="writable"), Store(Home(folder / "home")).writing():
        pass
