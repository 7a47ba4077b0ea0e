"""A gallery that follows what changed is the gallery that is written from nothing.

After a change of each kind that a page can show, the site is written over the last one and into an
empty folder. Both have the same files, byte for byte, and only parts that changed were read.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from duckdb import DuckDBPyConnection

from catalog_gen.catalog.product import Product
from catalog_gen.home import Home
from catalog_gen.imaging.encode import encode_png
from catalog_gen.judging.measurement import Signals
from catalog_gen.reporting.site_checks import damaged_files
from catalog_gen.stages import gallery
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.gallery import write_catalog_gallery
from catalog_gen.store.cutouts import CutoutRow, save_cutouts
from catalog_gen.store.ledger import open_work
from catalog_gen.store.prompts import save_prompts, stale_inputs
from catalog_gen.store.publications import rollback_to
from catalog_gen.store.retention import DroppedRow, mark_dropped, mark_kept
from catalog_gen.store.scores import ScoreRow, save_scores
from catalog_gen.store.shown_products import ShownProduct, products_of_parts
from catalog_gen.store.verdicts import VerdictRow, save_review, save_verdicts, withdraw_review
from tests.store.shop import NIGHT, PACKSHOT, SHARP, Shop

CONFIG: Final = """
rubric = "rubric.toml"
passports = "passports.toml"
[feed]
path = "feed.csv"
reference_folders = ["photos"]
[model]
id = "model"
[scorer]
id = "scorer"
[views.packshot]
template = "{{ colour }} {{ title }}"
[views.lifestyle]
template = "{{ colour }} {{ title }} on a table"
"""
PASSPORTS: Final = """
[google]
title = "Google"
source = "tests"
reviewed = 2026-11-21
formats = ["PNG"]
synthetic = "declared"
[[google.rules]]
fact = "shorter_side"
at_least = 100
until = 2027-01-31
says = "the shorter side has {value} pixels"
[[google.rules]]
fact = "shorter_side"
at_least = 500
since = 2027-01-31
says = "the shorter side has {value} pixels"
[[google.rules]]
fact = "fill"
main_only = true
at_least = 0.75
says = "the product fills {percent} of the frame"
"""
LIFESTYLE: Final = replace(PACKSHOT, view="lifestyle", spec={**PACKSHOT.spec, "template": "t2"})
DETAIL: Final = replace(PACKSHOT, view="detail", spec={**PACKSHOT.spec, "template": "t3"})
#: Before the rules' date, and after it.
AUTUMN: Final = datetime(2026, 11, 21, 2, tzinfo=UTC)
SPRING: Final = datetime(2027, 3, 1, 2, tzinfo=UTC)
PRODUCTS: Final = 48
#: Its packshots were drawn from a photo and cut out of it.
EDITED: Final = 7
MEASURED: Final = Signals({"fill": 0.5}).to_json()
#: Numbers of parts that a change may have read; None: all of them.
NOTHING, FEW = range(1), range(1, 4)


def plate(number: int, colour: str = "red", **attributes: str) -> Product:
    """A plate; ten are in a category."""
    return Product(
        f"plate-{number:02d}",
        f"Plate {number}",
        f"plates {number // 10}",
        reference=f"{number}.png",
        attributes={"colour": colour, **attributes},
    )


@dataclass
class Case:
    """A shop, its catalog, and the time at which its gallery is written."""

    folder: Path
    night: int = 0
    now: datetime = AUTUMN
    products: dict[str, Product] = field(default_factory=dict)
    read: list[int] = field(default_factory=list)
    """The numbers of the parts that were read."""

    def __post_init__(self) -> None:
        self.products |= {each.product_id: each for each in map(plate, range(PRODUCTS))}
        self.shop = Shop(self.catalog.store, self.catalog.outbox, (PACKSHOT, LIFESTYLE), 2)
        self.shop.night = self.night

    @property
    def catalog(self) -> Catalog:
        return Catalog.open(self.folder / "catalog.toml", Home(self.folder / "home"))

    @property
    def site(self) -> Path:
        return self.catalog.home.site

    @property
    def photo(self) -> Path:
        return self.folder / "photos" / f"{EDITED}.png"

    def refresh(self, *changed: Product) -> None:
        """A night of a feed with these products, too, in place of those with their ids."""
        self.products |= {each.product_id: each for each in changed}
        self.shop.signals = dict.fromkeys(self.products, MEASURED)
        self.shop.refresh(self.products.values())

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text("utf-8")
        assert old in text
        (self.folder / name).write_text(text.replace(old, new), "utf-8")

    def picture(self, number: int, *, candidate: int = 0) -> str:
        """The id of a candidate of a plate's packshot."""
        with self.shop.store.reading() as connection:
            ((image_id,),) = connection.execute(
                """
                SELECT recipe_id FROM ledger JOIN current_prompts AS wish USING (look_id)
                WHERE wish.product_id = ? AND wish.view = 'packshot' AND candidate = ?
                """,
                [f"plate-{number:02d}", candidate],
            ).fetchall()
        return str(image_id)

    def write(self) -> dict[str, bytes]:
        """Write the gallery; returns the site's files."""
        self.read.clear()
        write_catalog_gallery(self.catalog, self.now)
        assert list(damaged_files(self.site)) == []
        paths = (path for path in self.site.rglob("*") if path.is_file() and path.name != ".lock")
        return {str(path.relative_to(self.site)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two nights, of which the second changed a colour, and a gallery."""
    folder = tmp_path_factory.mktemp("prepared") / "shop"
    (folder / "photos").mkdir(parents=True)
    for name, text in (("catalog.toml", CONFIG), ("passports.toml", PASSPORTS)):
        (folder / name).write_text(text, "utf-8")
    case = Case(folder)
    case.refresh()
    case.refresh(plate(3, "blue"))
    photo = encode_png(np.full((48, 48, 3), 90, np.uint8))
    mask = encode_png(np.full((48, 48, 3), 255, np.uint8))
    case.photo.write_bytes(photo)
    hashes = sha256(photo).hexdigest(), sha256(mask).hexdigest()
    edited = [case.picture(EDITED, candidate=number) for number in range(2)]
    with case.shop.store.writing() as connection:
        row = CutoutRow(hashes[0], "maker", "{}", hashes[1], "", 0.5, 0.1, NIGHT, "run")
        save_cutouts(connection, [row], {hashes[1]: mask})
        connection.execute(
            """
            UPDATE recipes SET reference_sha256 = ?, mask_sha256 = ?
            WHERE recipe_id IN (SELECT unnest(?::VARCHAR[]))
            """,
            [*hashes, edited],
        )
    case.write()
    return folder


@pytest.fixture
def case(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    """A copy of it; what is read of it is noted."""
    shutil.copytree(prepared, tmp_path / "shop")
    case = Case(tmp_path / "shop", night=2)
    case.products["plate-03"] = plate(3, "blue")

    def noted(connection: DuckDBPyConnection, parts: Sequence[int]) -> Iterator[list[ShownProduct]]:
        case.read += parts
        return products_of_parts(connection, parts)

    monkeypatch.setattr(gallery, "products_of_parts", noted)
    return case


def an_attribute_that_no_view_reads(case: Case) -> None:
    case.refresh(plate(5, size="XL"))


def a_title(case: Case) -> None:
    case.refresh(replace(plate(5), title="Another plate"))


def a_category(case: Case) -> None:
    case.refresh(replace(plate(5), category="an old kind"))


def a_product_that_came(case: Case) -> None:
    case.refresh(replace(plate(90), product_id="plate-05a"))


def a_product_that_left(case: Case) -> None:
    del case.products["plate-05"]
    case.refresh()


def a_product_that_shares_pictures(case: Case) -> None:
    case.refresh(replace(plate(8), product_id="zero", reference=""))


def a_product_that_no_longer_shares_pictures(case: Case) -> None:
    a_product_that_shares_pictures(case)
    case.write()
    del case.products["zero"]
    case.refresh()


def say(case: Case, **said: Any) -> None:
    """Save a verdict about a picture: that of its night, but for what is said."""
    row: dict[str, Any] = {
        "image_id": case.picture(5),
        "rubric": "rubric-1",
        "decision": "accepted",
        "total": 9,
        "criteria": SHARP,
        "hard_failures": (),
        "soundness": None,
        "preference": None,
        "judged_at": NIGHT,
        "run_id": "run",
    }
    with case.shop.store.writing() as connection:
        save_verdicts(connection, [VerdictRow(**row | said)])


def a_verdict(case: Case) -> None:
    failures = ("it is cut off",)
    say(case, rubric="rubric-2", decision="review", total=6, hard_failures=failures)


def the_same_verdict_in_other_words(case: Case) -> None:
    say(case, criteria=SHARP.replace("Sharp", "Very sharp"))


def a_review(case: Case) -> None:
    image_id = case.picture(5)
    with case.shop.store.writing() as connection:
        save_review(connection, image_id, "rejected", reviewer="me", note="", now=NIGHT)


def a_review_that_was_withdrawn(case: Case) -> None:
    image_id = case.picture(5)
    with case.shop.store.writing() as connection:
        seq = save_review(connection, image_id, "rejected", reviewer="me", note="", now=NIGHT)
    case.write()
    with case.shop.store.writing() as connection:
        assert withdraw_review(connection, seq, "me")


def a_score(case: Case) -> None:
    row = ScoreRow(
        image_id=case.picture(5),
        scorer="scorer-2",
        similarity=0.4,
        margin=0.2,
        embedding=np.array([0.6, 0.8], dtype=np.float32),
        signals=Signals({"fill": 0.9}).to_json(),
        device="cpu",
        lookers="{}",
        scored_at=NIGHT,
        run_id="run",
    )
    with case.shop.store.writing() as connection:
        save_scores(connection, [row])


def a_rollback(case: Case) -> None:
    with case.shop.store.writing() as connection:
        pictures = case.shop.store.pictures(connection)
        rollback_to(connection, pictures, 1, run_id="rollback", now=NIGHT)


def a_picture_whose_bytes_were_deleted(case: Case) -> None:
    image_id = case.picture(5, candidate=1)
    with case.shop.store.writing() as connection:
        mark_dropped(connection, [DroppedRow(image_id, "0" * 64)], now=NIGHT)


def a_picture_whose_bytes_are_kept_again(case: Case) -> None:
    a_picture_whose_bytes_were_deleted(case)
    case.write()
    image_id = case.picture(5, candidate=1)
    with case.shop.store.writing() as connection:
        mark_kept(connection, [image_id])


def a_failure(case: Case) -> None:
    case.shop.night += 1
    case.products["plate-05"] = plate(5, "green")
    case.shop.record(case.products.values())
    case.shop.plan()
    with case.shop.store.reading() as connection:
        work = open_work(connection, None, 3)
    case.shop.draw([], failing={each.recipe_id: "it was black" for each in work})


def a_product_that_the_model_cannot_draw(case: Case) -> None:
    case.shop.night += 1
    case.products["plate-05"] = plate(5, "green")
    case.shop.record(case.products.values())
    with case.shop.store.writing() as connection:
        (stale,) = stale_inputs(connection, PACKSHOT)
        row = replace(case.shop.row(stale), look_id=None, unsupported="no word for green")
        save_prompts(connection, [row])


def a_new_view(case: Case) -> None:
    case.edit(
        "catalog.toml", "[views.packshot]", '[views.detail]\ntemplate = "x"\n[views.packshot]'
    )
    case.shop.views = (*case.shop.views, DETAIL)
    case.refresh()


def a_view_that_left(case: Case) -> None:
    lifestyle = CONFIG[CONFIG.index("[views.lifestyle]") :]
    case.edit("catalog.toml", lifestyle, "")


def the_order_of_views(case: Case) -> None:
    packshot, lifestyle = CONFIG.index("[views.packshot]"), CONFIG.index("[views.lifestyle]")
    first, second = CONFIG[packshot:lifestyle], CONFIG[lifestyle:]
    case.edit("catalog.toml", first + second, second + first)


def a_rule_of_a_channel(case: Case) -> None:
    case.edit("passports.toml", "at_least = 100", "at_least = 200")


def how_far_pictures_are_enlarged(case: Case) -> None:
    case.edit("catalog.toml", "[feed]", "[upscale]\nat_most = 16\n[feed]")


def a_day(case: Case) -> None:
    case.now += timedelta(days=1)


def the_day_of_a_rule(case: Case) -> None:
    case.now = SPRING


def a_photo_that_is_gone_from_everywhere(case: Case) -> None:
    case.photo.unlink()
    for path in (case.site / "photos").iterdir():
        path.unlink()


def a_photo_that_is_back(case: Case) -> None:
    content = case.photo.read_bytes()
    a_photo_that_is_gone_from_everywhere(case)
    case.write()
    case.photo.write_bytes(content)


def a_torn_photo(case: Case) -> None:
    torn(next((case.site / "photos").iterdir()))


def a_torn_data_file(case: Case) -> None:
    torn(next((case.site / "data").glob("[0-9a-f]*.js")))


def a_data_file_that_is_gone(case: Case) -> None:
    next((case.site / "data").glob("[0-9a-f]*.js")).unlink()


def a_torn_index(case: Case) -> None:
    torn(next((case.site / "data").glob("index-*.js")))


def a_torn_list_of_files(case: Case) -> None:
    torn(case.site / "manifest.json")


def a_torn_picture(case: Case) -> None:
    torn(next((case.site / "images").iterdir()))


def a_picture_that_is_gone(case: Case) -> None:
    next((case.site / "images").iterdir()).unlink()


def a_site_that_was_deleted(case: Case) -> None:
    shutil.rmtree(case.site)


def torn(path: Path) -> None:
    """Half a file, and no other name of it."""
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])


Change = Callable[[Case], None]
#: What a page shows otherwise afterwards.
CHANGES: Final[Sequence[tuple[Change, range | None]]] = (
    (an_attribute_that_no_view_reads, FEW),
    (a_title, FEW),
    (a_category, FEW),
    (a_product_that_came, FEW),
    (a_product_that_left, FEW),
    (a_product_that_shares_pictures, FEW),
    (a_verdict, FEW),
    (the_same_verdict_in_other_words, FEW),
    (a_review, FEW),
    (a_score, FEW),
    (a_rollback, FEW),
    (a_picture_whose_bytes_were_deleted, FEW),
    (a_failure, FEW),
    (a_product_that_the_model_cannot_draw, FEW),
    (a_photo_that_is_gone_from_everywhere, FEW),
    (a_new_view, None),
    (a_view_that_left, None),
    (the_order_of_views, None),
    (a_rule_of_a_channel, None),
    (the_day_of_a_rule, None),
)
#: What leads back to the same page, or never was on it.
RETURNS: Final[Sequence[tuple[Change, range | None]]] = (
    (a_product_that_no_longer_shares_pictures, FEW),
    (a_review_that_was_withdrawn, FEW),
    (a_picture_whose_bytes_are_kept_again, FEW),
    (a_photo_that_is_back, FEW),
    (how_far_pictures_are_enlarged, None),
    (a_day, NOTHING),
    (a_torn_photo, FEW),
    (a_torn_data_file, FEW),
    (a_data_file_that_is_gone, FEW),
    (a_torn_index, None),
    (a_torn_list_of_files, None),
    (a_torn_picture, NOTHING),
    (a_picture_that_is_gone, NOTHING),
    (a_site_that_was_deleted, None),
)


@pytest.mark.parametrize(
    ("change", "few"),
    [*CHANGES, *RETURNS],
    ids=[change.__name__ for change, _ in (*CHANGES, *RETURNS)],
)
def test_after_a_change_the_site_is_the_one_written_from_nothing(
    case: Case, change: Change, few: range | None
) -> None:
    before = case.write()
    assert case.read == []
    change(case)
    after = case.write()
    read = list(case.read)
    shutil.rmtree(case.site)
    anew = case.write()
    assert after.keys() == anew.keys()
    assert [path for path in after if after[path] != anew[path]] == []
    assert read == case.read if few is None else len(read) in few
    assert len(case.read) >= max(FEW) + 2
    shown = {path for path in after if path.startswith(("data/", "photos/"))}
    assert (shown == {path for path in before if path in shown}) == ((change, few) in RETURNS)
