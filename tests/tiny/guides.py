"""What leads a tiny model along a photo: ControlNets and IP-Adapters, in the files people have."""

from pathlib import Path
from typing import Any

from .parts import WIDTH

#: Width of a Plus adapter's resampler: one head.
_HEAD = 64


def controlnet(pipeline: Any, folder: Path, *, seed: int = 5, **changes: Any) -> Path:
    """A ControlNet of the pipeline's kind; what training would have moved from zero is random."""
    import torch
    from diffusers import ControlNetModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = ControlNetModel.from_unet(
            pipeline.unet, **({"conditioning_embedding_out_channels": (8, 16)} | changes)
        )
        for name, tensor in net.named_parameters():
            if name.startswith("controlnet_") and tensor.dim() > 1:
                torch.nn.init.normal_(tensor, std=0.3)
    net.save_pretrained(folder, safe_serialization=True)
    return folder


def image_encoder(folder: Path, *, width: int = WIDTH) -> Path:
    """A CLIP image encoder of 32 x 32 pixels in patches of 8."""
    import torch
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=width,
        projection_dim=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        encoder = CLIPVisionModelWithProjection(config)
    encoder.save_pretrained(folder)
    return folder


def ip_adapter(
    pipeline: Any, file: Path, *, plus: bool = False, seen: int = WIDTH, seed: int = 7
) -> Path:
    """An IP-Adapter that takes ``seen`` numbers: of the whole picture, or of every patch."""
    import torch
    from safetensors.torch import save_file

    unet = pipeline.unet
    tokens = unet.config.cross_attention_dim
    generator = torch.Generator().manual_seed(seed)

    def weights(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator) * 0.5

    tensors = _resampler(weights, seen, tokens) if plus else _projection(weights, seen, tokens)
    key = 1
    for name, processor in unet.attn_processors.items():
        if name.endswith("attn2.processor"):
            width = unet.get_submodule(name.removesuffix(".processor")).to_k.weight.shape[0]
            tensors[f"ip_adapter.{key}.to_k_ip.weight"] = weights(width, tokens)
            tensors[f"ip_adapter.{key}.to_v_ip.weight"] = weights(width, tokens)
            key += 2
        assert processor is not None
    save_file(tensors, file)
    return file


def _projection(weights: Any, seen: int, tokens: int) -> dict[str, Any]:
    return {
        "image_proj.proj.weight": weights(4 * tokens, seen),
        "image_proj.proj.bias": weights(4 * tokens),
        "image_proj.norm.weight": weights(tokens),
        "image_proj.norm.bias": weights(tokens),
    }


def _resampler(weights: Any, seen: int, tokens: int) -> dict[str, Any]:
    tensors = {
        "latents": weights(1, 3, _HEAD),
        "proj_in.weight": weights(_HEAD, seen),
        "proj_in.bias": weights(_HEAD),
        "proj_out.weight": weights(tokens, _HEAD),
        "proj_out.bias": weights(tokens),
        "norm_out.weight": weights(tokens),
        "norm_out.bias": weights(tokens),
    }
    for layer in range(4):
        begin = f"layers.{layer}"
        for norm in ("0.norm1", "0.norm2", "1.0"):
            tensors[f"{begin}.{norm}.weight"] = weights(_HEAD)
            tensors[f"{begin}.{norm}.bias"] = weights(_HEAD)
        tensors[f"{begin}.0.to_q.weight"] = weights(_HEAD, _HEAD)
        tensors[f"{begin}.0.to_kv.weight"] = weights(2 * _HEAD, _HEAD)
        tensors[f"{begin}.0.to_out.weight"] = weights(_HEAD, _HEAD)
        tensors[f"{begin}.1.1.weight"] = weights(4 * _HEAD, _HEAD)
        tensors[f"{begin}.1.3.weight"] = weights(_HEAD, 4 * _HEAD)
    return {f"image_proj.{name}": tensor for name, tensor in tensors.items()}
