"""Settings of the networks that judge."""

from typing import Literal, Self

from pydantic import Field, model_validator

from catalog_gen.chosen import Chosen
from catalog_gen.settings.types import MAX_BATCH, OwnPath, ScorerId


class ScorerSettings(Chosen):
    """The CLIP model that scores."""

    id: ScorerId = Field(description="an open_clip folder ('local-dir:PATH'), or an open_clip name")
    batch_size: int = Field(32, ge=1, le=MAX_BATCH)
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="auto: a GPU if there is one, shared with the diffusion model"
    )


class CriticSettings(Chosen):
    """The network that looks at a product's form."""

    kind: str = Field(
        "denoiser", min_length=1, description="denoiser, preference, questions, or one of a plugin"
    )
    id: OwnPath = Field(
        description="denoiser: the Stable Diffusion folder that draws; preference, questions: a "
        "transformers folder of a CLIP or of a vision-language model"
    )
    weights: OwnPath | None = Field(
        None, description="denoiser: its probe's weights, a safetensors file"
    )
    questions: tuple[str, ...] = Field(
        (), description="questions: what is asked; {prompt} stands for the picture's prompt"
    )

    @model_validator(mode="after")
    def _sayable(self) -> Self:
        for question in self.questions:
            try:
                question.format(prompt="")
            except (KeyError, IndexError, ValueError) as error:
                raise ValueError(
                    f"{question!r} may hold {{prompt}} and no other brace ({error!r})"
                ) from error
        return self
