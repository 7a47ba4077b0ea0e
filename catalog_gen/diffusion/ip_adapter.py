"""IP-Adapters: checked by headers, then loaded beside the model, and worn for a batch at a time.

IP-Adapter: Text Compatible Image Prompt Adapter for Text-to-Image Diffusion Models
(https://arxiv.org/abs/2308.06721): beside each cross-attention to the text stands another one to a
picture, which a CLIP image encoder has turned into a few tokens.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from catalog_gen.diffusion.families.family import Family
from catalog_gen.diffusion.jobs import RecipeError
from catalog_gen.diffusion.weights import (
    MISFITS,
    PICKLED,
    Shapes,
    check_component,
    common_variant,
    misfit,
    read_json,
    tensor_shapes,
)
from catalog_gen.errors import ModelError
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.settings.model import IpAdapterSettings

if TYPE_CHECKING:
    import torch

Focus = Literal["content", "style"]

#: Principal components of a photo's patches: without the first two there is little style, after the
#: fifth little but content.
_STYLE, _CONTENT = 2, 5
_CONFIG: Final = "config.json"
_PROJECTION: Final = "image_proj."
_ATTENTION: Final = "ip_adapter."
_KEYS: Final = re.compile(r"ip_adapter\.\d+\.to_k_ip\.weight")
#: Where the picture's numbers enter, and which of the encoder's they are: the plain adapter takes
#: one projected vector, "Plus" takes every patch.
_ENTRANCES: Final = (
    ("image_proj.proj.weight", "projection_dim"),
    ("image_proj.proj_in.weight", "hidden_size"),
)


@dataclass(frozen=True, slots=True)
class IpAdapter:
    """A checked IP-Adapter: its name, its file, and its image encoder's folder and files."""

    name: str
    path: Path
    encoder: Path
    encoder_files: tuple[Path, ...]
    variant: str | None


def check_ip_adapter(
    asked: IpAdapterSettings, pipeline: str, family: Family, denoiser: Shapes
) -> IpAdapter:
    """An IP-Adapter that fits the model and its image encoder.

    Args:
        asked: its name, its file and the encoder's folder.
        pipeline: the model's pipeline class.
        family: the model's family.
        denoiser: shapes of the U-Net's weights; empty where they are named in another tool's way:
            then they are compared when the adapter is loaded.

    Raises:
        ModelError: the family takes none; a file is missing, pickled, broken or something else; or
            they were made for other models.
    """
    family.check_draws_with("ip_adapter", asked.path, pipeline)
    if asked.path.suffix in PICKLED:
        raise ModelError(
            str(asked.path),
            "it is pickled, and a pickle can run any code",
            "Name the same adapter's .safetensors file.",
        )
    shapes = tensor_shapes(asked.path)
    entrance, wanted = _entrance(asked.path, shapes)
    config = _encoder_config(asked.image_encoder)
    width = shapes[entrance][1]
    if config.get(wanted, width) != width:
        raise ModelError(
            str(asked.path),
            f"it takes {width} numbers of a picture, and the {wanted} of {asked.image_encoder} is "
            f"{config[wanted]}",
            "Name the image encoder that this adapter was trained with (SDXL's plain adapter has "
            "a larger one than the others).",
        )
    _check_widths(asked.path, shapes, denoiser)
    variant = common_variant([asked.image_encoder])
    files = (asked.image_encoder / _CONFIG, *check_component(asked.image_encoder, variant))
    return IpAdapter(asked.name, asked.path, asked.image_encoder, files, variant)


def _encoder_config(folder: Path) -> dict[str, object]:
    config = read_json(folder / _CONFIG) if (folder / _CONFIG).is_file() else {}
    if config.get("model_type") != "clip_vision_model":
        raise ModelError(
            str(folder),
            f"it has no {_CONFIG} of a CLIP image encoder (model_type = 'clip_vision_model')",
            "Name the folder image_encoder that came with the IP-Adapter.",
        )
    return config


def _entrance(file: Path, shapes: Shapes) -> tuple[str, str]:
    if not any(_KEYS.fullmatch(name) for name in shapes):
        raise ModelError(str(file), "holds no IP-Adapter", "Name an IP-Adapter's file.")
    for entrance, wanted in _ENTRANCES:
        if entrance in shapes:
            return entrance, wanted
    raise ModelError(
        str(file),
        "it looks at faces (FaceID), or at a picture in a way that is not supported",
        "Name a plain IP-Adapter, or a Plus one.",
    )


def _check_widths(file: Path, shapes: Shapes, denoiser: Shapes) -> None:
    """Compare the adapter's attentions with the U-Net's: as many, of the same widths."""
    theirs = sorted(shape for name, shape in shapes.items() if _KEYS.fullmatch(name))
    own = sorted(shape for name, shape in denoiser.items() if name.endswith(".attn2.to_k.weight"))
    if own and own != theirs:
        widest = [
            f"{len(each)} cross-attentions of {each[-1][0]} x {each[-1][1]} at most"
            for each in (theirs, own)
        ]
        raise ModelError(
            str(file),
            f"it has {widest[0]}, and the model {widest[1]}",
            "Name an IP-Adapter that was made for this kind of model.",
        )


@dataclass(frozen=True, slots=True)
class LoadedIpAdapter:
    """An IP-Adapter in memory, beside a U-Net that is as it was before.

    ``processors`` are its attentions by the U-Net's names for them, ``projection`` turns what the
    ``encoder`` sees into tokens, ``pictures`` prepares photos for the encoder.
    """

    processors: Mapping[str, Any]
    projection: Any
    encoder: Any
    pictures: Any

    @property
    def networks(self) -> list["torch.nn.Module"]:
        """All of its weights."""
        import torch

        attentions = [
            each for each in self.processors.values() if isinstance(each, torch.nn.Module)
        ]
        return [*attentions, self.projection, self.encoder]

    def embeddings(
        self, photos: Sequence[Pixels], *, guided: bool, focus: Focus | None = None
    ) -> list["torch.Tensor"]:
        """The pipelines' argument ``ip_adapter_image_embeds`` for B photos of (H, W, 3).

        A photo is encoded alone, so that none depends on its neighbours. (B, 1, D), or with patches
        (B, 1, N, D); under guidance B rows of what stands for no picture come first.

        Raises:
            RecipeError: a ``focus`` is asked of an adapter that sees no patches.
        """
        import torch

        if focus is not None and not self._takes_patches:
            raise RecipeError(
                f"focus = '{focus}'",
                "this IP-Adapter sees a photo as a whole, not its patches",
                "Remove it, or name an adapter of the Plus form.",
            )
        rows: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        for photo in photos:  # candidates of one product share theirs
            if id(photo) not in rows:
                shown, nothing = self._encoded(photo)
                rows[id(photo)] = focused(shown, focus) if focus else shown, nothing
        positive = torch.cat([rows[id(photo)][0] for photo in photos])
        if not guided:
            return [positive[:, None]]
        negative = torch.cat([rows[id(photo)][1] for photo in photos])
        return [torch.cat([negative, positive])[:, None]]

    def _encoded(self, photo: Pixels) -> tuple["torch.Tensor", "torch.Tensor"]:
        """A photo, and what stands for none: zeros, or for patches a black picture."""
        import torch

        weights = next(self.encoder.parameters())
        values = self.pictures(images=photo.copy(), return_tensors="pt").pixel_values
        values = values.to(weights.device, weights.dtype)
        if self._takes_patches:
            return self._patches(values), self._patches(torch.zeros_like(values))
        whole = self.encoder(values).image_embeds
        return whole, torch.zeros_like(whole)

    @property
    def _takes_patches(self) -> bool:
        return hasattr(self.projection.image_projection_layers[0], "latents")

    def _patches(self, values: "torch.Tensor") -> "torch.Tensor":
        """The encoder's last layer but one: (1, N, D)."""
        hidden: torch.Tensor = self.encoder(values, output_hidden_states=True).hidden_states[-2]
        return hidden

    @contextmanager
    def worn(
        self,
        unet: Any,
        scale: float,
        photos: int,
        *,
        blocks: Sequence[str] | None = None,
        prompt: float = 1.0,
    ) -> Iterator[None]:
        """Let the U-Net look at pictures during the block, ``scale`` strong.

        Args:
            unet: as it is otherwise.
            scale: weight of what it reads in the picture.
            photos: how many there are, one for each picture of the batch.
            blocks: those that look, as diffusers names them; None: all.
            prompt: weight of what it reads in the prompt.
        """
        before = dict(unet.attn_processors)
        looking = None if blocks is None else tuple(map(_layers, blocks))
        for name, processor in self.processors.items():
            if hasattr(processor, "scale"):
                processor.scale = [scale if looking is None or name.startswith(looking) else 0.0]
        hooks = [] if prompt == 1 else _quieter(unet, prompt)
        hooks.append(_each_its_own(self.projection, photos))
        try:
            unet.set_attn_processor(dict(self.processors))
            unet.encoder_hid_proj = self.projection
            unet.register_to_config(encoder_hid_dim_type="ip_image_proj")
            yield
        finally:
            for hook in hooks:
                hook.remove()
            # First, since a Plus projection has attentions of its own, which would be counted.
            unet.encoder_hid_proj = None
            unet.set_attn_processor(before)
            unet.register_to_config(encoder_hid_dim_type=None)


def _layers(block: str) -> str:
    """The beginning of the names of a block's layers: "up.block_0" is "up_blocks.0."."""
    kind, _, number = block.partition(".block_")
    return f"{kind}_block{'' if kind == 'mid' else 's'}.{f'{number}.' if number else ''}"


def _quieter(unet: Any, weight: float) -> list[Any]:
    """Hooks that multiply what the U-Net reads in the prompt: attention is linear in its values."""

    def multiplied(_: Any, __: Any, values: "torch.Tensor") -> "torch.Tensor":
        return values * weight

    return [
        unet.get_submodule(name.removesuffix("processor") + "to_v").register_forward_hook(
            multiplied
        )
        for name in unet.attn_processors
        if name.endswith(".attn2.processor")
    ]


def _each_its_own(projection: Any, photos: int) -> Any:
    """A hook that takes back a repetition: (G * photos * photos, ...) to (G * photos, ...).

    The pipelines expect one photo for all prompts, so each of the G parts, of which guidance has
    two, comes once for every picture. Left so, every picture would look at all photos of its batch.
    """

    def first(_: Any, arguments: tuple[list["torch.Tensor"]]) -> tuple[list["torch.Tensor"]]:
        (parts,) = arguments
        return (
            [
                each.reshape(-1, photos, photos, *each.shape[1:])[:, 0].flatten(0, 1)
                for each in parts
            ],
        )

    return projection.register_forward_pre_hook(first)


def focused(tokens: "torch.Tensor", focus: Focus) -> "torch.Tensor":
    """Patches (1, 1 + N, D) with only a photo's content left, or its style; the first is global.

    Versatile Diffusion (https://arxiv.org/abs/2211.08332), section 4.3: the first principal
    components of the patches, each without its mean, carry the style. The deviation is restored.
    The authors sketch the components at random; these are exact, so that they are always the same.
    """
    import torch

    first, local = tokens[:, :1], tokens[:, 1:].float()
    means = local.mean(-1, keepdim=True)
    left, sizes, right = torch.linalg.svd(local - means, full_matrices=False)
    kept = torch.arange(sizes.shape[-1], device=sizes.device)
    kept = kept >= _STYLE if focus == "content" else kept < _CONTENT
    parts = (left * (sizes * kept)[:, None]) @ right
    parts = parts * ((local - means).std() / parts.std().clamp(min=1e-6))
    return torch.cat([first, (parts + means).to(tokens.dtype)], dim=1)


def load_ip_adapters(
    adapters: Sequence[IpAdapter], pipeline: Any, dtype: "torch.dtype"
) -> Mapping[str, LoadedIpAdapter]:
    """The adapters by name, on the CPU; the pipeline is as it was before.

    Raises:
        ModelError: a file does not fit the model.
    """
    return {each.name: _load(each, pipeline, dtype) for each in adapters}


def _load(adapter: IpAdapter, pipeline: Any, dtype: "torch.dtype") -> LoadedIpAdapter:
    from safetensors.torch import load_file
    from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

    unet, extractor = pipeline.unet, pipeline.feature_extractor
    try:
        encoder = CLIPVisionModelWithProjection.from_pretrained(
            str(adapter.encoder),
            dtype=dtype,
            variant=adapter.variant,
            use_safetensors=True,
            local_files_only=True,
        )
        side = encoder.config.image_size
        pictures = CLIPImageProcessor(size=side, crop_size=side)
        tensors = load_file(adapter.path)
        state = {
            name: {
                key.removeprefix(begin): tensor
                for key, tensor in tensors.items()
                if key.startswith(begin)
            }
            for name, begin in (("image_proj", _PROJECTION), ("ip_adapter", _ATTENTION))
        }
        # Registered first: else it would look for an encoder in a place of its own.
        pipeline.register_modules(image_encoder=encoder, feature_extractor=extractor or pictures)
        pipeline.load_ip_adapter(state, subfolder="", weight_name="", image_encoder_folder=None)
        projection, unet.encoder_hid_proj = unet.encoder_hid_proj, None
        loaded = LoadedIpAdapter(dict(unet.attn_processors), projection, encoder, pictures)
    except MISFITS as error:
        raise misfit(adapter.path, error) from error
    pipeline.unload_ip_adapter()
    pipeline.register_modules(feature_extractor=extractor)
    return loaded
