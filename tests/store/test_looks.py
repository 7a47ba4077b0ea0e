"""Products that ask for the same pictures share them, and nothing else."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from duckdb import DuckDBPyConnection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog_gen.catalog.product import Product
from catalog_gen.fingerprint import SHARDS, shard_of
from catalog_gen.home import Home
from catalog_gen.store.connection import Store
from catalog_gen.store.consistency import doubtful_siblings, outliers, uneven_groups
from catalog_gen.store.figures import coverage_figures, verdict_figures
from catalog_gen.store.ledger import ledger_counts, open_failures, open_work
from catalog_gen.store.lineage import lineage_of, products_of
from catalog_gen.store.live_products import list_live
from catalog_gen.store.looks import Asker, askers
from catalog_gen.store.outbox import Outbox
from catalog_gen.store.prompts import retire_prompts
from catalog_gen.store.retries import all_rejected
from catalog_gen.store.verdicts import save_review, unreviewed
from tests.store.shop import Shop, shown_products


def shirt(size: str, colour: str = "red", title: str = "Shirt", group: str = "shirt") -> Product:
    """A variant; the packshot reads its title, its category and its colour."""
    return Product(
        f"{title}-{colour}-{size}",
        title,
        "shirt",
        group_id=group,
        attributes={"colour": colour, "size": size},
    )


def shown_live(store: Store, connection: DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """The ids of the live pictures by product and view."""
    live = list_live(connection, store.home.root)
    return {each.product.product_id: each.image_ids for each in live}


SIZES = tuple(shirt(size) for size in "SML")


@pytest.fixture
def sizes(shop: Shop) -> Shop:
    """Three sizes of a red shirt and one blue one, drawn, judged and live."""
    shop.candidates = 2
    shop.refresh([*SIZES, shirt("S", "blue")])
    return shop


def test_sizes_share_their_pictures(sizes: Shop) -> None:
    with sizes.store.reading() as connection:
        assert ledger_counts(connection).made == 4
        assert [each.reason for each in open_work(connection, None, 3)] == []
        live = shown_live(sizes.store, connection)
        red = {live[each.product_id]["packshot"] for each in SIZES}
        assert len(red) == 1
        assert live["Shirt-blue-S"]["packshot"] not in red
        assert connection.execute(
            "SELECT product_id, products FROM live_images ORDER BY ALL"
        ).fetchall() == [("Shirt-blue-S", 1), *((f"Shirt-red-{size}", 3) for size in "LMS")]
        assert connection.execute(
            "SELECT product_id, products, still_wanted, live FROM lineage "
            "WHERE candidate = 0 ORDER BY ALL"
        ).fetchall() == [("Shirt-blue-S", 1, True, True), ("Shirt-red-L", 3, True, True)]
        assert connection.execute(
            "SELECT products, product_ids FROM looks ORDER BY products"
        ).fetchall() == [(1, ["Shirt-blue-S"]), (3, [f"Shirt-red-{size}" for size in "LMS"])]
        coverage = coverage_figures(connection)
        assert (coverage.active, coverage.live, coverage.images) == (4, 4, 2)
        verdicts = verdict_figures(connection)
        assert (verdicts.judged, verdicts.accepted) == (4, 4)
        published = connection.execute("SELECT products, images FROM publications")
        assert published.fetchall() == [(4, 2)]


def test_the_gallery_gives_every_product_its_pictures(sizes: Shop) -> None:
    with sizes.store.reading() as connection:
        shown = {each.product.product_id: each.pictures for each in shown_products(connection)}
    assert {name: len(pictures) for name, pictures in shown.items()} == dict.fromkeys(shown, 2)
    assert {each.products for each in shown["Shirt-red-M"]} == {3}
    assert [each.live for each in shown["Shirt-red-M"]] == [True, False]
    ids = {tuple(each.image_id for each in shown[f"Shirt-red-{size}"]) for size in "SML"}
    assert len(ids) == 1


def test_a_picture_lists_the_products_that_ask_for_it_and_show_it(sizes: Shop) -> None:
    with sizes.store.reading() as connection:
        ((image_id,),) = connection.execute(
            "SELECT image_id FROM live_images WHERE product_id = 'Shirt-red-S'"
        ).fetchall()
        facts = lineage_of(connection, image_id)
        products = products_of(connection, image_id, facts["look_id"])
        assert products.asking == products.showing == ("Shirt-red-L", "Shirt-red-M", "Shirt-red-S")
        found = askers(connection, [facts["look_id"], "unknown"])
        assert found == {
            facts["look_id"]: [Asker(each, shard_of(each)) for each in products.asking]
        }


def test_a_new_size_is_drawn_already(sizes: Shop) -> None:
    sizes.refresh([*SIZES, shirt("XL"), shirt("S", "blue")])
    with sizes.store.reading() as connection:
        assert ledger_counts(connection).made == 4
        live = shown_live(sizes.store, connection)
    assert live["Shirt-red-XL"] == live["Shirt-red-S"]


def test_one_size_in_another_colour_leaves_and_the_others_stay(sizes: Shop) -> None:
    with sizes.store.reading() as connection:
        before = shown_live(sizes.store, connection)
    changed = Product("Shirt-red-M", "Shirt", "shirt", "", "shirt", "", {"colour": "green"})
    sizes.refresh([shirt("S"), changed, shirt("L"), shirt("S", "blue")])
    with sizes.store.reading() as connection:
        after = shown_live(sizes.store, connection)
        assert ledger_counts(connection).made == 6
    assert after["Shirt-red-M"] != before["Shirt-red-M"]
    assert all(after[name] == before[name] for name in before if name != "Shirt-red-M")


def test_a_look_ends_with_its_last_product(sizes: Shop) -> None:
    # The product for which the pictures were drawn leaves first.
    sizes.refresh([shirt("S"), shirt("S", "blue")])
    with sizes.store.writing() as connection:
        retire_prompts(connection, ["packshot"])
        assert ledger_counts(connection).made == 4
        wanted = "SELECT product_id, retired_at IS NOT NULL, products FROM lineage ORDER BY ALL"
        rows = connection.execute(f"SELECT DISTINCT * FROM ({wanted}) ORDER BY ALL").fetchall()
        assert rows == [("Shirt-blue-S", False, 1), ("Shirt-red-L", True, 1)]
        shown = {each.product.product_id: each.pictures for each in shown_products(connection)}
        assert len(shown["Shirt-red-S"]) == 2
    sizes.refresh([shirt("S", "blue")])
    with sizes.store.reading() as connection:
        assert ledger_counts(connection).made == 2
        assert connection.execute("SELECT product_ids FROM looks").fetchall() == [
            (["Shirt-blue-S"],)
        ]


def test_every_shard_of_a_look_has_its_work(shop: Shop) -> None:
    shop.record(SIZES)
    shop.plan()
    with shop.store.reading() as connection:
        (work,) = open_work(connection, None, 3)
        assert work.product_id == "Shirt-red-L"
        for shard in range(SHARDS):
            here = sorted(each.product_id for each in SIZES if shard_of(each.product_id) == shard)
            found = open_work(connection, [shard], 3)
            assert [(each.product_id, each.shard) for each in found] == [
                (product_id, shard) for product_id in here[:1]
            ]


def test_a_failure_is_one_and_names_all_that_lack_the_picture(shop: Shop) -> None:
    shop.record(SIZES)
    shop.plan()
    with shop.store.reading() as connection:
        (work,) = open_work(connection, None, 3)
    shop.draw([], failing={work.recipe_id: "the picture is black"})
    names = tuple(f"Shirt-red-{size}" for size in "LMS")
    with shop.store.reading() as connection:
        (failure,) = open_failures(connection)
        assert (failure.product_id, failure.product_ids) == (names[0], names)
        assert failure.shards == tuple(map(shard_of, names))
        troubles = [(name, each.troubles) for name, each in zip(
            names, shown_products(connection), strict=True
        )]  # fmt: skip
        assert [[(t.product_id, t.errors) for t in each] for _, each in troubles] == [
            [(name, ["the picture is black"])] for name in names
        ]


def test_a_review_holds_for_the_whole_look(shop: Shop) -> None:
    shop.decisions = {"Shirt-red-L": "rejected"}
    shop.refresh(SIZES)
    with shop.store.writing() as connection:
        (rejected,) = all_rejected(connection)
        assert rejected.product_ids == tuple(f"Shirt-red-{size}" for size in "LMS")
        assert all_rejected(connection, [shard_of("Shirt-red-S")]) == [rejected]
        (waiting,) = unreviewed(connection, 9, [rejected.look_id])
        assert (waiting.product_id, waiting.products) == ("Shirt-red-L", 3)
        save_review(connection, waiting.image_id, "accepted", reviewer="Ana", note="", now=shop.now)
        assert all_rejected(connection) == []
    assert shop.publish().products == 3


def test_a_shared_picture_counts_once_among_its_kind(shop: Shop) -> None:
    def signals(fill: float) -> str:
        return (
            f'{{"fill": {fill}, "border_lightness": 90, "colour_delta": 30, '
            '"colour_lab": [50, 0, 0]}'
        )

    shop.signals = {f"Hat {n}-red-L": signals(0.5 + 0.001 * n) for n in range(8)}
    shop.signals = {**shop.signals, "Coat-red-L": signals(0.9)}
    hats = [shirt("L", title=f"Hat {n}", group="") for n in range(8)]
    coats = [shirt(size, title="Coat", group="coat") for size in ("L", "M", "S", "XL")]
    shop.refresh([*hats, *coats])
    with shop.store.reading() as connection:
        found = outliers(connection, 8, 3.5)
        assert [(each.product_id, each.measure) for each in found] == [("Coat-red-L", "fill")]
        assert uneven_groups(connection, 0.1, 5.0) == []
        assert [each.product_id for each in doubtful_siblings(connection, 8.0)] == ["Coat-red-L"]


@dataclass(frozen=True)
class Row:
    """A product of a small catalog: few values, so that many look alike."""

    title: str
    colour: str
    size: str

    @property
    def product(self) -> Product:
        return shirt(self.size, self.colour, self.title)


rows = st.lists(
    st.builds(
        Row,
        st.sampled_from(["Shirt", "Coat"]),
        st.sampled_from(["red", "blue"]),
        st.sampled_from("SML"),
    ),
    unique=True,
    min_size=1,
    max_size=8,
)


@pytest.mark.slow
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(catalog=rows, data=st.data())
def test_neither_order_nor_other_products_change_a_looks_pictures(
    tmp_path_factory: pytest.TempPathFactory,
    empty_database: Path,
    catalog: list[Row],
    data: st.DataObject,
) -> None:
    def asked(some: list[Row]) -> dict[str, frozenset[str]]:
        home = Home(tmp_path_factory.mktemp("looks"))
        shutil.copyfile(empty_database, home.database)
        shop = Shop(Store(home), Outbox(home.outbox), candidates=2)
        shop.record([each.product for each in some])
        shop.plan()
        with shop.store.reading() as connection:
            found = connection.execute(
                """
                SELECT product_id, list(recipe_id)
                FROM current_prompts JOIN ledger USING (look_id) GROUP BY product_id
                """
            ).fetchall()
        return {product_id: frozenset(recipes) for product_id, recipes in found}

    whole = asked(catalog)
    part = data.draw(st.permutations(catalog).map(lambda each: each[: len(each) // 2 + 1]))
    assert asked(part) == {row.product.product_id: whole[row.product.product_id] for row in part}
    for one in catalog:
        for other in catalog:
            alike = (one.title, one.colour) == (other.title, other.colour)
            pictures = whole[one.product.product_id], whole[other.product.product_id]
            assert (pictures[0] == pictures[1]) is alike
            assert alike or pictures[0].isdisjoint(pictures[1])
