"""Assemble a checked model into one pipeline: base weights, denoiser, learned words and LoRAs.

Importing this module imports torch; import it inside functions.
"""

from pathlib import Path
from typing import Any, Final

import torch

from catalog_gen.diffusion.additions import Lora
from catalog_gen.diffusion.model import ModelFiles
from catalog_gen.diffusion.weights import MISFITS, misfit
from catalog_gen.errors import ModelError

_LORA_PARTS: Final = (".lora_A.", ".lora_B.")


def assembled(model: ModelFiles, dtype: torch.dtype) -> Any:
    """Assemble the pipeline of a checked model on the CPU, without network access.

    Raises:
        ModelError: the model's files do not fit together.
    """
    own = _denoiser(model, dtype)
    arguments = {**own, **model.family.options, "dtype": dtype}
    try:
        if model.checkpoint is not None:
            pipeline = _class_of(model.pipeline_class).from_single_file(
                str(model.checkpoint),
                config=str(model.path),
                local_files_only=True,
                **arguments,
            )
        else:
            pipeline = _class_of("DiffusionPipeline").from_pretrained(
                str(model.path),
                use_safetensors=True,
                variant=model.variant,
                local_files_only=True,
                **arguments,
            )
    except MISFITS as error:
        raise misfit(model.checkpoint or model.path, error) from error
    for embedding in model.embeddings:
        try:
            _learn_word(pipeline, model, embedding.path, embedding.token)
        except MISFITS as error:
            raise misfit(embedding.path, error) from error
    if model.loras:
        _wear(pipeline, model.loras, quantised=_is_quantised(model.denoiser))
    return pipeline


def _class_of(name: str) -> Any:
    import diffusers

    return getattr(diffusers, name)


def _is_quantised(file: Path | None) -> bool:
    return file is not None and file.suffix == ".gguf"


def _denoiser(model: ModelFiles, dtype: torch.dtype) -> dict[str, Any]:
    """The denoiser as an argument of the pipeline, if it has a file of its own.

    Quantised weights stay quantised in memory; a layer converts its own to ``dtype`` when it
    computes.
    """
    if model.denoiser is None:
        return {}
    name = model.family.denoises
    quantised = (
        {"quantization_config": _class_of("GGUFQuantizationConfig")(compute_dtype=dtype)}
        if _is_quantised(model.denoiser)
        else {}
    )
    try:
        part = _class_of(model.components[name]).from_single_file(
            str(model.denoiser),
            config=str(model.path),
            subfolder=name,
            dtype=dtype,
            local_files_only=True,
            **quantised,
        )
    except MISFITS as error:
        raise misfit(model.denoiser, error) from error
    return {name: part}


def _learn_word(pipeline: Any, model: ModelFiles, file: Path, token: str) -> None:
    """Add a learned word to every text encoder for which the family expects vectors."""
    from safetensors.torch import load_file

    vectors = load_file(file)
    for key, (encoder, tokenizer) in model.family.words.items():
        pipeline.load_textual_inversion(
            vectors[key] if key else vectors,
            token=token,
            text_encoder=getattr(pipeline, encoder),
            tokenizer=getattr(pipeline, tokenizer),
        )


def _wear(pipeline: Any, loras: tuple[Lora, ...], *, quantised: bool) -> None:
    """Fuse LoRAs into a pipeline's weights, so that a step costs no more than without them.

    They can't be fused into quantised weights; there they stay adapters.

    Raises:
        ModelError: a LoRA does not fit, or has tensors for layers that this model lacks.
    """
    names = [f"lora-{place}" for place in range(len(loras))]
    for name, lora in zip(names, loras, strict=True):
        before = _lora_tensors(pipeline)
        try:
            pipeline.load_lora_weights(
                str(lora.path.parent),
                weight_name=lora.path.name,
                adapter_name=name,
                local_files_only=True,
            )
            given = pipeline.lora_state_dict(
                str(lora.path.parent), weight_name=lora.path.name, local_files_only=True
            )
        except MISFITS as error:
            raise misfit(lora.path, error) from error
        tensors = given[0] if isinstance(given, tuple) else given
        offered = sum(any(part in f"{key}." for part in _LORA_PARTS) for key in tensors)
        taken = _lora_tensors(pipeline) - before
        if not taken or taken < offered:
            raise ModelError(
                str(lora.path),
                f"the model has a place for {taken} of its {offered} tensors",
                "Name a LoRA that was trained for this model's kind.",
            )
    pipeline.set_adapters(names, [lora.weight for lora in loras])
    if not quantised:
        pipeline.fuse_lora(adapter_names=names)
        pipeline.unload_lora_weights()


def _lora_tensors(pipeline: Any) -> int:
    """The number of LoRA tensors in the pipeline's networks."""
    return sum(
        any(part in name for part in _LORA_PARTS)
        for component in pipeline.components.values()
        if isinstance(component, torch.nn.Module)
        for name, _ in component.named_parameters()
    )
