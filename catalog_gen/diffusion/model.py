"""What the configured model is, checked and hashed without loading it: no torch, no weights read.

A model is a diffusers folder (``model_index.json`` and one folder a component), the id of one on a
hub, or one checkpoint file beside such a folder; with it go a denoiser in a file of its own, LoRAs
and learned words. This module finds all of it, refuses what is unsafe or broken before any work
starts, and gives it one identity: a hash over its bytes, never its name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from catalog_gen.diffusion.additions import Embedding, Lora, check_embedding, check_lora
from catalog_gen.diffusion.families.family import Drawable, Family, Problem, family_of
from catalog_gen.diffusion.hash_cache import HashCache
from catalog_gen.diffusion.hub import CARD, READ, hub_file, hub_folder
from catalog_gen.diffusion.licences import licence_warning
from catalog_gen.diffusion.weights import (
    Shapes,
    check_component,
    common_variant,
    gguf_shapes,
    kind_of,
    read_json,
    tensor_shapes,
)
from catalog_gen.errors import ConfigError, ModelError
from catalog_gen.fingerprint import sha256_json
from catalog_gen.settings import ModelSettings

#: Suffixes of the class names of components without weights.
_WEIGHTLESS: Final = ("Tokenizer", "TokenizerFast", "Scheduler", "Processor", "FeatureExtractor")
_PIPELINE: Final = "Pipeline"
#: Libraries that a component's class may come from. Anything else is code in the model folder.
_LIBRARIES: Final = frozenset({"diffusers", "transformers", "stable_diffusion"})
#: The file types of a diffusers folder.
INDEX: Final = "model_index.json"


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A checked model.

    ``path`` is the diffusers folder, ``components`` are the names with a folder of their own in it,
    ``files`` those files of it that decide pixels. ``variant`` names the weights ("fp16") of a
    folder whose plain ones are not complete. ``checkpoint`` holds the weights of all components
    where the folder has none; ``denoiser`` those of the denoiser alone. ``warnings`` are sentences
    for a person.
    """

    path: Path
    pipeline_class: str
    family: Family
    components: Mapping[str, str]
    files: tuple[Path, ...]
    variant: str | None
    checkpoint: Path | None = None
    denoiser: Path | None = None
    loras: tuple[Lora, ...] = ()
    embeddings: tuple[Embedding, ...] = ()
    warnings: tuple[str, ...] = ()

    def problem(self, wanted: Drawable) -> Problem | None:
        """Why it can't draw a recipe or a view, by its family and its own schedule."""
        own = read_json(self.path / "scheduler" / "scheduler_config.json")
        return self.family.problem(wanted) or self.family.schedule_problem(wanted, own)

    @property
    def learned_words(self) -> dict[str, int]:
        """The tokens that each learned word takes of a prompt."""
        return {each.token: each.vectors for each in self.embeddings}


def find_model(settings: ModelSettings) -> ModelFiles:
    """The configured model with everything that belongs to it, checked.

    A hub id is downloaded first (weights as safetensors only), or taken from the local hub cache
    if ``HF_HUB_OFFLINE`` is set.

    Raises:
        ModelError: no such folder, file or hub id, or one that can't be loaded safely: a pipeline
            class that no family drives; a component that is missing, has pickled weights only,
            brings its own code, or is truncated; weights of other shapes than the model's.
        ConfigError: settings that contradict each other.
    """
    given = Path(settings.id)
    checkpoint = given.absolute() if given.is_file() else None
    if checkpoint is None and settings.config is not None:
        raise ConfigError(
            f"model.config = '{settings.config}'",
            f"model.id '{settings.id}' is no checkpoint file, and has a configuration of its own",
            "Take model.config out, or set model.id to the file.",
        )
    name = settings.id if checkpoint is None else _config_of(checkpoint, settings)
    folder = Path(name)
    if not folder.is_dir():
        folder = _from_hub(name, settings, whole=checkpoint is None)
    return _checked(folder.absolute(), settings, checkpoint)


def pinned_model(settings: ModelSettings, cache: Path | None = None) -> tuple[ModelFiles, str]:
    """The configured model, checked, and its hash.

    Raises:
        ModelError: as ``find_model``; or ``model.sha256`` pins other files than those.
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

    These are ``model_index.json`` and, for each component that it lists, the weights and the other
    files that are loaded (configuration, vocabulary, chat template, schedule);
    and whatever the settings add to it, as ``model_parts`` lists it.

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
        # A name that no file of a diffusers folder has. What a file is called decides nothing.
        parts[f"+{name}"] = added
    hashes.save()
    return sha256_json(parts)


def model_parts(model: ModelFiles, cache: Path | None = None) -> dict[str, Any]:
    """What a model is made of, for lineage: JSON values, with the names that files had."""
    hashes = HashCache(cache)
    parts: dict[str, Any] = {"pipeline": model.pipeline_class}
    named: dict[str, list[Path | None]] = {
        "checkpoint": [model.checkpoint],
        "denoiser": [model.denoiser],
        "loras": [each.path for each in model.loras],
        "embeddings": [each.path for each in model.embeddings],
    }
    for name, added in _additions(model, hashes).items():
        files = [file.name for file in named[name] if file is not None]
        parts[name] = [{"file": file} | each for file, each in zip(files, added, strict=True)]
    hashes.save()
    return parts


def _additions(model: ModelFiles, hashes: HashCache) -> dict[str, list[dict[str, object]]]:
    """What the settings add to a folder, by kind; a kind of which there is nothing is left out."""
    added: dict[str, list[dict[str, object]]] = {
        "checkpoint": [{"sha256": hashes.sha256(model.checkpoint)}] if model.checkpoint else [],
        "denoiser": [{"sha256": hashes.sha256(model.denoiser)}] if model.denoiser else [],
        "loras": [
            {"sha256": hashes.sha256(each.path), "weight": each.weight} for each in model.loras
        ],
        "embeddings": [
            {"sha256": hashes.sha256(each.path), "token": each.token} for each in model.embeddings
        ],
    }
    return {name: each for name, each in added.items() if each}


def _config_of(checkpoint: Path, settings: ModelSettings) -> str:
    """The folder or hub id that a checkpoint file takes its configuration from."""
    if checkpoint.suffix != ".safetensors":
        raise ModelError(
            str(checkpoint),
            "a checkpoint is one safetensors file; a pickled one can run any code",
            "Name a .safetensors file; of a .gguf one, set model.denoiser.",
        )
    if settings.config is None:
        raise ConfigError(
            f"model.id = '{checkpoint}'",
            "a checkpoint file says nothing of its tokenizers and schedule",
            "Set model.config to a diffusers folder or hub id of the same kind (its configuration "
            "is read, its weights are not).",
        )
    return settings.config


def _from_hub(model_id: str, settings: ModelSettings, *, whole: bool) -> Path:
    """Download a hub model: its index first, so that no weights are fetched for a refused one.

    Raises:
        ModelError: there is no such model, or its index is refused.
    """
    index = hub_file(model_id, INDEX, settings.revision)
    _, family, components = _looked_at(index, model_id)
    weighted = [
        name
        for name, of in components.items()
        if whole
        and not of.endswith(_WEIGHTLESS)
        and not (name == family.denoises and settings.denoiser is not None)
    ]
    return hub_folder(model_id, settings.revision, tuple(components), weighted)


def _checked(path: Path, settings: ModelSettings, checkpoint: Path | None) -> ModelFiles:
    pipeline, family, components = _looked_at(path / INDEX, str(path))
    weighted = [] if checkpoint else [n for n, of in components.items() if _has_weights(of)]
    if settings.denoiser is not None and family.denoises in weighted:
        weighted.remove(family.denoises)
    variant = common_variant(path / name for name in weighted)
    files = [path / INDEX]
    for name in components:
        files += _component_files(path / name, variant, weighted=name in weighted)
    shapes: Shapes = {}
    if checkpoint is not None:
        shapes = _checkpoint_shapes(checkpoint, pipeline, family)
    elif settings.denoiser is None:
        for file in files:
            if file.parent == path / family.denoises and file.suffix == ".safetensors":
                shapes = {**shapes, **tensor_shapes(file)}
    _check_channels(path, pipeline, family, shapes if checkpoint else {})
    if settings.denoiser is not None:
        _check_denoiser(settings.denoiser)
    return ModelFiles(
        path=path,
        pipeline_class=pipeline,
        family=family,
        components=components,
        files=tuple(files),
        variant=variant,
        checkpoint=checkpoint,
        denoiser=settings.denoiser,
        loras=tuple(
            check_lora(each, pipeline, family, {} if checkpoint else shapes)
            for each in settings.loras
        ),
        embeddings=tuple(check_embedding(each, pipeline, family) for each in settings.embeddings),
        warnings=(*licence_warning(path / CARD), *_unasked(path, settings)),
    )


def _has_weights(class_name: str) -> bool:
    return not class_name.endswith(_WEIGHTLESS)


def _looked_at(index: Path, where: str) -> tuple[str, Family, dict[str, str]]:
    """Read a ``model_index.json``: pipeline class, its family, components and their classes.

    Raises:
        ModelError: no family supports the class, or a component is missing or brings its own code.
    """
    content = read_json(index)
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
        if not isinstance(value[0], str) or value[0] not in _LIBRARIES:
            raise ModelError(
                f"{where}: {name}",
                f"it needs code from the model folder ({value[0]!r}), which is never run",
                "Use a model whose components come from diffusers and transformers.",
            )
        if str(value[1]).endswith(_PIPELINE):
            raise _nested(f"{where}: {name}")
        yield name, str(value[1])


def _nested(where: str) -> ModelError:
    return ModelError(
        where,
        "it is a pipeline within the pipeline, whose own components could be pickles or code",
        "Use a model whose components are no pipelines.",
    )


def _component_files(folder: Path, variant: str | None, *, weighted: bool) -> list[Path]:
    """The files of one component that are read when it is loaded, checked and sorted."""
    if not folder.is_dir():
        raise ModelError(
            str(folder),
            f"{INDEX} lists this component, and its folder is missing",
            "Fetch or save the model again.",
        )
    if (folder / INDEX).exists():
        raise _nested(str(folder))
    texts = [each for each in folder.iterdir() if each.is_file() and each.suffix in READ]
    weights = check_component(folder, variant) if weighted else []
    return sorted(weights + texts)


def _checkpoint_shapes(checkpoint: Path, pipeline: str, family: Family) -> Shapes:
    """The tensors of a checkpoint file, which has to hold all that the family's have.

    Raises:
        ModelError: it is cut off, or holds something else.
    """
    if not family.checkpoint:
        raise ModelError(
            str(checkpoint),
            f"a {pipeline} does not come as one file with all its parts",
            "Set model.id to its diffusers folder, and model.denoiser to this file.",
        )
    shapes = tensor_shapes(checkpoint)
    missing = [
        component
        for component, begins in family.checkpoint.items()
        if not any(name.startswith(begins) for name in shapes)
    ]
    if missing:
        kind = kind_of(shapes)
        remedy = {
            "LoRA": "Name it in model.loras.",
            "embedding": "Name it in model.embeddings.",
            "other": "Name a whole checkpoint, or set model.config to the kind that it is of.",
        }[kind]
        found = f"it is a{'n' if kind == 'embedding' else ''} {kind}; " if kind != "other" else ""
        raise ModelError(
            str(checkpoint), f"{found}it has no {', '.join(missing)} for a {pipeline}", remedy
        )
    return shapes


def _check_denoiser(file: Path) -> None:
    if file.suffix == ".gguf":
        gguf_shapes(file)
    elif file.suffix == ".safetensors":
        tensor_shapes(file)
    else:
        raise ModelError(
            str(file),
            "a denoiser in a file of its own is a .gguf or a .safetensors",
            "Name such a file as model.denoiser; a pickled one can run any code.",
        )


def _check_channels(path: Path, pipeline: str, family: Family, checkpoint: Shapes) -> None:
    """Check the denoiser's input channels against the VAE's latents, before drawing would fail.

    This finds an inpainting UNet that is labelled as an ordinary one. A number missing from a
    configuration is the class's default, and is not checked.
    """
    file = path / family.denoises / "config.json"
    vae = read_json(path / "vae" / "config.json")
    latent = vae.get("latent_channels", vae.get("z_dim"))
    found: object = read_json(file).get("in_channels")
    first = checkpoint.get(family.first_layer)
    remedy = (
        f"Write the pipeline class that the weights were made for into {INDEX} "
        "(inpainting models have one of their own), or fetch the model again."
    )
    if first is not None and len(first) > 1:
        file, found = path / INDEX, first[1]
        remedy = "Set model.config to a folder of the kind that the checkpoint is of."
    if not isinstance(latent, int) or not isinstance(found, int):
        return
    fitting = family.input_channels(latent)
    if found not in fitting:
        raise ModelError(
            str(file),
            f"{'the checkpoint' if first else 'it'} takes {found} channels, and that of a "
            f"{pipeline} takes {' or '.join(map(str, sorted(fitting)))}",
            remedy,
        )


def _unasked(path: Path, settings: ModelSettings) -> Iterator[str]:
    """LoRAs and learned words that lie in the folder and that nobody asked for."""
    asked = {each.path.absolute() for each in settings.loras}
    asked |= {each.path.absolute() for each in settings.embeddings}
    for file in sorted({*path.glob("*.safetensors"), *path.glob("*/*.safetensors")}):
        if file.absolute() in asked:
            continue
        try:
            kind = kind_of(tensor_shapes(file))
        except ModelError:
            continue
        where = {"LoRA": "model.loras", "embedding": "model.embeddings"}.get(kind)
        if where is not None:
            yield (
                f"{file} is a{'n' if kind == 'embedding' else ''} {kind} that is not loaded; "
                f"name it in {where}, or take it away"
            )
