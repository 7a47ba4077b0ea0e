"""Uses of Dagster's private API: all in one file, and tried with the installed version."""

import re
from pathlib import Path

import dagster as dg

from resources.internals import SEEN_WITH, end_dead_run, step_errors, taken_pools, was_terminated

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


def test_nothing_else_imports_what_is_private() -> None:
    files = [
        path
        for room in ("assets_defs", "resources", "catalog_gen")
        for path in (ROOT / room).rglob("*.py")
    ]
    private = re.compile(r"^\s*(from|import) dagster\w*\._", re.MULTILINE)
    found = [path.name for path in files if private.search(path.read_text("utf-8"))]
    assert found == ["internals.py"]


def test_a_step_says_why_it_failed() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        done = refused.execute_in_process(instance=instance, raise_on_error=False)
        (error,) = step_errors(instance, done.run_id)
    assert (error.kind, error.message) == ("ValueError", "no such colour")


def test_a_run_that_is_ended_from_outside_is_told_from_one_that_failed() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        failed = refused.execute_in_process(instance=instance, raise_on_error=False).run_id
        dead = instance.create_run_for_job(refused).run_id
        end_dead_run(instance, dead, "Its process died.")
        runs = {each.dagster_run.run_id: each.dagster_run for each in instance.get_run_records()}
        assert {run.status for run in runs.values()} == {dg.DagsterRunStatus.FAILURE}
        assert was_terminated(runs[dead], began=True)
        assert not was_terminated(runs[failed], began=True)
        assert taken_pools(instance) == []


def test_a_run_of_which_only_its_launcher_says_that_it_failed_was_killed() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(refused)
        instance.report_run_failed(run)  # as Dagster's code server does when the process is gone
        ended = instance.get_run_by_id(run.run_id)
        assert ended is not None
        assert was_terminated(ended, began=True)
        assert not was_terminated(ended, began=False)  # it could not be launched
