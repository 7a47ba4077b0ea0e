"""Measure the speed of fetching photos, compared with curl, and what survives kills.

1. ``--photos`` photos of ``--size`` bytes come from a server on loopback in a separate process.
   They are fetched, checked, hashed and stored by our fetcher; then ``curl --parallel`` fetches
   them into plain files over as many connections. A second round of ours finds all unchanged.
2. A fetching process is killed (SIGKILL) ``--kills`` times at random moments and restarted. Every
   photo in the journal must exist, with bytes that match the hash in its name.

    python benchmarks/fetch.py [--photos N] [--size BYTES] [--kills N] [--seed N] [--json]
"""

import argparse
import asyncio
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from rig.children import forked, sleep_while_running  # noqa: E402
from rig.printing import print_figures  # noqa: E402
from rig.steps import children_seconds  # noqa: E402

from catalog_gen.hosts import AllowedHosts  # noqa: E402
from catalog_gen.photos.download import Limits  # noqa: E402
from catalog_gen.photos.fetcher import fetch_photos  # noqa: E402
from catalog_gen.photos.shelf import Entry, Shelf  # noqa: E402

_JPEG_START: Final = b"\xff\xd8\xff\xe0"
_JPEG_END: Final = b"\xff\xd9"


def main() -> None:
    """Measure both and print; exit code 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=100_000, help="bytes of a photo")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(arguments.size) as host:
        addresses = [f"http://{host}/{number}.jpg" for number in range(arguments.photos)]
        figures = measure(Path(folder), host, addresses, arguments.size)
        figures |= killed(Path(folder), host, addresses, arguments.kills, arguments.seed)
    print_figures(figures, as_json=arguments.json)
    sys.exit(bool(figures["lost"] or figures["damaged"] or figures["missing"]))


def photo(number: int, size: int) -> bytes:
    """Bytes that begin and end like a JPEG, different for every number."""
    head = _JPEG_START + f"{number:012}".encode()
    return head + b"\x55" * (size - len(head) - len(_JPEG_END)) + _JPEG_END


def measure(folder: Path, host: str, addresses: list[str], size: int) -> dict[str, Any]:
    """Megabytes per second of our fetcher and of curl, over the same addresses."""
    megabytes = len(addresses) * size / 1e6
    seconds, processor = {}, {}
    for name in ("ours", "unchanged"):
        started, before = perf_counter(), process_time()
        fetch(folder / "ours", host, addresses)
        seconds[name] = perf_counter() - started
        processor[name] = process_time() - before
    whole = check(folder / "ours")
    assert (whole["kept"], whole["lost"]) == (len(addresses), 0), whole
    before = children_seconds()
    seconds["curl"] = _curl(folder, addresses)
    processor["curl"] = children_seconds() - before
    shutil.rmtree(folder / "curl")
    shutil.rmtree(folder / "ours")
    return {
        "photos": len(addresses),
        "bytes_each": size,
        "ours_mb_per_second": round(megabytes / seconds["ours"], 1),
        "curl_mb_per_second": round(megabytes / seconds["curl"], 1),
        "unchanged_per_second": round(len(addresses) / seconds["unchanged"]),
        "processor_ms_each": {
            name: round(1000 * spent / len(addresses), 2) for name, spent in processor.items()
        },
    }


def killed(folder: Path, host: str, addresses: list[str], kills: int, seed: int) -> dict[str, Any]:
    """Kill fetching processes repeatedly, then let one finish, and count."""
    shelf, dice = folder / "killed", random.Random(seed)
    acknowledged: dict[str, str] = {}
    figures = {"kills": 0, "lost": 0, "damaged": 0}
    for _ in range(kills):
        child = forked(lambda: fetch(shelf, host, addresses))
        sleep_while_running(child, dice.uniform(0.05, 1.5))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        figures["kills"] += 1
        found = check(shelf)
        figures["damaged"] += found["lost"]
        entries = Shelf(shelf).entries()
        figures["lost"] += sum(
            address not in entries or entries[address].name != name
            for address, name in acknowledged.items()
        )
        acknowledged = {address: entry.name for address, entry in entries.items()}
        if len(acknowledged) == len(addresses):
            shutil.rmtree(shelf)
            acknowledged = {}
    fetch(shelf, host, addresses)
    kept = check(shelf)["kept"]
    partial = len(list(shelf.glob("**/*.partial")))
    return {**figures, "missing": len(addresses) - kept, "partial_files_left": partial}


def fetch(folder: Path, host: str, addresses: list[str]) -> int:
    """One round; returns how many photos failed."""
    with Shelf(folder).writing() as shelf:
        return fetch_photos(addresses, shelf, AllowedHosts([host])).failed


def check(folder: Path) -> dict[str, int]:
    """The number of photos in the journal, and of those whose bytes don't match."""
    entries = Shelf(folder).entries()
    lost = sum(not _is_whole(folder, entry) for entry in entries.values())
    return {"kept": len(entries) - lost, "lost": lost}


def _is_whole(folder: Path, entry: Entry) -> bool:
    try:
        content = (folder / entry.name).read_bytes()
    except OSError:
        return False
    return hashlib.sha256(content).hexdigest() in entry.name


def _curl(folder: Path, addresses: list[str]) -> float:
    """Seconds that curl takes to fetch them into plain files."""
    (folder / "curl").mkdir()
    config = folder / "curl.txt"
    lines = (
        f'url = "{address}"\noutput = "{folder}/curl/{number}.jpg"\n'
        for number, address in enumerate(addresses)
    )
    config.write_text("".join(lines))
    connections = str(Limits().concurrency)
    started = perf_counter()
    subprocess.run(
        [
            "curl",
            "--silent",
            "--no-progress-meter",
            "--parallel",
            "--parallel-max",
            connections,
            "--config",
            str(config),
        ],
        check=True,
    )
    return perf_counter() - started


@contextmanager
def served(size: int) -> Iterator[str]:
    """Run a server of photos in a separate process; yields its host."""
    reading, writing = os.pipe()
    child = forked(lambda: asyncio.run(_serve(size, writing)))
    os.close(writing)
    with os.fdopen(reading) as stream:
        port = stream.readline().strip()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)


async def _serve(size: int, answer: int) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                number = int(head.split(b" ", 2)[1].strip(b"/").removesuffix(b".jpg"))
                tag = f'"{number}"'.encode()
                if b"if-none-match: " + tag in head.lower():
                    writer.write(b"HTTP/1.1 304 Not Modified\r\netag: " + tag + b"\r\n\r\n")
                else:
                    writer.write(
                        b"HTTP/1.1 200 OK\r\ncontent-type: image/jpeg\r\ncontent-length: "
                        + str(size).encode()
                        + b"\r\netag: "
                        + tag
                        + b"\r\n\r\n"
                        + photo(number, size)
                    )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    os.write(answer, f"{server.sockets[0].getsockname()[1]}\n".encode())
    os.close(answer)
    await server.serve_forever()


if __name__ == "__main__":
    main()
