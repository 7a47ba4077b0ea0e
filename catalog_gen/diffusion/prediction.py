"""What a diffusion model is trained to predict for latents and the noise that was added to them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def right_prediction(
    kind: str,
    latents: "torch.Tensor",
    noise: "torch.Tensor",
    signal: "torch.Tensor | float",
    spread: "torch.Tensor | float",
) -> "torch.Tensor":
    """The answer without error for ``signal * latents + spread * noise``, in the latents' shape.

    Raises:
        KeyError: ``kind`` is no ``prediction_type`` of a scheduler with a variance schedule.
    """
    return {
        "epsilon": noise,
        "sample": latents,
        "v_prediction": signal * noise - spread * latents,
    }[kind]
