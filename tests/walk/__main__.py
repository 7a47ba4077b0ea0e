"""A walk in a real browser through the gallery and Dagster's web UI.

Find, fix and redraw a failed picture in Dagster's web UI, with every kind of launch.

Not part of the test suite, since it takes minutes: `make walk`. It needs Playwright (in the dev
extra) and a Chromium on the machine; it downloads none. Pictures of the pages go into a folder.

    python -m tests.walk [--pictures FOLDER] [--chromium PATH] [--port N]
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page, sync_playwright

from assets_defs.failed_shards import MARK
from catalog_gen.fingerprint import shard_of
from tests.pipeline.page import PATIENCE, REPOSITORY, ask, served, waited_for
from tests.pipeline.shop import Shop
from tests.pipeline.test_cli import run as command
from tests.pipeline.test_mending import save_photo, with_photos
from tests.walk.gallery import GalleryWalk

RUNS: Final = """{ runsOrError(limit: 50) { ... on Runs { results {
    runId status jobName tags { key value } } } } }"""
BACKFILLS: Final = """{ partitionBackfillsOrError { ... on PartitionBackfills { results {
    status } } } }"""


def main() -> None:
    """Walk; raises an AssertionError if the page does not show what it must."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, default=Path(tempfile.gettempdir()) / "walk")
    parser.add_argument("--chromium", default=shutil.which("chromium") or "/usr/bin/chromium")
    parser.add_argument("--port", type=int, default=3456)
    arguments = parser.parse_args()
    arguments.pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        shop = with_photos(Path(folder))
        with (
            served(shop, arguments.port, arguments.pictures / "servers.log") as address,
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(
                executable_path=arguments.chromium, args=["--no-sandbox"]
            )
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.set_default_timeout(PATIENCE * 1000)
            GalleryWalk(Path(folder, "gallery"), page, arguments.pictures).all()
            print("the gallery: done", flush=True)
            Walk(shop, address, page, arguments.pictures).all()
            browser.close()


class Walk:
    """The steps, each one a thing that a person does."""

    def __init__(self, shop: Shop, address: str, page: Page, pictures: Path) -> None:
        self.shop, self.address, self.page, self.pictures = shop, address, page, pictures
        self.shard = f"{shard_of('sku-1'):02d}"
        self.seen: set[str] = set()

    def all(self) -> None:
        """All steps in their order."""
        for step in (
            self.launch_the_night_without_a_partition,
            self.see_what_failed,
            self.mend_and_materialise_the_shard,
            self.see_the_pictures,
            self.execute_the_failed_run_again,
            self.read_the_run_log,
            self.launch_the_night_for_one_partition,
            self.materialise_everything,
            self.stop_a_run,
            self.read_the_books,
        ):
            began = time.monotonic()
            step()
            print(f"{step.__name__}: {time.monotonic() - began:.0f} s", flush=True)

    def launch_the_night_without_a_partition(self) -> None:
        """The launchpad, with nothing chosen: all shards."""
        run_id = self.launch_the_night()
        assert len(self.drawn_in(run_id)) == 7

    def launch_the_night(self) -> str:
        self.open("/locations/catalog_gen/jobs/nightly_refresh/playground")
        self.page.get_by_role("button", name="Launch Run").last.click()
        self.page.get_by_role("button", name="Confirm").click()
        return self.ended_well()

    def drawn_in(self, run_id: str) -> list[tuple[object, ...]]:
        """Product and view of the pictures that a run drew."""
        return self.shop.query(f"SELECT product_id, view FROM lineage WHERE run_id = '{run_id}'")

    def see_what_failed(self) -> None:
        """The check and the shard name what failed, and what to do."""
        self.open("/assets/candidate_images?view=checks")
        self.shows(
            "Pictures that could not be drawn: 1", "sku-1", "refreshed", "one.png", self.shard
        )
        self.shows("Convert it to JPEG or PNG", "catalog-gen retry")
        self.picture("check")
        self.open(f"/assets/candidate_images?view=partitions&partition={self.shard}")
        self.shows("Failed (1)", "Materialized (15)", "failed products", "sku-1 refreshed")
        self.shows("failed, and did not materialize this asset")
        self.picture("shard")
        (mark,) = self.runs(marks=True)
        self.open(f"/runs/{mark['runId']}")
        self.shows("Pictures that could not be drawn: 1", "sku-1 refreshed", "re-execute this run")
        self.picture("failed-run")
        self.open(f"/assets/candidate_images?view=partitions&partition={self.shard}")

    def mend_and_materialise_the_shard(self) -> None:
        """The photo is repaired; the shard draws that picture and no other one."""
        save_photo(self.shop, "one.png", 90)
        self.page.get_by_role("button", name="Materialize").first.click()
        self.shows("Launch runs to materialize candidate_images")
        self.picture("again")
        self.page.get_by_role("button", name="Launch 1 run").click()
        run_id = self.ended_well()
        assert self.drawn_in(run_id) == [("sku-1", "refreshed")]
        self.open(f"/assets/candidate_images?view=partitions&partition={self.shard}")
        self.shows("Failed (0)", "Materialized (16)")

    def see_the_pictures(self) -> None:
        """Previews with product and reason, on the asset's page and on the shard's."""
        self.open("/assets/candidate_images")
        self.shows("preview", "sku-1 Red Mug", "changed: reference_sha256")
        self.page.wait_for_selector("img[src^='data:image/webp']")
        self.picture("previews")
        self.open(f"/assets/candidate_images?view=partitions&partition={self.shard}")
        self.shows("sku-1 Red Mug", "changed: reference_sha256")
        self.page.wait_for_selector("img[src^='data:image/webp']")

    def execute_the_failed_run_again(self) -> None:
        """The run that reports failures draws them when re-executed after a fix."""
        (self.shop.folder / "photos" / "one.png").write_text("no picture either", "utf-8")
        self.launch_the_night()
        save_photo(self.shop, "one.png", 120)
        mark = self.runs(marks=True)[0]
        self.open(f"/runs/{mark['runId']}")
        self.page.get_by_role("button", name="Re-execute all").first.click()
        run_id = self.ended_well()
        assert self.drawn_in(run_id) == [("sku-1", "refreshed")]

    def read_the_run_log(self) -> None:
        """Progress is in the run's log."""
        self.open(f"/runs/{self.newest()['runId']}")
        self.shows("draw: 1 of 1")
        self.picture("run-log")

    def launch_the_night_for_one_partition(self) -> None:
        """The launchpad, with a partition chosen."""
        self.open("/locations/catalog_gen/jobs/nightly_refresh/playground")
        self.page.get_by_placeholder("Partition").fill(self.shard)
        self.page.keyboard.press("Enter")
        self.picture("launchpad")
        self.page.get_by_role("button", name="Launch Run").last.click()
        self.ended_well()

    def materialise_everything(self) -> None:
        """Materialise all, in the graph of assets: a backfill of several runs."""
        self.open("/asset-groups")
        self.page.get_by_role("button", name="Materialize all").first.click()
        self.shows("Launch runs to materialize 13 assets")
        self.page.get_by_role("button", name="All", exact=True).click()
        self.picture("all")
        self.page.get_by_role("button", name="Launch backfill").click()

        def ended() -> bool:
            found = self.ask(BACKFILLS)["partitionBackfillsOrError"]["results"]
            return bool(found) and all(each["status"].startswith("COMPLETED") for each in found)

        waited_for("the backfill's end", ended)
        self.ended_well()

    def stop_a_run(self) -> None:
        """A run that somebody terminates is interrupted, and not failed."""
        self.shop.write_feed({f"sku-{n}": ("Mug", "mug", "red", "1.00 EUR") for n in range(400)})
        answer = self.ask(
            """mutation($parameters: ExecutionParams!) { launchRun(executionParams: $parameters) {
                __typename ... on LaunchRunSuccess { run { runId } } } }""",
            parameters={
                "selector": {**REPOSITORY, "jobName": "nightly_refresh"},
                "runConfigData": {},
                "mode": "default",
            },
        )
        run_id = answer["launchRun"]["run"]["runId"]
        self.seen.add(run_id)
        self.open(f"/runs/{run_id}")
        self.page.get_by_text("draw: 0 of").first.wait_for()
        self.page.get_by_role("button", name="Terminate").first.click()
        self.page.get_by_role("button", name="Terminate 1 run").click()
        waited_for("the run's end", lambda: self.status_of(run_id) == "CANCELED")
        assert self.recorded()[run_id] == "interrupted"

    def read_the_books(self) -> None:
        """However a run was launched, the store and the command line show how it ended."""
        meaning = {"SUCCESS": "succeeded", "CANCELED": "interrupted", "FAILURE": "failed"}
        assert self.recorded() == {each["runId"]: meaning[each["status"]] for each in self.runs()}
        listed = command(self.shop, "runs")
        assert listed.returncode == 0, listed.stderr
        print(listed.stdout)

    def open(self, path: str) -> None:
        self.page.goto(self.address + path)

    def shows(self, *texts: str) -> None:
        """Wait until the page shows all of these."""

        def missing() -> list[str]:
            body = " ".join(self.page.inner_text("body").split())
            return [text for text in texts if text not in body]

        deadline = time.monotonic() + PATIENCE
        while (absent := missing()) and time.monotonic() < deadline:
            self.page.wait_for_timeout(500)
        assert not absent, f"{self.page.url} does not show {absent}"

    def picture(self, name: str) -> None:
        self.page.wait_for_timeout(1000)
        self.page.screenshot(path=self.pictures / f"{name}.png")

    def ask(self, query: str, **variables: object) -> Any:
        return ask(self.address, query, **variables)

    def runs(self, *, marks: bool = False) -> list[Any]:
        """The runs, newest first; or those that only mark failed pictures of another run."""
        found = self.ask(RUNS)["runsOrError"]["results"]
        return [
            each
            for each in found
            if marks == ({"key": MARK, "value": each["runId"]} in each["tags"])
        ]

    def newest(self) -> Any:
        return self.runs()[0]

    def status_of(self, run_id: str) -> str:
        return next(str(each["status"]) for each in self.runs() if each["runId"] == run_id)

    def ended_well(self) -> str:
        """Wait until all new runs have succeeded and are recorded; returns the newest's id."""

        def begun() -> set[str]:
            return {each["runId"] for each in self.runs()} - self.seen

        new: set[str] = waited_for("a run", begun)

        def ended() -> bool:
            nonlocal new
            new |= begun()
            ends = {"SUCCESS", "FAILURE", "CANCELED"}
            return all(self.status_of(run_id) in ends for run_id in new)

        waited_for("the run's end", ended)
        newest = str(self.newest()["runId"])
        for run_id in new:
            assert self.status_of(run_id) == "SUCCESS", f"{run_id} is {self.status_of(run_id)}"
            assert self.recorded()[run_id] == "succeeded", self.recorded()
        self.seen |= new
        return newest

    def recorded(self) -> dict[str, str]:
        return dict(self.shop.query("SELECT run_id, status FROM runs"))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
