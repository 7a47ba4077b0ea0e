"""The experiments' page: begun, live, compared; and trials that are kept as experiments."""

import time
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from catalog_gen.errors import InputError
from catalog_gen.experiments.definition import read_experiment
from catalog_gen.stages.catalog import Stamp
from catalog_gen.stages.experiment_plan import PlannedExperiment, plan_experiment, planned
from catalog_gen.stages.experiments import draw_experiment, write_experiment
from catalog_gen.stages.trial_experiment import keep_as_experiment
from catalog_gen.stages.trials import Wish, add_photo, free_wish, trial_of, wish_of, with_settings
from catalog_gen.store.experiment_results import stored_experiments
from catalog_gen.web.desk import Desk, open_desk
from tests.pipeline.shop import Shop
from tests.pipeline.test_mending import save_photo, with_photos
from tests.web.test_pages import opened, press, ran, texts
from tests.web.trying import PATIENCE

pytestmark = pytest.mark.slow

STEPS = """
title = "Steps"
[grids.steps]
products = ["sku-1"]
prompts = { alone = "a red mug" }
[grids.steps.axes]
steps = [2, 3]
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = with_photos(tmp_path_factory.mktemp("experiments"))
    save_photo(shop, "one.png", 90)
    shop.night("first")
    return shop


@pytest.fixture(scope="module")
def desk(shop: Shop) -> Iterator[Desk]:
    with open_desk(shop.catalog, shop.config) as opened_desk:
        opened_desk.experiment_files.mkdir()
        (opened_desk.experiment_files / "steps.toml").write_text(STEPS, "utf-8")
        yield opened_desk


@pytest.fixture(scope="module")
def drawn(desk: Desk, shop: Shop) -> PlannedExperiment:
    found = plan_experiment(shop.catalog, desk.experiment_files / "steps.toml")
    stamp = Stamp.at_once("experiment")
    draw_experiment(shop.catalog, found, lambda _: shop.engine, shop.scorer, stamp)
    write_experiment(shop.catalog, found, shop.config)
    return found


def sheet(page: AppTest) -> str:
    (table,) = [body for each in page.get("html") if "<table" in (body := str(each.proto.body))]
    return table


def test_what_it_would_draw_stands_there_before_anything_is_drawn(desk: Desk) -> None:
    page = opened("experiments")
    assert page.selectbox(key="file").options == ["steps", "a pasted one"]
    page.selectbox(key="file").set_value("a pasted one")
    ran(page)
    page.text_input(key="name").set_value("more")
    page.text_area(key="text").set_value(STEPS.replace("[2, 3]", "[2, 3, 4]"))
    press(ran(page), "Estimate")
    assert "8 cells over sku-1, alone" in texts(page).replace("\\", "")
    assert [each.label for each in page.button][-1].startswith("Draw ")
    assert not (desk.experiment_files / "more.toml").exists()
    page.text_area(key="text").set_value(STEPS.replace("steps =", "stepps ="))
    press(ran(page), "Estimate")
    assert "did you mean steps?" in texts(page).replace("\\", "")
    assert not [each for each in page.button if each.label.startswith("Draw")]


def test_an_experiment_shows_its_cells_findings_and_files(drawn: PlannedExperiment) -> None:
    listed = opened("experiments")
    assert "Steps" in texts(listed)
    press(listed, "Open")
    assert sheet(listed).count("<img") == 6
    press(listed, "All experiments")
    assert [each.label for each in listed.button if each.label == "Open"]
    page = opened("experiments", experiment=drawn.experiment_id[:12])
    assert sheet(page).count("<img") == len(drawn.cells) == 6
    assert "waiting" not in sheet(page)
    assert "steps 2 to 3" in texts(page)
    assert len(page.dataframe[0].value) == 6
    assert [each.label for each in page.get("download_button")] == ["Sheet as PNG"]


def test_the_address_names_two_cells_and_how_they_are_compared(drawn: PlannedExperiment) -> None:
    address = {"experiment": drawn.experiment_id[:12], "a": "3", "b": "4", "as": "Difference"}
    page = opened("experiments", **address)
    assert [page.selectbox(key=f"pick:{name}").value for name in "ab"] == [3, 4]
    assert sheet(page).count("outline: 3px") == 2
    assert f"b={6}" in sheet(page)
    assert "- **steps** 2 / 3" in texts(page)
    page.selectbox(key="pick:b").set_value(5)
    ran(page)
    assert page.query_params["b"] in ("5", ["5"])


def test_cells_that_are_not_drawn_wait_and_pictures_on_their_way_are_shown(
    desk: Desk, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine stops after a picture, which is in the outbox, and then goes on."""
    text = STEPS.replace("[2, 3]", "[4, 5]")
    found = planned(shop.catalog, read_experiment(text, Path("live.toml")), Path("live.toml"))
    shown: list[str] = []

    class Watched:
        delivers = False
        batch_size = 1
        environment = shop.engine.environment

        def draw(self, jobs: object) -> Iterator[object]:
            for place, outcome in enumerate(shop.engine.draw(jobs)):  # type: ignore[arg-type]
                yield outcome
                deadline = time.monotonic() + PATIENCE
                while not place and not shop.catalog.outbox.names():
                    assert time.monotonic() < deadline
                    time.sleep(0.01)
                if not place:
                    shown.append(sheet(opened("experiments", experiment=found.experiment_id[:12])))

    monkeypatch.setattr("catalog_gen.web.experiment.drawing_process", lambda home: "1")
    draw_experiment(
        shop.catalog,
        found,
        lambda _: Watched(),
        shop.scorer,
        Stamp.at_once("live"),  # type: ignore[arg-type, return-value]
    )
    (before,) = shown
    assert before.count("waiting") == 3
    assert before.count("<img") == 3  # the controls, which the night drew, and the one on its way
    whole = sheet(opened("experiments", experiment=found.experiment_id[:12]))
    assert (whole.count("<img"), whole.count("waiting")) == (6, 0)


def test_an_unknown_experiment_is_reported(desk: Desk) -> None:
    assert "no such experiment" in texts(opened("experiments", experiment="zzz"))


def wish(desk: Desk, product: str, view: str) -> Wish:
    with desk.catalog.store.reading() as connection:
        return wish_of(connection, product, view)


@pytest.mark.parametrize(
    ("product", "view", "changes"),
    [
        ("sku-2", "packshot", {"steps": 3}),
        ("sku-2", "packshot", {"guidance": 5.0, "scheduler": "ddim", "eta": 0.5}),
        ("sku-2", "refreshed", {"method": {"name": "img2img", "strength": 0.2}, "steps": 5}),
        ("sku-2", "refreshed", {"method": "text2img"}),
        ("", "packshot", {"width": 40}),
        ("", "refreshed", {"method": "text2img"}),
        ("", "refreshed", {"method": {"name": "img2img", "strength": 0.3}, "steps": 5}),
        ("other photo", "refreshed", {}),
    ],
)
def test_a_trial_is_kept_as_the_experiment_that_draws_it(
    desk: Desk, shop: Shop, product: str, view: str, changes: dict[str, object]
) -> None:
    """The file's cell is the trial's recipe, whatever was tried."""
    settings = with_settings(desk.catalog.settings.views[view], changes)
    tried = free_wish("a {{ red }} vase", "text") if not product else wish(desk, "sku-2", view)
    if product == "other photo" or (not product and "photo" in settings.method.needs):
        photo = (shop.folder / "photos" / "one.png").read_bytes()
        reference = add_photo(desk.catalog, photo)
        tried = tried.from_photo(reference, sha256(photo).hexdigest())
    trial = trial_of(desk.drawer, tried.saying(tried.prompt, "no text"), settings, seed=7)
    name = f"kept-{abs(hash((product, view, str(changes))))}"
    path = keep_as_experiment(desk.catalog, desk.drawer, trial, view, desk.experiment_files, name)
    cells = plan_experiment(desk.catalog, path).cells
    assert trial.recipe in [each.recipe for each in cells if not each.cell.is_control]
    other = replace(trial, recipe=trial.recipe.model_copy(update={"seed": 8}))
    with pytest.raises(InputError, match="another file of this name"):
        keep_as_experiment(desk.catalog, desk.drawer, other, view, desk.experiment_files, name)
    with pytest.raises(InputError, match="small letters"):
        keep_as_experiment(desk.catalog, desk.drawer, trial, view, desk.experiment_files, "../x")


def test_drawing_runs_in_a_process_of_its_own_and_can_be_stopped(desk: Desk, shop: Shop) -> None:
    file = desk.experiment_files / "slow.toml"
    file.write_text(STEPS.replace("[2, 3]", '"300..320"'), "utf-8")
    chosen = plan_experiment(shop.catalog, file).experiment_id
    desk.experiments.begin(file, chosen)
    with pytest.raises(InputError, match="is being drawn"):
        desk.experiments.begin(file, chosen)
    deadline = time.monotonic() + PATIENCE
    while not [each for each in stored(shop) if each == "slow"] or not shop.catalog.outbox.names():
        state = desk.experiments.state()
        assert state is not None
        assert state.step == "running", state.error
        assert time.monotonic() < deadline
        time.sleep(0.2)
    desk.experiments.stop()
    while (state := desk.experiments.state()) is not None and state.step == "running":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert state is not None
    assert (state.name, state.step) == ("slow", "stopped"), state.error


def stored(shop: Shop) -> list[str]:
    with shop.catalog.store.reading() as connection:
        return [each.name for each in stored_experiments(connection)]
