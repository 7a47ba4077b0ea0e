"""SIGKILL whole refreshes at random moments, and record what survives.

A clean parent has imported everything and holds no database; every refresh is a fork of it that
runs the real nightly job (Dagster, DuckDB, a tiny Stable Diffusion, a tiny CLIP). A byte of shared
memory per phase shows what the child is doing, so that kills can be aimed at a phase and are
reported by phase. These marks and the number of shards are the only changes to the code under test.
"""

import gc
import importlib
import mmap
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .children import forked, in_child, sleep_while_running, wait_for

if TYPE_CHECKING:
    from tests.pipeline.shop import Shop

#: What a refresh does, in its order; drawing and outbox overlap.
PHASES: Final = (
    *("feed", "products", "prompts", "draw", "outbox", "ingest", "checkpoint"),
    *("score", "judge", "publish", "gallery", "snapshot"),
)

#: Most kills are aimed at one of these: some take a thousandth of a refresh.
AIMED: Final = ("draw", "outbox", "ingest", "checkpoint", "publish", "snapshot")

#: Products of the shop, and pictures that a night asks for (two candidates per product).
PRODUCTS: Final = 3
NIGHTLY: Final = 2 * PRODUCTS

#: A few of the shards, and products that fall into them: Dagster takes about 15 ms for each shard
#: of each asset, which tests nothing.
_SHARDS: Final = 2
_SKUS: Final = ("sku-49", "sku-63", "sku-130")


@dataclass(slots=True)
class Figures:
    """The results of the kills. ``FAULTS`` lists those that must be 0."""

    kills: int = 0
    too_late: int = 0
    finished: int = 0
    pairs: int = 0
    phases: dict[str, int] = field(default_factory=dict)
    acknowledged: int = 0
    reads: int = 0
    lost: int = 0
    duplicated: int = 0
    drawn_again: int = 0
    missing: int = 0
    damaged: int = 0
    half_published: int = 0
    stale: int = 0
    waiting: int = 0
    failed_pairs: int = 0


FAULTS: Final = (
    *("lost", "duplicated", "drawn_again", "missing", "damaged", "half_published"),
    *("stale", "waiting", "failed_pairs"),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is there at a moment when no refresh runs; ``log`` is what was ever acknowledged."""

    stored: list[str]
    outbox: list[str]
    rows: int
    open_work: int
    damaged: int
    live: int
    sets: int
    publication: int
    dead_runs: int
    log: list[str]

    @property
    def safe(self) -> set[str]:
        return {*self.stored, *self.outbox}


def prepare() -> None:
    """Import all that a refresh needs into this process, which must be clean; starts nothing."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1"}
    from catalog_gen import fingerprint

    fingerprint.SHARDS = _SHARDS  # type: ignore[misc]
    import open_clip  # noqa: F401
    import torch
    from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionPipeline  # noqa: F401
    from transformers import CLIPTextModel, CLIPTokenizer  # noqa: F401

    import tests.pipeline.shop  # noqa: F401

    torch.set_num_threads(1)


class Killer:
    """Runs, kills and inspects the refreshes of one shop, all of it in forks of this process."""

    def __init__(self, folder: Path, seed: int) -> None:
        """``folder`` must be empty; ``prepare`` was called."""
        from tests.pipeline.shop import Shop, open_shop

        self.folder = folder
        self.figures = Figures()
        self._chance = random.Random(seed)
        self._marks = mmap.mmap(-1, len(PHASES))
        self._log = folder / "acknowledged.log"
        self._night = 0
        in_child(lambda: bool(open_shop(folder)))
        os.environ["CATALOG_CONFIG"] = str(folder / "catalog.toml")
        import assets_defs.definitions  # reads the settings of the shop  # noqa: F401

        self._shop: Shop = Shop(folder)
        self._log.touch()
        self._write_feed()
        _mark_phases(self._marks, self._log)
        self._import_what_a_refresh_imports()

    def run(self, kills: int) -> Figures:
        """Kill so many refreshes, up to three of the same night, then let one finish."""
        figures = self.figures
        self._new_night()
        usual = self._undisturbed()
        with _watched(self._shop, figures):
            while figures.kills < kills:
                self._new_night()
                before = self._seen()
                for _ in range(self._chance.randint(1, 3)):
                    self._kill_one(self._chance.choice((None, *AIMED)), usual)
                    before = self._compare(before)
                usual = self._undisturbed()
                self._expect_all_done(self._compare(before))
                _progress(figures)
        figures.acknowledged = len(self._acknowledged())
        return figures

    def run_pairs(self, pairs: int) -> Figures:
        """Start two refreshes of the same night at once, so often; both must end well."""
        for _ in range(pairs):
            self._new_night()
            before = self._seen()
            children = [forked(self._refresh), forked(self._refresh)]
            ended = [os.waitpid(child, 0)[1] for child in children]
            self.figures.pairs += 1
            self.figures.failed_pairs += any(ended)
            self._expect_all_done(self._compare(before))
            _progress(self.figures)
        self.figures.acknowledged = len(self._acknowledged())
        return self.figures

    def _import_what_a_refresh_imports(self) -> None:
        """The first night runs in a child that says what it imported on its way."""

        def first_night() -> list[str]:
            self._refresh()
            return list(sys.modules)

        for name in in_child(first_night):
            with suppress(ImportError):  # aliases that libraries put there are no modules
                importlib.import_module(name)
        from resources.diffusion import DiffusionPipelineResource
        from resources.scorer import ClipScorerResource

        catalog = self._shop.catalog
        DiffusionPipelineResource().engine(catalog, "")  # both are kept for the whole process
        ClipScorerResource().scorer(catalog.settings.scorer)
        # Otherwise each child would walk, and so copy, all of this process's memory.
        gc.collect()
        gc.freeze()

    def _new_night(self) -> None:
        """Every product is another one by now, so that the night has all of its pictures to do."""
        self._night += 1
        self._write_feed()

    def _write_feed(self) -> None:
        row = ("Red Mug", f"mug {self._night}", "red", "9.00 EUR")
        self._shop.write_feed(dict.fromkeys(_SKUS, row))

    def _kill_one(self, aim: str | None, usual: float) -> None:
        self._marks[:] = bytes(len(PHASES))
        started = time.monotonic()
        child = forked(self._refresh)
        if aim is None:
            sleep_while_running(child, self._chance.uniform(0.0, usual))
        else:
            place = PHASES.index(aim)
            turns = self._chance.randint(1, 3) if aim in ("draw", "outbox") else 1
            for _ in range(turns):
                wait_for(child, lambda: self._marks[place] == 1)
                if turns > 1:
                    wait_for(child, lambda: self._marks[place] == 0, at_most=0.05)
            sleep_while_running(child, self._chance.uniform(0.0, 0.01))
        hit = [name for name, mark in zip(PHASES, self._marks[:], strict=True) if mark]
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            self.figures.too_late += 1
            if status:
                raise RuntimeError(f"a refresh failed by itself with status {status}")
            return
        self.figures.kills += 1
        early = time.monotonic() - started < usual / 2
        phases = self.figures.phases
        for name in hit or ["before or between" if early else "between or after"]:
            phases[name] = phases.get(name, 0) + 1

    def _refresh(self) -> float:
        """One nightly run, in a child; its seconds."""
        from assets_defs.launch import dagster_instance, failure_of

        started = time.monotonic()
        with dagster_instance(self._shop.home) as instance:
            run = self._shop.refresh(instance)
            if not run.is_success:
                raise RuntimeError(f"{failure_of(instance, run.run_id)}")
        return time.monotonic() - started

    def _undisturbed(self) -> float:
        self.figures.finished += 1
        return float(in_child(self._refresh))

    def _acknowledged(self) -> list[str]:
        """What the outbox said it had, line by line, over all refreshes."""
        return self._log.read_text("utf-8").splitlines()

    def _seen(self) -> Seen:
        return Seen(**in_child(lambda: _look_inside(self._shop)), log=self._acknowledged())

    def _compare(self, before: Seen) -> Seen:
        """What a refresh did, killed or not: it kept what was safe, and did not draw it again."""
        figures, after = self.figures, self._seen()
        drawn = after.log[len(before.log) :]
        figures.lost += len((before.safe | set(after.log)) - after.safe)
        figures.drawn_again += len(before.safe & set(drawn)) + len(drawn) - len(set(drawn))
        figures.duplicated += after.rows - len(set(after.stored))
        figures.damaged += after.damaged
        figures.half_published += (after.live, after.sets) != (PRODUCTS, 1)
        return after

    def _expect_all_done(self, after: Seen) -> None:
        """The night's pictures are there, and live, and nothing else is left."""
        from assets_defs.leftovers import leftovers

        figures, wanted = self.figures, NIGHTLY * (self._night + 1)
        figures.missing += after.open_work + abs(wanted - len(after.stored))
        figures.half_published += after.publication != self._night + 1
        figures.waiting += len(after.outbox)
        figures.stale += after.dead_runs + in_child(
            lambda: len(leftovers(self._shop.home).runs) + len(leftovers(self._shop.home).pools)
        )


def _look_inside(shop: "Shop") -> dict[str, Any]:
    """The store with `verify`'s eyes and in SQL; the fields of ``Seen`` but for the log."""
    from catalog_gen.store.ledger import open_work
    from catalog_gen.store.outbox_file import read_batch
    from catalog_gen.store.run_lock import dead_runs
    from catalog_gen.store.verify import verify

    catalog = shop.catalog
    waiting: list[str] = []
    for path in catalog.outbox.pending():
        rows = read_batch(path).rows
        waiting += rows.filter(rows["sha256"].is_valid())["recipe_id"].to_pylist()
    damaged = verify(catalog.store, catalog.outbox).damaged
    with catalog.store.reading() as connection:
        images = connection.execute("SELECT image_id FROM images").fetchall()
        open_items = len(open_work(connection, None, 3, include_deferred=True))
        ((live, sets, publication),) = connection.execute(
            """
            SELECT count(DISTINCT product_id), count(DISTINCT publication_id),
                coalesce(max(publication_id), 0)
            FROM live_images
            """
        ).fetchall()
    return {
        "stored": [image_id for (image_id,) in images],
        "outbox": waiting,
        "rows": len(images),
        "open_work": open_items,
        "damaged": len(damaged),
        "live": live,
        "sets": sets,
        "publication": publication,
        "dead_runs": len(dead_runs(shop.home)),
    }


def _progress(figures: Figures) -> None:
    """A line for whoever waits: a hundred kills take a while."""
    line = ", ".join(f"{name} {getattr(figures, name)}" for name in ("kills", "pairs", *FAULTS))
    print(line, file=sys.stderr, flush=True)


@contextmanager
def _watched(shop: "Shop", figures: Figures) -> Iterator[None]:
    """A reader that all the while looks at what is live: the snapshot, the page, the feed."""
    counters = mmap.mmap(-1, 16)

    def watch() -> None:
        while counters[8] == 0:
            problems, looks = int.from_bytes(counters[4:8]), int.from_bytes(counters[:4])
            seen, whole = _look(shop)
            counters[:8] = (looks + seen).to_bytes(4) + (problems + seen - whole).to_bytes(4)
            time.sleep(0.5)

    watcher = forked(watch)
    try:
        yield
    finally:
        counters[8] = 1
        _, status = os.waitpid(watcher, 0)
    if status:
        raise RuntimeError("the reader could not read")
    figures.reads += int.from_bytes(counters[:4])
    figures.half_published += int.from_bytes(counters[4:8])


def _look(shop: "Shop") -> tuple[int, int]:
    """How many things could be looked at, and how many of them were whole."""
    from catalog_gen.store.snapshot import query_snapshot

    whole: list[bool] = []
    if (shop.home.snapshots / "latest.duckdb").exists():
        rows = query_snapshot(
            shop.home,
            "SELECT count(DISTINCT product_id), count(DISTINCT publication_id) FROM live_images",
        ).rows
        whole.append(rows == ((PRODUCTS, 1),))
    page, feed = shop.home.site / "index.html", shop.home.site / "feeds" / "google.csv"
    if page.exists():
        whole.append(page.read_text("utf-8").rstrip().endswith("</html>"))
    if feed.exists():
        whole.append(len(feed.read_text("utf-8").splitlines()) == PRODUCTS + 1)
    return len(whole), sum(whole)


def _mark_phases(marks: mmap.mmap, log: Path) -> None:
    """Wrap what does a phase's work, so that its byte is 1 meanwhile; note what is acknowledged."""
    import assets_defs.catalog_assets as catalog_assets
    import assets_defs.picture_assets as picture_assets
    import assets_defs.publication_assets as publication_assets
    import catalog_gen.store.connection as connection
    import catalog_gen.store.ingestion as ingestion
    import catalog_gen.store.outbox as outbox
    from catalog_gen.diffusion.engine import Engine

    def mark(owner: Any, name: str, phase: str, after: Callable[..., None] | None = None) -> None:
        inner, place = getattr(owner, name), PHASES.index(phase)

        @wraps(inner)
        def marked(*arguments: Any, **options: Any) -> Any:
            marks[place] = 1
            try:
                result = inner(*arguments, **options)
                if after is not None:
                    after(*arguments, **options)
                return result
            finally:
                marks[place] = 0

        setattr(owner, name, marked)

    def note(_: object, images: Any, *__: object, **___: object) -> None:
        handle = os.open(log, os.O_WRONLY | os.O_APPEND)
        os.write(handle, "".join(f"{image.recipe_id}\n" for image in images).encode())
        os.close(handle)

    mark(catalog_assets, "take_feed", "feed")
    mark(catalog_assets, "record_products", "products")
    mark(picture_assets, "write_prompts", "prompts")
    mark(Engine, "_next_batch", "draw")
    mark(outbox.Outbox, "write", "outbox", after=note)
    mark(ingestion, "_ingest_group", "ingest")
    mark(connection, "_checkpoint", "checkpoint")
    mark(picture_assets, "score_images", "score")
    mark(picture_assets, "judge_images", "judge")
    mark(publication_assets, "publish_best", "publish")
    mark(publication_assets, "write_catalog_gallery", "gallery")
    mark(publication_assets, "publish_snapshot", "snapshot")
