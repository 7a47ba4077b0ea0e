"""Launch runs of every kind, kill some, and check how the store records their ends.

Over a small shop, with Dagster's web server and daemon: from the launchpad, one asset, one shard,
several shards, a re-execution, a backfill, the command line. Processes of runs are killed with
SIGKILL at random moments. A run counts as wrong if a minute later the store's status is not what
happened to it.

    python benchmarks/launches.py [--launches 20] [--kills 10] [--seed 0] [--json]
"""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.pipeline.page import REPOSITORY, ask, served, waited_for
from tests.pipeline.shop import ROWS, Shop, open_shop

RUNS: Final = "{ runsOrError(limit: 100) { ... on Runs { results { runId status } } } }"
LAUNCH: Final = """mutation($parameters: ExecutionParams!) {
    launchRun(executionParams: $parameters) {
        __typename ... on LaunchRunSuccess { run { runId } }
        ... on PythonError { message } } }"""
AGAIN: Final = """mutation($parameters: ReexecutionParams!) {
    launchRunReexecution(reexecutionParams: $parameters) {
        __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
BACKFILL: Final = """mutation($parameters: LaunchBackfillParams!) {
    launchPartitionBackfill(backfillParams: $parameters) {
        __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
EVENTS: Final = """query($id: ID!) { logsForRun(runId: $id, limit: 1000) {
    ... on EventConnection { events { ... on MessageEvent { message } } } } }"""

#: Seconds, once its process is known, within which a run is killed: short ones take two.
LATEST: Final = 3.0

ENDS: Final = {"SUCCESS": "succeeded", "FAILURE": "failed", "CANCELED": "interrupted"}
SHARDED: Final = ("prompts", "candidate_images", "clip_scores", "verdicts")


@dataclass(slots=True)
class Figures:
    """The results.

    ``wrong`` lists runs with a wrong status, as "id: expected, stored"; ``errors`` ended runs that
    nobody killed.
    """

    launches: int = 0
    kills: int = 0
    too_late: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def main() -> None:
    """Launch, kill, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--launches", type=int, default=20)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--port", type=int, default=3457)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        shop = open_shop(Path(folder))
        with served(shop, arguments.port, Path(folder) / "servers.log") as address:
            launcher = Launcher(shop, address, random.Random(arguments.seed))
            figures = launcher.run(arguments.launches, arguments.kills)
    if arguments.json:
        print(json.dumps(asdict(figures), indent=2))
    else:
        print(f"{figures.launches} launches: {figures.kinds}")
        print(f"{figures.kills} killed, {figures.too_late} kills came too late; {figures.statuses}")
        print(f"recorded wrongly: {len(figures.wrong)} {figures.wrong}")
        for error in figures.errors:
            print(f"a run failed: {error}")


class Launcher:
    """Launches and kills runs of one shop."""

    def __init__(self, shop: Shop, address: str, chance: random.Random) -> None:
        self._shop, self._address, self._chance = shop, address, chance
        self._figures = Figures()
        self._expected: dict[str, str] = {}

    def run(self, launches: int, kills: int) -> Figures:
        """Launch one after another until so many were launched, and ``kills`` of them killed.

        Which, is left to chance; a kill that came too late is made up for by a later launch.
        """
        figures = self._figures
        self._launch(self._launchpad, kill=False)  # so that there is something to do again
        kinds: tuple[Callable[[], object], ...] = (
            self._launchpad,
            self._one_asset,
            self._one_shard,
            self._some_shards,
            self._again,
            self._backfill,
            self._command,
        )
        number = 0
        while number < launches or figures.kills < kills:
            self._write_feed(number)
            left = max(1, launches - number)
            kill = self._chance.random() < (kills - figures.kills) / left
            self._launch(kinds[number % len(kinds)], kill=kill)
            number += 1
            print(f"{number} of {launches}: {figures}", file=sys.stderr, flush=True)
        self._compare()
        return figures

    def _launch(self, kind: Callable[[], object], *, kill: bool) -> None:
        figures = self._figures
        name = kind.__name__.strip("_")
        figures.launches += 1
        figures.kinds[name] = figures.kinds.get(name, 0) + 1
        before = set(self._statuses())
        process = kind()
        (run_id, *_) = waited_for("a run", lambda: set(self._statuses()) - before)
        killed = kill and self._kill(run_id, process)
        if isinstance(process, subprocess.Popen):
            process.wait()
        waited_for("its end", lambda: self._statuses()[run_id] in ENDS)
        self._expected[run_id] = "interrupted" if killed else ENDS[self._statuses()[run_id]]

    def _kill(self, run_id: str, process: object) -> bool:
        """Kill the run's process at a random moment; False if it had ended before."""
        pid = process.pid if isinstance(process, subprocess.Popen) else self._pid_of(run_id)
        deadline = time.monotonic() + self._chance.uniform(0.0, LATEST)
        while time.monotonic() < deadline and self._statuses()[run_id] not in ENDS:
            time.sleep(0.1)
        if self._statuses()[run_id] not in ENDS:
            os.kill(pid, signal.SIGKILL)
            time.sleep(0.5)
            if self._statuses()[run_id] != "SUCCESS":
                self._figures.kills += 1
                if isinstance(process, subprocess.Popen):
                    process.wait()
                return True
        self._figures.too_late += 1
        return False

    def _pid_of(self, run_id: str) -> int:
        """The process in which the run's steps are executed, as Dagster's log names it."""

        def look() -> int:
            events = ask(self._address, EVENTS, id=run_id)["logsForRun"]["events"]
            found = (
                re.search(r"Executing steps in process \(pid: (\d+)\)", each.get("message", ""))
                for each in events
            )
            return next((int(match[1]) for match in found if match), 0)

        return int(waited_for("the run's process", look))

    def _compare(self) -> None:
        """Compare the store's statuses a minute later with what happened."""

        def recorded() -> dict[str, str]:
            rows = self._shop.query("SELECT run_id, status FROM runs")
            return {str(run_id): str(status) for run_id, status in rows}

        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and recorded() != self._expected:
            time.sleep(2)
        statuses = recorded()
        errors = self._shop.query("SELECT error FROM runs WHERE status = 'failed'")
        self._figures.errors = sorted({str(error) for (error,) in errors})
        self._figures.statuses = dict(Counter(statuses.values()))
        self._figures.wrong = [
            f"{run_id}: {self._expected.get(run_id)}, {statuses.get(run_id)}"
            for run_id in sorted({*self._expected, *statuses})
            if self._expected.get(run_id) != statuses.get(run_id)
        ]

    def _statuses(self) -> dict[str, str]:
        results = ask(self._address, RUNS)["runsOrError"]["results"]
        return {each["runId"]: each["status"] for each in results}

    def _write_feed(self, number: int) -> None:
        row = ("Red Mug", f"mug {number}", "red", "9.00 EUR")
        self._shop.write_feed(dict.fromkeys(ROWS, row))

    def _launchpad(self) -> None:
        self._execute({"jobName": "nightly_refresh"})

    def _one_asset(self) -> None:
        self._execute(_assets("products"))

    def _one_shard(self) -> None:
        self._execute(_assets(*SHARDED), {"dagster/partition": "03"})

    def _some_shards(self) -> None:
        span = {
            "dagster/asset_partition_range_start": "02",
            "dagster/asset_partition_range_end": "09",
        }
        self._execute(_assets(*SHARDED), span)

    def _again(self) -> None:
        nights = self._shop.query("SELECT run_id FROM runs WHERE job = 'nightly_refresh'")
        parameters = {"parentRunId": str(nights[0][0]), "strategy": "ALL_STEPS"}
        answer = ask(self._address, AGAIN, parameters=parameters)["launchRunReexecution"]
        assert answer["__typename"] == "LaunchRunSuccess", answer

    def _backfill(self) -> None:
        parameters = {
            "assetSelection": [{"path": [name]} for name in SHARDED],
            "partitionNames": ["00", "01", "02"],
        }
        answer = ask(self._address, BACKFILL, parameters=parameters)["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer

    def _command(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", "catalog_gen.cli", "refresh", "--json"],
            env=os.environ | self._shop.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _execute(self, selector: dict[str, object], tags: dict[str, str] | None = None) -> None:
        parameters = {
            "selector": {**REPOSITORY, **selector},
            "runConfigData": {},
            "mode": "default",
            "executionMetadata": {
                "tags": [{"key": key, "value": value} for key, value in (tags or {}).items()]
            },
        }
        answer = ask(self._address, LAUNCH, parameters=parameters)["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer


def _assets(*names: str) -> dict[str, object]:
    """What the page sends to materialise single assets."""
    return {
        "jobName": "__ASSET_JOB",
        "assetSelection": [{"path": [name]} for name in names],
        "assetCheckSelection": [],
    }


if __name__ == "__main__":
    main()
