"""Resolve, check and hash a model folder, without torch and without reading weights into memory.

A model is a diffusers folder (``model_index.json`` and one folder per component) on disk, or the id
of one on a hub. An unsafe or broken model is refused before any work starts. A model's identity is
a hash over its bytes, never its name. ``loading`` loads it.
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

#: Suffixes of the class names of components without weights.
_WEIGHTLESS: Final = ("Tokenizer", "TokenizerFast", "Scheduler", "Processor", "FeatureExtractor")
#: Libraries that a component's class may come from. Anything else is code in the model folder.
_LIBRARIES: Final = frozenset({"diffusers", "transformers", "stable_diffusion"})
#: The file types of a diffusers folder.
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

    ``components`` are those with a folder; ``files`` are those that affect the pixels.
    ``variant`` is the weights' variant ("fp16") if the plain weights are incomplete.
    """

    path: Path
    pipeline_class: str
    family: Family
    components: tuple[str, ...]
    files: tuple[Path, ...]
    variant: str | None


def local_model(model_id: str, revision: str | None = None) -> ModelFolder:
    """The checked folder of a model: see ``check_model``.

    A hub id is downloaded first (weights as safetensors only), or taken from the local hub cache
    if ``HF_HUB_OFFLINE`` is set.

    Raises:
        ModelError: there is no such folder or hub id, or ``check_model`` refuses the folder.
    """
    path = Path(model_id)
    return check_model(path.absolute() if path.is_dir() else _from_hub(model_id, revision))


def check_model(path: Path) -> ModelFolder:
    """Refuse a folder that can't be loaded safely, before any work.

    Weights are checked by their safetensors header and length; nothing is read into memory.

    Raises:
        ModelError: the folder has no ``model_index.json``, no installed family supports its
            pipeline class, or a component is missing, has only pickled weights, brings its own
            code, or is truncated.
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
                f"{INDEX} lists this component, but its folder is missing",
                "Fetch or save the model again.",
            )
        weighted = not class_name.endswith(_WEIGHTLESS)
        files += _component_files(path / component, variant, weighted=weighted)
    _check_channels(path, pipeline, family)
    return ModelFolder(path, pipeline, family, tuple(components), tuple(files), variant)


def pinned_model(settings: ModelSettings, cache: Path | None = None) -> tuple[ModelFolder, str]:
    """The configured model's folder, checked, and its hash.

    Raises:
        ModelError: as ``local_model``; or the files don't match ``model.sha256``.
    """
    folder = local_model(settings.id, settings.revision)
    found = model_hash(folder, cache)
    if settings.sha256 not in (None, found):
        raise ModelError(
            settings.id,
            f"its files hash to {found[:12]}, but model.sha256 pins {str(settings.sha256)[:12]}: "
            "weights or configuration were changed",
            "Fetch the model again; or, if you chose another one, pin its hash or remove "
            "model.sha256: every picture will then be redrawn.",
        )
    return folder, found


def model_hash(folder: ModelFolder, cache: Path | None = None) -> str:
    """The identity of a model: SHA-256 over the names and hashes of the files that affect pixels.

    These are ``model_index.json`` and, for each component that it lists, the weights and the other
    files that are loaded (configuration, vocabulary, chat template, schedule).

    Args:
        folder: the result of ``check_model``.
        cache: a small JSON file that caches file hashes by path, size and times, so that gigabytes
            are read only once.
    """
    hashes = HashCache(cache)
    parts = {file.relative_to(folder.path).as_posix(): hashes.sha256(file) for file in folder.files}
    hashes.save()
    return sha256_json(parts)


def _from_hub(model_id: str, revision: str | None) -> Path:
    """Download a hub model: its index first, so that no weights are fetched for a refused one.

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
            # By component, which leaves out single-file checkpoints and other formats.
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
            f"is not a folder here, and could not be fetched from a hub ({type(error).__name__})",
            "Check the spelling, the network and HF_HUB_OFFLINE, or set model.id to a folder.",
        ) from error
    return Path(fetched)


def _looked_at(index: Path, where: str) -> tuple[str, Family, dict[str, str]]:
    """Read a ``model_index.json``: pipeline class, its family, components and their classes.

    Raises:
        ModelError: no family supports the class, or a component is missing or brings its own code.
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
    """Names and classes of the components that are present, in the index's order."""
    for name, value in index.items():
        if not (isinstance(value, list) and len(value) == 2) or value[0] is None:
            continue
        if value[0] not in _LIBRARIES:
            raise ModelError(
                f"{where}: {name}",
                f"it needs code from the model folder ({value[0]!r}), which is never run",
                "Use a model whose components come from diffusers and transformers.",
            )
        yield name, str(value[1])


def _check_channels(path: Path, pipeline: str, family: Family) -> None:
    """Check the denoiser's input channels against the VAE's latents, before drawing would fail.

    This finds an inpainting UNet that is labelled as an ordinary one. A number missing from a
    configuration is the class's default, and is not checked.
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
            f"it takes {found} channels, but a {pipeline}'s takes "
            f"{' or '.join(map(str, sorted(fitting)))}",
            f"Write the pipeline class that the weights were made for into {INDEX} "
            "(inpainting models have their own), or fetch the model again.",
        )


def _variant(folders: Iterable[Path]) -> str | None:
    """The variant to load: that of the first component which has no plain weights."""
    for folder in folders:
        weights = _weights(folder)
        if weights and None not in weights:
            return min(weights, key=str)
    return None


def _weights(folder: Path) -> dict[str | None, list[Path]]:
    """A component's safetensors files by variant; the key None has the plain ones."""
    weights: dict[str | None, list[Path]] = {}
    for file in sorted(folder.glob("*.safetensors")):
        found = _VARIANT.search(file.name)
        weights.setdefault(found and found.group(1), []).append(file)
    return weights


def _component_files(folder: Path, variant: str | None, *, weighted: bool) -> list[Path]:
    """The files that are read when a component is loaded, checked and sorted."""
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
            "it has no safetensors weights, or only those of another variant than the rest",
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
    """Check that a weights file has the length that its header announces.

    The format: 8 bytes of header length (little-endian), a JSON header that gives each tensor's
    begin and end, then the tensors without gaps.

    Raises:
        ModelError: the file is truncated, or is not a safetensors file.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        prefix = stream.read(8)
        length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else -1
        if not 2 <= length <= min(_MAX_HEADER, size - 8):
            raise _broken(file, "its header is truncated or is not a safetensors header")
        raw = stream.read(length)
    try:
        header = json.loads(raw)
        ends = [
            int(entry["data_offsets"][1])
            for name, entry in header.items()
            if name != "__metadata__"
        ]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _broken(file, "its header is not a safetensors header") from error
    announced = 8 + length + max(ends, default=0)
    if size != announced:
        raise _broken(file, f"it has {size} bytes, but its header announces {announced}")


def _check_shards(index: Path) -> None:
    shards = _read_json(index).get("weight_map")
    if not isinstance(shards, dict):
        raise _broken(index, "it lists no shards")
    for name in sorted({str(shard) for shard in shards.values()}):
        if not (index.parent / name).is_file():
            raise _broken(index.parent / name, f"{index.name} lists this shard, but it is missing")


def _broken(file: Path, rule: str) -> ModelError:
    return ModelError(str(file), rule, "Fetch or copy the model again.")


def _read_json(file: Path) -> dict[str, object]:
    try:
        value = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise ModelError(
            str(file.parent),
            f"it has no {file.name}, so it is not a diffusers folder",
            "Set the folder that save_pretrained wrote; a single-file checkpoint has to be "
            "converted to one first.",
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            str(file), f"is not readable JSON ({error})", "Fetch or copy the model again."
        ) from error
    if not isinstance(value, dict):
        raise ModelError(str(file), "is not a JSON object", "Fetch or copy the model again.")
    return value
