"""Uses of Dagster's private API: all in one file, and tried with the installed version."""

import re
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from resources.internals import (
    SEEN_WITH,
    ahead_of_the_clock,
    end_dead_run,
    last_scheduled,
    restart_schedules_ahead,
    share_engines,
    step_errors,
    taken_pools,
    was_terminated,
)

ROOT = Path(__file__).parents[2]


@dg.op
def refuse() -> None:
    raise ValueError("no such colour")


@dg.job
def refused() -> None:
    refuse()


def test_the_installed_dagster_is_the_one_that_was_looked_at() -> None:
    assert dg.__version__ == SEEN_WITH, (
        f"Run tests/pipeline with Dagster {dg.__version__}, read resources/internals.py against "
        "its source, and set SEEN_WITH."
    )


def test_only_internals_imports_private_modules() -> None:
    files = [
        path
        for room in ("assets_defs", "resources", "catalog_gen")
        for path in (ROOT / room).rglob("*.py")
    ]
    private = re.compile(r"^\s*(from|import) dagster\w*\._", re.MULTILINE)
    found = [path.name for path in files if private.search(path.read_text("utf-8"))]
    assert found == ["internals.py"]


def test_a_failed_step_gives_its_reason() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        done = refused.execute_in_process(instance=instance, raise_on_error=False)
        (error,) = step_errors(instance, done.run_id)
    assert (error.kind, error.message) == ("ValueError", "no such colour")


def test_a_terminated_run_is_distinguished_from_a_failed_one() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        failed = refused.execute_in_process(instance=instance, raise_on_error=False).run_id
        dead = instance.create_run_for_job(refused).run_id
        end_dead_run(instance, dead, "Its process died.")
        runs = {each.dagster_run.run_id: each.dagster_run for each in instance.get_run_records()}
        assert {run.status for run in runs.values()} == {dg.DagsterRunStatus.FAILURE}
        assert was_terminated(runs[dead], began=True)
        assert not was_terminated(runs[failed], began=True)
        assert taken_pools(instance) == []


def test_a_run_that_only_its_launcher_reports_as_failed_was_killed() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(refused)
        instance.report_run_failed(run)  # as Dagster's code server does when the process is gone
        ended = instance.get_run_by_id(run.run_id)
        assert ended is not None
        assert was_terminated(ended, began=True)
        assert not was_terminated(ended, began=False)  # it could not be launched


def test_a_database_keeps_its_engine_between_transactions(tmp_path: Path) -> None:
    share_engines()
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        storage: Any = instance.event_log_storage
        with storage.index_connection() as first:
            pass
        with storage.index_connection() as second:
            pass
        with storage.run_connection("a run") as other:
            pass
        assert first.engine is second.engine
        assert first.engine is not other.engine
        assert first is not second
        done = refused.execute_in_process(instance=instance, raise_on_error=False)
        assert [error.message for error in step_errors(instance, done.run_id)] == ["no such colour"]


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-11-26T02:00:00+00:00", "2026-11-26T02:00:00+01:00"),
        ("2026-11-26T00:59:59+00:00", "2026-11-25T02:00:00+01:00"),
        ("2026-07-01T00:00:00+00:00", "2026-07-01T02:00:00+02:00"),  # in summer
    ],
)
def test_the_newest_time_of_a_schedule_is_in_its_time_zone(now: str, due: str) -> None:
    found = last_scheduled("0 2 * * *", "Europe/Berlin", datetime.fromisoformat(now))
    assert found == datetime.fromisoformat(due)


def test_schedules_that_last_ran_in_the_future_begin_anew_and_others_are_left() -> None:
    now = time.time()
    with dg.DagsterInstance.local_temp() as instance:
        for name, status, ticked in (
            ("ahead", InstigatorStatus.DECLARED_IN_CODE, now + 86_400),
            ("begun", InstigatorStatus.RUNNING, now + 86_400),
            ("stopped", InstigatorStatus.STOPPED, now + 86_400),
            ("current", InstigatorStatus.DECLARED_IN_CODE, now - 60),
        ):
            target = LoadableTargetOrigin(module_name="assets_defs.definitions")
            location = ManagedGrpcPythonEnvCodeLocationOrigin(target, "catalog_gen")
            origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "all"), name)
            begun = ticked if name == "begun" else now - 3600
            data = ScheduleInstigatorData("0 2 * * *", start_timestamp=begun)
            state = InstigatorState(origin, InstigatorType.SCHEDULE, status, data)
            instance.add_instigator_state(state)
            instance.create_tick(
                TickData(
                    instigator_origin_id=state.instigator_origin_id,
                    instigator_name=name,
                    instigator_type=InstigatorType.SCHEDULE,
                    status=TickStatus.SUCCESS,
                    timestamp=now - 60 if name == "begun" else ticked,
                    run_ids=["a run"],
                    selector_id=state.selector_id,
                )
            )
        assert sorted(ahead_of_the_clock(instance)) == ["ahead", "begun"]
        assert sorted(restart_schedules_ahead(instance)) == ["ahead", "begun"]
        assert ahead_of_the_clock(instance) == []
        left = instance.all_instigator_state()
        assert {each.name for each in left} == {"stopped", "current"}
        for each in left:
            assert len(instance.get_ticks(each.instigator_origin_id, each.selector_id)) == 1
