"""Dagster's web UI for a shop, as `catalog-gen dev` serves it, and queries to it."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.pipeline.shop import Shop

#: Seconds for anything on a busy machine: a run imports torch first.
PATIENCE: Final = 300.0

REPOSITORY: Final = {
    "repositoryLocationName": "catalog_gen",
    "repositoryName": "__repository__",
}


@contextmanager
def served(shop: Shop, port: int, log: Path) -> Iterator[str]:
    """Run `catalog-gen dev` for the shop until the block ends."""
    program = [sys.executable, "-m", "catalog_gen.cli", "dev", "--port", str(port)]
    with log.open("w") as stream:
        server = subprocess.Popen(
            program, env=os.environ | shop.environment, stdout=stream, stderr=stream
        )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_served(server, address, log)
        yield address
    finally:
        server.terminate()
        server.wait(90)


def wait_until_served(server: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    """Wait until the server answers; if it ends instead, fail with its log."""
    waited_for("the server", lambda: server.poll() is not None or answers(address))
    assert server.poll() is None, log.read_text()


def answers(address: str) -> bool:
    try:
        urllib.request.urlopen(f"{address}/server_info").close()
    except OSError:
        return False
    return True


def waited_for(what: str, look: Callable[[], Any]) -> Any:
    """Wait until ``look`` finds something, and return it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.5)
    raise AssertionError(f"waited {PATIENCE:g} s in vain for {what}")


def ask(address: str, query: str, **variables: object) -> Any:
    """The answer of Dagster's GraphQL API."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(
        f"{address}/graphql", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:
        answer = json.load(response)
    assert "errors" not in answer, answer["errors"]
    return answer["data"]
