"""A walk through the studio in a real browser: every page, by keyboard, light, dark and on a phone.

Not part of the test suite, since it takes minutes: `make walk-studio`. It needs Playwright (in the
dev extra), a Chromium on the machine, and npm, which fetches axe-core. Pictures of the pages go
into a folder.

    python -m tests.walk.studio [--pictures FOLDER] [--chromium PATH] [--port N] [--only STEP ...]
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, Final

from playwright.sync_api import Browser, Page, sync_playwright

from tests.pipeline.page import PATIENCE, waited_for
from tests.pipeline.shop import Shop
from tests.pipeline.test_mending import save_photo, with_photos

AXE: Final = "axe-core@4.11.0"
#: WCAG 2.2, levels A and AA.
RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PAGES: Final = ("", "review", "try", "experiments", "catalog")
#: Pictures that wait for a person: 2 of each product.
PRODUCTS: Final = 70
DECISIONS: Final = 100
#: What the microphone says.
SAID: Final = "red mug"
#: An experiment that takes long enough to be stopped.
LONG: Final = """title = "Long"
[grids.long]
products = ["sku-1"]
control = false
[grids.long.axes]
steps = "700..740"
"""
SCREENS: Final = {
    "light": {"color_scheme": "light", "viewport": {"width": 1400, "height": 950}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1400, "height": 950}},
    "phone": {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}},
}
RAN: Final = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def main() -> None:
    """Walk; raises an AssertionError if a page does not show or do what it must."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, default=Path(tempfile.gettempdir()) / "walk")
    parser.add_argument("--chromium", default=shutil.which("chromium") or "/usr/bin/chromium")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument(
        "--only", nargs="*", default=[], help="names of steps, such as draw_and_stop"
    )
    arguments = parser.parse_args()
    arguments.pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        shop = waiting_shop(Path(folder, "shop"))
        axe = axe_core(Path(folder, "npm"))
        with (
            served(shop, arguments.port, arguments.pictures / "studio.log") as address,
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(
                executable_path=arguments.chromium,
                args=["--no-sandbox", *microphone(Path(folder, "said.wav"))],
            )
            Walk(shop, address, browser, arguments.pictures, axe).all(arguments.only)
            browser.close()


def waiting_shop(folder: Path) -> Shop:
    """A shop whose rubric is not calibrated, so that all of its pictures wait for a person."""
    folder.mkdir(parents=True)
    shop = with_photos(folder)
    save_photo(shop, "one.png", 90)
    rubric = shop.folder / "rubric.toml"
    text = rubric.read_text("utf-8").replace("calibrated = true", "calibrated = false")
    rubric.write_text(text, "utf-8")
    feed = shop.folder / "feed.csv"
    more = [f"more-{n},Blue Mug {n},mug,blue,9.00 EUR," for n in range(PRODUCTS)]
    feed.write_text("\n".join([feed.read_text("utf-8").rstrip(), *more, ""]), "utf-8")
    shop.night("first")
    return shop


def microphone(path: Path) -> list[str]:
    """Chromium's options for a microphone that says SAID again and again; none: espeak-ng lacks."""
    if shutil.which("espeak-ng") is None:
        return []
    subprocess.run(["espeak-ng", "-v", "en-us", "-s", "150", "-w", str(path), SAID], check=True)
    return [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={path}",
    ]


def axe_core(folder: Path) -> str:
    """The source of axe-core, which npm fetches."""
    subprocess.run(["npm", "install", "--silent", "--prefix", str(folder), AXE], check=True)
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")


@contextmanager
def served(shop: Shop, port: int, log: Path) -> Iterator[str]:
    """Run `catalog-gen studio` for the shop until the block ends."""
    program = [sys.executable, "-m", "catalog_gen.cli", "studio", "--port", str(port)]
    with log.open("w") as stream:
        server = subprocess.Popen(
            program, env=os.environ | shop.environment, stdout=stream, stderr=stream
        )
    address = f"http://127.0.0.1:{port}"
    try:
        waited_for("the server", lambda: server.poll() is not None or answers(address))
        assert server.poll() is None, log.read_text()
        yield address
    finally:
        server.terminate()
        server.wait(60)


def answers(address: str, **headers: str) -> bool:
    """Whether the server serves its page to a request with these headers."""
    try:
        urllib.request.urlopen(urllib.request.Request(address, headers=headers)).close()
    except OSError:
        return False
    return True


class Walk:
    """The steps, each one a thing that a person does."""

    def __init__(
        self, shop: Shop, address: str, browser: Browser, pictures: Path, axe: str
    ) -> None:
        self.shop, self.address, self.browser = shop, address, browser
        self.pictures, self.axe = pictures, axe
        self.elsewhere: list[str] = []
        self.faults: list[str] = []

    def all(self, only: Sequence[str] = ()) -> None:
        """All steps in their order, or only those named."""
        steps = (
            self.look_at_every_page,
            self.refuse_other_sites,
            self.decide_by_keys,
            self.decide_by_twos_while_a_night_runs,
            self.draw_and_stop,
            self.draw_from_an_uploaded_photo,
            self.keep_a_trial_as_an_experiment_and_draw_it,
            self.stop_an_experiment,
            self.search_and_send_the_address,
            self.search_by_voice,
            self.reach_everything_by_tab,
        )
        for step in [each for each in steps if not only or each.__name__ in only]:
            began = time.monotonic()
            step()
            print(f"{step.__name__}: {time.monotonic() - began:.0f} s", flush=True)
        assert not self.faults, f"{len(self.faults)} faults of accessibility"
        assert not self.elsewhere, f"requests that left the machine: {self.elsewhere}"

    def look_at_every_page(self) -> None:
        """Light, dark and on a phone, axe-core finds nothing serious."""
        for name, screen in SCREENS.items():
            page = self.session(**screen)
            for path in PAGES:
                self.open(page, path)
                self.picture(page, f"{path or 'home'}-{name}")
                self.accessible(page, f"{path or 'home'}, {name}")
                wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
                assert not wide, f"{path} scrolls sideways ({name})"
            page.context.close()

    def refuse_other_sites(self) -> None:
        """Another host's name, origin or page gets no answer."""
        assert answers(self.address)
        assert not answers(self.address, Host="evil.example")
        assert not answers(self.address, Origin="http://evil.example")
        image = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
        assert not answers(self.address, **image)

    def decide_by_keys(self) -> None:
        """As fast as the page follows; undo takes the last decision back."""
        page = self.session()
        self.open(page, "review")
        taken = sorted(
            self.timed(page, "a" if number % 3 else "x", number)
            for number in range(1, DECISIONS + 1)
        )
        print(
            f"  {DECISIONS} decisions in {sum(taken):.0f} s; from the key to the next picture "
            f"{taken[DECISIONS // 2]:.2f} s (p50), {taken[DECISIONS * 95 // 100]:.2f} s (p95)",
            flush=True,
        )
        assert self.decisions() == (DECISIONS, DECISIONS)
        self.press(page, "u", DECISIONS - 1)
        assert self.decisions() == (DECISIONS - 1, DECISIONS - 1)
        self.press(page, "3", DECISIONS)
        ((note,),) = self.shop.query("SELECT note FROM reviews ORDER BY seq DESC LIMIT 1")
        assert note == "Artifacts"
        page.get_by_text("What the decisions add up to").click()
        page.get_by_text("labels,").first.wait_for()
        self.ready(page)
        self.picture(page, "review-curve")
        self.accessible(page, "the curve")
        page.context.close()

    def decide_by_twos_while_a_night_runs(self) -> None:
        """Two people at once, while a refresh writes: each decision is stored, none twice."""
        before, _ = self.decisions()
        night = Thread(target=self.shop.night, args=("second",))
        night.start()
        pages = [self.session(), self.session()]
        for page in pages:
            self.open(page, "review")
        for number in range(1, 9):
            for page in pages:
                self.press(page, "a", number)
        night.join()
        assert self.decisions() == (before + 16, before + 16)
        for page in pages:
            page.context.close()

    def decisions(self) -> tuple[int, int]:
        """Reviews, and pictures that have one."""
        ((count, pictures),) = self.shop.query(
            "SELECT count(*), count(DISTINCT image_id) FROM reviews"
        )
        return int(str(count)), int(str(pictures))

    def draw_and_stop(self) -> None:
        """A picture with its recipe and verdict; another is stopped at a step."""
        page = self.session()
        self.open(page, "try?product=sku-2&view=packshot")
        page.keyboard.press("Control+Enter")
        page.get_by_text("Recipe").wait_for(timeout=PATIENCE * 1000)
        self.ready(page)
        self.picture(page, "try-drawn")
        self.accessible(page, "a drawn picture")
        for tab in ("As a command", "As JSON", "As a view"):
            page.get_by_role("tab", name=tab).click()
        page.get_by_role("spinbutton", name="Steps").fill("900")
        page.keyboard.press("Tab")
        self.ready(page)
        page.keyboard.press("Control+Enter")
        page.get_by_text("of its steps").wait_for()
        self.picture(page, "try-drawing")
        page.keyboard.press("Escape")
        page.get_by_text("Stopped.").wait_for()
        page.context.close()

    def draw_from_an_uploaded_photo(self) -> None:
        """Free words, and a photo of one's own."""
        page = self.session()
        self.open(page, "try?product=free+words&view=refreshed")
        page.get_by_role("textbox", name="Prompt", exact=True).fill("a red vase")
        page.keyboard.press("Control+Enter")  # leaves the field, as Streamlit's text areas do
        photo = self.shop.folder / "photos" / "two.png"
        page.locator('input[type="file"]').set_input_files(photo)
        page.get_by_text("Starts from this").wait_for()
        self.ready(page)
        page.get_by_role("button", name="Draw").click()
        page.get_by_text("Recipe").wait_for(timeout=PATIENCE * 1000)
        self.ready(page)
        self.picture(page, "try-uploaded")
        page.context.close()

    def keep_a_trial_as_an_experiment_and_draw_it(self) -> None:
        """From a trial to a file, its estimate, its sheet live, and two cells compared."""
        page = self.session()
        self.open(page, "try?product=sku-2&view=packshot")
        page.get_by_role("spinbutton", name="Steps").fill("60")
        page.keyboard.press("Tab")
        self.ready(page)
        page.keyboard.press("Control+Enter")
        page.get_by_text("Recipe").wait_for(timeout=PATIENCE * 1000)
        self.ready(page)
        page.get_by_role("textbox", name="Experiment").fill("sixty")
        page.keyboard.press("Tab")
        self.ready(page)
        page.get_by_role("button", name="Keep as an experiment").click()
        page.get_by_text("Estimate and draw it").wait_for()
        self.picture(page, "try-kept")
        file = self.shop.folder / "experiments" / "sixty.toml"
        file.write_text(
            file.read_text("utf-8").replace(
                "steps = [60]", "steps = [60, 90]\nseed = [1, 2, 3, 4]"
            ),
            "utf-8",
        )
        page.goto(f"{self.address}/experiments?file=sixty")
        page.get_by_role("button", name="Estimate").click()
        page.get_by_role("button", name="Draw 12 pictures").click()
        page.get_by_text("begins").or_(page.get_by_text("drawn")).first.wait_for()
        self.picture(page, "experiment-begins")
        page.get_by_text("of 12 drawn").wait_for(timeout=PATIENCE * 1000)
        page.locator("table img").first.wait_for(timeout=PATIENCE * 1000)
        self.picture(page, "experiment-live")
        page.get_by_text("What the settings do").wait_for(timeout=PATIENCE * 1000)
        self.look_at_an_experiment(page.url.removeprefix(f"{self.address}/"))
        page.context.close()

    def look_at_an_experiment(self, path: str) -> None:
        """Light, dark and on a phone; the slider by the keyboard, the difference by a link."""
        for name, screen in SCREENS.items():
            page = self.session(**screen)
            self.open(page, path)
            self.picture(page, f"experiment-{name}")
            self.accessible(page, f"an experiment, {name}")
            page.screenshot(path=self.pictures / f"studio-experiment-{name}-whole.png")
            page.get_by_role("slider").scroll_into_view_if_needed()
            page.get_by_role("slider").focus()
            for _ in range(10):
                page.keyboard.press("ArrowRight")
            page.wait_for_function("location.search.includes('at=60')")
            self.ready(page)
            self.picture(page, f"experiment-slider-{name}")
            page.get_by_text("What the settings do").scroll_into_view_if_needed()
            page.wait_for_timeout(300)
            self.picture(page, f"experiment-plot-{name}")
            page.locator("table a").last.click()
            page.wait_for_function("location.search.includes('b=')")
            self.open(page, page.url.removeprefix(f"{self.address}/") + "&as=Difference")
            page.get_by_text("of the pixels differ").first.scroll_into_view_if_needed()
            self.ready(page)
            self.picture(page, f"experiment-difference-{name}")
            self.accessible(page, f"a difference, {name}")
            wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
            assert not wide, f"an experiment scrolls sideways ({name})"
            page.context.close()

    def stop_an_experiment(self) -> None:
        """Pasted, begun and stopped by keys; what was drawn stays, the rest waits."""
        page = self.session()
        self.open(page, "experiments?file=a+pasted+one")
        page.get_by_role("textbox", name="Name").fill("long")
        page.get_by_role("textbox", name="Experiment").fill(LONG)
        page.keyboard.press("Control+Enter")  # leaves the field, as Streamlit's text areas do
        self.ready(page)
        page.get_by_role("button", name="Estimate").click()
        page.get_by_role("button", name="Draw 41 pictures").click()
        page.get_by_text("drawn,").first.wait_for(timeout=PATIENCE * 1000)
        self.picture(page, "experiment-waiting")
        page.keyboard.press("Escape")
        page.get_by_text("Stopped. What was drawn is kept.").wait_for(timeout=PATIENCE * 1000)
        self.picture(page, "experiment-stopped")
        self.open(page, "experiments")
        page.get_by_text("long: 41 cells").wait_for()
        self.picture(page, "experiments-list")
        self.accessible(page, "the list of experiments")
        page.context.close()

    def search_by_voice(self) -> None:
        """What the microphone hears is shown, corrected, and then looked for."""
        if shutil.which("espeak-ng") is None:
            print("  left out: espeak-ng is missing", flush=True)
            return
        page = self.session()
        self.open(page, "catalog")
        page.get_by_text("Speak").click()
        page.get_by_role("button", name="Record").click()
        page.wait_for_timeout(3500)
        page.get_by_role("button", name="Stop recording").click()
        heard = page.get_by_role("textbox", name="Heard")
        heard.wait_for(timeout=PATIENCE * 1000)
        self.ready(page)
        print(f"  said {SAID!r}, heard {heard.input_value()!r}", flush=True)
        assert set(SAID.split()) & set(heard.input_value().split())
        self.picture(page, "catalog-heard")
        self.accessible(page, "what was heard")
        assert "words=" not in page.url
        heard.fill(SAID)
        page.keyboard.press("Enter")
        self.ready(page)
        page.get_by_role("button", name="Search these words").click()
        page.wait_for_function("location.search.includes('words=red')")
        self.ready(page)
        self.picture(page, "catalog-said")
        page.context.close()

    def search_and_send_the_address(self) -> None:
        """What is searched is in the address; a picture has a history."""
        page = self.session()
        self.open(page, "catalog")
        page.get_by_role("textbox", name="Words").fill("red mug")
        page.keyboard.press("Enter")
        page.get_by_text("2 pictures").or_(page.get_by_text("3 pictures")).first.wait_for()
        assert "words=red+mug" in page.url or "words=red%20mug" in page.url, page.url
        other = self.session()
        self.open(other, page.url.removeprefix(f"{self.address}/"))
        other.get_by_role("button", name="Details").first.click()
        other.get_by_text("History of the product").wait_for()
        self.ready(other)
        assert "image=" in other.url
        self.picture(other, "catalog-one")
        self.accessible(other, "one picture")
        other.get_by_role("button", name="More like this").click()
        self.ready(other)
        assert "like=" in other.url
        for each in (page, other):
            each.context.close()

    def reach_everything_by_tab(self) -> None:
        """The Tab key alone leads through navigation, fields and pictures."""
        page = self.session()
        self.open(page, "catalog")
        page.evaluate("document.activeElement.blur()")
        reached = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            reached.add(page.evaluate(FOCUSED))
        for wanted in ("Review", "Words", "Seed", "Details"):
            assert any(wanted in name for name in reached), (wanted, sorted(reached))
        page.context.close()

    def session(self, **options: Any) -> Page:
        """A browser session of its own; notes every request to another machine."""
        page = self.browser.new_context(**(options or SCREENS["light"])).new_page()
        page.set_default_timeout(PATIENCE * 1000)
        own = (self.address, self.address.replace("http:", "ws:"), "data:", "blob:")
        page.on(
            "request", lambda r: None if r.url.startswith(own) else self.elsewhere.append(r.url)
        )
        return page

    def open(self, page: Page, path: str) -> None:
        page.goto(f"{self.address}/{path}")
        page.wait_for_selector("h1")
        page.wait_for_timeout(1000)
        self.ready(page)

    def ready(self, page: Page) -> None:
        """Wait until the script has run and its pictures are there."""
        page.wait_for_timeout(100)
        page.wait_for_selector(RAN)
        page.wait_for_function("[...document.images].every(each => each.complete)")

    def press(self, page: Page, key: str, decided: int) -> None:
        """Press a key, and wait until the page counts so many decisions."""
        page.keyboard.press(key)
        page.get_by_text(f", {decided} decided.").wait_for()
        self.ready(page)

    def timed(self, page: Page, key: str, decided: int) -> float:
        """Seconds from a key until so many decisions are counted and the next picture is drawn."""
        began = time.monotonic()
        page.keyboard.press(key)
        page.wait_for_function(NEXT_IS_THERE, arg=f", {decided} decided.", polling=50)
        return time.monotonic() - began

    def accessible(self, page: Page, where: str) -> None:
        page.evaluate(self.axe)
        found = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
        serious = [
            f"{where}: {each['id']}: {node['html'][:160]}: {node['failureSummary'][:240]}"
            for each in found["violations"]
            for node in each["nodes"]
            if each["impact"] in ("serious", "critical")
        ]
        for fault in serious:
            print(f"  {fault}", flush=True)
        self.faults += serious

    def picture(self, page: Page, name: str) -> None:
        page.screenshot(path=self.pictures / f"studio-{name}.png")


NEXT_IS_THERE: Final = """words =>
    document.body.innerText.includes(words)
    && document.querySelector('[data-testid="stApp"]').dataset.testScriptState === 'notRunning'
    && [...document.images].every(each => each.complete)
"""

FOCUSED: Final = """(() => {
    const it = document.activeElement;
    return it.getAttribute('aria-label') || it.innerText || it.labels?.[0]?.innerText || it.tagName;
})()"""


if __name__ == "__main__":
    main()
