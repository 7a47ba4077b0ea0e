"""Runs whose process was killed are ended, and block nothing."""

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import JobFailureData, RunFailureReason

from assets_defs import stale_runs
from assets_defs.launch import dagster_instance
from assets_defs.stale_runs import end_stale_runs
from catalog_gen.home import Home
from catalog_gen.store.connection import Store
from catalog_gen.store.run_lock import dead_runs, is_alive, run_lock
from catalog_gen.store.runs import finish_run, last_runs, start_run

#: A run's lock, held until a SIGKILL.
ALIVE = """
import fcntl, sys, time
stream = open(sys.argv[1], "w")
fcntl.flock(stream, fcntl.LOCK_EX)
print("alive", flush=True)
time.sleep(600)
"""

#: Holds the database until its standard input ends.
HOLDING = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@dg.op
def nothing() -> None:
    pass


@dg.job
def night() -> None:
    nothing()


def killed(home: Home, run_id: str) -> None:
    """Leave behind what a killed process of such a run leaves."""
    lock = home.dagster / "alive" / run_id
    lock.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", ALIVE, str(lock)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert is_alive(home, run_id)
        assert run_id not in dead_runs(home)
        process.kill()


def begun(instance: dg.DagsterInstance) -> str:
    """A run that Dagster considers running."""
    run = instance.create_run_for_job(night)
    event = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, "night")
    instance.report_dagster_event(event, run.run_id)
    return run.run_id


def statuses(home: Home) -> dict[str, str]:
    with Store(home).reading() as connection:
        return {run.run_id: run.status for run in last_runs(connection, 9)}


def test_a_killed_run_is_ended_and_its_slot_freed_and_a_living_one_is_left(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with dagster_instance(home) as instance:
        dead, living, loading = (begun(instance) for _ in range(3))
        now = datetime.now(UTC)
        with Store(home).writing() as connection:
            for run_id in (living, loading, "one that Dagster does not know"):
                start_run(connection, run_id, now)
            finish_run(connection, dead, "succeeded", now)  # killed a moment after it said so
        slots = instance.event_log_storage
        slots.set_concurrency_slots("gpu", 1)
        assert slots.claim_concurrency_slot("gpu", dead, "nothing").is_claimed
        killed(home, dead)
        with run_lock(home, living):
            assert end_stale_runs(instance, home) == [dead]
            assert end_stale_runs(instance, home) == []
        found = {each.dagster_run.run_id: each.dagster_run for each in instance.get_run_records()}
        assert {run_id: run.status for run_id, run in found.items()} == {
            dead: dg.DagsterRunStatus.FAILURE,
            living: dg.DagsterRunStatus.STARTED,
            loading: dg.DagsterRunStatus.STARTED,
        }
        assert slots.claim_concurrency_slot("gpu", living, "nothing").is_claimed
    assert statuses(home) == {
        dead: "interrupted",
        living: "started",
        loading: "started",
        "one that Dagster does not know": "interrupted",
    }


def test_a_run_without_its_lock_is_ended_however_it_was_launched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    with dagster_instance(home) as instance:
        lost, living = begun(instance), begun(instance)
        with run_lock(home, living):
            assert end_stale_runs(instance, home) == []
            monkeypatch.setattr(stale_runs, "_GRACE", 0.0)
            time.sleep(0.01)
            assert end_stale_runs(instance, home) == [lost]
    assert statuses(home) == {lost: "interrupted"}


def test_a_run_that_died_while_the_clock_was_ahead_is_ended_after_its_correction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    with dagster_instance(home) as instance:
        lost, living = begun(instance), begun(instance)
        earlier = time.time() - 20 * 86_400
        with run_lock(home, living):
            monkeypatch.setattr(time, "time", lambda: earlier)
            assert end_stale_runs(instance, home) == [lost]
    assert statuses(home) == {lost: "interrupted"}


def test_every_end_that_dagster_knows_is_recorded_and_its_word_counts(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with dagster_instance(home) as instance:
        failed, canceled, killed_elsewhere = begun(instance), begun(instance), begun(instance)
        done = night.execute_in_process(instance=instance).run_id
        with Store(home).writing() as connection:
            finish_run(connection, failed, "succeeded", datetime.now(UTC))
        by_itself = JobFailureData(error=None, failure_reason=RunFailureReason.STEP_FAILURE)
        for run_id, end, why in (
            (failed, "RUN_FAILURE", by_itself),
            (killed_elsewhere, "RUN_FAILURE", None),  # as Dagster's code server reports it
            (canceled, "RUN_CANCELED", None),
        ):
            kind = dg.DagsterEventType[end].value
            instance.report_dagster_event(
                dg.DagsterEvent(kind, "night", event_specific_data=why), run_id
            )
        assert end_stale_runs(instance, home) == []
    assert statuses(home) == {
        failed: "failed",
        killed_elsewhere: "interrupted",
        canceled: "interrupted",
        done: "succeeded",
    }


def test_with_a_locked_database_dagster_records_the_end_first_and_the_store_later(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path)
    with Store(home).writing():
        pass
    with dagster_instance(home) as instance:
        dead = begun(instance)
        killed(home, dead)
        command = [sys.executable, "-c", HOLDING, str(home.database)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            holder.stdout.readline()
            assert end_stale_runs(instance, home) == [dead]
            holder.communicate()
        run = instance.get_run_by_id(dead)
        assert run is not None
        assert run.status is dg.DagsterRunStatus.FAILURE
        assert statuses(home) == {}
        assert end_stale_runs(instance, home) == [dead]
    assert statuses(home) == {dead: "interrupted"}
    assert dead_runs(home) == []
