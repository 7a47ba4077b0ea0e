"""SIGKILL Ray workers, the driver and the head node during nights, and count what survives.

A cluster of two processors runs on this machine. Every night plans new pictures, one per batch, and
a driver draws them with two workers; kills come at random moments. Whatever was killed, the next
driver ends the night.

    python benchmarks/ray_faults.py [--kills N] [--minutes N] [--seed N] [--json]

- acknowledged: outbox files that were seen waiting; lost: those that never arrived in the database
- drawn again: files that arrived with a picture that was there already
- different: pictures whose bytes are not those of an engine without Ray
"""

import argparse
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

ROOT: Final = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from rig.children import forked, in_child  # noqa: E402
from rig.printing import print_figures  # noqa: E402

if TYPE_CHECKING:
    from tests.pipeline.shop import Shop

FAULTS: Final = ("lost", "drawn_again", "missing", "different", "failed_pictures")
PRODUCTS: Final = 8
NIGHTLY: Final = 2 * PRODUCTS
#: Kills in one night, at most.
MOST_KILLS: Final = 8
#: What is killed, and how often it is chosen.
KINDS: Final = {"worker": 7, "driver": 2, "head": 1}


@dataclass(slots=True)
class Figures:
    """The results; ``FAULTS`` lists those that must be 0."""

    kills: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)
    nights: int = 0
    drivers: int = 0
    drivers_ended_by_the_head: int = 0
    acknowledged: int = 0
    lost: int = 0
    drawn_again: int = 0
    missing: int = 0
    different: int = 0
    failed_pictures: int = 0


def main() -> None:
    """Kill, count and print; exit code 1 if anything that must be 0 is not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=240, help="stop after so long")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rf-") as folder:
        nights = Nights(Path(folder), random.Random(arguments.seed))
        figures = asdict(nights.run(arguments.kills, 60 * arguments.minutes))
    print_figures(figures, as_json=arguments.json)
    sys.exit(any(figures[name] for name in FAULTS))


class Nights:
    """Nights of one shop on a cluster that is killed and started again."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        from tests.pipeline.shop import Shop, open_shop

        # Processes of a cluster whose head is gone wait for it so many seconds.
        waits = {"RAY_gcs_rpc_server_reconnect_timeout_s": "10"}
        os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"} | waits
        self._folder = folder
        self._chance = chance
        self._figures = Figures()
        self._seen: set[str] = set()
        in_child(lambda: bool(open_shop(folder)))
        self._shop: Shop = Shop(folder)
        text = self._shop.config.read_text("utf-8").replace("steps = 2", "steps = 30")
        text = text.replace("batch_size = 2\n", "batch_size = 1\n", 1)
        self._shop.config.write_text(f"{text}\n[ray]\nmax_workers = 2\npatience = 120\n", "utf-8")

    def run(self, kills: int, seconds: float) -> Figures:
        """Kill so often, or for so long; then compare what was drawn with what one engine draws."""
        figures, end = self._figures, time.monotonic() + seconds
        with _cluster(self._folder) as cluster:
            usual = self._night(cluster, [])
            while figures.kills < kills and time.monotonic() < end:
                kinds = self._chance.choices(list(KINDS), list(KINDS.values()), k=MOST_KILLS)
                moments = [self._chance.uniform(0, usual / 2) for _ in kinds]
                count = self._chance.randint(1, len(kinds))
                night = self._night(cluster, list(zip(kinds, moments, strict=True))[:count])
                usual = min(usual, night)  # the machine may be less busy by now
                print(figures, file=sys.stderr, flush=True)
        figures.acknowledged = len(self._seen)
        self._count()
        return figures

    def _night(self, cluster: "Cluster", kills: list[tuple[str, float]]) -> float:
        """Plan new pictures, and let drivers draw until one ends well; its seconds."""
        figures = self._figures
        figures.nights += 1
        night = figures.nights
        row = ("Red Mug", "mug", f"red {night}", "9.00 EUR")
        self._shop.write_feed({f"sku-{number}": row for number in range(PRODUCTS)})
        while True:
            figures.drivers += 1
            started = time.monotonic()
            driver = forked(lambda: _draw(self._shop, f"night-{night}-{figures.drivers}"))
            status = self._watched(driver, cluster, kills)
            if status == 0:
                return time.monotonic() - started
            if cluster.died:
                figures.drivers_ended_by_the_head += not os.WIFSIGNALED(status)
                cluster.start()

    def _watched(self, driver: int, cluster: "Cluster", kills: list[tuple[str, float]]) -> int:
        """Kill while a driver runs; its status once it has ended, by itself or killed."""
        at = time.monotonic() + kills[0][1] if kills else 0.0
        while True:
            self._seen.update(path.name for path in self._shop.catalog.outbox.pending())
            done, status = os.waitpid(driver, os.WNOHANG)
            if done:
                return status
            workers = cluster.workers()
            if kills and workers and time.monotonic() > at:
                kind, _ = kills.pop(0)
                self._figures.kills += 1
                by_kind = self._figures.by_kind
                by_kind[kind] = by_kind.get(kind, 0) + 1
                if kind == "head":
                    cluster.kill()
                else:
                    os.kill(driver if kind == "driver" else self._chance.choice(workers), 9)
                at = time.monotonic() + kills[0][1] if kills else 0.0
            time.sleep(0.02)

    def _count(self) -> None:
        figures, shop = self._figures, self._shop
        ingested = {str(name) for (name,) in shop.query("SELECT batch FROM outbox_batches")}
        figures.lost = len(self._seen - ingested)
        ((again,),) = shop.query(
            "SELECT count(*) FROM outbox_batches WHERE images = 0 AND failures = 0"
        )
        ((images,),) = shop.query("SELECT count(*) FROM images")
        ((failed,),) = shop.query("SELECT count(*) FROM ledger WHERE error <> ''")
        figures.drawn_again, figures.failed_pictures = int(str(again)), int(str(failed))
        figures.missing = figures.nights * NIGHTLY - int(str(images))
        figures.different = in_child(lambda: _different(shop))


def _draw(shop: "Shop", run_id: str) -> int:
    """One driver's night: plan, then draw on the cluster."""
    from catalog_gen.fingerprint import SHARDS
    from catalog_gen.planning import NO_LIMIT
    from catalog_gen.stages.catalog import Stamp
    from catalog_gen.stages.feed import take_feed
    from catalog_gen.stages.images import draw_missing
    from catalog_gen.stages.products import record_products
    from catalog_gen.stages.prompts import write_prompts
    from resources.diffusion import RayPipelineResource

    catalog, stamp, shards = shop.catalog, Stamp.at_once(run_id), range(SHARDS)
    record_products(catalog, take_feed(catalog), stamp)
    write_prompts(catalog, shards, stamp, budget=NO_LIMIT)
    resource = RayPipelineResource()
    drawn = draw_missing(catalog, lambda: resource.engine(catalog, run_id), shards, stamp)
    return drawn.generated


def _different(shop: "Shop") -> int:
    """Draw everything once more, with one engine and without Ray, and compare the bytes."""
    import torch

    from catalog_gen.diffusion.jobs import DrawJob, Drawn
    from catalog_gen.recipe import Recipe

    torch.set_num_threads(1)
    rows = shop.query(
        "SELECT image_id, recipe, sha256 FROM images JOIN recipes ON recipe_id = image_id"
    )
    jobs = [DrawJob(str(key), Recipe.model_validate_json(str(text))) for key, text, _ in rows]
    drawn = {each.recipe_id: each for each in shop.engine.draw(jobs)}
    same = 0
    for key, _, sha256 in rows:
        picture = drawn[str(key)]
        same += isinstance(picture, Drawn) and picture.sha256 == sha256
    return len(rows) - same


class Cluster:
    """A head node with two processors, in a session of its own."""

    def __init__(self, folder: Path) -> None:
        self._temporary = folder / "r"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._node: subprocess.Popen[bytes] | None = None
        os.environ |= {
            "RAY_ADDRESS": f"127.0.0.1:{self._port}",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(16),
        }

    def start(self) -> None:
        """Start it, and wait until it answers."""
        shutil.rmtree(self._temporary, ignore_errors=True)
        ray = Path(sys.executable).with_name("ray")
        command = (
            *(str(ray), "start", "--head", "--block", "--num-cpus=2", "--disable-usage-stats"),
            *("--include-dashboard=false", f"--port={self._port}"),
            *(f"--temp-dir={self._temporary}", "--object-store-memory=200000000"),
            "--node-ip-address=127.0.0.1",
        )
        end = time.monotonic() + 120
        environment = {key: value for key, value in os.environ.items() if key != "RAY_ADDRESS"}
        self._node = subprocess.Popen(
            command,
            start_new_session=True,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while subprocess.run((str(ray), "status"), capture_output=True, check=False).returncode:
            if self._node.poll() is not None or time.monotonic() > end:
                raise RuntimeError("`ray start` did not get a head node to answer")
            time.sleep(0.5)

    @property
    def died(self) -> bool:
        return self._node is None or self._node.poll() is not None

    def kill(self) -> None:
        """Kill the head node with all that runs on it."""
        assert self._node is not None
        for pid in self._processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._node.wait()

    def workers(self) -> list[int]:
        """The processes that draw."""
        return [pid for pid in self._processes() if _command(pid).startswith("ray::DrawingWorker")]

    def _processes(self) -> list[int]:
        """The node's processes: its session, and the workers that its raylet started."""
        assert self._node is not None
        found: list[int] = [self._node.pid]
        parents = {pid: _parent(pid) for pid in map(int, filter(str.isdigit, os.listdir("/proc")))}
        for parent in found:  # grows meanwhile
            found += [pid for pid, its in parents.items() if its == parent]
        return found


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


@contextmanager
def _cluster(folder: Path) -> Iterator[Cluster]:
    cluster = Cluster(folder)
    cluster.start()
    try:
        yield cluster
    finally:
        if not cluster.died:
            cluster.kill()


if __name__ == "__main__":
    main()
