"""After a power cut, and a clock that was put right, nothing that died holds back the next run."""

import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets_defs.launch import dagster_instance
from resources.internals import ahead_of_the_clock
from tests.pipeline.page import REPOSITORY, ask, served, waited_for
from tests.pipeline.shop import Shop, open_shop

pytestmark = pytest.mark.slow

LAUNCH = """mutation($parameters: ExecutionParams!) {
    launchRun(executionParams: $parameters) {
        __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
RUNS = "{ runsOrError(limit: 100) { ... on Runs { results { runId status } } } }"

#: As many as Dagster's queue runs at once.
MOST = 10


@dg.job
def night() -> None:
    """Stands for the runs of earlier nights: Dagster knows only that they began."""


def launched(address: str) -> str:
    parameters = {"selector": {**REPOSITORY, "jobName": "nightly_refresh"}, "runConfigData": {}}
    answer = ask(address, LAUNCH, parameters=parameters)["launchRun"]
    return str(answer["run"]["runId"])


def statuses(address: str) -> dict[str, str]:
    results = ask(address, RUNS)["runsOrError"]["results"]
    return {each["runId"]: each["status"] for each in results}


def processes(shop: Shop) -> list[int]:
    """All processes that work on this shop."""
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"CATALOG_HOME={shop.home.root}".encode() in environment:
            found.append(int(folder.name))
    return [each for each in found if each != os.getpid()]


def died_at_work(shop: Shop, runs: int) -> list[str]:
    """Runs that a power cut ended: begun, each with the lock of a process that is gone."""
    ids: list[str] = []
    with dagster_instance(shop.home) as instance:
        for _ in range(runs):
            run_id = instance.create_run_for_job(night).run_id
            event = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, "night")
            instance.report_dagster_event(event, run_id)
            lock = shop.home.dagster / "alive" / run_id
            lock.parent.mkdir(parents=True, exist_ok=True)
            lock.touch()
            ids.append(run_id)
    return ids


def states(shop: Shop) -> set[str]:
    with dagster_instance(shop.home) as instance:
        return {state.name for state in instance.all_instigator_state()}


def put_the_clock_right(shop: Shop) -> set[str]:
    """Leave what Dagster stored if its clock was 20 days ahead; names of what last ran then."""
    later = time.time() + 20 * 86_400
    with dagster_instance(shop.home) as instance:
        states = instance.all_instigator_state()
        for state in states:
            data: Any = state.instigator_data
            names = ("start_timestamp", "last_tick_timestamp", "last_tick_start_timestamp")
            ahead = {name: later for name in names if hasattr(data, name)}
            instance.update_instigator_state(state.with_data(data._replace(**ahead)))
    return {state.name for state in states}


def test_after_a_power_cut_dead_runs_are_ended_and_the_next_begins(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with served(shop, port, tmp_path / "first.log") as address:
        cut = launched(address)
        waited_for("its start", lambda: statuses(address)[cut] == "STARTED")
        waited_for("a tick", lambda: "run_monitor" in states(shop))
        while left := processes(shop):  # the servers, the daemon, the run
            for each in left:
                os.kill(each, signal.SIGKILL)
            time.sleep(0.1)
    dead = {cut, *died_at_work(shop, MOST - 1)}
    assert "run_monitor" in put_the_clock_right(shop)
    with dagster_instance(shop.home) as instance:
        assert "run_monitor" in ahead_of_the_clock(instance)
    with served(shop, port, tmp_path / "second.log") as address:
        assert {statuses(address)[each] for each in dead} <= {"STARTED", "FAILURE"}
        following = launched(address)
        waited_for("the next run", lambda: statuses(address)[following] == "SUCCESS")
        assert {statuses(address)[each] for each in dead} == {"FAILURE"}
    assert shop.query("SELECT count(*) FROM images") == [(6,)]
    status = dict(shop.query("SELECT run_id, status FROM runs"))
    assert status[following] == "succeeded"
    assert {status[each] for each in dead} == {"interrupted"}
