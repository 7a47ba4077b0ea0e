"""Weights outside a diffusers folder: one checkpoint file, or a denoiser in a file of its own."""

from pathlib import Path

from catalog_gen.diffusion.families.family import Family
from catalog_gen.diffusion.weights import Shapes, gguf_shapes, kind_of, read_json, tensor_shapes
from catalog_gen.errors import ConfigError, ModelError
from catalog_gen.settings.model import ModelSettings


def config_of(checkpoint: Path, settings: ModelSettings) -> str:
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


def checkpoint_shapes(checkpoint: Path, pipeline: str, family: Family) -> Shapes:
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


def check_denoiser(file: Path) -> None:
    """Check a file with the denoiser alone.

    Raises:
        ModelError: it is cut off, or neither a .gguf nor a .safetensors.
    """
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


def check_channels(path: Path, pipeline: str, family: Family, checkpoint: Shapes) -> None:
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
        "Write the pipeline class that the weights were made for into model_index.json "
        "(inpainting models have one of their own), or fetch the model again."
    )
    if first is not None and len(first) > 1:
        file, found = path / "model_index.json", first[1]
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
