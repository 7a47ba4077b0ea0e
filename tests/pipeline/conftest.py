"""A shop that was refreshed once, for the tests of a module."""

import os
import shutil
from collections.abc import Iterator

import pytest
from dagster import DagsterInstance

from assets_defs.launch import dagster_instance, failure_of
from tests.pipeline.shop import Shop, open_shop


@pytest.fixture(scope="session")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop after its first night, to be copied."""
    shop = open_shop(tmp_path_factory.mktemp("first_night"))
    with dagster_instance(shop.home) as instance:
        run = shop.refresh(instance)
        assert run.is_success, failure_of(instance, run.run_id)
    return shop


@pytest.fixture(scope="module")
def refreshed(first_night: Shop, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop after its first night, to which the environment points."""
    shop = Shop(tmp_path_factory.mktemp("refreshed") / "shop")
    shutil.copytree(first_night.folder, shop.folder, symlinks=True)
    text = first_night.config.read_text("utf-8")
    shop.config.write_text(text.replace(str(first_night.folder), str(shop.folder)), "utf-8")
    os.environ |= shop.environment
    return shop


@pytest.fixture
def instance(refreshed: Shop) -> Iterator[DagsterInstance]:
    """The refreshed shop's Dagster instance."""
    with dagster_instance(refreshed.home) as opened:
        yield opened
