"""Find, check and hash the configured model without loading it: no torch, no tensors in memory.

A model is a diffusers folder (``model_index.json`` and one folder per component), the id of one on
a hub, or one checkpoint file with such a folder for its configuration. The settings can add a
denoiser in a separate file, LoRAs, learned words, ControlNets and IP-Adapters. Unsafe or broken
files are refused before any work starts. The model's identity is one hash over the contents of its
files.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from catalog_gen.diffusion.additions import Embedding, Lora, check_embedding, check_lora
from catalog_gen.diffusion.controlnet import ControlNet, check_controlnet
from catalog_gen.diffusion.families.family import (
    Drawable,
    Family,
    PartNames,
    Problem,
    family_of,
)
from catalog_gen.diffusion.hash_cache import HashCache
from catalog_gen.diffusion.hub import CARD, READ, hub_file, hub_folder
from catalog_gen.diffusion.ip_adapter import IpAdapter, check_ip_adapter
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
from catalog_gen.settings.model import ModelSettings

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

    ``path`` is the diffusers folder, ``components`` the names of its component folders, ``files``
    the files in it that affect pixels. ``variant`` names the weights to load ("fp16") if the plain
    ones are incomplete. ``checkpoint`` holds the weights of all components instead of the folder,
    ``denoiser`` those of the denoiser alone. ``warnings`` are sentences for people.
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
    controlnets: tuple[ControlNet, ...] = ()
    ip_adapters: tuple[IpAdapter, ...] = ()
    warnings: tuple[str, ...] = ()

    def problem(self, wanted: Drawable) -> Problem | None:
        """Why the model can't draw a recipe or a view: its family, parts or own schedule."""
        own = read_json(self.path / "scheduler" / "scheduler_config.json")
        return (
            self.family.problem(wanted)
            or self.family.part_problem(wanted.method, self.part_names)
            or wanted.method.denoiser_problem(
                read_json(self.path / self.family.denoises / "config.json")
            )
            or self.family.schedule_problem(wanted, own)
        )

    @property
    def part_names(self) -> PartNames:
        """The parts that methods may name."""
        return {
            "controlnet": tuple(each.name for each in self.controlnets),
            "ip_adapter": tuple(each.name for each in self.ip_adapters),
        }

    @property
    def learned_words(self) -> dict[str, int]:
        """The number of prompt tokens that each learned word takes."""
        return {each.token: each.vectors for each in self.embeddings}


def find_model(settings: ModelSettings) -> ModelFiles:
    """Find and check the configured model with everything that belongs to it.

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
            "Remove model.config, or set model.id to the file.",
        )
    name = settings.id if checkpoint is None else _config_of(checkpoint, settings)
    folder = Path(name)
    if not folder.is_dir():
        folder = _from_hub(name, settings, whole=checkpoint is None)
    return _checked(folder.absolute(), settings, checkpoint)


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
            {"sha256": _folder_hash(each.files, hashes), "name": each.name}
            for each in model.controlnets
        ],
        "ip_adapters": [
            {
                "sha256": hashes.sha256(each.path),
                "image_encoder": _folder_hash(each.encoder_files, hashes),
                "name": each.name,
            }
            for each in model.ip_adapters
        ],
    }
    return {name: each for name, each in added.items() if each}


def _folder_hash(files: Iterable[Path], hashes: HashCache) -> str:
    """SHA-256 over the names and hashes of a folder's files."""
    return sha256_json({file.name: hashes.sha256(file) for file in files})


def _config_of(checkpoint: Path, settings: ModelSettings) -> str:
    """The folder or hub id that a checkpoint file takes its configuration from."""
    if checkpoint.suffix != ".safetensors":
        raise ModelError(
            str(checkpoint),
            "a checkpoint is one safetensors file; a pickled one can run any code",
            "Name a .safetensors file; set model.denoiser for a .gguf file.",
        )
    if settings.config is None:
        raise ConfigError(
            f"model.id = '{checkpoint}'",
            "a checkpoint file contains no tokenizers and no schedule",
            "Set model.config to a diffusers folder or hub id of the same kind (only its "
            "configuration is read, not its weights).",
        )
    return settings.config


def _from_hub(model_id: str, settings: ModelSettings, *, whole: bool) -> Path:
    """Download a hub model, its index first: a refused model's weights are never fetched.

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
        controlnets=tuple(
            check_controlnet(each, path, pipeline, family) for each in settings.controlnets
        ),
        ip_adapters=tuple(
            check_ip_adapter(each, pipeline, family, {} if checkpoint else shapes)
            for each in settings.ip_adapters
        ),
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
    """The shapes of a checkpoint file, which must hold all parts of the family's checkpoints.

    Raises:
        ModelError: the file is truncated or holds something else.
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
            "other": "Name a whole checkpoint, or set model.config to a model of its kind.",
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
    """Check the denoiser's input channels against the VAE's latents before anything is drawn.

    This detects an inpainting UNet that is labelled as an ordinary one. A number missing from a
    configuration is the class's default and is not checked.
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
        remedy = "Set model.config to a folder of the checkpoint's kind."
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
    """Warnings about LoRAs and learned words in the folder that the settings don't name."""
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
                f"name it in {where}, or remove it"
            )
