"""A tiny, seeded captioner in transformers' form, with the studio's own words."""

from pathlib import Path

WORDS = Path(__file__).parents[2] / "data" / "models" / "studio" / "clip"


def write_tiny_captioner(folder: Path, seed: int = 0) -> Path:
    """Writes the folder and returns it."""
    import torch
    from transformers import AutoTokenizer

    from studio.networks.captioner import build_captioner, export_captioner

    tokenizer = AutoTokenizer.from_pretrained(WORDS)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = build_captioner(
            len(tokenizer), tokenizer.bos_token_id, tokenizer.eos_token_id, width=0.25
        )
    export_captioner(network, tokenizer, folder)
    return folder
