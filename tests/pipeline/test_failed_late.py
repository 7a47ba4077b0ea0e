"""A refresh that fails after it published still says what it did."""

import json
from pathlib import Path

import pytest

import assets_defs.checks as checks
from catalog_gen.cli.refresh import run
from catalog_gen.errors import StoreError
from tests.pipeline.shop import open_shop


@pytest.mark.slow
def test_a_failed_check_does_not_hide_finished_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise StoreError("catalog.duckdb", "it is out of memory", "Free memory.")

    shop = open_shop(tmp_path)
    for name, value in shop.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DAGSTER_HOME", "")  # the run sets it; put back afterwards
    monkeypatch.setattr(checks, "check_pictures", fail)
    assert run(shop.config, None, None, as_json=True) == StoreError.exit_code
    output = capfd.readouterr()
    summary = json.loads(output.out)
    assert summary["published"] == {"products": 3, "coverage": 1.0}
    assert summary["images"]["generated"] == 6
    assert "out of memory" in summary["error"]["rule"]
    assert "out of memory" in " ".join(output.err.split())

    assert run(shop.config, None, None, as_json=False) == StoreError.exit_code
    output = capfd.readouterr()
    assert "Refresh stopped" in output.out
    assert "3 products" in " ".join(output.out.split())
