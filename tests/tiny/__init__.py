"""Tiny, seeded model folders, one family per file, built from configuration without any download.

Their pictures are colourful noise of 32 x 32 pixels; what they exercise is real: the same classes,
files, tokenizers and chat templates that the full-size models have. Each is built once a process
and copied from then on.
"""

import shutil
import tempfile
from functools import cache
from importlib import import_module
from pathlib import Path


def tiny(family: str, folder: Path) -> Path:
    """Write the folder of ``tests/tiny/FAMILY.py`` and return it."""
    shutil.copytree(_built(family), folder, dirs_exist_ok=True)
    return folder


@cache
def _built(family: str) -> Path:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20)
        pipeline = import_module(f"tests.tiny.{family}").build()
    folder = Path(tempfile.mkdtemp(prefix=f"tiny-{family}-"))
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder
