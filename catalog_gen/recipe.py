"""A recipe: every choice that determines the pixels of one candidate, frozen.

What affects the pixels without being chosen (library versions, device, dtype, batch size, threads)
is the ``Environment``, recorded with each image and never part of the identity.
"""

from dataclasses import dataclass
from typing import Final, Literal

from pydantic import Field

from catalog_gen.chosen import Chosen
from catalog_gen.fingerprint import canonical_json, sha256_text
from catalog_gen.method import AnyMethod

#: Maximum of classifier-free guidance, in a view and in a recipe.
MAX_GUIDANCE: Final = 50.0


class Recipe(Chosen):
    """One candidate image, to be drawn the same way forever."""

    version: Literal[1] = 1
    method: AnyMethod = Field(description="the way to draw, with its own parameters")
    model_hash: str = Field(description="SHA-256 over the weights, not a name")
    prompt: str
    negative_prompt: str
    seed: int = Field(ge=0, lt=2**63, description="of the noise that the picture starts from")
    scheduler: str = Field(min_length=1, description="a name that the model family has")
    steps: int = Field(ge=1, le=1000)
    guidance: float = Field(ge=0, le=MAX_GUIDANCE)
    width: int = Field(ge=8, multiple_of=8, description="pixels")
    height: int = Field(ge=8, multiple_of=8, description="pixels")
    reference_sha256: str | None = Field(None, description="the photo, where the method needs one")
    mask_sha256: str | None = Field(
        None, description="the product's mask in the photo, where the method needs one"
    )
    concept_sha256: str | None = Field(
        None, description="what was learned about the product, where the method needs it"
    )
    eta: float | None = Field(
        None, ge=0, le=1, description="noise that ddim adds in each step; none: it adds none"
    )

    @property
    def recipe_id(self) -> str:
        """SHA-256 of the canonical JSON; the id of the image that is drawn from it."""
        return self.identity

    @property
    def work(self) -> float:
        """The cost of drawing it: pixels times the steps that its method runs."""
        return self.width * self.height * self.steps * self.method.share


@dataclass(frozen=True, slots=True)
class Failure:
    """A recipe that could not be drawn: why, what to do, and the seconds of drawing it cost."""

    recipe_id: str
    error: str
    seconds: float


def candidate_seed(form: str, candidate: int, attempt: int) -> int:
    """The seed of a candidate: 0..2**63-1, spread evenly, the same on every machine.

    It depends on the look's form alone (``look``), so that the same look gives the same picture
    for ever, and another colour keeps the composition as far as the model allows.
    """
    key = canonical_json([form, candidate, attempt])
    return int(sha256_text(key)[:16], 16) >> 1


class Environment(Chosen):
    """Everything else that determines the pixels; recorded with each image, compared on redraw."""

    device: str = Field(description="'cpu' or the name of the GPU")
    dtype: Literal["fp32", "fp16", "bf16"]
    batch_size: int = Field(ge=1, description="the fixed size that batches were padded to")
    threads: int = Field(ge=1, description="torch's intra-op threads")
    compiled: bool
    platform: str = Field(description="operating system and processor architecture")
    libraries: dict[str, str] = Field(description="versions of torch, diffusers, transformers, ...")
    rounded_to: Literal["fp16", "bf16", "fp32"] | None = Field(
        None, description="what the weights were stored in, where dtype is another"
    )
    tf32: bool | None = Field(
        None, description="whether a GPU may round factors of fp32 to 10 bits; none: no GPU"
    )

    @property
    def environment_id(self) -> str:
        """SHA-256 of the canonical JSON."""
        return self.identity

    def differences(self, other: "Environment") -> list[str]:
        """The parts that differ, as "part: mine -> other's"."""
        mine, theirs = self._flat(), other._flat()
        return [
            f"{key}: {mine.get(key)} -> {theirs.get(key)}"
            for key in sorted(mine.keys() | theirs.keys())
            if mine.get(key) != theirs.get(key)
        ]

    def _flat(self) -> dict[str, object]:
        flat = self.chosen(without=("libraries",))
        return flat | {f"libraries.{name}": version for name, version in self.libraries.items()}
