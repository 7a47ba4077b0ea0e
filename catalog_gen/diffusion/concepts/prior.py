"""Prior preservation: the model's own pictures of the product's kind, held while it is trained.

DreamBooth (https://arxiv.org/abs/2208.12242).
"""

from typing import TYPE_CHECKING, Final

import torch

from catalog_gen.concept import Lesson

if TYPE_CHECKING:
    from catalog_gen.diffusion.loading import LoadedModel

_STEPS: Final = 20
_GUIDANCE: Final = 3.0


def own_latents(model: "LoadedModel", lesson: Lesson, count: int) -> torch.Tensor:
    """Latents of ``count`` pictures that the model draws of the lesson's kind, (N, C, h, w)."""
    family, pipeline = model.family, model.pipelines["text2img"]
    drawn = []
    with torch.no_grad():
        text = family.encode(model.main, lesson.kind)
        nothing = family.encode_negative(model.main, "")
        for number in range(count):
            pipeline.scheduler = family.scheduler("own", model.scheduler, _STEPS)
            seed = (lesson.seed << 16) + number
            drawn.append(
                pipeline(
                    **text,
                    **{f"negative_{name}": value for name, value in nothing.items()},
                    generator=torch.Generator("cpu").manual_seed(seed),
                    num_inference_steps=_STEPS,
                    guidance_scale=_GUIDANCE,
                    width=lesson.side,
                    height=lesson.side,
                    output_type="latent",
                ).images
            )
    return torch.cat(drawn)
