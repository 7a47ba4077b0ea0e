"""Azurite, Azure's own emulator of its blob storage, on loopback."""

import base64
import hmac
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

#: The program, if npm has installed it.
PROGRAM: Final = shutil.which("azurite-blob")
#: The account that every Azurite has, and its published key.
ACCOUNT: Final = "devstoreaccount1"
KEY: Final = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
_VERSION: Final = "2021-08-06"


@contextmanager
def azure_server(monkeypatch: Any, folder: Path) -> Iterator[None]:
    """A server with the container ``shop``, and credentials for it in the environment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ("--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder))
    command = [PROGRAM or "", *options, "--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    server = subprocess.Popen(command)
    endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", KEY)
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", endpoint)
    try:
        _wait(port)
        _create_container(endpoint)
        yield
    finally:
        server.terminate()
        server.wait()


def _wait(port: int) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("Azurite did not start within 30 seconds")


def _create_container(endpoint: str) -> None:
    """Signed with the shared key, as "Authorize with Shared Key" in Azure's reference has it."""
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": _VERSION}
    signed = [f"{name}:{value}" for name, value in headers.items()]
    text = "\n".join(
        ["PUT", *[""] * 11, *signed, f"/{ACCOUNT}/{ACCOUNT}/shop", "restype:container"]
    )
    mac = hmac.new(base64.b64decode(KEY), text.encode(), "sha256").digest()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(mac).decode()}"
    urlopen(Request(f"{endpoint}/shop?restype=container", method="PUT", headers=headers)).close()
