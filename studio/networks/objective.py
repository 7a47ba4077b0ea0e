"""What a denoiser learns to predict, and the stock scheduler that draws with it.

Two objectives on the same latents and noise: v under a schedule whose last step is pure noise, and
the velocity of straight paths.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

import torch
from torch import Tensor

ObjectiveName = Literal["v", "flow"]

TIMES: Final[int] = 1000
#: Power of the quantiles that v's timesteps follow. Evenly spread (1), half of them would lie at
#: signal-to-noise ratios below 0.3, where the layout is decided, and not the material. With 1.5
#: they lie about where flow matching has its own, and all times still occur.
EARLINESS: Final[float] = 1.5


@dataclass(frozen=True)
class Exercise:
    """One batch of denoiser inputs with their targets."""

    noisy: Tensor
    """(B, C, H, W)."""
    times: Tensor
    """(B,), from 0, clean, to ``TIMES``, noise."""
    wanted: Tensor
    """(B, C, H, W), the target of the network."""


class Objective(Protocol):
    """How noise is added to latents, and the network's target."""

    def exercise(self, latents: Tensor, noise: Tensor, places: Tensor) -> Exercise:
        """A batch from unit-scale latents and noise (B, C, H, W).

        ``places`` (B,) in [0, 1] are quantiles of the times, from clean to noise.
        """

    def scheduler(self, steps: int) -> Any:
        """A diffusers scheduler set to ``steps`` evaluations of the network."""

    def stock(self) -> Any:
        """The scheduler that a ``StableDiffusionPipeline`` of such a network comes with."""


def build_scheduler() -> Any:
    """The noise schedule as a stock scheduler, from which every other one can be configured."""
    from diffusers import DDIMScheduler

    stock: Any = DDIMScheduler
    return stock(
        num_train_timesteps=TIMES,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=1,
    )


class VPrediction:
    """v (Salimans & Ho 2022, arXiv:2202.00512), at the timesteps of ``build_scheduler``.

    The schedule ends in pure noise (Lin et al. 2023, arXiv:2305.08891), which is what makes a white
    background white. Drawn with DDIM.
    """

    def __init__(self) -> None:
        self._levels: Tensor = build_scheduler().alphas_cumprod

    def exercise(self, latents: Tensor, noise: Tensor, places: Tensor) -> Exercise:
        # A place just below 1 may have been rounded up to 1.
        last = len(self._levels) - 1
        times = (places**EARLINESS * len(self._levels)).long().clamp(max=last).to(latents.device)
        level = self._levels.to(latents.device)[times].view(-1, 1, 1, 1)
        signal, spread = level.sqrt(), (1.0 - level).sqrt()
        noisy = signal * latents + spread * noise
        return Exercise(noisy, times, signal * noise - spread * latents)

    def scheduler(self, steps: int) -> Any:
        scheduler = build_scheduler()
        scheduler.set_timesteps(steps)
        return scheduler

    def stock(self) -> Any:
        return build_scheduler()


class FlowMatching:
    """The velocity noise - latents of straight paths (Liu et al. 2022, arXiv:2209.03003).

    Times are logit-normal with mean 0 and deviation 1, which stresses the middle of the path
    (Esser et al. 2024, arXiv:2403.03206). Drawn with Euler steps of equal length.
    """

    def exercise(self, latents: Tensor, noise: Tensor, places: Tensor) -> Exercise:
        # The quantile function of the normal distribution keeps the strata of ``places``.
        inner = places.clamp(1e-5, 1.0 - 1e-5)
        share = torch.sigmoid(torch.special.ndtri(inner)).to(latents.device)
        spread = share.view(-1, 1, 1, 1)
        noisy = (1.0 - spread) * latents + spread * noise
        return Exercise(noisy, share * TIMES, noise - latents)

    def scheduler(self, steps: int) -> Any:
        from diffusers import FlowMatchEulerDiscreteScheduler

        stock: Any = FlowMatchEulerDiscreteScheduler
        scheduler = stock(num_train_timesteps=TIMES, shift=1.0)
        # Its own default would spend the last evaluation on a step from 0.001 to 0.
        scheduler.set_timesteps(sigmas=[1.0 - step / steps for step in range(steps)])
        return scheduler

    def stock(self) -> Any:
        from diffusers import UniPCMultistepScheduler

        # Euler's scheduler for flows has no ``init_noise_sigma``, which this pipeline asks for.
        stock: Any = UniPCMultistepScheduler
        return stock(
            num_train_timesteps=TIMES,
            prediction_type="flow_prediction",
            use_flow_sigmas=True,
            flow_shift=1.0,
            steps_offset=1,
        )


OBJECTIVES: Final[Mapping[ObjectiveName, Callable[[], Objective]]] = {
    "v": VPrediction,
    "flow": FlowMatching,
}
