"""A tiny, seeded super-resolution folder in transformers' form: Swin2SR of one layer, twofold."""

from pathlib import Path


def write_tiny_swin2sr(folder: Path, seed: int = 0) -> Path:
    """Writes the folder and returns it."""
    import torch
    from transformers import Swin2SRConfig, Swin2SRForImageSuperResolution, Swin2SRImageProcessor

    config = Swin2SRConfig(
        embed_dim=12, depths=[1], num_heads=[2], window_size=4, upscale=2, resi_connection="1conv"
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Swin2SRForImageSuperResolution(config)
    model.save_pretrained(folder, safe_serialization=True)
    Swin2SRImageProcessor(size_divisor=8).save_pretrained(folder)
    return folder
