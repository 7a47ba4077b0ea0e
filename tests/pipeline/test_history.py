"""Dagster's records of runs are deleted after a set time, except the last of every asset."""

from pathlib import Path

import dagster as dg

from assets_defs.history import forget_old_runs
from assets_defs.launch import dagster_instance
from catalog_gen.home import Home


@dg.asset
def pictures() -> None:
    """An empty asset, for its records."""


@dg.asset
def feed() -> None:
    """Another empty asset."""


def files(home: Home) -> set[str]:
    """Run ids of which Dagster has files."""
    logs = {path.stem for path in (home.dagster / "history" / "runs").glob("*-*.db")}
    return logs | {path.name for path in (home.dagster / "storage").glob("*-*")}


def test_old_runs_go_with_their_files_and_the_last_of_every_asset_stays(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with dagster_instance(home) as instance:
        only_feed = dg.materialize([feed], instance=instance).run_id
        old = [dg.materialize([pictures], instance=instance).run_id for _ in range(2)]
        newest = dg.materialize([pictures], instance=instance).run_id
        assert forget_old_runs(instance, home, days=1) == []
        assert sorted(forget_old_runs(instance, home, days=-1)) == sorted(old)
        assert forget_old_runs(instance, home, days=-1) == []
        kept = {each.dagster_run.run_id for each in instance.get_run_records()}
        assert kept == {only_feed, newest}
        assert not files(home) & set(old)
        latest = instance.get_latest_materialization_event(pictures.key)
        assert latest is not None
        assert latest.run_id == newest
