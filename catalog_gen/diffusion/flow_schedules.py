"""Schedulers by name for models trained by flow matching, built from the model's own.

Flow Matching for Generative Modeling (https://arxiv.org/abs/2210.02747). The model's configuration
decides how the noise levels are shifted, fixed or by picture size; the name decides how they are
spaced. All use Euler's method: the img2img pipelines need a scheduler with ``scale_noise``, which
no other solver of diffusers 0.42 has.
"""

from collections.abc import Mapping
from typing import Any, Final

from catalog_gen.diffusion.jobs import RecipeError

_EVEN: Final = {
    "use_karras_sigmas": False,
    "use_exponential_sigmas": False,
    "use_beta_sigmas": False,
    "stochastic_sampling": False,
}

#: Options of ``FlowMatchEulerDiscreteScheduler`` by name.
SPACINGS: Final[Mapping[str, Mapping[str, bool]]] = {
    "euler": _EVEN,
    # Karras et al. 2022 (https://arxiv.org/abs/2206.00364), equation 5.
    "euler-karras": _EVEN | {"use_karras_sigmas": True},
    # Beta Sampling is All You Need (https://arxiv.org/abs/2407.12173).
    "euler-beta": _EVEN | {"use_beta_sigmas": True},
}


def schedule_problem(name: str, own: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Why a model can't be drawn with a scheduler: value, rule and next step; None: it can.

    Args:
        name: "own", or one of ``SPACINGS``.
        own: the configuration of the scheduler that came with the model.
    """
    if name != "own" or not own.get("stochastic_sampling", False):
        return None
    return (
        "scheduler = 'own'",
        "the model's own adds noise at every step that no seed decides (stochastic_sampling)",
        f"Choose one of: {', '.join(SPACINGS)}.",
    )


def flow_scheduler(name: str, own: Any) -> Any:
    """A fresh scheduler for one batch; the pipeline sets its steps, which depend on the size.

    Args:
        name: "own", or one of ``SPACINGS``.
        own: the model's own scheduler.

    Raises:
        RecipeError: the model's own scheduler adds noise that ignores the seed.
    """
    from diffusers import FlowMatchEulerDiscreteScheduler

    if name != "own":
        euler: Any = FlowMatchEulerDiscreteScheduler
        # Solvers that were made for noise schedules have another name for the shift.
        shift = own.config.get("shift", own.config.get("flow_shift", 1.0))
        return euler.from_config(own.config, shift=shift, **SPACINGS[name])
    problem = schedule_problem(name, own.config)
    if problem is not None:
        raise RecipeError(*problem)
    return type(own).from_config(own.config)
