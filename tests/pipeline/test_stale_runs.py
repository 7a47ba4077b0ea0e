"""Runs whose process was killed are marked, and hold nothing back."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from assets_defs.launch import dagster_instance
from assets_defs.stale_runs import dead_runs, end_stale_runs, sign_of_life
from catalog_gen.settings import Home
from catalog_gen.store.connection import Store
from catalog_gen.store.runs import last_runs, start_run

#: The lock of ``sign_of_life``, held until a SIGKILL.
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
    """Leave what the process of such a run leaves behind when it is killed."""
    lock = home.dagster / "alive" / run_id
    lock.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", ALIVE, str(lock)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert run_id not in dead_runs(home)
        process.kill()


def statuses(home: Home) -> dict[str, str]:
    with Store(home).reading() as connection:
        return {run.run_id: run.status for run in last_runs(connection, 5)}


def test_a_killed_run_is_marked_and_its_slot_freed_and_a_living_one_is_left(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with dagster_instance(home) as instance:
        dead, living, daemons = (
            instance.create_run_for_job(night, status=dg.DagsterRunStatus.STARTED).run_id
            for _ in range(3)
        )
        with Store(home).writing() as connection:
            for run_id in (living, daemons, "ended while the database was held"):
                start_run(connection, run_id, datetime.now(UTC))
        slots = instance.event_log_storage
        slots.set_concurrency_slots("gpu", 1)
        assert slots.claim_concurrency_slot("gpu", dead, "nothing").is_claimed
        killed(home, dead)
        with sign_of_life(home, living):
            assert end_stale_runs(instance, home) == [dead]
            assert end_stale_runs(instance, home) == []
        assert {run.run_id: run.status for run in instance.get_runs()} == {
            dead: dg.DagsterRunStatus.FAILURE,
            living: dg.DagsterRunStatus.STARTED,
            daemons: dg.DagsterRunStatus.STARTED,
        }
        assert slots.claim_concurrency_slot("gpu", living, "nothing").is_claimed
    assert statuses(home) == {
        dead: "failed",
        living: "started",
        daemons: "started",
        "ended while the database was held": "failed",
    }


def test_while_the_database_is_held_dagster_is_told_and_the_store_the_next_time(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path)
    with Store(home).writing():
        pass
    with dagster_instance(home) as instance:
        dead = instance.create_run_for_job(night, status=dg.DagsterRunStatus.STARTED).run_id
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
    assert statuses(home) == {dead: "failed"}
    assert dead_runs(home) == []
