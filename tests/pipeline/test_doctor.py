"""`doctor` finds planted faults and prints their remedies."""

import shutil
from pathlib import Path

import duckdb
import pytest
from dagster import DagsterRunStatus, job

from assets_defs.launch import dagster_instance
from catalog_gen.cli.doctor import Finding, examine
from catalog_gen.store.drawing_lock import drawing_lock
from catalog_gen.store.unfinished import unfinished_folder
from tests.pipeline.shop import Shop, open_shop


@job
def killed_refresh() -> None:
    """A run whose process died: Dagster knows only that it began."""


def findings(shop: Shop) -> dict[str, Finding]:
    return {each.what: each for each in examine(shop.catalog.settings, shop.home)}


def test_a_fresh_shop_is_well_and_stays_untouched(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    found = findings(shop)
    assert {each.state for each in found.values() if each.what != "disk"} == {"well"}
    assert not shop.home.root.exists()


def test_every_planted_fault_is_found_with_its_remedy(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    with shop.catalog.store.writing():
        pass
    content = bytearray(shop.home.database.read_bytes())
    content[: 3 * 4096] = bytes(3 * 4096)
    shop.home.database.write_bytes(content)
    shop.home.outbox.mkdir()
    (shop.home.outbox / "0-aa.parquet").write_bytes(b"x")
    for weights in (shop.folder / "model" / "unet").glob("*.safetensors"):
        weights.write_bytes(weights.read_bytes()[:-1])
    shutil.rmtree(shop.folder / "clip")
    dead = shop.home.dagster / "alive" / "dead-run"  # the lock of a process that was killed
    dead.parent.mkdir(parents=True)
    dead.touch()
    (shop.home.site / "images").mkdir(parents=True)
    (shop.home.site / "images" / f"{'e' * 64}.png").touch()  # torn by a crash
    (shop.home.site / ".lock").touch()
    (shop.home.site / ".abc.partial").write_bytes(bytes(1024**2))
    killed = shop.home.snapshots / ".catalog-gen-abcdefgh.partial"  # and what it was writing
    killed.mkdir(parents=True)
    (killed / "catalog.duckdb").write_bytes(bytes(3 * 1024**2))
    with dagster_instance(shop.home) as instance:
        run = instance.create_run_for_job(killed_refresh, status=DagsterRunStatus.STARTED)
    with drawing_lock(shop.home), unfinished_folder(shop.home.feeds):
        found = findings(shop)
    states = {what: each.state for what, each in found.items() if each.state != "well"}
    states.pop("disk", None)
    assert states == {
        "store": "fault",
        "outbox files": "warning",
        "leftovers": "warning",
        "gallery": "warning",
        "drawing lock": "warning",
        "model": "fault",
        "scorer": "fault",
        "plan": "fault",
        "dead runs": "warning",
        "Dagster runs": "warning",
    }
    assert all(found[what].remedy for what in states)
    assert run.run_id[:8] in found["Dagster runs"].message
    assert found["leftovers"].message.endswith("left 2 unfinished files, 4.0 MiB")


@pytest.mark.parametrize(("mode", "state"), [(0o644, "fault"), (0o660, "fault"), (0o640, "well")])
def test_a_signing_key_that_others_can_read_or_change_is_a_fault(
    tmp_path: Path, mode: int, state: str
) -> None:
    shop = open_shop(tmp_path)
    for name in ("chain.pem", "key.pem"):
        (tmp_path / name).write_text("PEM", "utf-8")
    (tmp_path / "key.pem").chmod(mode)
    text = shop.config.read_text("utf-8")
    section = '[credentials]\ncertificates = "chain.pem"\nprivate_key = "key.pem"\n'
    shop.config.write_text(text.replace("[feed]", f"{section}[feed]"), "utf-8")
    found = findings(shop)["credentials"]
    assert found.state == state
    assert ("chmod 600" in found.remedy) == (state == "fault")


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    with shop.catalog.store.writing():
        pass
    with duckdb.connect(shop.home.database) as connection:
        connection.execute("UPDATE store_schema SET version = 9999")
    assert "newer" in findings(shop)["store"].message
