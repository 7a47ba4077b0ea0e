"""Models of a hub: looked at before they are fetched, and fetched component by component.

What is in the local cache already is found there, also without a network (``HF_HUB_OFFLINE``).
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
#: What is read beside the weights: configuration, vocabularies, sentencepiece, chat templates.
READ: Final = frozenset({".json", ".txt", ".model", ".jinja"})
#: The model's card, which names its licence.
CARD: Final = "README.md"
_ALONE: Final = (DIALECT_FILE, CARD)


def hub_file(model_id: str, name: str, revision: str | None) -> Path:
    """One small file of a model.

    Raises:
        ModelError: there is no such model or file, here or there.
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
    """A folder with these components; ``weighted`` are those whose weights are wanted, too.

    Single-file checkpoints and other tools' conversions stay there. Of weights that are published
    in half precision alone, those are fetched.

    Raises:
        ModelError: the hub or the local cache doesn't give it.
    """
    from huggingface_hub import snapshot_download

    small = [f"{name}/*{suffix}" for name in components for suffix in sorted(READ)]
    with _asking(model_id):
        sizes = _sizes(model_id, revision)
        weights = [file for name in weighted for file in _weights(sizes, name)]
        if not sizes:  # offline: what the cache has
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
    """Bytes of each file there; empty where nobody can be asked."""
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
    """Whatever goes wrong with the hub as an error of ours."""
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
