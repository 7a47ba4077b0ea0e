"""Which databases are opened, which are migrated, and which are refused."""

from collections.abc import Callable
from dataclasses import replace

import duckdb
import pytest
from duckdb import DuckDBPyConnection

from catalog_gen.errors import StoreError
from catalog_gen.store import connection as connection_module
from catalog_gen.store.connection import Store, open_memory
from catalog_gen.store.outbox import Outbox
from catalog_gen.store.runs import last_runs, start_run
from catalog_gen.store.schema import (
    Migration,
    Schema,
    current_schema,
    current_state,
    stored_state,
)
from tests.store.shop import NIGHT, Shop, mug

#: How a later version changes a table: in ``tables.sql``, and as a migration.
OLD_LINE, NEW_LINE = "source      VARCHAR NOT NULL,", "origin      VARCHAR NOT NULL,"
RENAMES = Migration(2, "0002_origin", "ALTER TABLE feed_snapshots RENAME source TO origin")


def released() -> Schema:
    """What the first release will be: ``tables.sql``, and the same as 0001."""
    schema = current_schema()
    return replace(schema, migrations=(Migration(1, "0001_release", schema.tables),))


def following() -> Schema:
    """A made-up later version: a column has another name, and there is one view more."""
    first = released()
    return Schema(
        first.tables.replace(OLD_LINE, NEW_LINE),
        first.views + "CREATE VIEW feeds AS SELECT feed_id, origin FROM feed_snapshots;",
        (*first.migrations, RENAMES),
    )


def use(monkeypatch: pytest.MonkeyPatch, schema: Schema) -> None:
    """Continue as the version of catalog_gen that has this schema."""
    monkeypatch.setattr(connection_module, "current_schema", lambda: schema)
    monkeypatch.setattr(connection_module, "current_state", lambda: schema.state)


def laid_out(connection: DuckDBPyConnection) -> list[tuple[object, ...]]:
    """Every column of every table and view, with its type, place and default."""
    return connection.execute(
        """
        SELECT table_name, column_index, column_name, data_type, is_nullable, column_default
        FROM duckdb_columns() WHERE NOT internal ORDER BY ALL
        """
    ).fetchall()


def test_memory_has_the_whole_schema() -> None:
    with open_memory() as connection:
        assert stored_state(connection, "memory") == current_state()
        comments = connection.execute(
            "SELECT count(*) FROM duckdb_columns() WHERE table_name = 'lineage' AND comment IS NULL"
        ).fetchone()
    assert comments == (0,)


def test_a_migration_brings_a_released_store_up_to_date_with_its_rows(
    store: Store, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, released())
    shop = Shop(store, outbox)
    shop.refresh([mug(1), mug(2)])
    use(monkeypatch, following())
    with pytest.raises(StoreError, match="older than this catalog_gen"), shop.store.peek():
        pass
    with shop.store.reading() as connection:
        assert connection.execute("SELECT origin FROM feeds").fetchall() == [("feed.csv",)]
        assert connection.execute("SELECT count(*) FROM live_images").fetchall() == [(2,)]
        migrated = laid_out(connection)
        assert stored_state(connection, "") == following().state
    assert stored_state_of_new(following()) == migrated


def stored_state_of_new(schema: Schema) -> list[tuple[object, ...]]:
    """How a new database of this schema is laid out."""
    connection = duckdb.connect(":memory:")
    schema.bring_up_to_date(connection, "memory")
    rows = laid_out(connection)
    connection.close()
    return rows


def test_tables_and_the_sum_of_the_migrations_are_the_same() -> None:
    schema = current_schema()
    if not schema.migrations:
        pytest.skip("nothing was released yet")
    connection = duckdb.connect(":memory:")
    for migration in schema.migrations:
        connection.execute(migration.sql)
    connection.execute(schema.views)
    assert laid_out(connection) == stored_state_of_new(schema)
    connection.close()


def test_a_migration_that_fails_leaves_everything_as_it_was(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, released())
    with store.writing() as connection:
        start_run(connection, "kept", NIGHT)
    later = following()
    broken = replace(RENAMES, sql=f"{RENAMES.sql}; SELECT nonsense")
    use(monkeypatch, replace(later, migrations=(later.migrations[0], broken)))
    with pytest.raises(StoreError, match="nonsense"), store.writing():
        pass
    use(monkeypatch, released())
    with store.peek() as connection:
        assert [run.run_id for run in last_runs(connection, 5)] == ["kept"]


def test_views_are_made_anew_when_their_text_has_changed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.writing():
        pass
    changed = replace(current_schema(), views="CREATE VIEW single AS SELECT 1 AS one;")
    use(monkeypatch, changed)
    with store.peek() as connection:
        assert connection.execute("FROM single").fetchall() == [(1,)]
    with store.reading() as connection:
        names = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal")
        assert names.fetchall() == [("single",)]
        macros = "SELECT count(*) FROM duckdb_functions() WHERE NOT internal"
        assert connection.execute(macros).fetchall() == [(0,)]


def test_read_only_connections_use_todays_views(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.refresh([mug(1), mug(2)])
    today = current_schema()
    with monkeypatch.context() as before:
        use(
            before,
            replace(today, views="CREATE VIEW lineage AS SELECT 'of yesterday' AS image_id;"),
        )
        with shop.store.reading():
            pass
    written = shop.store.path.read_bytes()
    with shop.store.peek() as connection:
        assert connection.execute("SELECT count(*) FROM lineage WHERE live").fetchall() == [(2,)]
        assert len(connection.execute("FROM live_at(now())").fetchall()) == 2
        assert connection.execute("FROM open_failures").fetchall() == []
    assert shop.store.path.read_bytes() == written


def test_comments_of_the_tables_change_nothing() -> None:
    schema = current_schema()
    assert replace(schema, tables=f"-- another remark\n{schema.tables}\n").state == schema.state


@pytest.mark.parametrize("opened", [Store.writing, Store.reading, Store.peek])
@pytest.mark.parametrize(
    ("written", "words"),
    [
        # As the last version before the single schema left it.
        (
            "CREATE TABLE schema_version (version INTEGER, name VARCHAR, applied_at TIMESTAMPTZ);"
            "INSERT INTO schema_version VALUES (32, '0032_wanted', now())",
            r"catalog\.duckdb: an unreleased catalog_gen .* CATALOG_HOME",
        ),
        (
            "UPDATE store_schema SET tables_sha256 = 'another'",
            r"catalog\.duckdb: an unreleased catalog_gen .* CATALOG_HOME",
        ),
        (
            "UPDATE store_schema SET version = 9999",
            r"schema version 9999.*newer catalog_gen .*Upgrade catalog_gen",
        ),
    ],
)
def test_a_store_without_a_migration_path_is_refused_everywhere(
    store: Store, opened: Callable[[Store], object], written: str, words: str
) -> None:
    store.path.parent.mkdir(parents=True)
    connection = duckdb.connect(store.path)
    if "store_schema" in written:
        current_schema().bring_up_to_date(connection, "here")
    connection.execute(written)
    connection.close()
    before = store.path.read_bytes()
    with pytest.raises(StoreError, match=words), opened(store):  # type: ignore[attr-defined]
        pass
    assert store.path.read_bytes() == before


def test_an_unreleased_store_is_refused_once_there_is_a_release(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.writing():
        pass
    use(monkeypatch, released())
    with pytest.raises(StoreError, match="unreleased"), store.reading():
        pass
