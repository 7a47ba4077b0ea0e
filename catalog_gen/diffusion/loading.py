"""Load a checked model folder into its family's pipelines, on the right device, in the right dtype.

Importing this module imports torch; import it inside functions.
"""

import platform
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final, Literal

import torch

from catalog_gen.diffusion.assembly import assembled
from catalog_gen.diffusion.controlnet import load_controlnets
from catalog_gen.diffusion.families.family import Drawable, Family, PartKind, Problem, family_of
from catalog_gen.diffusion.ip_adapter import LoadedIpAdapter, load_ip_adapters
from catalog_gen.diffusion.model_hash import pinned_model
from catalog_gen.diffusion.precision import TF32, Dtypes, settle_gpu
from catalog_gen.errors import ConfigError
from catalog_gen.method import Task
from catalog_gen.recipe import Environment
from catalog_gen.settings.model import ModelSettings

Dtype = Literal["fp32", "fp16", "bf16"]

TORCH_DTYPES: Final[dict[Dtype, torch.dtype]] = {
    "fp32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
}

_NAMES: Final = {dtype: name for name, dtype in TORCH_DTYPES.items()}

#: Limit on compiled shapes: per picture size with and without guidance, and two timestep types.
_COMPILED_SHAPES: Final = 64

#: The libraries whose version can change a picture or its encoded bytes.
_LIBRARIES: Final = (
    *("torch", "diffusers", "transformers", "tokenizers", "peft"),  # the pixels
    *("scipy", "torchvision"),  # what a model is shown of a photo
    *("pillow", "isal"),  # reference photos on the way in, PNG bytes on the way out
)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """One model in memory: the loaded pipeline, and one per task that shares its weights.

    ``scheduler`` is the model's own; the pipelines' attribute is replaced for every batch.
    ``dtype`` is the dtype of its arithmetic, ``weights`` has the dtypes that its weights are stored
    in. Methods name the ``controlnets`` and ``ip_adapters`` that they draw with.
    """

    family: Family
    main: Any
    pipelines: Mapping[Task, Any]
    model_hash: str
    device: torch.device
    dtype: Dtype
    compiled: bool
    scheduler: Any
    weights: Dtypes
    controlnets: Mapping[str, Any] = field(default_factory=dict)
    ip_adapters: Mapping[str, LoadedIpAdapter] = field(default_factory=dict)

    def problem(self, wanted: Drawable) -> Problem | None:
        """Why it can't draw a recipe, by its family and its parts."""
        parts: Mapping[PartKind, Any] = {
            "controlnet": self.controlnets,
            "ip_adapter": self.ip_adapters,
        }
        config: Any = self.denoiser.config
        return (
            self.family.problem(wanted)
            or self.family.part_problem(wanted.method, parts)
            or wanted.method.denoiser_problem(config)
        )

    @property
    def denoiser(self) -> torch.nn.Module:
        """The component that runs at every step."""
        return self.family.denoiser(self.main)

    def environment(self, batch_size: int, dtype: Dtype | None = None) -> Environment:
        """The environment of pictures drawn in batches padded to ``batch_size``.

        ``dtype`` is given if it is not the pipeline's own (see ``in_dtype``).
        """
        drawn_in = dtype or self.dtype
        on_gpu = self.device.type == "cuda"
        libraries = dict(_versions())
        machine = f"{platform.system()} {platform.machine()}"
        if on_gpu:
            name = torch.cuda.get_device_name(self.device)
            libraries["cuda"] = str(torch.version.cuda)
            cudnn: Any = torch.backends.cudnn
            libraries["cudnn"] = str(cudnn.version())
        else:
            name = "cpu"
            # Kernels are chosen by instruction set, and differ in the order of summation.
            machine += f" {torch.backends.cpu.get_cpu_capability()}"
        return Environment(
            device=name,
            dtype=drawn_in,
            batch_size=batch_size,
            threads=torch.get_num_threads(),
            compiled=self.compiled and drawn_in == self.dtype,
            platform=machine,
            libraries=libraries,
            rounded_to=None if drawn_in == self.dtype else self.dtype,
            tf32=TF32 if on_gpu else None,
        )

    @contextmanager
    def in_dtype(self, dtype: Dtype) -> Iterator[None]:
        """Cast the weights to another dtype for the block, uncompiled, and always cast them back.

        Casting from fp16 or bf16 to fp32 and back is exact. It takes a copy of the weights.
        """
        try:
            if dtype == self.dtype:
                yield
            else:
                self.weights.cast(TORCH_DTYPES[dtype])
                with torch.compiler.set_stance("force_eager"):
                    yield
        finally:
            self.weights.restore()


def load_model(settings: ModelSettings, hashes: Path | None = None) -> LoadedModel:
    """Load the configured model, of an installed family.

    This happens in a short-lived thread: OpenMP starts workers for every thread that computes, and
    once there are more of them than cores, all sleep between two operations. The engine's thread
    would then take a third longer to draw with a small model on a CPU.

    Args:
        settings: the model's id, device, dtype and whether to compile its denoiser on a GPU.
        hashes: the JSON file that caches the hashes of large files (see ``model_hash``).

    Raises:
        ModelError: the model is missing, unsafe or broken (see ``find_model``), or its LoRAs and
            learned words do not fit it.
        ConfigError: ``device = "cuda"`` on a machine without a GPU that torch can use.
    """
    with ThreadPoolExecutor(1, "loading") as thread:
        return thread.submit(_load, settings, hashes).result()


def _load(settings: ModelSettings, hashes: Path | None) -> LoadedModel:
    model, identity = pinned_model(settings, hashes)
    device = _device(settings)
    dtype = TORCH_DTYPES[_dtype(settings, device)]
    with without_progress_bars():
        pipeline = assembled(model, dtype)
        controlnets = load_controlnets(model.controlnets, dtype)
        ip_adapters = load_ip_adapters(model.ip_adapters, pipeline, dtype)
    for network in _networks(controlnets, ip_adapters):
        network.to(device)
    return wrap_pipeline(
        pipeline.to(device),
        identity,
        compiled=settings.compile,
        controlnets=controlnets,
        ip_adapters=ip_adapters,
    )


def wrap_pipeline(
    pipeline: Any,
    identity: str,
    *,
    compiled: bool = False,
    controlnets: Mapping[str, Any] | None = None,
    ip_adapters: Mapping[str, LoadedIpAdapter] | None = None,
) -> LoadedModel:
    """Prepare a pipeline that is already on its device and in its dtype.

    Args:
        pipeline: of a class that an installed family supports.
        identity: its model hash.
        compiled: compile the whole denoiser; ignored on the CPU, where it gains little.
        controlnets: on the same device, by name.
        ip_adapters: the same.

    Raises:
        ModelError: no installed family supports it.
    """
    family = family_of(type(pipeline).__name__, type(pipeline).__name__)
    device = pipeline.device
    on_gpu = device.type == "cuda"
    denoiser = family.denoiser(pipeline)
    controlnets, ip_adapters = controlnets or {}, ip_adapters or {}
    for part in (denoiser, pipeline.vae, *controlnets.values()):
        _lay_out(part)
    if on_gpu:
        settle_gpu()
        if compiled:
            _compile(denoiser)
    given: dict[PartKind, Mapping[str, Any]] = {
        "controlnet": controlnets,
        "ip_adapter": ip_adapters,
    }
    pipelines = {
        task: family.pipeline_for(task, pipeline, given)
        for task, rules in sorted(family.tasks.items())
        if rules.part is None or given[rules.part]
    }
    for each in pipelines.values():
        each.set_progress_bar_config(disable=True)
    return LoadedModel(
        family=family,
        main=pipeline,
        pipelines=pipelines,
        model_hash=identity,
        device=device,
        # Not the denoiser's: quantised weights are bytes.
        dtype=_NAMES[next(pipeline.vae.parameters()).dtype],
        compiled=compiled and on_gpu,
        scheduler=pipeline.scheduler,
        weights=Dtypes([*_modules(pipeline), *_networks(controlnets, ip_adapters)]),
        controlnets=controlnets,
        ip_adapters=ip_adapters,
    )


def _lay_out(part: torch.nn.Module) -> None:
    """Put convolution weights into channels-last order: 5 % faster on a CPU, more on a GPU.

    Not by ``to(memory_format=...)``, which refuses the three-dimensional convolutions of some VAEs.
    """
    for tensor in (*part.parameters(), *part.buffers()):
        if tensor.dim() == 4:
            tensor.data = tensor.data.to(memory_format=torch.channels_last)


def _compile(denoiser: Any) -> None:
    """Compile the whole denoiser, once per input shape: all batches of a view share one.

    A shape that can't be compiled is an error, not a silent fallback, because compiled and eager
    pictures differ; torch's default limit of 8 shapes would soon be reached.
    """
    denoiser.compile(
        fullgraph=True,
        dynamic=False,
        recompile_limit=_COMPILED_SHAPES,
        # Otherwise Inductor times kernels and may choose others in the next process.
        options={"deterministic": True},
    )


def _modules(pipeline: Any) -> list[torch.nn.Module]:
    """The pipeline's networks."""
    return [each for each in pipeline.components.values() if isinstance(each, torch.nn.Module)]


def _networks(
    controlnets: Mapping[str, Any], ip_adapters: Mapping[str, LoadedIpAdapter]
) -> list[torch.nn.Module]:
    """The networks that stand beside a pipeline."""
    return [*controlnets.values(), *(n for each in ip_adapters.values() for n in each.networks)]


@cache
def _versions() -> dict[str, str]:
    return {name: metadata.distribution(name).version for name in _LIBRARIES}


def require_gpu() -> None:
    """Refuse a machine without a GPU that torch can use.

    Raises:
        ConfigError: torch sees no GPU.
    """
    if not torch.cuda.is_available():
        raise ConfigError(
            "model.device = 'cuda', or CATALOG_DEPLOYMENT=gpu",
            "torch sees no GPU on this machine",
            "Repair the driver (nvidia-smi shows whether it works), install a CUDA build of torch, "
            "or set model.device = 'auto' and CATALOG_DEPLOYMENT=local.",
        )


def _device(settings: ModelSettings) -> torch.device:
    if settings.device == "cuda":
        require_gpu()
    on_gpu = torch.cuda.is_available() and settings.device != "cpu"
    return torch.device("cuda" if on_gpu else "cpu")


def _dtype(settings: ModelSettings, device: torch.device) -> Dtype:
    """fp32 on the CPU, bf16 on a GPU; fp16 on GPUs too old for bf16."""
    if settings.dtype != "auto":
        return settings.dtype
    if device.type == "cpu":
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"


@contextmanager
def without_progress_bars() -> Iterator[None]:
    """Disable the libraries' progress bars, since the caller shows its own on standard error."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    libraries = [
        each for each in (diffusers_logging, transformers_logging) if each.is_progress_bar_enabled()
    ]
    for library in libraries:
        library.disable_progress_bar()
    try:
        yield
    finally:
        for library in libraries:
            library.enable_progress_bar()
