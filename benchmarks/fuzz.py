"""Feed hostile input to the readers: does one crash, hang or exhaust the memory?

1. Damaged feeds of every format (hypothesis): each is read or refused with a message, and what was
   accepted and what was rejected add up to what was read. Anything else ends the run with the feed
   that did it.
2. A coverage-guided fuzzer on the same readers, for ``--seconds``, where Atheris is installed
   (``pip install atheris``; it is not a dependency of the project).
3. Decompression bombs in separate processes: lines of a gigabyte, entities, gzip, Parquet. The
   figure is what reading added to the process's peak memory.

    python benchmarks/fuzz.py [--feeds N] [--seconds S] [--gigabytes G] [--json]
"""

import argparse
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

#: Seconds that one damaged feed of a few kilobytes may take, on a busy machine.
HANG: Final = 10.0
MEGABYTE: Final = 1024**2


def main() -> None:
    """Run all three and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feeds", type=int, default=12_000)
    parser.add_argument("--seconds", type=int, default=60, help="of coverage-guided fuzzing")
    parser.add_argument("--gigabytes", type=float, default=1.0, help="of the long lines")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--step", choices=("coverage", "bomb"), help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step == "coverage":
        fuzz(arguments.path, arguments.seconds)
    elif arguments.step == "bomb":
        print(json.dumps(read_bomb(arguments.path)))
    else:
        figures = measure(arguments.feeds, arguments.seconds, arguments.gigabytes)
        print(json.dumps(figures, indent=2)) if arguments.json else _print(figures)


def measure(feeds: int, seconds: int, gigabytes: float) -> dict[str, Any]:
    """Run all three in turn; 0 skips one."""
    with tempfile.TemporaryDirectory() as folder:
        return {
            "damaged": damaged_feeds(Path(folder), feeds) if feeds else None,
            "coverage": coverage_guided(Path(folder), seconds) if seconds else None,
            "bombs": bombs(Path(folder), gigabytes) if gigabytes else {},
        }


def damaged_feeds(folder: Path, feeds: int) -> dict[str, Any]:
    """Read this many damaged feeds, the same number for every seed."""
    from hypothesis import HealthCheck, Phase, given, seed, settings

    from tests.catalog.enemies import SEEDS, Change, Seed, changes, damaged, read_enemy

    outcomes: Counter[str] = Counter()
    rows: Counter[str] = Counter()
    slowest = 0.0

    def judge(whole: Seed, done: list[Change]) -> None:
        nonlocal slowest
        data = damaged(whole, done)
        started = perf_counter()
        contents = read_enemy(folder, whole.file, data)
        seconds = perf_counter() - started
        assert seconds < HANG, f"{len(data)} bytes took {seconds:.0f} s"
        slowest = max(slowest, seconds)
        outcomes["refused" if contents is None else "read"] += 1
        if contents is not None:
            rows["read"] += contents.rows_read
            rows["accepted"] += len(contents.products)
            rows["rejected"] += len(contents.rejections)
            rows["skipped"] += sum(contents.skipped.values())

    def check(number: int, whole: Seed) -> None:
        @seed(number)
        @settings(
            max_examples=-(-feeds // len(SEEDS)),
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(changes)
        def holds(done: list[Change]) -> None:
            judge(whole, done)

        holds()

    for number, whole in enumerate(SEEDS.values()):
        check(number, whole)
    return {
        "feeds": outcomes.total(),
        **outcomes,
        "rows": dict(rows),
        "slowest_seconds": round(slowest, 3),
    }


def coverage_guided(folder: Path, seconds: int) -> dict[str, Any] | None:
    """Run Atheris in a separate process; None if it is not installed."""
    if find_spec("atheris") is None:
        return None
    command = [sys.executable, __file__, "--step", "coverage", "--path", str(folder)]
    command += ["--seconds", str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    done_line = re.search(r"Done (\d+) runs", done.stderr)
    if done.returncode or done_line is None:
        raise SystemExit(f"the fuzzer found a feed that breaks a reader:\n{done.stderr[-4000:]}")
    covered = re.findall(r"cov: (\d+)", done.stderr)
    peaks = re.findall(r"rss: (\d+)Mb", done.stderr)
    return {
        "feeds": int(done_line[1]),
        "edges": int(covered[-1]),
        "edges_of_the_seeds": int(covered[0]),
        "peak_mb": max(map(int, peaks)),
        "seconds": seconds,
    }


def fuzz(folder: Path, seconds: int) -> None:
    """Fuzz the readers in this process until the time is over; never returns.

    The first byte of an input chooses the file's name, and with it some of the readers' ways.
    """
    import atheris

    with atheris.instrument_imports(include=["catalog_gen.catalog"]):
        from tests.catalog.enemies import PIECES, SEEDS, read_enemy

    corpus = folder / "corpus"
    corpus.mkdir()
    files = sorted({whole.file for whole in SEEDS.values()})
    for number, whole in enumerate(SEEDS.values()):
        chosen = bytes([files.index(whole.file)])
        (corpus / f"seed-{number}").write_bytes(chosen + whole.finish(whole.data))
    words = folder / "words"
    words.write_text(
        "".join(
            '"' + "".join(f"\\x{each:02x}" for each in piece) + '"\n'
            for piece in PIECES
            if len(piece) <= 64
        )
    )

    def check(data: bytes) -> None:
        if len(data) > 1:
            read_enemy(folder, files[data[0] % len(files)], data[1:])

    options = [f"-max_total_time={seconds}", f"-timeout={HANG:.0f}", "-rss_limit_mb=2048"]
    options += ["-max_len=8192", "-seed=6", f"-dict={words}", f"-artifact_prefix={folder}/"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], check)
    atheris.Fuzz()


def bombs(folder: Path, gigabytes: float) -> dict[str, Any]:
    """Read every bomb in a fresh process: the result, seconds, and the added memory."""
    figures: dict[str, Any] = {}
    for name, (file, write) in BOMBS.items():
        path = folder / file
        write(path, int(gigabytes * 1024))
        command = [sys.executable, __file__, "--step", "bomb", "--path", str(path)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        figures[name] = {"bytes": path.stat().st_size, **json.loads(done.stdout)}
        path.unlink()
    return figures


def read_bomb(path: Path) -> dict[str, Any]:
    """Read one feed in this process; the peak is measured after the imports."""
    import pyarrow.parquet  # noqa: F401
    from defusedxml.ElementTree import DefusedXMLParser  # noqa: F401

    from catalog_gen.catalog.feeds import read_feed
    from catalog_gen.errors import FeedError
    from catalog_gen.settings.feed import FeedSettings

    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
    started = perf_counter()
    outcome: dict[str, Any]
    try:
        contents = read_feed(path, FeedSettings(path=path))
    except FeedError as error:
        outcome = {"refused": error.rule}
    else:
        outcome = {"accepted": len(contents.products), "rejected": len(contents.rejections)}
    seconds = round(perf_counter() - started, 2)
    return {**outcome, "seconds": seconds, "peak_mb": round(_memory("VmHWM") - before, 1)}


def _memory(name: str) -> float:
    """A figure of this process's memory in megabytes (Linux; ``ru_maxrss`` is the parent's)."""
    line = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert line, name
    return int(line[1]) / 1024


def _line(head: bytes, tail: bytes) -> Callable[[Path, int], None]:
    """Writes ``head``, so many megabytes of one letter, and ``tail``."""

    def write(path: Path, megabytes: int) -> None:
        with path.open("wb") as stream:
            stream.write(head)
            for _ in range(megabytes):
                stream.write(b"x" * MEGABYTE)
            stream.write(tail)

    return write


def _sparse_line(path: Path, megabytes: int) -> None:
    """A line of NUL bytes in a sparse file."""
    with path.open("wb") as stream:
        stream.write(b"id,title\n1,Mug\n" + b"2,Pot\n" * 20_000)
        stream.seek(megabytes * MEGABYTE, os.SEEK_CUR)
        stream.write(b"\n3,Jug\n")


def _packed_line(path: Path, megabytes: int) -> None:
    """A long line inside gzip that stays below the bound on the ratio."""
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(b"id,title\n1,Mug\n2,")
        for _ in range(megabytes):
            noise = os.urandom(4096).hex().encode()
            stream.write(noise + b"x" * (MEGABYTE - len(noise)))
        stream.write(b"\n3,Jug\n")


def _gzip_bomb(path: Path, megabytes: int) -> None:
    with gzip.open(path, "wb", compresslevel=9) as stream:
        stream.write(b"id,title\n1,Mug\n2,")
        for _ in range(megabytes):
            stream.write(b"x" * MEGABYTE)


def _many_keys(path: Path, megabytes: int) -> None:
    """Rows of a thousand unique keys each, which fill any cache by name."""
    with path.open("w", encoding="ascii") as stream:
        for number in range(20 * megabytes // 10):
            keys = ",".join(f'"k{number}_{key}":"v"' for key in range(1000))
            stream.write(f'{{"id":"{number}","title":"Mug",{keys}}}\n')


def _entities(path: Path, _: int) -> None:
    """Nested entities that expand to 10^9 copies ("billion laughs")."""
    laughs = "".join(f'<!ENTITY l{level} "{f"&l{level - 1};" * 10}">\n' for level in range(1, 10))
    text = f'<!DOCTYPE r [<!ENTITY l0 "laugh">\n{laughs}]><rss><item><id>&l9;</id></item></rss>'
    path.write_text(text, "ascii")


def _parquet_bomb(path: Path, megabytes: int) -> None:
    """A megabyte of text that a dictionary of one value repeats."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = pa.DictionaryArray.from_arrays(
        pa.array([0] * megabytes, pa.int32()), pa.array(["x" * MEGABYTE])
    )
    ids = [str(number) for number in range(megabytes)]
    pq.write_table(pa.table({"id": ids, "title": texts}), path, store_schema=False)


BOMBS: Final[dict[str, tuple[str, Callable[[Path, int], None]]]] = {
    "csv line": ("feed.csv", _line(b"id,title\n1,Mug\n2,", b"\n3,Jug\n")),
    "csv line of NUL bytes": ("feed.csv", _sparse_line),
    "csv quote that never ends": ("feed.csv", _line(b'id,title\n1,Mug\n2,"', b"\n3,Jug\n")),
    "csv header": ("feed.csv", _line(b"id,title,", b"\n3,Jug,\n")),
    "jsonl line": ("feed.jsonl", _line(b'{"id":"1","title":"Mug"}\n{"id":"', b'"}\n')),
    "jsonl keys": ("feed.jsonl", _many_keys),
    "xml text": (
        "feed.xml",
        _line(b"<rss><item><id>1</id><title>", b"</title></item></rss>"),
    ),
    "xml tag": ("feed.xml", _line(b"<rss><item a='", b"'/></rss>")),
    "xml comment": ("feed.xml", _line(b"<rss><!--", b"--><item><id>1</id></item></rss>")),
    "xml entities": ("feed.xml", _entities),
    "gzipped line": ("feed.csv.gz", _packed_line),
    "gzip bomb": ("feed.csv.gz", _gzip_bomb),
    "parquet dictionary": ("feed.parquet", _parquet_bomb),
}


def _print(figures: dict[str, Any]) -> None:
    if damaged := figures["damaged"]:
        rows = damaged["rows"]
        print(
            f"{damaged['feeds']} damaged feeds: {damaged.get('read', 0)} read, "
            f"{damaged.get('refused', 0)} refused; {rows['read']} rows = "
            f"{rows['accepted']} accepted + {rows['rejected']} rejected + "
            f"{rows['skipped']} skipped; the slowest took {damaged['slowest_seconds']:.2f} s"
        )
    if guided := figures["coverage"]:
        print(
            f"coverage-guided: {guided['feeds']} feeds in {guided['seconds']} s, "
            f"{guided['edges']} edges (the whole feeds: {guided['edges_of_the_seeds']}), "
            f"peak {guided['peak_mb']} MB, no crash"
        )
    else:
        print("coverage-guided: not run (Atheris is not installed, or --seconds is 0)")
    for name, bomb in figures["bombs"].items():
        came = bomb.get("refused") or f"{bomb['accepted']} accepted, {bomb['rejected']} rejected"
        print(
            f"{name:<26} {bomb['bytes'] / 1e6:9.1f} MB on disk   +{bomb['peak_mb']:6.1f} MB peak   "
            f"{bomb['seconds']:6.2f} s   {came}"
        )


if __name__ == "__main__":
    main()
