"""Settings of the model that draws."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from catalog_gen.chosen import Chosen
from catalog_gen.settings.types import MAX_BATCH, ModelId, OwnPath, PartName


class LoraSettings(Chosen):
    """A LoRA that is applied to every picture."""

    path: OwnPath = Field(description="its safetensors file")
    weight: float = Field(1.0, ge=-8, le=8, description="its strength")


class EmbeddingSettings(Chosen):
    """A word that was learned by textual inversion."""

    path: OwnPath = Field(description="its safetensors file")
    token: str = Field(pattern=r"^\S+$", description="its spelling in prompts: <my-mug>")


class ControlNetSettings(Chosen):
    """A ControlNet, which the method ``control`` draws with."""

    name: PartName = Field(description="how views and recipes say it")
    path: OwnPath = Field(description="its diffusers folder")


class IpAdapterSettings(Chosen):
    """An IP-Adapter, which the method ``variation`` draws with."""

    name: PartName = Field(description="how views and recipes say it")
    path: OwnPath = Field(description="its safetensors file")
    image_encoder: OwnPath = Field(description="the folder of the CLIP image encoder that it needs")


class ModelSettings(Chosen):
    """The diffusion model and how it runs."""

    id: ModelId = Field(description="a diffusers folder, a hub's model id, or one checkpoint file")
    revision: str | None = Field(None, description="the hub revision, to pin a hub id")
    config: ModelId | None = Field(
        None,
        description="for a checkpoint file: a diffusers folder or hub id of the same kind, for its "
        "configuration and tokenizers",
    )
    denoiser: OwnPath | None = Field(
        None,
        description="a file (.gguf or .safetensors) with the denoiser's weights, used instead of "
        "the folder's",
    )
    loras: tuple[LoraSettings, ...] = Field((), description="LoRAs, applied in this order")
    embeddings: tuple[EmbeddingSettings, ...] = Field((), description="learned words")
    controlnets: tuple[ControlNetSettings, ...] = Field((), description="for the method control")
    ip_adapters: tuple[IpAdapterSettings, ...] = Field((), description="for the method variation")
    sha256: str | None = Field(
        None,
        pattern="^[0-9a-f]{64}$",
        description="the model's hash, to pin its files: a model with another hash is refused",
    )
    dtype: Literal["auto", "fp32", "fp16", "bf16"] = Field(
        "auto", description="auto: fp32 on the CPU, bf16 on a GPU"
    )
    device: Literal["auto", "cpu", "cuda"] = "auto"
    devices: tuple[Annotated[str, Field(pattern=r"^(cpu|cuda(:\d{1,3})?)$")], ...] = Field(
        (), description="several at once, a process each: cuda:0, cuda:1; none: device alone"
    )
    batch_size: int = Field(8, ge=1, le=MAX_BATCH, description="every batch is padded to this size")
    compile: bool = Field(False, description="torch.compile the whole denoiser (GPU)")
    dialect: OwnPath | None = Field(
        None, description="a file with the model's words, if its folder has none"
    )

    @model_validator(mode="after")
    def _draws_on_one_kind_of_device(self) -> Self:
        if len({device.partition(":")[0] for device in self.devices}) > 1:
            raise ValueError(
                f"devices {list(self.devices)} are of two kinds, which draw different pictures; "
                "name GPUs alone"
            )
        return self

    @model_validator(mode="after")
    def _names_its_parts_apart(self) -> Self:
        for key, parts in (("controlnets", self.controlnets), ("ip_adapters", self.ip_adapters)):
            names = [each.name for each in parts]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{key}: two are named '{twice[0]}'; give each its own name")
        return self
