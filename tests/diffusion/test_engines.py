"""Several engine processes draw what one engine draws, whoever of them dies."""

import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from catalog_gen.diffusion.engine import Engine
from catalog_gen.diffusion.engines import Engines, check_devices
from catalog_gen.diffusion.jobs import DrawJob, Drawn, Outcome
from catalog_gen.diffusion.loading import LoadedModel
from catalog_gen.errors import ConfigError, DrawingError, ModelError
from catalog_gen.recipe import Failure
from catalog_gen.settings.model import ModelSettings

from .conftest import MakeJob, photo_edit

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

TWO = ("cpu", "cpu")


@pytest.fixture(scope="module")
def engines(sd_folder: Path) -> Iterator[Engines]:
    engines = Engines(ModelSettings(id=str(sd_folder), devices=TWO, batch_size=2))
    yield engines
    engines.close()


@pytest.fixture
def jobs(sd: LoadedModel, make_job: MakeJob) -> list[DrawJob]:
    """Twenty-one of three kinds, in plan order."""
    kinds = ({}, {"scheduler": "euler", "guidance": 1.0}, {"method": photo_edit()})
    return [make_job(sd, seed, **changes) for changes in kinds for seed in range(7)]


def shas(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Of pictures that are there once."""
    drawn = {each.recipe_id: each.sha256 for each in outcomes if isinstance(each, Drawn)}
    assert len(drawn) == len(outcomes)
    return drawn


def alone(sd: LoadedModel, jobs: Sequence[DrawJob]) -> dict[str, str]:
    return shas(list(Engine(sd, batch_size=2).draw(jobs)))


def test_two_draw_the_bytes_of_one(engines: Engines, sd: LoadedModel, jobs: list[DrawJob]) -> None:
    outcomes = list(engines.draw(jobs))
    assert shas(outcomes) == alone(sd, jobs)
    drawn = [each for each in outcomes if isinstance(each, Drawn)]
    assert all(each.environment == sd.environment(2) for each in drawn)
    assert engines.environment == sd.environment(2)
    assert len(engines.pids) == 2


def test_a_killed_engines_jobs_are_drawn_by_the_other(
    engines: Engines, sd: LoadedModel, jobs: list[DrawJob]
) -> None:
    outcomes: list[Outcome] = []
    engines.start()
    killed = engines.pids[0]
    for outcome in engines.draw(jobs):
        outcomes.append(outcome)
        if len(outcomes) == 3:
            os.kill(int(killed or 0), signal.SIGKILL)
    assert shas(outcomes) == alone(sd, jobs)
    assert len(engines.pids) == 1
    assert shas(list(engines.draw(jobs[:5]))) == alone(sd, jobs[:5])
    assert len(engines.pids) == 2
    assert killed not in engines.pids


def test_when_all_engines_are_killed_finished_pictures_are_kept_and_an_error_is_raised(
    engines: Engines, sd: LoadedModel, jobs: list[DrawJob]
) -> None:
    outcomes: list[Outcome] = []
    engines.start()

    def draw_and_kill() -> None:
        for outcome in engines.draw(jobs):
            outcomes.append(outcome)
            if len(outcomes) == 2:
                for pid in engines.pids:
                    os.kill(int(pid or 0), signal.SIGKILL)

    with pytest.raises(DrawingError, match="2 engine processes: all of them were ended"):
        draw_and_kill()
    assert 2 <= len(outcomes) < len(jobs)
    expected = alone(sd, jobs)
    assert shas(outcomes).items() <= expected.items()
    rest = [job for job in jobs if job.recipe_id not in shas(outcomes)]
    assert shas(outcomes) | shas(list(engines.draw(rest))) == expected


def test_a_job_that_cannot_be_drawn_is_a_failure_here_too(
    engines: Engines, sd: LoadedModel, make_job: MakeJob
) -> None:
    good, bad = make_job(sd, 1), make_job(sd, 2, model_hash="0" * 64)
    by_id = {each.recipe_id: each for each in engines.draw([bad, good])}
    assert isinstance(by_id[good.recipe_id], Drawn)
    failed = by_id[bad.recipe_id]
    assert isinstance(failed, Failure)
    assert "the recipe was made for it" in failed.error


def test_a_caller_that_stops_early_stops_them(engines: Engines, jobs: list[DrawJob]) -> None:
    drawing = engines.draw(jobs)
    assert isinstance(next(drawing), Drawn)
    drawing.close()  # type: ignore[attr-defined]
    assert len(engines.pids) < 2


def test_a_model_that_does_not_load_is_reported_once(sd_folder: Path) -> None:
    pinned = ModelSettings(id=str(sd_folder), devices=("cpu",), sha256="0" * 64)
    engines = Engines(pinned)
    with pytest.raises(ModelError, match=r"model\.sha256 pins"):
        list(engines.draw([]))
    assert engines.pids == []


def test_devices_that_are_not_there_are_refused() -> None:
    with pytest.raises(ValidationError, match="two kinds"):
        ModelSettings(id="x", devices=("cpu", "cuda:0"))
    with pytest.raises(ValidationError, match="pattern"):
        ModelSettings(id="x", devices=("gpu",))
    with pytest.raises(ConfigError, match="asks for cuda"):
        check_devices(ModelSettings(id="x", devices=TWO, device="cuda"))
    above = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(ConfigError, match="torch sees"):
        check_devices(ModelSettings(id="x", devices=(above,)))
