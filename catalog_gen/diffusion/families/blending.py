"""Inpainting with a model that was not trained for it: unmasked latents stay the photo's.

Blended Latent Diffusion (https://arxiv.org/abs/2206.02779): after each step, the latents outside
the mask are replaced by the photo's, at the noise level of that step. The model sees what is kept
while it draws the rest.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

StepCallback = Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]


class BlendedPipeline:
    """Called like diffusers' inpainting pipelines.

    Args:
        fresh: the model's text-to-image pipeline, which begins with noise.
        redraw: its image-to-image pipeline, which begins with the photo at a strength below 1.
    """

    def __init__(self, fresh: Any, redraw: Any) -> None:
        self._fresh = fresh
        self._redraw = redraw

    @property
    def scheduler(self) -> Any:
        return self._fresh.scheduler

    @scheduler.setter
    def scheduler(self, scheduler: Any) -> None:
        self._fresh.scheduler = self._redraw.scheduler = scheduler

    @property
    def vae_scale_factor(self) -> int:
        """Pixels of a latent's side."""
        return int(self._fresh.vae_scale_factor)

    def set_progress_bar_config(self, **settings: Any) -> None:
        """As in diffusers' pipelines."""
        for pipeline in (self._fresh, self._redraw):
            pipeline.set_progress_bar_config(**settings)

    def __call__(
        self,
        *,
        image: Tensor,
        mask_image: Tensor,
        width: int,
        height: int,
        generator: list[torch.Generator],
        callback_on_step_end: StepCallback,
        strength: float = 1.0,
        callback_on_step_end_tensor_inputs: tuple[str, ...] | list[str] = (),
        **arguments: Any,
    ) -> Any:
        """Draw where the mask is 1, and hold the rest to the photo.

        Args:
            image: photos (B, 3, H, W) in [0, 1].
            mask_image: (B, 1, H, W); a latent is held if at least half of its pixels are 0.
            generator: B generators; the noise for the photo is drawn from them first.
            strength: the share of the steps that run; at 1 the drawing begins with pure noise.
        """
        from diffusers.utils.torch_utils import randn_tensor

        photo = self._encoded(image)
        noise = randn_tensor(photo.shape, generator=generator, device=photo.device)
        noise = noise.to(photo.dtype)
        held = functional.avg_pool2d(1 - mask_image.float(), self.vae_scale_factor) >= 0.5
        held = held.to(photo.device)

        def hold(pipeline: Any, step: int, time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            times = self.scheduler.timesteps
            following = len(times) - pipeline.num_timesteps + step + 1
            known = photo
            if following < len(times):
                known = self.scheduler.add_noise(
                    photo, noise, times[following].expand(len(photo)).to(photo.device)
                )
            latents = tensors["latents"]
            tensors["latents"] = torch.where(held, known.to(latents.dtype), latents)
            return tensors | callback_on_step_end(pipeline, step, time, tensors)

        shared = {
            "generator": generator,
            "callback_on_step_end": hold,
            "callback_on_step_end_tensor_inputs": ["latents", *callback_on_step_end_tensor_inputs],
            **arguments,
        }
        if strength == 1:
            # A copy: some pipelines scale the first latents in place.
            return self._fresh(width=width, height=height, latents=noise.clone(), **shared)
        return self._redraw(image=image, strength=strength, **shared)

    def _encoded(self, photos: Tensor) -> Tensor:
        """Photos (B, 3, H, W) in [0, 1] as the denoiser's latents, without noise."""
        vae = self._fresh.vae
        own: torch.dtype = vae.dtype
        # As diffusers does it: some autoencoders overflow in half precision.
        upcast = own == torch.float16 and vae.config.force_upcast
        if upcast:
            vae.to(torch.float32)
        try:
            pixels = (photos * 2 - 1).to(vae.device, vae.dtype)
            latents: Tensor = vae.encode(pixels).latent_dist.mode()
        finally:
            if upcast:
                vae.to(own)
        factor: float = vae.config.scaling_factor
        return latents.to(own) * factor
