"""Solvers by name for models with a noise schedule, built from the model's own.

The model's configuration gives what it was trained with (betas, prediction type, zero terminal
SNR, timestep spacing); the name selects only the solver, and means the same with every model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from catalog_gen.diffusion.jobs import RecipeError

#: Steps of a noise schedule and of a distillation, where the configuration leaves them out.
_TRAINED: Final = 1000
_DISTILLED: Final = 50


@dataclass(frozen=True, slots=True)
class Solver:
    """A diffusers class, the options that its name stands for, and its limits."""

    class_name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    #: Zero terminal SNR (https://arxiv.org/abs/2305.08891) needs a class that rescales its betas.
    zero_snr: bool = True
    #: Straight paths (https://arxiv.org/abs/2209.03003) need a class that knows their levels.
    flow: bool = False


_PLAIN_SIGMAS: Final = {
    "use_karras_sigmas": False,
    "use_exponential_sigmas": False,
    "use_beta_sigmas": False,
}
_DPM_2M: Final = _PLAIN_SIGMAS | {
    "algorithm_type": "dpmsolver++",
    "solver_order": 2,
    "solver_type": "midpoint",
}

SOLVERS: Final[Mapping[str, Solver]] = {
    "ddim": Solver("DDIMScheduler"),
    "euler": Solver("EulerDiscreteScheduler", _PLAIN_SIGMAS),
    "euler-a": Solver("EulerAncestralDiscreteScheduler"),
    "dpm++2m": Solver("DPMSolverMultistepScheduler", _DPM_2M, flow=True),
    # Karras et al. 2022 (https://arxiv.org/abs/2206.00364), equation 5.
    "dpm++2m-karras": Solver("DPMSolverMultistepScheduler", _DPM_2M | {"use_karras_sigmas": True}),
    "unipc": Solver("UniPCMultistepScheduler", _PLAIN_SIGMAS, flow=True),
    "lcm": Solver("LCMScheduler"),
    "pndm": Solver("PNDMScheduler", {"skip_prk_steps": True}, zero_snr=False),
    "heun": Solver("HeunDiscreteScheduler", _PLAIN_SIGMAS, zero_snr=False),
}


def schedule_problem(name: str, own: Mapping[str, Any], steps: int) -> tuple[str, str, str] | None:
    """Why a model can't be drawn along a solver: value, rule and next step; None: it can.

    Args:
        name: "own", or one of ``SOLVERS``.
        own: the configuration of the scheduler that came with the model.
        steps: how many steps are asked for.
    """
    if name != "own" and own.get("rescale_betas_zero_snr", False) and not SOLVERS[name].zero_snr:
        able = ", ".join(each for each, other in SOLVERS.items() if other.zero_snr)
        return (
            f"scheduler = '{name}'",
            "it does not support the zero terminal SNR that this model was trained with",
            f"Choose one of: {able}.",
        )
    if name != "own" and own.get("use_flow_sigmas", False) and not SOLVERS[name].flow:
        able = ", ".join(each for each, other in SOLVERS.items() if other.flow)
        return (
            f"scheduler = '{name}'",
            "it does not support flow matching, which this model was trained with",
            f"Choose one of: own, {able}.",
        )
    most = int(own.get("num_train_timesteps", _TRAINED))
    distilled = own.get("_class_name") if name == "own" else SOLVERS[name].class_name
    if distilled == "LCMScheduler":
        most = min(most, int(own.get("original_inference_steps", _DISTILLED)))
    if steps > most:
        return (
            f"steps = {steps}",
            f"scheduler '{name}' has no more than {most} of this model",
            f"Set at most {most}; distilled models need 4 to 8.",
        )
    return None


def build_scheduler(name: str, model_config: Mapping[str, Any], steps: int) -> Any:
    """A fresh scheduler for one batch.

    Args:
        name: one of ``SOLVERS``.
        model_config: the configuration of the model's own scheduler.
        steps: the recipe's number of steps; checked here, set by the pipeline.

    Raises:
        RecipeError: the solver does not support the model's noise schedule or that many steps.
    """
    import diffusers

    problem = schedule_problem(name, model_config, steps)
    if problem is not None:
        raise RecipeError(*problem)
    solver = SOLVERS[name]
    scheduler = getattr(diffusers, solver.class_name).from_config(model_config, **solver.options)
    return _able(scheduler, name, steps)


def scheduler_of(name: str, own: Any, steps: int) -> Any:
    """A fresh scheduler for one batch.

    Args:
        name: "own", or one of ``SOLVERS``.
        own: the model's own scheduler.
        steps: the recipe's number of steps.

    Raises:
        RecipeError: as ``build_scheduler``.
    """
    if name == "own":
        return _able(type(own).from_config(own.config), name, steps)
    return build_scheduler(name, own.config, steps)


def _able(scheduler: Any, name: str, steps: int) -> Any:
    try:
        scheduler.set_timesteps(steps)
    except ValueError as error:
        raise RecipeError(
            f"steps = {steps}", f"scheduler '{name}' refuses them ({error})", "Change the steps."
        ) from error
    return scheduler
