from typing import Any

import pytest

from catalog_gen.diffusion.jobs import RecipeError
from catalog_gen.diffusion.loading import LoadedModel
from catalog_gen.diffusion.noise_schedules import SOLVERS, build_scheduler

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NAMES = tuple(SOLVERS)


def _config(loaded: LoadedModel, **changes: Any) -> dict[str, Any]:
    return dict(loaded.main.scheduler.config) | changes


@pytest.mark.parametrize("name", NAMES)
def test_every_name_keeps_the_noise_schedule_of_the_model(sd: LoadedModel, name: str) -> None:
    config = _config(sd, prediction_type="v_prediction", timestep_spacing="trailing")
    built = build_scheduler(name, config, 5)
    assert built.config.prediction_type == "v_prediction"
    assert built.config.timestep_spacing == "trailing"
    assert built.config.beta_schedule == "scaled_linear"
    assert built.config.beta_end == config["beta_end"]


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"pndm", "heun"}))
def test_zero_terminal_snr_is_followed(sd: LoadedModel, name: str) -> None:
    built = build_scheduler(name, _config(sd, rescale_betas_zero_snr=True), 5)
    assert float(built.alphas_cumprod[-1]) < 1e-6


@pytest.mark.parametrize("name", ["pndm", "heun"])
def test_solvers_that_cannot_follow_it_are_refused(sd: LoadedModel, name: str) -> None:
    with pytest.raises(RecipeError, match=r"zero terminal SNR.*ddim"):
        build_scheduler(name, _config(sd, rescale_betas_zero_snr=True), 5)


def test_a_name_means_the_same_with_every_model(sd: LoadedModel) -> None:
    config = _config(sd, use_karras_sigmas=True, algorithm_type="sde-dpmsolver++")
    assert build_scheduler("euler", config, 5).config.use_karras_sigmas is False
    plain = build_scheduler("dpm++2m", config, 5)
    assert plain.config.algorithm_type == "dpmsolver++"
    karras = build_scheduler("dpm++2m-karras", _config(sd), 5)
    assert plain.timesteps.tolist() != karras.timesteps.tolist()


def test_more_steps_than_a_solver_has_are_refused(sd: LoadedModel) -> None:
    with pytest.raises(RecipeError, match="steps = 60"):
        build_scheduler("lcm", _config(sd), 60)
