"""An experiment in a small shop: drawn once, shared, resumed, and never live."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from assets_defs.experiment_assets import experiment, experiment_schedules, file_of
from catalog_gen.cli import experiment as command
from catalog_gen.diffusion.jobs import Draws
from catalog_gen.errors import ConfigError, DrawingError, InputError
from catalog_gen.fingerprint import SHARDS
from catalog_gen.planning import Budget
from catalog_gen.settings.catalog import load_settings
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.experiment_plan import PlannedExperiment, plan_experiment
from catalog_gen.stages.experiments import WrittenExperiment, draw_experiment, write_experiment
from catalog_gen.stages.prompts import write_prompts
from catalog_gen.store.lineage import lineage_of
from resources.deployments import resources_for
from tests.pipeline.shop import Shop, open_shop

EXPERIMENT = """
title = "Steps"
[grids.steps]
products = ["sku-1"]
prompts = { alone = "a red mug" }
[grids.steps.axes]
steps = [2, 3]
"""


def write(shop: Shop, text: str = EXPERIMENT) -> Path:
    file = shop.folder / "steps.toml"
    file.write_text(text, "utf-8")
    return file


def run(shop: Shop, file: Path, run_id: str) -> tuple[PlannedExperiment, WrittenExperiment]:
    catalog = shop.catalog
    planned = plan_experiment(catalog, file)
    stamp = Stamp.at_once(run_id)
    draw_experiment(catalog, planned, lambda _: shop.engine, shop.scorer, stamp)
    return planned, write_experiment(catalog, planned, shop.config)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop after one night and one experiment."""
    shop = open_shop(tmp_path_factory.mktemp("experiment"))
    shop.night("night 1")
    run(shop, write(shop), "experiment 1")
    return shop


def test_cells_share_the_nights_pictures_and_the_rest_is_drawn(shop: Shop) -> None:
    assert shop.query("SELECT count(*) FROM images WHERE run_id = 'experiment 1'") == [(3,)]
    planned = plan_experiment(shop.catalog, write(shop))
    assert planned.missing == 0
    assert planned.seconds == 0
    assert len(planned.cells) == 6  # two controls among them, which are the cells with two steps
    shared = shop.query(
        "SELECT DISTINCT levels FROM experiment_cells JOIN ledger USING (recipe_id) "
        "SEMI JOIN current_prompts USING (look_id)"
    )
    assert shared == [('{"steps": 2}',)]  # it keeps the night's look


def test_every_cell_is_scored_judged_and_has_its_lineage(shop: Shop) -> None:
    rows = shop.query(
        "SELECT image_id, total, similarity, seconds FROM experiment_results WHERE run_id = "
        "'experiment 1'"
    )
    assert len(rows) == 4  # a prompt's control is the same picture as its cell
    assert all(value is not None for row in rows for value in row)
    with shop.catalog.store.reading() as connection:
        answers = [lineage_of(connection, str(row[0])) for row in rows]
    assert {(each["view"], each["asked_because"], each["live"]) for each in answers} == {
        ("packshot", "experiment", False)
    }
    assert {each["product_id"] for each in answers} == {"sku-1", ""}
    assert all(each["environment"] and each["model"] and each["prompt"] for each in answers)


def test_nothing_of_an_experiment_is_wanted_retried_or_published(shop: Shop) -> None:
    before = shop.query("SELECT image_id FROM live_images ORDER BY ALL")
    night = shop.night("night 2")
    assert (night["planned"], night["generated"]) == (0, 0)
    assert shop.query("SELECT image_id FROM live_images ORDER BY ALL") == before
    assert shop.query("FROM why_regenerated") == []


def test_the_page_and_the_sheet_are_written(shop: Shop) -> None:
    folder = shop.home.experiments / "steps"
    page = (folder / "index.html").read_text("utf-8")
    assert "<h1>Steps</h1>" in page
    assert page.count('src="images/') == 6
    assert len(list((folder / "images").glob("*.png"))) == 4
    assert (folder / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_a_night_takes_over_what_an_experiment_drew(shop: Shop) -> None:
    """Settings that an experiment recommended cost nothing where it drew them."""
    config = shop.config.read_text("utf-8")
    shop.config.write_text(config.replace("steps = 2", "steps = 3"), "utf-8")
    try:
        prompts = write_prompts(
            shop.catalog, range(SHARDS), Stamp.at_once("night 3"), budget=Budget()
        )
    finally:
        shop.config.write_text(config, "utf-8")
    assert prompts.reused == 1
    assert prompts.planned == 5


class _Dying:
    """An engine whose GPU is lost after the first picture."""

    delivers = False

    def __init__(self, engine: Draws) -> None:
        self._engine = engine
        self.batch_size = 1
        self.environment = engine.environment

    def draw(self, jobs: object) -> Iterator[object]:
        for outcome in self._engine.draw(jobs):  # type: ignore[arg-type]
            yield outcome
            raise DrawingError("the GPU", "it is lost", "Run again.")


def test_an_interrupted_experiment_goes_on_where_it_ended(shop: Shop) -> None:
    file = write(shop, EXPERIMENT.replace("[2, 3]", "[4, 5]").replace("red", "blue"))
    catalog, stamp = shop.catalog, Stamp.at_once("experiment 2")
    planned = plan_experiment(catalog, file)
    with pytest.raises(DrawingError):
        draw_experiment(catalog, planned, lambda _: _Dying(shop.engine), shop.scorer, stamp)  # type: ignore[arg-type, return-value]
    missing = plan_experiment(catalog, file).missing
    assert 0 < missing < planned.missing or catalog.outbox.pending()
    _, written = run(shop, file, "experiment 3")
    assert all(each.sha256 for each in written.findings.results)
    drawn = shop.query(
        "SELECT run_id, count(*) FROM images WHERE starts_with(run_id, 'experiment') "
        "GROUP BY ALL ORDER BY ALL"
    )
    assert drawn == [("experiment 1", 3), ("experiment 2", 1), ("experiment 3", 4)]


def test_models_are_an_axis_and_each_is_loaded_once(shop: Shop) -> None:
    from catalog_gen.diffusion.engine import Engine
    from catalog_gen.diffusion.loading import load_model

    other = shop.folder / "other"
    if not other.exists():
        import shutil

        shutil.copytree(shop.folder / "model", other)
        settings = other / "scheduler" / "scheduler_config.json"
        settings.write_text(settings.read_text("utf-8").replace("0.012", "0.014"), "utf-8")
    text = """
[grids.models]
prompts = { one = "a", two = "b" }
[grids.models.axes]
model = ["model", "other"]
"""
    loaded: list[str] = []

    def engine(catalog: Catalog) -> Draws:
        model = catalog.settings.model
        loaded.append(model.id)
        return Engine(load_model(model), model.batch_size)

    catalog = shop.catalog
    planned = plan_experiment(catalog, write(shop, text))
    draw_experiment(catalog, planned, engine, shop.scorer, Stamp.at_once("experiment 4"))
    found = write_experiment(catalog, planned, shop.config).findings
    assert all(each.total is not None for each in found.results)
    assert len(loaded) == len(set(loaded)) == 2
    assert {effect.axis for effect in found.effects} == {"model"}
    alone = plan_experiment(
        catalog, write(shop, text.replace("[grids.models]", "[grids.models]\ncontrol = false"))
    )
    assert list(alone.models) == ["model", "other"]
    assert len(shop.query("SELECT DISTINCT model_hash FROM recipes")) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("sku-1", "sku-99"), "no refresh has read such a product"),
        (("steps = [2, 3]", 'scheduler = ["magic"]'), "magic"),
        (("steps = [2, 3]", 'method = [{ name = "img2img", strength = 0.5 }]'), "needs a photo"),
        (("[grids.steps]", '[grids.steps]\nview = "packshots"'), "Did you mean 'packshot'"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_anything_is(
    shop: Shop, change: tuple[str, str], said: str
) -> None:
    with pytest.raises((ConfigError, InputError), match=said):
        plan_experiment(shop.catalog, write(shop, EXPERIMENT.replace(*change)))


def test_the_same_cells_are_the_same_experiment(shop: Shop) -> None:
    planned = plan_experiment(shop.catalog, write(shop))
    assert replace(planned, seconds=1.0).experiment_id == planned.experiment_id
    other = plan_experiment(shop.catalog, write(shop, EXPERIMENT.replace("[2, 3]", "[2]")))
    assert other.experiment_id != planned.experiment_id


@pytest.mark.slow
def test_the_command_asks_first_and_runs_the_asset(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in {**shop.environment, "CATALOG_EXPERIMENT": ""}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DAGSTER_HOME", "")
    file = write(shop, EXPERIMENT.replace("[2, 3]", "[2, 6]"))
    with pytest.raises(InputError, match="--yes"):
        command.run(shop.config, file, yes=False, as_json=True)
    capfd.readouterr()
    assert command.run(shop.config, file, yes=True, as_json=True) == 0
    summary = json.loads(capfd.readouterr().out)
    assert (summary["cells"], summary["drawn"], summary["failed"]) == (6, 2, 0)
    assert {each["grid"] for each in summary["recommendations"]} == {"steps"}
    assert [each["axis"] for each in summary["effects"]] == ["steps"]
    assert Path(summary["page"]).is_file()
    assert shop.query(f"SELECT job, status FROM runs WHERE run_id = '{summary['run_id']}'") == [
        ("run_experiment", "succeeded")
    ]
    assert command.run(shop.config, file, yes=False, as_json=False) == 0  # nothing left to ask
    assert "steps 2 to 6" in capfd.readouterr().out


def test_materialising_everything_draws_no_experiment(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**shop.environment, "CATALOG_EXPERIMENT": ""}.items():
        monkeypatch.setenv(name, value)
    before = shop.query("SELECT count(*) FROM experiments")
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize([experiment], instance=instance, resources=resources_for("local"))
        (event,) = done.asset_materializations_for_node("experiment")
    assert event.metadata["cells"].value == 0
    assert shop.query("SELECT count(*) FROM experiments") == before


def test_experiments_of_the_settings_are_scheduled(shop: Shop) -> None:
    text = '[experiments.weekly]\nfile = "steps.toml"\ncron = "0 6 * * 0"\n'
    config = shop.folder / "scheduled.toml"
    config.write_text(shop.config.read_text("utf-8") + text, "utf-8")
    settings = load_settings(config)
    (schedule,) = experiment_schedules(settings.experiments, "Europe/Paris")
    assert settings.experiments["weekly"].file == shop.folder / "steps.toml"
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 6 * * 0", "Europe/Paris")
    catalog = replace(shop.catalog, settings=settings)
    assert file_of(catalog, "weekly") == shop.folder / "steps.toml"
    with pytest.raises(ConfigError, match="has weekly under"):
        file_of(catalog, "monthly")
