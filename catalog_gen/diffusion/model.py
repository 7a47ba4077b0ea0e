"""Find and check the configured model without loading it: no torch, no tensors in memory.

A model is a diffusers folder (``model_index.json`` and one folder per component), the id of one on
a hub, or one checkpoint file with such a folder for its configuration. The settings can add a
denoiser in a separate file, LoRAs, learned words, ControlNets and IP-Adapters. Unsafe or broken
files are refused before any work starts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from catalog_gen.diffusion.additions import Embedding, Lora, check_embedding, check_lora
from catalog_gen.diffusion.checkpoint import (
    check_channels,
    check_denoiser,
    checkpoint_shapes,
    config_of,
)
from catalog_gen.diffusion.controlnet import ControlNet, check_controlnet
from catalog_gen.diffusion.families.family import (
    Drawable,
    Family,
    PartNames,
    Problem,
    family_of,
)
from catalog_gen.diffusion.hub import CARD, READ, hub_file, hub_folder
from catalog_gen.diffusion.ip_adapter import IpAdapter, check_ip_adapter
from catalog_gen.diffusion.licences import licence_warning
from catalog_gen.diffusion.weights import (
    Shapes,
    check_component,
    common_variant,
    kind_of,
    read_json,
    tensor_shapes,
)
from catalog_gen.errors import ConfigError, ModelError
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
    name = settings.id if checkpoint is None else config_of(checkpoint, settings)
    folder = Path(name)
    if not folder.is_dir():
        folder = _from_hub(name, settings, whole=checkpoint is None)
    return _checked(folder.absolute(), settings, checkpoint)


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
        shapes = checkpoint_shapes(checkpoint, pipeline, family)
    elif settings.denoiser is None:
        for file in files:
            if file.parent == path / family.denoises and file.suffix == ".safetensors":
                shapes = {**shapes, **tensor_shapes(file)}
    check_channels(path, pipeline, family, shapes if checkpoint else {})
    if settings.denoiser is not None:
        check_denoiser(settings.denoiser)
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
