"""Fetch models from a hub, only the components that are needed.

Files in the local cache are found without a network, too (``HF_HUB_OFFLINE``).
"""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from catalog_gen.dialects.files import FILE as DIALECT_FILE
from catalog_gen.errors import ModelError
from catalog_gen.progress import report

_ID: Final = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
#: Suffixes of what is read besides the weights: configuration, vocabularies, chat templates.
READ: Final = frozenset({".json", ".txt", ".model", ".jinja"})
#: The model's card, which names its licence.
CARD: Final = "README.md"
_ALONE: Final = (DIALECT_FILE, CARD)


def hub_file(model_id: str, name: str, revision: str | None) -> Path:
    """One small file of a model.

    Raises:
        ModelError: there is no such model or file, on the hub or in the cache.
    """
    from huggingface_hub import hf_hub_download

    with _asking(model_id):
        return Path(hf_hub_download(model_id, name, revision=revision))


def hub_folder(
    model_id: str,
    revision: str | None,
    components: Collection[str],
    weighted: Collection[str],
) -> Path:
    """A local folder with these components, those in ``weighted`` with their weights.

    Single-file checkpoints and other tools' conversions are not fetched, and half-precision
    weights only where there are no others.

    Raises:
        ModelError: neither the hub nor the local cache has the model.
    """
    from huggingface_hub import snapshot_download

    small = [f"{name}/*{suffix}" for name in components for suffix in sorted(READ)]
    with _asking(model_id):
        sizes = _sizes(model_id, revision)
        weights = [file for name in weighted for file in _weights(sizes, name)]
        if not sizes:  # offline: whatever the cache has
            weights = [f"{name}/*.safetensors" for name in weighted]
        wanted = sum(sizes.get(file, 0) for file in weights)
        if wanted:
            report("fetch", 0, wanted, f"{model_id}, {wanted / 1e9:.1f} GB")
        folder = snapshot_download(
            model_id,
            revision=revision,
            allow_patterns=["model_index.json", *_ALONE, *small, *weights],
        )
        if wanted:
            report("fetch", wanted, wanted)
    return Path(folder)


def _weights(sizes: Mapping[str, int], component: str) -> list[str]:
    """The plain weights of a component, or else those in half precision."""
    own = [
        name for name in sizes if name.startswith(f"{component}/") and name.endswith(".safetensors")
    ]
    plain = [name for name in own if not re.search(r"\.(fp16|bf16|non_ema|ema)\b", name)]
    return plain or [name for name in own if ".fp16" in name]


def _sizes(model_id: str, revision: str | None) -> dict[str, int]:
    """The sizes in bytes of the model's files on the hub; empty if it can't be reached."""
    from httpx2 import TransportError
    from huggingface_hub import HfApi
    from huggingface_hub.errors import OfflineModeIsEnabled

    api: Any = HfApi()
    try:
        info = api.model_info(model_id, revision=revision, files_metadata=True)
    except (OfflineModeIsEnabled, TransportError):
        return {}
    return {each.rfilename: each.size or 0 for each in info.siblings or ()}


@contextmanager
def _asking(model_id: str) -> Iterator[None]:
    """Turn the hub's errors into ``ModelError``."""
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    if _ID.fullmatch(model_id) is None:
        raise ModelError(
            model_id,
            "there is no such folder or file",
            "Set it to a diffusers folder, a hub id, or one checkpoint file.",
        )
    try:
        yield
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(
            model_id,
            f"is no folder here, and no hub gave it ({type(error).__name__})",
            "Check the spelling, the network and HF_HUB_OFFLINE, or name a folder.",
        ) from error
