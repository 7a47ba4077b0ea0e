"""Write training's files atomically, and weights in fp16."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from torch import nn


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A stream to a temporary file, synced and renamed to ``path`` at the end; makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)


def save_weights(network: nn.Module, path: Path) -> None:
    """Write a network's weights in fp16 as safetensors; non-float tensors are unchanged."""
    from safetensors.torch import save

    weights = {
        name: (value.half() if value.is_floating_point() else value).cpu().contiguous()
        for name, value in network.state_dict().items()
    }
    with whole_file(path) as stream:
        stream.write(save(weights, metadata={"format": "pt"}))
