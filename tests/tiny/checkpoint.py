"""A diffusers folder of Stable Diffusion 1.x or XL as one checkpoint file, as its authors name it.

The names are those of https://github.com/CompVis/stable-diffusion and
https://github.com/Stability-AI/generative-models.
"""

import re
from pathlib import Path
from typing import Any

Tensors = dict[str, Any]

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
_UNET = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_VAE_ATTENTION = {
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
}
_OPEN_CLIP = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}


def checkpoint(pipeline: Any, file: Path) -> Path:
    """Write the weights of a pipeline into one safetensors file and return it."""
    from safetensors.torch import save_file

    unet, vae = pipeline.unet.state_dict(), pipeline.vae.state_dict()
    layers = pipeline.unet.config.layers_per_block
    tensors = {f"model.diffusion_model.{_unet(name, layers)}": t for name, t in unet.items()}
    blocks = len(pipeline.vae.config.up_block_types)
    for name, tensor in vae.items():
        is_matrix = "attentions" in name and tensor.dim() == 2
        tensors[f"first_stage_model.{_vae(name, blocks)}"] = (
            tensor[:, :, None, None] if is_matrix else tensor
        )
    is_xl = hasattr(pipeline, "text_encoder_2")
    first = "conditioner.embedders.0." if is_xl else "cond_stage_model."
    for name, tensor in pipeline.text_encoder.state_dict().items():
        tensors[f"{first}transformer.text_model.{name.removeprefix('text_model.')}"] = tensor
    if is_xl:
        text = _open_clip(pipeline.text_encoder_2.state_dict())
        tensors |= {f"conditioner.embedders.1.model.{name}": t for name, t in text.items()}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, file)
    return file


def _unet(name: str, layers: int) -> str:
    for ours, theirs in _UNET.items():
        if name.startswith(f"{ours}."):
            return name.replace(ours, theirs)
    kind, _, rest = name.partition("_block")
    if kind == "mid":
        part, place, inner = _parts(rest.removeprefix("."))
        return f"middle_block.{1 if part == 'attentions' else 2 * place}.{_inner(part, inner)}"
    block, rest = re.fullmatch(r"s\.(\d+)\.(.*)", rest).groups()  # type: ignore[union-attr]
    part, place, inner = _parts(rest)
    if kind == "down":
        number = 1 + int(block) * (layers + 1)
        if part == "downsamplers":
            return f"input_blocks.{number + layers}.0.{inner.replace('conv', 'op')}"
        return f"input_blocks.{number + place}.{int(part == 'attentions')}.{_inner(part, inner)}"
    number = int(block) * (layers + 1)
    if part == "upsamplers":
        with_attention = 2 if int(block) == 0 else 1
        return f"output_blocks.{number + layers}.{with_attention}.{inner}"
    return f"output_blocks.{number + place}.{int(part == 'attentions')}.{_inner(part, inner)}"


def _parts(rest: str) -> tuple[str, int, str]:
    part, place, inner = rest.split(".", 2)
    return part, int(place), inner


def _inner(part: str, inner: str) -> str:
    if part == "attentions":
        return inner
    name, _, end = inner.rpartition(".")
    return f"{_RESNET[name]}.{end}"


def _vae(name: str, blocks: int) -> str:
    name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    if "mid_block.attentions.0" in name:
        name = name.replace("mid_block.attentions.0", "mid.attn_1")
        for ours, theirs in _VAE_ATTENTION.items():
            name = name.replace(f".{ours}.", f".{theirs}.")
    name = re.sub(r"down_blocks\.(\d)\.resnets\.", r"down.\1.block.", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0\.", r"down.\1.downsample.", name)
    up = r"up_blocks\.(\d)\."
    name = re.sub(up, lambda m: f"up.{blocks - 1 - int(m[1])}.", name)
    return name.replace(".resnets.", ".block.").replace(".upsamplers.0.", ".upsample.")


def _open_clip(tensors: Tensors) -> Tensors:
    import torch

    found: Tensors = {}
    for full, tensor in tensors.items():
        name = full.removeprefix("text_model.")
        if name == "text_projection.weight":
            found["text_projection"] = tensor.T
        elif name.startswith("embeddings.token_embedding"):
            found["token_embedding.weight"] = tensor
        elif name.startswith("embeddings.position_embedding"):
            found["positional_embedding"] = tensor
        elif name.startswith("final_layer_norm"):
            found[name.replace("final_layer_norm", "ln_final")] = tensor
        elif ".q_proj." in name:
            three = [tensors[full.replace("q_proj", f"{each}_proj")] for each in "qkv"]
            name = name.replace("self_attn.q_proj.", "attn.in_proj_")
            found[_resblock(name)] = torch.cat(three)
        elif ".k_proj." not in name and ".v_proj." not in name:
            for ours, theirs in _OPEN_CLIP.items():
                name = name.replace(ours, theirs)
            found[_resblock(name)] = tensor
    return found


def _resblock(name: str) -> str:
    return name.replace("encoder.layers.", "transformer.resblocks.")
