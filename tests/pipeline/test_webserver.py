"""Dagster's web server for a refreshed catalog, with the queries of its own page and of others."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.pipeline.page import REPOSITORY, ask, wait_until_served
from tests.pipeline.shop import Shop

pytestmark = pytest.mark.slow


def serving(refreshed: Shop, *arguments: str) -> "subprocess.Popen[bytes]":
    """One of Dagster's own servers for the shop, as ``catalog-gen dev`` starts them."""
    environment = os.environ | {
        "DAGSTER_HOME": str(refreshed.home.dagster),
        "CATALOG_HOME": str(refreshed.home.root),
        "CATALOG_CONFIG": str(refreshed.config),
    }
    with Path(refreshed.folder, f"{arguments[0]}.log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", *arguments, "-w", "workspace.yaml"],
            env=environment,
            stdout=log,
            stderr=log,
        )


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a server, by force if it is busy loading code and does not react."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def server(refreshed: Shop) -> Iterator[str]:
    """The server's address, on the loopback interface; ended with the module."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = serving(refreshed, "assets_defs.web", "--port", str(port))
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_served(process, address, refreshed.folder / "assets_defs.web.log")
        yield address
    finally:
        stop(process)


@pytest.fixture
def daemon(refreshed: Shop) -> Iterator[None]:
    """The process that starts what the page asks for."""
    process = serving(refreshed, "dagster._daemon", "run")
    yield
    stop(process)


def test_the_page_shows_the_graph_the_schedule_and_the_run(server: str) -> None:
    assets = ask(server, "{ assetNodes { assetKey { path } description isPartitioned } }")
    nodes = {node["assetKey"]["path"][0]: node for node in assets["assetNodes"]}
    assert {"product_feed", "candidate_images", "gallery", "experiment"} <= nodes.keys()
    assert all(node["description"] for node in nodes.values())
    assert nodes["candidate_images"]["isPartitioned"]
    schedule = ask(
        server,
        """query($selector: ScheduleSelector!) { scheduleOrError(scheduleSelector: $selector) {
            ... on Schedule { cronSchedule executionTimezone scheduleState { status } } } }""",
        selector={**REPOSITORY, "scheduleName": "nightly_refresh"},
    )["scheduleOrError"]
    assert schedule["scheduleState"]["status"] == "RUNNING"
    assert (schedule["cronSchedule"], schedule["executionTimezone"]) == ("0 2 * * *", "UTC")
    runs = ask(server, "{ runsOrError { ... on Runs { results { runId status jobName } } } }")
    assert [run["status"] for run in runs["runsOrError"]["results"]] == ["SUCCESS"]


#: Each kind of route, and the gallery.
PATHS = (
    *("/", "/assets", "/graphql", "/server_info", "/favicon.png", "/gallery/index.html"),
    *("/logs/1", "/notebook", "/download_debug/1", "/report_asset_materialization/products"),
    *("/report_asset_check/products", "/report_asset_observation/products"),
)

IMAGE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}


@pytest.mark.parametrize("path", PATHS)
def test_other_sites_reach_no_route(server: str, path: str) -> None:
    assert answer(server, path, {}) != 403
    rebound = {"Host": f"evil.example:{server[-5:]}"}
    for headers in (rebound, {"Origin": "http://evil.example"}, IMAGE):
        for method in ("GET", "HEAD", "POST"):
            assert answer(server, path, headers, method) == 403


def test_an_image_starts_nothing(server: str, refreshed: Shop) -> None:
    launch = "mutation { launchRun(executionParams: {}) { __typename } }"
    for method in ("GET", "POST"):
        assert answer(server, f"/graphql?query={quote(launch)}", {}, method) == 403
    assert answer(server, f"/graphql?query={quote('{ version }')}", {}) == 403


def answer(server: str, path: str, headers: dict[str, str], method: str = "GET") -> int:
    """The status of the answer."""
    connection = HTTPConnection(server.removeprefix("http://"), timeout=60)
    try:
        connection.request(method, path, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_run_of_the_command_line_can_be_executed_again_from_the_page(
    server: str, daemon: None, refreshed: Shop
) -> None:
    ((run_id,),) = refreshed.query("SELECT run_id FROM runs")
    again = ask(
        server,
        """mutation($parameters: ReexecutionParams!) {
            launchRunReexecution(reexecutionParams: $parameters) {
                __typename ... on LaunchRunSuccess { run { runId rootRunId jobName } }
                ... on PythonError { message } } }""",
        parameters={"parentRunId": run_id, "strategy": "ALL_STEPS"},
    )["launchRunReexecution"]
    assert again["__typename"] == "LaunchRunSuccess", again
    run = again["run"]
    assert (run["rootRunId"], run["jobName"]) == (run_id, "nightly_refresh")
    assert status_at_the_end(server, run["runId"]) == "SUCCESS"
    assert refreshed.query("SELECT count(*) FROM images") == [(6,)]
    launched = refreshed.query("SELECT launched_by FROM runs ORDER BY seq")
    assert launched == [("command line",), ("page",)]


def status_at_the_end(server: str, run_id: str) -> str:
    query = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
    for _ in range(600):
        status: str = ask(server, query, id=run_id)["runOrError"]["status"]
        if status in {"SUCCESS", "FAILURE", "CANCELED"}:
            return status
        time.sleep(0.5)
    raise AssertionError(f"run {run_id} did not end: {status}")
