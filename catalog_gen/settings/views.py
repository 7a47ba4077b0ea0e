"""Settings of what is drawn for a product, and of how products are learned."""

from collections.abc import Mapping
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from catalog_gen.chosen import Chosen
from catalog_gen.concept import AnyLearner
from catalog_gen.fingerprint import sha256_json
from catalog_gen.method import AnyMethod, described
from catalog_gen.recipe import MAX_GUIDANCE
from catalog_gen.settings.types import MAX_SIDE, Asks

EditPolicy = Literal["cosmetic", "variant", "unlimited"]

#: The largest departure from the product's photo. Above 0.60 it would be another product.
MAX_DEPARTURE: Final[Mapping[EditPolicy, float]] = {
    "cosmetic": 0.40,
    "variant": 0.60,
    "unlimited": 1.0,
}


class ConceptSettings(Chosen):
    """A way to learn products from their photos."""

    learner: AnyLearner = Field(
        description="a learner's name, or a table with its name and its settings"
    )
    caption: str = Field(
        min_length=1,
        description="what the photo shows, Jinja2; {{ concept }} is the word that is learned",
    )
    initial: str = Field(
        "{{ category }}", description="Jinja2: the words that a learned word starts from"
    )
    side: int = Field(
        128, ge=16, le=MAX_SIDE, multiple_of=8, description="pixels that photos are learned in"
    )
    seed: int = Field(0, ge=0, lt=2**31, description="another one is another lesson")


class ViewSettings(Chosen):
    """One kind of picture, drawn for every product."""

    template: str = Field(min_length=1, description="the prompt, Jinja2 with the product's fields")
    negative_prompt: str = Field("", description="Jinja2, like the template")
    asks: Asks = Field({}, description="what it asks for: attributes, with Jinja2 for their values")
    method: AnyMethod = Field(
        default="text2img",
        validate_default=True,
        description="how pictures are drawn: a name, or a table with a name and its parameters",
    )
    candidates: int = Field(
        1, ge=1, le=64, description="pictures of a look, of which the best is published"
    )
    scheduler: str = Field("own", min_length=1, description="a name; own: the model's scheduler")
    steps: int = Field(20, ge=1, le=1000, description="denoising steps; more take longer")
    guidance: float = Field(
        3.0, ge=0, le=MAX_GUIDANCE, description="how strictly the prompt is followed"
    )
    width: int = Field(
        128, ge=16, le=MAX_SIDE, multiple_of=8, description="pixels; the judge needs at least 16"
    )
    height: int = Field(128, ge=16, le=MAX_SIDE, multiple_of=8, description="pixels")
    eta: float | None = Field(
        None, ge=0, le=1, description="noise that ddim adds in each step; none: it adds none"
    )
    edit_policy: EditPolicy = Field(
        "cosmetic", description="how far a picture may depart from the product's photo"
    )
    retry_negative_prompt: str = Field(
        "blurry, deformed, cropped, out of focus, text, watermark",
        description="added to the negative prompt if other seeds did not help; see stages.retries",
    )
    background: Literal["white", "any"] = Field(
        "any", description="'white': the rubric requires a pure white border"
    )
    concept: str | None = Field(
        None, description="how products are learned, as [concepts] names it; for learned, imagic"
    )
    only: str | None = Field(
        None,
        min_length=1,
        description="Jinja2: only products for which it says something (but False, None and 0)",
    )

    @model_validator(mode="after")
    def _names_a_concept(self) -> Self:
        if ("concept" in self.method.needs) != (self.concept is not None):
            raise ValueError(
                f"method '{self.method.name}' draws with a concept; set concept to a section of "
                "[concepts]"
                if self.concept is None
                else f"concept = '{self.concept}' is not used by method '{self.method.name}'; "
                "remove it, or choose the method learned"
            )
        return self

    @model_validator(mode="after")
    def _stays_near_the_photo(self) -> Self:
        departure, limit = self.method.departure, MAX_DEPARTURE[self.edit_policy]
        if departure > limit:
            wider = [f"'{name}'" for name, most in MAX_DEPARTURE.items() if departure <= most]
            raise ValueError(
                f"{described(self.method.name, self.method.parameters)} departs from the photo by "
                f"{departure:g}, and edit_policy '{self.edit_policy}' allows {limit:g}; lower it, "
                f"or choose {' or '.join(wider)}"
            )
        return self

    @property
    def settings_hash(self) -> str:
        """SHA-256 over the settings that affect pictures, except templates and model."""
        judged = ("edit_policy", "background")
        worded = ("template", "negative_prompt", "asks", "retry_negative_prompt")
        selected = ("concept", "only")
        return sha256_json(self.chosen(without=(*worded, *judged, *selected)))
