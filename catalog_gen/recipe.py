"""A recipe: everything chosen that decides the pixels of one candidate, frozen.

What decides pixels too but is not chosen (library versions, device, dtype, batch size, threads)
is the ``Environment``, recorded beside each image and never part of the identity.
"""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from catalog_gen.fingerprint import canonical_json, sha256_text

Method = Literal["text2img", "img2img"]
SchedulerName = Literal[
    "ddim", "euler", "euler-a", "dpm++2m", "dpm++2m-karras", "unipc", "lcm", "pndm", "heun"
]

#: Of classifier-free guidance, in a view and in a recipe.
MAX_GUIDANCE: Final = 50.0


class Recipe(BaseModel):
    """One candidate image, to be drawn the same way forever."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    method: Method
    model_hash: str = Field(description="SHA-256 over the weights, not a name")
    prompt: str
    negative_prompt: str
    seed: int = Field(ge=0, lt=2**63)
    scheduler: SchedulerName
    steps: int = Field(ge=1, le=1000)
    guidance: float = Field(ge=0, le=MAX_GUIDANCE)
    width: int = Field(ge=8, multiple_of=8, description="pixels")
    height: int = Field(ge=8, multiple_of=8, description="pixels")
    strength: float | None = Field(None, gt=0, le=1, description="img2img only")
    reference_sha256: str | None = Field(None, description="the reference photo; img2img only")

    @property
    def canonical(self) -> str:
        """The canonical JSON that is hashed and stored."""
        return canonical_json(self.model_dump(mode="json"))

    @property
    def recipe_id(self) -> str:
        """SHA-256 of the canonical JSON."""
        return sha256_text(self.canonical)


def candidate_seed(product_id: str, view: str, candidate: int, attempt: int) -> int:
    """The seed of a candidate: 0..2**63-1, spread evenly, the same on every machine.

    It depends on the product and not on the prompt, so that a changed colour keeps the
    composition as far as the model allows.
    """
    key = canonical_json([product_id, view, candidate, attempt])
    return int(sha256_text(key)[:16], 16) >> 1


class Environment(BaseModel):
    """What decides pixels without being chosen: recorded with each image, compared on redraw."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: str = Field(description="'cpu' or the name of the GPU")
    dtype: Literal["fp32", "fp16", "bf16"]
    batch_size: int = Field(ge=1, description="the fixed size that batches were padded to")
    threads: int = Field(ge=1, description="torch's intra-op threads")
    compiled: bool
    platform: str = Field(description="operating system and processor architecture")
    libraries: dict[str, str] = Field(description="versions of torch, diffusers, transformers, ...")

    @property
    def environment_id(self) -> str:
        """SHA-256 of the canonical JSON."""
        return sha256_text(canonical_json(self.model_dump(mode="json")))

    def differences(self, other: "Environment") -> list[str]:
        """The parts that differ, as "part: mine -> other's"."""
        mine, theirs = self._flat(), other._flat()
        return [
            f"{key}: {mine.get(key)} -> {theirs.get(key)}"
            for key in sorted(mine.keys() | theirs.keys())
            if mine.get(key) != theirs.get(key)
        ]

    def _flat(self) -> dict[str, object]:
        flat = self.model_dump(mode="json", exclude={"libraries"})
        return flat | {f"libraries.{name}": version for name, version in self.libraries.items()}
