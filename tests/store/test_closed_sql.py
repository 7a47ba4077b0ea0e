"""`catalog-gen sql` can't read other files, change anything, or reveal anything but rows."""

from pathlib import Path

import pytest

from catalog_gen.errors import InputError
from catalog_gen.home import Home
from catalog_gen.store.connection import Store
from catalog_gen.store.snapshot import publish_snapshot, query_snapshot

SECRET = "planted-secret"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("closed") / "home")
    publish_snapshot(Store(home), home)
    (home.root / "secret.csv").write_text(f"word\n{SECRET}\n", "utf-8")
    (home.root / "secret.json").write_text(f'{{"word": "{SECRET}"}}', "utf-8")
    return home


READING = (
    "SELECT * FROM read_csv('{root}/secret.csv')",
    "SELECT * FROM read_text('{root}/secret.csv')",
    "SELECT * FROM read_blob('{root}/secret.csv')",
    "SELECT * FROM read_json('{root}/secret.json')",
    "SELECT * FROM read_parquet('{root}/outbox/*.parquet')",
    "SELECT * FROM sniff_csv('{root}/secret.csv')",
    "SELECT * FROM glob('{root}/*')",
    "SELECT * FROM '{root}/secret.csv'",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM 'https://shop.example/feed.csv'",
    "FROM parquet_metadata('{root}/x.parquet')",
    "ATTACH '{root}/catalog.duckdb' AS live (READ_ONLY)",
    "ATTACH ':memory:' AS other",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{root}/x.duckdb_extension'",
    "SELECT getenv('PATH')",
    "FROM duckdb_secrets()",
    "IMPORT DATABASE '{root}'",
    "SELECT 1; SELECT * FROM read_text('{root}/secret.csv')",
    "EXPLAIN ANALYZE SELECT * FROM read_text('{root}/secret.csv')",
    "PREPARE q AS SELECT * FROM read_text('{root}/secret.csv')",
    "WITH t AS (FROM read_text('{root}/secret.csv')) SELECT * FROM t",
)

CHANGING = (
    "COPY (SELECT 1) TO '{root}/written.csv'",
    "COPY products FROM '{root}/secret.csv'",
    "EXPORT DATABASE '{root}/written'",
    "CREATE TABLE more (a INT)",
    "INSERT INTO runs SELECT * FROM runs",
    "UPDATE runs SET status = 'failed'",
    "DELETE FROM products",
    "DROP TABLE products",
    "ALTER TABLE products ADD COLUMN a INT",
    "CREATE SECRET s (TYPE s3)",
    "CREATE PERSISTENT SECRET s (TYPE s3)",
)

UNLOCKING = (
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "RESET lock_configuration",
    "SET allowed_directories = ['/']",
    "SET python_enable_replacements = true",
    "SET temp_directory = '{root}/written'",
    "SET secret_directory = '{root}'",
    "SET allow_unsigned_extensions = true",
    "PRAGMA enable_external_access = true",
    "PRAGMA profiling_output = '{root}/written.json'",
    "SET profiling_output = '{root}/written.json'",
    "SET log_query_path = '{root}/written.log'",
)


@pytest.mark.parametrize("sql", [*READING, *CHANGING, *UNLOCKING])
def test_nothing_but_the_snapshot_is_read_and_nothing_written(home: Home, sql: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in home.root.rglob("*")}
    with pytest.raises(InputError) as refused:
        query_snapshot(home, sql.format(root=home.root))
    assert SECRET not in str(refused.value)
    assert refused.value.next_step
    assert {path: path.stat().st_mtime_ns for path in home.root.rglob("*")} == before


def test_python_variables_are_no_tables(home: Home) -> None:
    secret = [{"word": SECRET}]
    assert secret
    with pytest.raises(InputError):
        query_snapshot(home, "SELECT * FROM secret")


def test_the_environment_and_the_secrets_stay_hidden(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("HF_TOKEN", SECRET)
    for sql in ("FROM duckdb_settings()", "FROM duckdb_variables()"):
        assert SECRET not in str(query_snapshot(home, sql).rows)


def test_an_analyst_can_still_ask(home: Home) -> None:
    assert query_snapshot(home, "SELECT count(*) FROM lineage").rows == ((0,),)
    assert ("products",) in query_snapshot(home, "SHOW TABLES").rows
    assert Path(home.snapshots / "latest.duckdb").is_symlink()
