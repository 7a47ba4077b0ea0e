"""What a model folder is, checked and hashed without loading it: no torch, no weights in memory.

A model is a diffusers folder (``model_index.json`` and one folder a component) on disk, or the id
of one on a hub. This module resolves it, refuses what is unsafe or broken before any work starts,
and gives it an identity: a hash over its bytes, never its name. It does not load it: see
``loading``.
"""

import json
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from catalog_gen.dialects.files import FILE as DIALECT_FILE
from catalog_gen.diffusion.families.family import Family, family_of
from catalog_gen.diffusion.hash_cache import HashCache
from catalog_gen.errors import ModelError
from catalog_gen.fingerprint import sha256_json
from catalog_gen.settings import ModelSettings

#: Classes of components without weights, by the end of their names.
_WEIGHTLESS: Final = ("Tokenizer", "TokenizerFast", "Scheduler", "Processor", "FeatureExtractor")
#: Where a component's class may come from. Anything else is code inside the model folder.
_LIBRARIES: Final = frozenset({"diffusers", "transformers", "stable_diffusion"})
#: What a diffusers folder is made of.
INDEX: Final = "model_index.json"
_PICKLED: Final = frozenset({".bin", ".ckpt", ".pt", ".pth", ".pkl"})
#: Beside the weights: configuration, vocabularies, sentencepiece models, chat templates.
_READ: Final = frozenset({".json", ".txt", ".model", ".jinja"})
_HUB_ID: Final = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_VARIANT: Final = re.compile(r"\.(fp16|bf16|fp32|non_ema|ema)(-\d{5}-of-\d{5})?\.safetensors$")
#: A safetensors header above this size is refused by the format's own readers, too.
_MAX_HEADER: Final = 100_000_000


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A checked diffusers folder.

    ``components`` are the names with a folder of their own; ``files`` those that decide pixels.
    ``variant`` names the weights ("fp16") of a folder whose plain ones are not complete.
    """

    path: Path
    pipeline_class: str
    family: Family
    components: tuple[str, ...]
    files: tuple[Path, ...]
    variant: str | None


def local_model(model_id: str, revision: str | None = None) -> ModelFolder:
    """The folder of a model, checked: see ``check_model``.

    A hub id is fetched first (weights as safetensors only), or found in the local hub cache when
    ``HF_HUB_OFFLINE`` is set.

    Raises:
        ModelError: no such folder or hub id, or a folder that ``check_model`` refuses.
    """
    path = Path(model_id)
    return check_model(path.absolute() if path.is_dir() else _from_hub(model_id, revision))


def check_model(path: Path) -> ModelFolder:
    """Refuse a folder that can't be loaded safely, before any work.

    Weights are checked by their safetensors header and length; nothing is read into memory.

    Raises:
        ModelError: no ``model_index.json``; a pipeline class that no family drives; a
            component that is missing, has pickled weights only, brings its own code, or is
            truncated.
    """
    pipeline, family, components = _looked_at(path / INDEX, str(path))
    files = [path / INDEX]
    variant = _variant(
        path / name for name, of in components.items() if not of.endswith(_WEIGHTLESS)
    )
    for component, class_name in components.items():
        if not (path / component).is_dir():
            raise ModelError(
                str(path / component),
                f"{INDEX} lists this component, and its folder is missing",
                "Fetch or save the model again.",
            )
        weighted = not class_name.endswith(_WEIGHTLESS)
        files += _component_files(path / component, variant, weighted=weighted)
    _check_channels(path, pipeline, family)
    return ModelFolder(path, pipeline, family, tuple(components), tuple(files), variant)


def pinned_model(settings: ModelSettings, cache: Path | None = None) -> tuple[ModelFolder, str]:
    """The configured model's folder, checked, and its hash.

    Raises:
        ModelError: as ``local_model``; or ``model.sha256`` pins other files than those.
    """
    folder = local_model(settings.id, settings.revision)
    found = model_hash(folder, cache)
    if settings.sha256 not in (None, found):
        raise ModelError(
            settings.id,
            f"its files hash to {found[:12]}, and model.sha256 pins {str(settings.sha256)[:12]}: "
            "weights or configuration were changed",
            "Fetch the model again; or, if you chose another one, pin its hash or take "
            "model.sha256 out: every picture will then be drawn anew.",
        )
    return folder, found


def model_hash(folder: ModelFolder, cache: Path | None = None) -> str:
    """The identity of a model: SHA-256 over the names and hashes of the files that decide pixels.

    These are ``model_index.json`` and, for each component that it lists, the weights that would
    be loaded and what is read beside them (configuration, vocabulary, chat template, schedule).

    Args:
        folder: as ``check_model`` found it.
        cache: a small JSON file that remembers each file's hash by path, size and times, so that
            gigabytes are read only once.
    """
    hashes = HashCache(cache)
    parts = {file.relative_to(folder.path).as_posix(): hashes.sha256(file) for file in folder.files}
    hashes.save()
    return sha256_json(parts)


def _from_hub(model_id: str, revision: str | None) -> Path:
    """Fetch a hub's model: first its index alone, so that no gigabytes come of one that is refused.

    Raises:
        ModelError: there is no such model, or its index is refused.
    """
    if _HUB_ID.fullmatch(model_id) is None:
        raise ModelError(
            model_id, "there is no such folder", "Set model.id to a diffusers folder or a hub id."
        )
    from huggingface_hub import hf_hub_download, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        index = hf_hub_download(model_id, INDEX, revision=revision)
        _, _, components = _looked_at(Path(index), model_id)
        fetched = snapshot_download(
            model_id,
            revision=revision,
            # By component: single-file checkpoints and others' conversions stay away.
            allow_patterns=[
                INDEX,
                DIALECT_FILE,
                *(
                    f"{component}/*{suffix}"
                    for component in components
                    for suffix in sorted({".safetensors", *_READ})
                ),
            ],
            ignore_patterns=["*.fp16*.safetensors", "*.non_ema*.safetensors"],
        )
        bare = [
            name
            for name, class_name in components.items()
            if not class_name.endswith(_WEIGHTLESS) and not _weights(Path(fetched) / name)
        ]
        if bare:  # published in half precision alone
            snapshot_download(
                model_id,
                revision=revision,
                allow_patterns=[f"{name}/*.fp16*.safetensors" for name in bare],
            )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(
            model_id,
            f"is no folder here, and no hub gave it ({type(error).__name__})",
            "Check the spelling, the network and HF_HUB_OFFLINE, or set model.id to a folder.",
        ) from error
    return Path(fetched)


def _looked_at(index: Path, where: str) -> tuple[str, Family, dict[str, str]]:
    """What a ``model_index.json`` says: pipeline class, its family, components and their classes.

    Raises:
        ModelError: no family drives the class, a part of it is missing, or brings its own code.
    """
    content = _read_json(index)
    pipeline = content.get("_class_name")
    family = family_of(pipeline, where)
    components = dict(_components(where, content))
    missing = family.pipelines[str(pipeline)] - set(components)
    if missing:
        raise ModelError(
            where,
            f"its {INDEX} lists no {', '.join(sorted(missing))}",
            f"Fetch or save the whole {pipeline} again.",
        )
    return str(pipeline), family, components


def _components(where: str, index: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Names and classes of the components that the index fills, in its order."""
    for name, value in index.items():
        if not (isinstance(value, list) and len(value) == 2) or value[0] is None:
            continue
        if value[0] not in _LIBRARIES:
            raise ModelError(
                f"{where}: {name}",
                f"it is made by code of its own ({value[0]!r}), which is never run",
                "Use a model whose components come from diffusers and transformers.",
            )
        yield name, str(value[1])


def _check_channels(path: Path, pipeline: str, family: Family) -> None:
    """Compare the denoiser's input with the VAE's latents: else only the drawing would fail.

    So is an inpainting UNet found that is labelled as an ordinary one. A configuration that leaves
    a number out means its class's default, and is not checked.
    """
    file = path / family.denoises / "config.json"
    vae = _read_json(path / "vae" / "config.json")
    latent = vae.get("latent_channels", vae.get("z_dim"))
    found = _read_json(file).get("in_channels")
    if not isinstance(latent, int) or not isinstance(found, int):
        return
    fitting = family.input_channels(latent)
    if found not in fitting:
        raise ModelError(
            str(file),
            f"it takes {found} channels, and that of a {pipeline} takes "
            f"{' or '.join(map(str, sorted(fitting)))}",
            f"Write the pipeline class that the weights were made for into {INDEX} "
            "(inpainting models have one of their own), or fetch the model again.",
        )


def _variant(folders: Iterable[Path]) -> str | None:
    """The variant to load: that of the first component which has no plain weights."""
    for folder in folders:
        weights = _weights(folder)
        if weights and None not in weights:
            return min(weights, key=str)
    return None


def _weights(folder: Path) -> dict[str | None, list[Path]]:
    """A component's safetensors files by their variant; None: the plain ones."""
    weights: dict[str | None, list[Path]] = {}
    for file in sorted(folder.glob("*.safetensors")):
        found = _VARIANT.search(file.name)
        weights.setdefault(found and found.group(1), []).append(file)
    return weights


def _component_files(folder: Path, variant: str | None, *, weighted: bool) -> list[Path]:
    """The files of one component that are read when it is loaded, checked and sorted."""
    present = sorted(each for each in folder.iterdir() if each.is_file())
    by_variant = _weights(folder)
    weights = by_variant.get(variant) or by_variant.get(None, [])
    if weighted and not weights:
        if any(each.suffix in _PICKLED for each in present):
            raise ModelError(
                str(folder),
                "its weights are pickled, and a pickle can run any code",
                "Convert them: load the model where you trust it and call "
                "save_pretrained(folder, safe_serialization=True).",
            )
        raise ModelError(
            str(folder),
            "it has no safetensors weights, or those of another variant than the rest",
            "Fetch the model again, or save it whole.",
        )
    texts = [each for each in present if each.suffix in _READ]
    for file in weights:
        check_safetensors(file)
    for file in texts:
        if (
            file.name.endswith(".safetensors.index.json")
            and _VARIANT.search(file.name.removesuffix(".index.json")) is None
        ):
            _check_shards(file)
    return sorted(weights + texts)


def check_safetensors(file: Path) -> None:
    """Compare a weights file's length with what its header announces.

    The format: 8 bytes of header length (little-endian), a JSON header that gives each tensor's
    begin and end, then the tensors without gaps.

    Raises:
        ModelError: it is cut off, or no safetensors file.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        prefix = stream.read(8)
        length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else -1
        if not 2 <= length <= min(_MAX_HEADER, size - 8):
            raise _broken(file, "its header is cut off or no safetensors header")
        raw = stream.read(length)
    try:
        header = json.loads(raw)
        ends = [
            int(entry["data_offsets"][1])
            for name, entry in header.items()
            if name != "__metadata__"
        ]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _broken(file, "its header is no safetensors header") from error
    announced = 8 + length + max(ends, default=0)
    if size != announced:
        raise _broken(file, f"it has {size} bytes where its header announces {announced}")


def _check_shards(index: Path) -> None:
    shards = _read_json(index).get("weight_map")
    if not isinstance(shards, dict):
        raise _broken(index, "it lists no shards")
    for name in sorted({str(shard) for shard in shards.values()}):
        if not (index.parent / name).is_file():
            raise _broken(index.parent / name, f"{index.name} lists this shard, and it is missing")


def _broken(file: Path, rule: str) -> ModelError:
    return ModelError(str(file), rule, "Fetch or copy the model again.")


def _read_json(file: Path) -> dict[str, object]:
    try:
        value = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise ModelError(
            str(file.parent),
            f"it has no {file.name}, so it is no diffusers folder",
            "Name the folder that save_pretrained wrote; a single-file checkpoint has to be "
            "converted to one first.",
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            str(file), f"is no readable JSON ({error})", "Fetch or copy the model again."
        ) from error
    if not isinstance(value, dict):
        raise ModelError(str(file), "is no JSON object", "Fetch or copy the model again.")
    return value
