"""Products that are learned from their photos: once, stored, drawn with, and drawn with again."""

import json
import os
from io import StringIO
from pathlib import Path

import dagster as dg
import pytest
from rich.console import Console

from assets_defs.catalog_assets import product_feed, products
from assets_defs.concept_assets import learned_concepts
from catalog_gen.cli.concepts import run
from catalog_gen.cli.failures import print_outlook
from catalog_gen.cli.status import run as status
from catalog_gen.concept import Lesson, without_word
from catalog_gen.diffusion.concepts.course import Course
from catalog_gen.diffusion.concepts.lessons import learned
from catalog_gen.diffusion.loading import LoadedModel
from catalog_gen.errors import ConfigError, InputError
from catalog_gen.fingerprint import SHARDS
from catalog_gen.home import Home
from catalog_gen.imaging.decode import contain_on_white
from catalog_gen.planning import NO_LIMIT, Budget
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.drawer import Drawer
from catalog_gen.stages.experiment_plan import plan_experiment
from catalog_gen.stages.experiments import draw_experiment
from catalog_gen.stages.failures import outlook
from catalog_gen.stages.feed import take_feed
from catalog_gen.stages.lessons import learn_concepts, plan_lessons
from catalog_gen.stages.plan import make_plan
from catalog_gen.stages.products import record_products
from catalog_gen.stages.prompts import write_prompts
from catalog_gen.stages.relearning import learn_again
from catalog_gen.stages.reproduce import reproduce
from catalog_gen.stages.selection import WantedLesson
from catalog_gen.stages.views import compile_views
from catalog_gen.store.backup import back_up, restore
from catalog_gen.store.connection import Store
from catalog_gen.store.lineage import lineage_of
from catalog_gen.store.outbox import Outbox
from catalog_gen.store.prompts import current_prompts, known_attributes
from catalog_gen.store.scores import unscored
from catalog_gen.store.verify import verify
from resources.deployments import resources_for
from tests.judging.drawn import product
from tests.pipeline.shop import Shop
from tests.pipeline.taught import COLOURS, CONCEPT, VIEW, photograph, teaching_shop

OWNED = "SELECT image_id FROM lineage WHERE view = 'owned' ORDER BY ALL"


def change(shop: Shop, old: str, new: str) -> None:
    text = shop.config.read_text("utf-8")
    assert old in text
    shop.config.write_text(text.replace(old, new), "utf-8")


def wanted(shop: Shop, budget: Budget = NO_LIMIT) -> tuple[WantedLesson, ...]:
    """The lessons of the products in the store."""
    drawer = Drawer.of(shop.catalog)
    with shop.catalog.store.reading() as connection:
        views = compile_views(shop.catalog.settings, known_attributes(connection), drawer.dialect)
        return plan_lessons(connection, views, drawer, budget).taken


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop after a night, of which Dagster ran the first assets; tests read it."""
    shop = teaching_shop(tmp_path_factory.mktemp("taught"))
    plan = make_plan(shop.catalog)
    assert (len(plan.lessons.taken), plan.lessons.seconds > 0) == (2, True)
    assert len([each for each in plan.items if each.view == "owned"]) == 4
    os.environ |= shop.environment
    with dg.DagsterInstance.ephemeral() as instance:
        assets = [product_feed, products, learned_concepts]
        done = dg.materialize(assets, instance=instance, resources=resources_for("local"))
        (event,) = done.asset_materializations_for_node("learned_concepts")
        metadata = event.metadata
    counts = {name: metadata[name].value for name in ("learned", "failed", "deferred")}
    assert counts == {"learned": 2, "failed": 0, "deferred": 0}
    assert float(str(metadata["seconds"].value)) > 0
    shop.night("first")
    return shop


def test_a_night_learns_what_is_worth_it_and_draws_with_it(taught: Shop) -> None:
    rows = taught.query(
        "SELECT product_id, name, lesson, lesson_id, seconds > 0, problem, tries FROM concepts "
        "ORDER BY ALL"
    )
    assert [row[0] for row in rows] == ["sku-1", "sku-2"]
    for _, name, text, lesson_id, measured, problem, tries in rows:
        lesson = Lesson.model_validate_json(str(text))
        assert lesson.lesson_id == lesson_id
        assert (lesson.caption, lesson.kind, lesson.initial) == ("a <product> mug", "a mug", "mug")
        assert (name, measured, problem, tries) == ("word", True, "", 1)
    pictures = taught.query(
        "SELECT product_id, prompt, count(*), count(DISTINCT concept_sha256) FROM lineage "
        "WHERE view = 'owned' GROUP BY ALL ORDER BY ALL"
    )
    prompts = {"sku-1": "<product> red mug on wood", "sku-2": "<product> blue mug on wood"}
    assert pictures == [(key, prompt, 2, 1) for key, prompt in prompts.items()]
    summaries = taught.query("SELECT summary FROM runs")
    assert [json.loads(str(each))["concepts"]["learned"] for (each,) in summaries] == [2, 0]
    assert list(taught.home.lessons.glob("*")) == []
    with taught.catalog.store.reading() as connection:
        facts = lineage_of(connection, str(taught.query(OWNED)[0][0]))
    assert facts["lesson"]["learner"]["name"] == "textual-inversion"


def test_it_plans_nothing_more(taught: Shop) -> None:
    plan = make_plan(taught.catalog)
    assert (plan.items, plan.lessons.taken, plan.unsupported) == ((), (), ())


def test_the_judge_never_hears_the_learned_word(taught: Shop) -> None:
    assert without_word("a <product> mug, <product>, on wood", "<product>") == "a mug, , on wood"
    with taught.catalog.store.reading() as connection:
        assert current_prompts(connection)["owned"] == ["blue mug on wood", "red mug on wood"]
        (first, *_) = unscored(connection, "another scorer", "", None)
    assert (first.view, first.prompt) == ("owned", "red mug on wood")
    assert first.recipe.prompt == "<product> red mug on wood"
    answers = taught.query("SELECT signals FROM lineage WHERE view = 'owned'")
    assert all("colour" in json.loads(str(signals))["contrasts"] for (signals,) in answers)


@pytest.mark.slow
def test_pictures_are_drawn_again_from_the_stored_concept(taught: Shop) -> None:
    """Alone, though they were drawn beside another product's: neither leaked into the other."""
    ids = [str(row[0]) for row in taught.query(OWNED)]
    assert [each.result for each in reproduce(taught.catalog, ids)] == ["identical"] * 4
    assert len(taught.query("SELECT DISTINCT sha256 FROM lineage WHERE view = 'owned'")) == 4


def test_what_was_learned_is_listed_and_written_for_other_tools(
    taught: Shop,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CATALOG_HOME", str(taught.home.root))
    run([], tmp_path, as_json=True)
    listing = json.loads(capsys.readouterr().out)
    assert [each["product_id"] for each in listing["concepts"]] == ["sku-1", "sku-2"]
    assert {Path(each).name for each in listing["files"]} == {"embedding.safetensors"}
    assert {Path(each).stat().st_size for each in listing["files"]} == {
        each["size"] for each in listing["concepts"]
    }
    run(["sku-2"], None, as_json=False)
    assert "textual-inversion" in capsys.readouterr().out
    with pytest.raises(InputError, match="nothing was learned about it"):
        run(["sku-3"], None, as_json=True)


def test_a_backup_has_the_concepts(taught: Shop, tmp_path: Path) -> None:
    back_up(taught.home, tmp_path / "backup")
    home = Home(tmp_path / "restored")
    restore(home, tmp_path / "backup")
    assert verify(Store(home), Outbox(home.outbox)).damaged == ()
    ids = [str(row[0]) for row in taught.query(OWNED)]
    (again,) = reproduce(Catalog.open(taught.config, home), ids[:1])
    assert again.result == "identical"
    with Store(home).writing() as connection:
        connection.execute(
            "DELETE FROM image_bytes WHERE sha256 = (SELECT min(concept_sha256) FROM concepts)"
        )
    (damage,) = verify(Store(home), Outbox(home.outbox)).damaged
    assert damage.kind == "concept"
    lost = {each.problem for each in reproduce(Catalog.open(taught.config, home), ids)}
    assert any("there is none" in each for each in lost)


def test_an_experiment_draws_with_what_was_learned(taught: Shop, tmp_path: Path) -> None:
    file = tmp_path / "owned.toml"
    grid = """
[grids.owned]
view = "owned"
products = ["sku-1"]
[grids.owned.axes]
steps = [2, 3]
method = ["learned", "text2img"]
"""
    file.write_text(grid, "utf-8")
    planned = plan_experiment(taught.catalog, file)
    ((concept, prompt),) = taught.query(
        "SELECT DISTINCT concept_sha256, prompt FROM lineage "
        "WHERE view = 'owned' AND product_id = 'sku-1'"
    )
    assert {
        (cell.recipe.method.name, cell.recipe.concept_sha256, cell.recipe.prompt)
        for cell in planned.cells
    } == {("learned", concept, prompt), ("text2img", None, "red mug on wood")}
    nights = {str(image_id) for (image_id,) in taught.query(OWNED)}
    assert len(planned.drawn & nights) == 1  # the cell with the view's own settings
    stamp = Stamp.at_once("experiment")
    draw_experiment(taught.catalog, planned, lambda _: taught.engine, taught.scorer, stamp)
    assert plan_experiment(taught.catalog, file).missing == 0
    drawn = taught.query("SELECT count(DISTINCT sha256) FROM images WHERE run_id = 'experiment'")
    assert drawn == [(3,)]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (('view = "owned"', 'view = "packshot"'), "it needs a concept"),
        (("sku-1", "sku-3"), "sku-3: was not learned.*`catalog-gen refresh` learns it"),
    ],
)
def test_an_experiment_learns_nothing(
    taught: Shop, tmp_path: Path, change: tuple[str, str], rule: str
) -> None:
    file = tmp_path / "owned.toml"
    grid = '[grids.a]\nview = "owned"\nproducts = ["sku-1"]\n[grids.a.axes]\nmethod = ["learned"]\n'
    file.write_text(grid.replace(*change), "utf-8")
    with pytest.raises(ConfigError, match=rule):
        plan_experiment(taught.catalog, file)


@pytest.mark.slow
def test_what_changes_is_learned_again_and_nothing_else(tmp_path: Path) -> None:
    shop = teaching_shop(tmp_path)
    first = shop.night("first")
    assert (first["learned"], first["generated"]) == (2, 10)
    again = shop.night("again")
    assert (again["learned"], again["planned"], again["changed"]) == (0, 0, 0)

    photograph(shop, "sku-1", (30, 160, 60))
    changed = shop.night("photo")
    assert (changed["learned"], changed["generated"]) == (1, 2)
    ((reason,),) = shop.query("SELECT DISTINCT reason FROM prompts WHERE run_id = 'photo'")
    assert reason == "changed: concept_sha256"

    # A view without concepts, for one product alone; and the former one for the other alone.
    change(shop, "category == 'mug'", "product_id == 'sku-2'")
    view = VIEW.replace("owned", "plain").replace('"learned"', '"text2img"')
    view = view.replace('concept = "word"\n', "").replace("{{ concept }} ", "")
    shop.config.write_text(
        shop.config.read_text("utf-8") + view.replace("category == 'mug'", "colour == 'black'"),
        "utf-8",
    )
    added = shop.night("view")
    assert (added["learned"], added["generated"]) == (0, 2)
    current = "SELECT DISTINCT view, product_id FROM current_prompts WHERE view <> 'packshot'"
    assert set(shop.query(current)) == {("plain", "sku-3"), ("owned", "sku-2")}

    change(shop, "steps = 3", "steps = 2")
    assert shop.night("settings")["learned"] == 1


def test_a_killed_lesson_goes_on(tmp_path: Path) -> None:
    shop = teaching_shop(tmp_path)
    record_products(shop.catalog, take_feed(shop.catalog), Stamp.at_once("first"))
    first, second = wanted(shop)
    model = shop.engine.model
    path = shop.home.lessons / f"{first.lesson.lesson_id}.safetensors"

    class Killed(BaseException):
        pass

    def die(done: int, of: int) -> None:
        if done == 3:
            raise Killed

    # From another photo, so that it shows whether the lesson went on or began anew.
    other = [product(COLOURS["sku-3"], side=32)]
    with pytest.raises(Killed):
        learned(model, first.lesson, other, Course(path, die, every=0))
    stale = shop.home.lessons / f"{'0' * 64}.safetensors"
    stale.write_bytes(b"of a lesson that nobody wants any more")
    result = learn_concepts(shop.catalog, lambda: model, Stamp.at_once("again"), budget=NO_LIMIT)
    assert (result.learned, result.failed) == (2, 0)
    assert list(shop.home.lessons.glob("*")) == []
    rows = shop.query(
        "SELECT product_id, bytes FROM concepts JOIN image_bytes ON sha256 = concept_sha256"
    )
    stored = {str(key): content for key, content in rows}
    for each, went_on in ((first, True), (second, False)):
        key = each.product.product_id
        photo = contain_on_white(product(COLOURS[key], side=64), 32, 32)
        whole = learned(model, each.lesson, [photo], Course())
        assert (stored[key] != whole) is went_on


def test_a_lesson_that_fails_is_a_row_and_is_tried_again(tmp_path: Path) -> None:
    broken = CONCEPT.replace(
        'name = "textual-inversion", steps = 3, rate = 0.05', 'name = "lora", targets = ["to_z"]'
    )
    shop = teaching_shop(tmp_path, broken + VIEW + "[limits]\ntries = 2\n")
    first = shop.night("first")
    assert (first["learned"], first["unlearned"], first["generated"]) == (0, (2, 0), 6)
    assert make_plan(shop.catalog).unsupported == ()
    assert shop.night("second")["unlearned"] == (2, 0)
    assert shop.night("third")["unlearned"] == (0, 0)
    rows = shop.query("SELECT tries, problem, concept_sha256 FROM concepts")
    assert [(tries, sha256) for tries, _, sha256 in rows] == [(2, "")] * 2
    assert all("no such layers" in str(problem) for _, problem, _ in rows)
    left_out = make_plan(shop.catalog).unsupported
    assert [each.product_id for each in left_out] == ["sku-1", "sku-2"]
    assert all("it can't be learned: " in each.why for each in left_out)


def test_a_lesson_that_was_given_up_is_learned_on_request(tmp_path: Path) -> None:
    shop = teaching_shop(tmp_path, CONCEPT + VIEW + "[limits]\ntries = 1\n")
    first = Stamp.at_once("first")
    record_products(shop.catalog, take_feed(shop.catalog), first)
    photo = shop.folder / "photos" / "sku-1.png"
    content = photo.read_bytes()
    photo.write_bytes(b"no picture")

    def load() -> LoadedModel:
        return shop.engine.model

    def left() -> str:
        console = Console(width=500, record=True, file=StringIO())
        with shop.catalog.store.reading() as connection:
            print_outlook(console, outlook(connection, shop.catalog.settings))
        return console.export_text()

    result = learn_concepts(shop.catalog, load, first, budget=NO_LIMIT)
    write_prompts(shop.catalog, range(SHARDS), first, budget=NO_LIMIT)
    assert (result.learned, result.failed) == (1, 1)
    assert "1 product could not be learned: it changed while it was read. Refresh again." in left()
    assert "given up: sku-1 word" in left()
    photo.write_bytes(content)
    for kinds, others in ((["failed"], []), (["given up"], ["sku-2"])):
        stamp = Stamp.at_once("in vain")
        again = learn_again(shop.catalog, load, kinds, stamp, products=others)
        assert (again.learned, again.failed) == (0, 0)
    again = learn_again(shop.catalog, load, ["given up"], Stamp.at_once("again"))
    assert (again.learned, again.failed) == (1, 0)
    assert "learned" not in left()
    (row,) = shop.query("SELECT problem, tries FROM concepts WHERE product_id = 'sku-1'")
    assert row == ("", 1)
    planned = "SELECT count(*) FROM current_prompts JOIN ledger USING (look_id) WHERE product_id = "
    assert shop.query(f"{planned}'sku-1' AND ledger.view = 'owned'") == [(2,)]


def test_a_failed_lesson_is_in_status_as_long_as_a_view_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = teaching_shop(tmp_path, CONCEPT + VIEW + "[limits]\ntries = 2\n")
    monkeypatch.setenv("CATALOG_HOME", str(shop.home.root))
    stamp = Stamp.at_once("first")
    record_products(shop.catalog, take_feed(shop.catalog), stamp)
    for name in ("sku-1", "sku-2"):
        (shop.folder / "photos" / f"{name}.png").write_bytes(b"no picture")

    def failed() -> list[dict[str, object]]:
        status(shop.config, as_json=True)
        found: list[dict[str, object]] = json.loads(capsys.readouterr().out)["failed_lessons"]
        return found

    assert failed() == []
    learn_concepts(shop.catalog, lambda: shop.engine.model, stamp, budget=NO_LIMIT)
    first, second = failed()
    assert (first["product_id"], second["product_id"]) == ("sku-1", "sku-2")
    assert (first["concept"], first["status"], first["tries"]) == ("word", "failed", 1)
    assert "it changed while it was read" in str(first["error"])
    change(shop, "{{ category == 'mug' }}", "{{ product_id == 'sku-2' }}")
    assert failed() == [second]
    change(shop, "{{ product_id == 'sku-2' }}", "{{ nothing }}")  # the next night complains
    assert failed() == [first, second]
    change(shop, "{{ nothing }}", "{{ category == 'vase' }}")
    assert failed() == []


@pytest.mark.slow
def test_lessons_take_half_of_a_budget_and_the_rest_waits(tmp_path: Path) -> None:
    shop = teaching_shop(tmp_path)
    night = shop.night("first", seconds=90.0)  # an unmeasured lesson counts as a minute
    assert (night["learned"], night["unlearned"]) == (0, (0, 2))
    assert night["generated"] == 6
    plan = make_plan(shop.catalog, budget=Budget(seconds=120.0))
    assert len(plan.lessons.taken) + len(plan.lessons.deferred) == 2
    assert {each.view for each in plan.items} <= {"owned"}
    assert shop.night("second")["learned"] == 2


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (CONCEPT + VIEW.replace('concept = "word"\n', ""), "draws with a concept"),
        (CONCEPT + VIEW.replace('"word"', '"wrod"'), "there are: word"),
        (CONCEPT + VIEW.replace('"learned"', '"text2img"'), "is not used by method 'text2img'"),
        (CONCEPT + VIEW.replace('"learned"', '"imagic"'), "is drawn by method 'learned'"),
        (CONCEPT + VIEW.replace("{{ concept }} ", ""), "never says the word"),
        (CONCEPT.replace("{{ concept }} ", "") + VIEW, "never says the word"),
        (CONCEPT + VIEW.replace("category ==", "categry =="), "Did you mean 'category'?"),
        (CONCEPT.replace("textual-inversion", "textual-inversoin") + VIEW, "no learner"),
        (CONCEPT.replace("rate = 0.05", "rank = 4") + VIEW, "rank"),
    ],
)
def test_wrong_settings_are_refused(tmp_path: Path, settings: str, complaint: str) -> None:
    shop = teaching_shop(tmp_path, settings)
    with pytest.raises(ConfigError) as refused:
        make_plan(shop.catalog)
    assert complaint in str(refused.value)
