"""The identity of a model: one hash over the contents of its files, and its parts for lineage."""

from pathlib import Path
from typing import Any

from catalog_gen.diffusion.hash_cache import HashCache
from catalog_gen.diffusion.model import ModelFiles, find_model
from catalog_gen.errors import ModelError
from catalog_gen.fingerprint import sha256_files, sha256_json
from catalog_gen.settings.model import ModelSettings


def pinned_model(settings: ModelSettings, cache: Path | None = None) -> tuple[ModelFiles, str]:
    """Find and check the configured model, and hash it.

    Raises:
        ModelError: as for ``find_model``; or ``model.sha256`` pins other files.
    """
    model = find_model(settings)
    found = model_hash(model, cache)
    if settings.sha256 not in (None, found):
        raise ModelError(
            settings.id,
            f"its files hash to {found[:12]}, but model.sha256 pins {str(settings.sha256)[:12]}: "
            "weights or configuration were changed",
            "Fetch the model again; or, if you chose another one, pin its hash or remove "
            "model.sha256: every picture will then be redrawn.",
        )
    return model, found


def model_hash(model: ModelFiles, cache: Path | None = None) -> str:
    """The identity of a model: SHA-256 over the names and hashes of the files that affect pixels.

    These are ``model_index.json``, the files that are loaded for each component that it lists
    (weights, configuration, vocabulary, chat template, schedule), and whatever the settings add
    (see ``model_parts``).

    Args:
        model: as ``find_model`` found it.
        cache: a small JSON file that remembers each file's hash by path, size and times, so that
            gigabytes are read only once.
    """
    hashes = HashCache(cache)
    parts: dict[str, object] = {
        file.relative_to(model.path).as_posix(): hashes.sha256(file) for file in model.files
    }
    for name, added in _additions(model, hashes).items():
        # No file of a diffusers folder has this name. The added files' own names are not hashed.
        parts[f"+{name}"] = added
    hashes.save()
    return sha256_json(parts)


def model_parts(model: ModelFiles, cache: Path | None = None) -> dict[str, Any]:
    """The parts of a model for lineage, as JSON values with the files' names."""
    hashes = HashCache(cache)
    parts: dict[str, Any] = {"pipeline": model.pipeline_class}
    named: dict[str, list[Path | None]] = {
        "checkpoint": [model.checkpoint],
        "denoiser": [model.denoiser],
        "loras": [each.path for each in model.loras],
        "embeddings": [each.path for each in model.embeddings],
        "controlnets": [each.path for each in model.controlnets],
        "ip_adapters": [each.path for each in model.ip_adapters],
    }
    for name, added in _additions(model, hashes).items():
        files = [file.name for file in named[name] if file is not None]
        parts[name] = [{"file": file} | each for file, each in zip(files, added, strict=True)]
    hashes.save()
    return parts


def _additions(model: ModelFiles, hashes: HashCache) -> dict[str, list[dict[str, object]]]:
    """What the settings add to a folder, by kind; empty kinds are left out."""
    added: dict[str, list[dict[str, object]]] = {
        "checkpoint": [{"sha256": hashes.sha256(model.checkpoint)}] if model.checkpoint else [],
        "denoiser": [{"sha256": hashes.sha256(model.denoiser)}] if model.denoiser else [],
        "loras": [
            {"sha256": hashes.sha256(each.path), "weight": each.weight} for each in model.loras
        ],
        "embeddings": [
            {"sha256": hashes.sha256(each.path), "token": each.token} for each in model.embeddings
        ],
        # Named, since recipes name them.
        "controlnets": [
            {"sha256": sha256_files(each.files, hashes.sha256), "name": each.name}
            for each in model.controlnets
        ],
        "ip_adapters": [
            {
                "sha256": hashes.sha256(each.path),
                "image_encoder": sha256_files(each.encoder_files, hashes.sha256),
                "name": each.name,
            }
            for each in model.ip_adapters
        ],
    }
    return {name: each for name, each in added.items() if each}
