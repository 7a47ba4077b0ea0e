"""A shop that was refreshed once, for the tests of a module."""

from collections.abc import Iterator

import pytest
from dagster import DagsterInstance

from assets_defs.launch import dagster_instance, failure_of
from tests.pipeline.shop import Shop, open_shop


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop after its first night."""
    shop = open_shop(tmp_path_factory.mktemp("refreshed"))
    with dagster_instance(shop.home) as instance:
        run = shop.refresh(instance)
        assert run.is_success, failure_of(instance, run.run_id)
    return shop


@pytest.fixture
def instance(refreshed: Shop) -> Iterator[DagsterInstance]:
    """The refreshed shop's Dagster instance."""
    with dagster_instance(refreshed.home) as opened:
        yield opened
