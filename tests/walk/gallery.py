"""A walk through the gallery, opened from disk: filters, order, keys, address, photos."""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import numpy as np
from playwright.sync_api import Page, Request

from catalog_gen.imaging.encode import encode, encode_png
from catalog_gen.reporting.gallery import WantedPicture
from catalog_gen.reporting.gallery_data import GalleryProduct, GalleryView
from catalog_gen.store.shown import ShownCounts
from tests.reporting.test_gallery import Source, catalog, image, write

PRODUCTS: Final = 120
COLOURS: Final = {"red": (190, 40, 40), "green": (40, 140, 60), "blue": (40, 70, 180)}


def _png(colour: str) -> bytes:
    pixels = np.full((128, 128, 3), 255, np.uint8)
    pixels[30:100, 40:90] = COLOURS[colour]
    return encode_png(pixels)


PNGS: Final = {sha256(_png(colour)).hexdigest(): _png(colour) for colour in COLOURS}


class Coloured(Source):
    """Small pictures in three colours."""

    def png(self, picture: WantedPicture) -> bytes:
        """The picture's PNG."""
        return PNGS[picture.sha256]


def products() -> Iterator[GalleryProduct]:
    """One in ten waits for a person, one failed, one can't be drawn; one in five was edited."""
    for number in range(PRODUCTS):
        yield GalleryProduct(
            f"sku-{number:03d}",
            f"{list(COLOURS)[number % 3].title()} mug No. {number}",
            ("mug", "cup")[number % 2],
            tuple(_views(number)),
            {"colour": list(COLOURS)[number % 3]},
        )


def _views(number: int) -> Iterator[GalleryView]:
    shown = replace(image(10 * number), sha256=list(PNGS)[number % 3], total=4 + number % 7)
    other = replace(shown, image_id=f"{10 * number + 1:064x}", number=1, live=False)
    if number % 10 == 3:
        waiting = replace(other, decision="review", total=7)
        yield GalleryView("packshot", (shown, waiting))
    elif number % 10 == 5:
        yield GalleryView("packshot", (), ("one.png: is no picture",))
    elif number % 10 == 7:
        yield GalleryView("packshot", (), (), "no word for it")
    else:
        yield GalleryView("packshot", (shown, replace(other, decision="rejected", total=2)))
    if number % 5 == 0:
        edited = replace(shown, image_id=f"{10 * number + 5:064x}", photo_sha256="e" * 64)
        yield GalleryView("refreshed", (edited,))


class GalleryWalk:
    """The steps, each one a thing that a person does."""

    def __init__(self, folder: Path, page: Page, pictures: Path) -> None:
        tenth = PRODUCTS // 10
        counts = ShownCounts(PRODUCTS, PRODUCTS, tenth, 0, tenth, 2 * tenth)
        shown = catalog(*products(), views=("packshot", "refreshed"), counts=counts)
        photo = encode(np.full((128, 128, 3), 190, np.uint8), "JPEG")
        self.address = write(shown, folder, Coloured(photo)).as_uri()
        self.page, self.pictures = page, pictures
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("requestfailed", self._failed)

    def all(self) -> None:
        """All steps in their order."""
        for step in (
            self.filter_what_waits,
            self.search_by_the_keyboard,
            self.go_through_products_by_keys,
            self.move_among_cards,
            self.follow_a_link,
            self.order_by_score,
            self.choose_category_and_view,
            self.see_photo_beside_edit,
            self.see_what_failed,
            self.hold_it_in_the_hand,
        ):
            step()
        assert not self.errors, self.errors

    def _failed(self, request: Request) -> None:
        # Leaving a page ends the requests that are on their way.
        if request.failure != "net::ERR_ABORTED":
            self.errors.append(f"{request.url}: {request.failure}")

    def open(self, choice: str = "") -> None:
        """Reload the page with this fragment."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.address}#{choice}")
        self.page.wait_for_selector("html[data-usable]")

    def filter_what_waits(self) -> None:
        """To review: the waiting picture leads the card and the product, though another is live."""
        self.open()
        assert self.found() == "120 products"
        self.picture("gallery")
        self.page.select_option("#show", "review")
        assert self.found() == "12 products"
        self.is_chosen(show="review")
        self.page.wait_for_selector(".card .badge")
        assert set(self.page.locator(".card .badge").all_inner_texts()) == {"To review"}
        self.page.locator(".open").first.click()
        assert self.page.locator("dialog .verdict .badge").inner_text() == "To review"
        assert self.page.locator("dialog .sum").inner_text() == "7 of 10 points"
        self.picture("gallery-product")
        self.page.keyboard.press("Escape")
        self.is_chosen(show="review")

    def search_by_the_keyboard(self) -> None:
        """A slash moves to the search field, whose words appear in the address."""
        self.open()
        self.page.keyboard.press("/")
        self.page.keyboard.type("blue 11")
        self.is_chosen(find="blue 11")
        shown = self.page.locator(".card h2").all_inner_texts()
        assert shown == [f"Blue mug No. {number}" for number in (11, 110, 113, 116, 119)], shown

    def go_through_products_by_keys(self) -> None:
        """Arrows and k, j go to the previous and the next product that fits, and no further."""
        self.open("show=review")
        self.page.locator(".open").first.click()
        self.is_open("sku-003")
        for key, product in (
            ("ArrowRight", "sku-013"),
            ("j", "sku-023"),
            ("k", "sku-013"),
            ("ArrowLeft", "sku-003"),
            ("ArrowLeft", "sku-003"),
        ):
            self.page.keyboard.press(key)
            self.is_open(product)
        assert self.page.get_by_role("button", name="Previous product").is_disabled()
        self.page.get_by_role("button", name="Next product").click()
        self.is_open("sku-013")
        self.page.keyboard.press("Escape")
        self.is_chosen(show="review")
        self.page.keyboard.press("Enter")  # the card of the product that was open has the focus
        self.is_open("sku-013")
        self.page.get_by_role("button", name="Close").click()
        assert not self.page.locator("dialog").is_visible()

    def move_among_cards(self) -> None:
        """Arrows move the focus from card to card, also past the edge of the screen."""
        self.open()
        self.page.locator(".open").first.focus()
        for key in ("ArrowRight", "ArrowDown", "ArrowLeft"):
            self.page.keyboard.press(key)
        columns = int(self.focused().removeprefix("sku-"))
        assert columns > 1
        self.page.keyboard.press("End")
        assert self.focused() == "sku-119"
        self.page.keyboard.press("Home")
        assert self.focused() == "sku-000"

    def follow_a_link(self) -> None:
        """An address opens what it names: filters, product and picture."""
        self.open(f"show=review&sort=title&product=sku-013&image={131:064x}")
        self.is_open("sku-013")
        assert self.page.locator("dialog .thumb[aria-pressed=true]").inner_text().strip() == "7"
        assert self.page.input_value("#sort") == "title"
        self.page.locator("dialog .thumb").first.click()
        assert self.page.locator("dialog .verdict .badge").inner_text() == "Live"
        self.is_chosen(show="review", sort="title", product="sku-013", image=f"{130:064x}"[:16])

    def order_by_score(self) -> None:
        """Lowest first: scores only rise."""
        self.open("sort=lowest&show=live")
        self.page.wait_for_selector(".card .score b")
        scores = [int(text) for text in self.page.locator(".card .score b").all_inner_texts()]
        assert scores == sorted(scores)
        assert scores[0] == 4

    def choose_category_and_view(self) -> None:
        """Both narrow the list; counts of the other filter follow."""
        self.open()
        self.page.select_option("#category", "cup")
        assert self.found() == "60 products"
        self.page.select_option("#view", "refreshed")
        assert self.found() == "12 products"
        labels = self.page.locator("#show option").all_inner_texts()
        assert "Failed (0)" in labels
        assert "Live (12)" in labels

    def see_photo_beside_edit(self) -> None:
        """The reference photo stands beside the picture that was made from it."""
        self.open("view=refreshed&product=sku-005")
        self.is_open("sku-005")
        captions = self.page.locator("dialog figcaption").all_inner_texts()
        assert captions == ["Reference photo", "Edited picture"]
        widths = self.page.eval_on_selector_all(
            "dialog figure img", "images => images.map(image => image.naturalWidth)"
        )
        assert widths == [128, 128]
        self.picture("gallery-edit")

    def see_what_failed(self) -> None:
        """What failed is counted, listed, and says why."""
        self.open("show=failed")
        assert self.page.locator(".failed-count dd").inner_text() == "12"
        assert self.found() == "12 products"
        self.page.wait_for_selector(".card .none >> text=one.png: is no picture")
        assert self.page.locator(".card .badge").first.inner_text() == "Failed"

    def hold_it_in_the_hand(self) -> None:
        """On a phone nothing is wider than the screen, and the way out is at the top."""
        size = self.page.viewport_size
        assert size is not None
        self.page.set_viewport_size({"width": 400, "height": 820})
        self.open("view=refreshed&product=sku-005")
        self.is_open("sku-005")
        close = self.page.get_by_role("button", name="Close").bounding_box()
        assert close is not None
        assert close["y"] < 120
        widths = self.page.eval_on_selector_all(
            "html, dialog", "parts => parts.map(part => part.scrollWidth)"
        )
        assert max(widths) <= 400, widths
        self.picture("gallery-phone")
        self.page.set_viewport_size(size)

    def found(self) -> str:
        return self.page.locator("#found").inner_text()

    def is_chosen(self, **words: str) -> None:
        """Wait until the fragment has exactly these words."""
        self.page.wait_for_function(
            "words => new URLSearchParams(location.hash.slice(1)).toString() === words",
            arg=urlencode(words),
        )

    def is_open(self, product_id: str) -> None:
        """Wait until the product is shown, and named in the address."""
        self.page.wait_for_selector(f"dialog .telling .stamp >> text={product_id}")
        self.page.wait_for_function(
            "id => new URLSearchParams(location.hash.slice(1)).get('product') === id",
            arg=product_id,
        )

    def focused(self) -> str:
        """The id of the product whose card has the focus."""
        return str(
            self.page.evaluate(
                "document.activeElement.closest('.card').querySelector('.id').textContent"
                ".split(' ')[0]"
            )
        )

    def picture(self, name: str) -> None:
        self.page.wait_for_timeout(300)
        self.page.screenshot(path=self.pictures / f"{name}.png")
