"""A small shop with a tiny Stable Diffusion and a tiny CLIP: everything real, nothing large."""

import csv
import os
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from dagster import DagsterInstance, DagsterRun

from catalog_gen.diffusion.engine import Engine
from catalog_gen.diffusion.loading import load_model
from catalog_gen.fingerprint import SHARDS
from catalog_gen.home import Home
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.planning import Budget
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.feed import take_feed
from catalog_gen.stages.images import draw_missing
from catalog_gen.stages.lessons import learn_concepts
from catalog_gen.stages.products import record_products
from catalog_gen.stages.prompts import write_prompts
from catalog_gen.stages.publication import publish_best
from catalog_gen.stages.scores import score_images
from catalog_gen.stages.verdicts import judge_images
from catalog_gen.store.images import stored_png
from tests.tiny_clip import write_tiny_clip
from tests.tiny_models import tiny_sd

#: Accepts whatever the tiny model draws: these tests are about the walk, not about beauty.
RUBRIC = """
[bands]
accept = 0
review = 0
floor = 0
[scorers.default]
calibrated = true
""" + "".join(
    f"""
[[rules]]
criterion = "{criterion}"
signal = "documented"
two = 2
one = 0
says = "it is documented ({{value}})"
"""
    for criterion in (
        "prompt_adherence",
        "visual_realism",
        "artifacts",
        "ecommerce_usability",
        "reproducibility",
    )
)

#: What channels ask of a file's size; what it shows is not asked of a tiny model's pictures.
PASSPORTS = "".join(
    f"""
[{channel}]
title = "{channel}"
source = "tests"
reviewed = 2026-11-21
formats = ["PNG", "JPEG"]
synthetic = "declared"
[[{channel}.rules]]
fact = "shorter_side"
at_least = {pixels}
says = "the shorter side has {{value}} pixels"
"""
    for channel, pixels in (("google", 100), ("meta", 500))
)

#: Each product has pictures of its own, so that a test can count them; ``share`` ends that.
APART = 'look = ["product_id"]\n'

CONFIG = (
    APART
    + """
rubric = "rubric.toml"
passports = "passports.toml"
[feed]
path = "feed.csv"
reference_folders = ["photos"]
[model]
id = "{model}"
batch_size = 2
[scorer]
id = "{scorer}"
batch_size = 4
[publish]
min_coverage = 0.5
[views.packshot]
template = "{{{{ colour }}}} {{{{ category }}}}"
candidates = 2
steps = 2
width = 32
height = 32
"""
)

ROWS = {
    "sku-1": ("Red Mug", "mug", "red", "9.00 EUR"),
    "sku-2": ("Blue Mug", "mug", "blue", "9.00 EUR"),
    "sku-3": ("Black Chair", "chair", "black", "99.00 EUR"),
}


@dataclass(frozen=True)
class Shop:
    """A folder with a feed, a config and models, and the catalog made from it."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "catalog.toml"

    @property
    def home(self) -> Home:
        return Home(self.folder / "home")

    @property
    def catalog(self) -> Catalog:
        return Catalog.open(self.config, self.home)

    def share(self) -> None:
        """Let products that ask for the same pictures share them, the default of catalogs."""
        self.config.write_text(self.config.read_text("utf-8").replace(APART, ""), "utf-8")

    def write_feed(self, rows: dict[str, tuple[str, ...]]) -> None:
        """Write the feed as an export that ended a minute ago: nothing waits for its end."""
        feed = self.folder / "feed.csv"
        with feed.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(("id", "title", "product_type", "color", "price"))
            writer.writerows((product_id, *row) for product_id, row in rows.items())
        an_end = time.time() - 60
        os.utime(feed, (an_end, an_end))

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables for this shop."""
        return {"CATALOG_CONFIG": str(self.config), "CATALOG_HOME": str(self.home.root)}

    def refresh(self, instance: DagsterInstance) -> DagsterRun:
        """Run one night, as the command line and the schedule do."""
        os.environ |= self.environment
        from assets_defs.launch import run_nightly

        return run_nightly(instance, self.home)

    @cached_property
    def engine(self) -> Engine:
        model = self.catalog.settings.model
        return Engine(load_model(model), model.batch_size)

    @cached_property
    def scorer(self) -> ClipScorer:
        return ClipScorer(self.catalog.settings.scorer)

    def night(
        self, run_id: str, *, budget: int | None = None, seconds: float | None = None
    ) -> dict[str, Any]:
        """Run the stages of a refresh in order, without Dagster."""
        catalog, stamp, shards = self.catalog, Stamp.at_once(run_id), range(SHARDS)
        changes = record_products(catalog, take_feed(catalog), stamp).changes
        limit = Budget(budget, seconds)
        learned = learn_concepts(catalog, lambda: self.engine.model, stamp, budget=limit)
        prompts = write_prompts(catalog, shards, stamp, budget=limit)
        drawn = draw_missing(catalog, lambda: self.engine, shards, stamp)
        score_images(catalog, self.scorer, shards, stamp)
        judge_images(catalog, self.scorer.scorer_hash, shards, stamp)
        published = publish_best(catalog, self.scorer.scorer_hash, stamp)
        return {
            "changed": changes.changed,
            "learned": learned.learned,
            "unlearned": (learned.failed, learned.deferred),
            "planned": prompts.planned,
            "reused": prompts.reused,
            "deferred": prompts.deferred,
            "generated": drawn.generated,
            "failed": drawn.failed,
            "live": published.products,
        }

    def png(self, image_id: str) -> bytes:
        """The stored bytes of a picture."""
        store = self.catalog.store
        with store.reading() as connection:
            return stored_png(connection, store.pictures(connection), image_id)

    def query(self, sql: str) -> list[tuple[object, ...]]:
        with self.catalog.store.reading() as connection:
            return connection.execute(sql).fetchall()


def open_shop(folder: Path) -> Shop:
    """A shop that has never been refreshed."""
    model = tiny_sd(folder / "model")
    scorer = write_tiny_clip(folder / "clip")
    (folder / "rubric.toml").write_text(RUBRIC, "utf-8")
    (folder / "passports.toml").write_text(PASSPORTS, "utf-8")
    (folder / "catalog.toml").write_text(CONFIG.format(model=model, scorer=scorer), "utf-8")
    (folder / "photos").mkdir()
    shop = Shop(folder)
    shop.write_feed(ROWS)
    return shop
