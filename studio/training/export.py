"""Write the trained networks as stock folders: a diffusers pipeline and an open_clip model.

Weights are stored in fp16, which halves the size without visible loss; both libraries load them in
fp32. The model card is written by hand, from ``evaluate``'s figures.
"""

import copy
import json
import shutil
from pathlib import Path
from typing import Any, Final

from catalog_gen.errors import ModelError
from studio.dialect import studio_dialect
from studio.networks.diffusion import GUIDANCE, STEPS, assemble
from studio.networks.objective import Objective
from studio.vocabulary import (
    ANGLES,
    BACKGROUNDS,
    CATEGORIES,
    COLOURS,
    COUNTS,
    HELD_OUT_PAIRS,
    MATERIALS,
)

#: Maximum size of all weights together, since they are in the repository.
LIMIT_BYTES: Final[int] = 48_000_000


def export_pipeline(
    vae: Any, text_encoder: Any, unet: Any, tokenizer: Any, objective: Objective, folder: Path
) -> None:
    """Writes ``folder`` for ``StableDiffusionPipeline.from_pretrained``, replacing an older one."""
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    # Copies, since the networks themselves may be trained further in fp32.
    vae, text_encoder, unet = (copy.deepcopy(part).half() for part in (vae, text_encoder, unet))
    pipeline = assemble(vae, text_encoder, unet, tokenizer, objective)
    pipeline.save_pretrained(partial, safe_serialization=True)
    tokenizer.backend_tokenizer.model.save(str(partial / "tokenizer"))
    for weights in partial.rglob("*.safetensors"):
        weights.chmod(0o644)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def export_words(path: Path, side: int) -> None:
    """Write the model's vocabulary and its recommended settings as JSON.

    ``side`` is that of its pictures in pixels.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    known = {
        "side": side,
        "steps": STEPS,
        "guidance": GUIDANCE,
        "categories": CATEGORIES,
        "colours": COLOURS,
        "materials": MATERIALS,
        "backgrounds": BACKGROUNDS,
        "angles": ANGLES,
        "counts": COUNTS,
        "held_out_pairs": sorted(HELD_OUT_PAIRS),
        "dialect": studio_dialect(),
    }
    path.write_text(json.dumps(known, indent=2) + "\n")


def weigh(folder: Path) -> int:
    """Bytes of all weights under ``folder``.

    Raises:
        ModelError: they are more than ``LIMIT_BYTES``.
    """
    total = sum(path.stat().st_size for path in folder.rglob("*.safetensors"))
    if total > LIMIT_BYTES:
        raise ModelError(
            f"{total} bytes of weights in {folder}",
            f"must be at most {LIMIT_BYTES} to live in the repository",
            "Make a network in studio/networks/sizes.py smaller.",
        )
    return total
