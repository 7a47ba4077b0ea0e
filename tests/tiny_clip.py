"""A tiny, seeded open_clip folder: real files in the stock format, random weights."""

import json
from pathlib import Path
from typing import Any

CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 16,
        "vision_cfg": {
            "image_size": 32,
            "layers": 1,
            "width": 32,
            "head_width": 16,
            "patch_size": 8,
        },
        "text_cfg": {
            "context_length": 32,
            "vocab_size": 49408,
            "width": 16,
            "heads": 2,
            "layers": 1,
        },
    },
    "preprocess_cfg": {"size": 32, "interpolation": "bicubic", "resize_mode": "shortest"},
}


def write_tiny_clip(folder: Path, seed: int = 0) -> str:
    """Writes the folder, and returns its id for ``ScorerSettings``."""
    import torch
    from open_clip.model import CLIP
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "open_clip_config.json").write_text(json.dumps(CONFIG))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = CLIP(
            embed_dim=CONFIG["model_cfg"]["embed_dim"],
            vision_cfg=CONFIG["model_cfg"]["vision_cfg"],
            text_cfg=CONFIG["model_cfg"]["text_cfg"],
        )
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(tensors, folder / "open_clip_model.safetensors")
    return f"local-dir:{folder}"
