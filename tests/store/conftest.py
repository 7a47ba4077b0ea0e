import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from duckdb import DuckDBPyConnection

from catalog_gen.home import Home
from catalog_gen.store.connection import Store, open_memory
from catalog_gen.store.outbox import Outbox
from tests.store.shop import Shop


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "catalog")


@pytest.fixture
def store(home: Home) -> Store:
    return Store(home, patience=0.3)


@pytest.fixture
def outbox(home: Home) -> Outbox:
    return Outbox(home.outbox)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without rows; creating its tables and views takes longer than most tests."""
    home = Home(tmp_path_factory.mktemp("empty"))
    with Store(home).writing(checkpoint=True):
        pass
    return home.database


@pytest.fixture
def shop(store: Store, outbox: Outbox, empty_database: Path) -> Shop:
    store.path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(empty_database, store.path)
    return Shop(store, outbox)


@pytest.fixture(scope="module")
def memory() -> Iterator[DuckDBPyConnection]:
    """One empty database for all examples of a property; leave nothing in it."""
    with open_memory() as connection:
        yield connection
