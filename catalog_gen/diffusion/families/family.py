"""The base class of the model families beside this file.

A family describes one kind of diffusers pipeline: the components that a folder must have, what it
can draw and how, how prompts become embeddings, and its schedulers. The modules import torch and
diffusers inside functions, so that planning can use a family without loading either.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Protocol

from catalog_gen.broken_rules import nearest
from catalog_gen.errors import ModelError
from catalog_gen.method import Method, Task
from catalog_gen.registry import Registry

if TYPE_CHECKING:
    import torch

    from catalog_gen.diffusion.batch import StepCallback
    from catalog_gen.diffusion.batching import BatchKey

#: The diffusers classes that make a task's pipeline from another one, sharing its weights.
AUTO_PIPELINES: Final[Mapping[Task, str]] = {
    "text2img": "AutoPipelineForText2Image",
    "img2img": "AutoPipelineForImage2Image",
    "inpaint": "AutoPipelineForInpainting",
    "control": "AutoPipelineForText2Image",
    "variation": "AutoPipelineForText2Image",
}

#: The model's own scheduler with its own configuration; every family supports it.
OWN: Final = "own"

#: Arguments of pipelines that would otherwise draw the nearest of their preferred sizes, and whose
#: negative prompt is a text by default, which can't be combined with embeddings.
AS_ASKED: Final[Mapping[str, object]] = {"use_resolution_binning": False, "negative_prompt": None}

#: A kind of part that a task needs, and that the settings list under this name and an "s".
PartKind = Literal["controlnet", "ip_adapter"]
_KIND_NAMES: Final[Mapping[PartKind, str]] = {
    "controlnet": "ControlNet",
    "ip_adapter": "IP-Adapter",
}
#: The names of a model's parts, by kind.
PartNames = Mapping[PartKind, Collection[str]]

#: One prompt as the pipeline's keyword arguments, each tensor with a first dimension of 1.
Embedding = Mapping[str, Any]

#: Value, rule and next step of an error message.
Problem = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class TaskRules:
    """How a family does one task.

    ``own`` is True if the folder's own pipeline does it, and False if diffusers builds another
    pipeline from its components. ``blended`` is True for a model that was not trained to fill
    masks: its latents are held to the photo's at each step (``blending.py``).
    ``batchable`` is False if a picture would depend on its neighbours
    in a batch, or the pipeline takes one picture at a time: then pictures are drawn alone.
    ``least`` is the minimum side in pixels. ``part`` is the kind of part that the task needs.
    """

    own: bool = False
    blended: bool = False
    batchable: bool = True
    least: int = 1
    part: PartKind | None = None


@dataclass(frozen=True, slots=True)
class PromptLimit:
    """The tokenizer's folder, and the maximum number of tokens of a prompt.

    ``tokens`` includes the tokenizer's begin and end marks; None: the limit in the folder.
    """

    tokenizer: str = "tokenizer"
    tokens: int | None = None


class Drawable(Protocol):
    """The properties of recipes and views that decide whether a model can draw them."""

    @property
    def method(self) -> Method: ...
    @property
    def scheduler(self) -> str: ...
    @property
    def steps(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def eta(self) -> float | None: ...


class Family(ABC):
    """One kind of model. An instance holds no state; pipelines are passed in."""

    #: ``_class_name`` of ``model_index.json``, with the required components.
    pipelines: ClassVar[Mapping[str, frozenset[str]]]
    #: The tasks that such a model can do, and how.
    tasks: ClassVar[Mapping[Task, TaskRules]]
    #: Scheduler names that recipes may use.
    schedulers: ClassVar[tuple[str, ...]]
    #: The component that runs at every step; it is compiled, and laid out for convolutions.
    denoises: ClassVar[str] = "transformer"
    #: Width and height must be multiples of this, in pixels: VAE factor times patch size.
    multiple: ClassVar[int] = 16
    #: Keyword arguments for loading every pipeline.
    options: ClassVar[Mapping[str, object]] = {}
    #: Whether ``encode`` takes a list of prompts, too, and pads all to the same length: then those
    #: of a batch are encoded together on a GPU, which one prompt can't occupy.
    encodes_together: ClassVar[bool] = False
    #: Possible prefixes of the tensors' names, by component, in a checkpoint in one file; empty:
    #: such checkpoints hold only the denoiser.
    checkpoint: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    #: The denoiser's first layer, which has the input channels, in a checkpoint in one file.
    first_layer: ClassVar[str] = ""
    #: Whether diffusers loads LoRAs into such a pipeline.
    loras: ClassVar[bool] = True
    #: Text encoder and tokenizer of a learned word by the tensor's name in its file ("": any name);
    #: empty: diffusers loads no learned words.
    words: ClassVar[Mapping[str, tuple[str, str]]] = {}
    #: Whether ``predicted`` is there, so that products can be learned with such a model.
    teachable: ClassVar[bool] = False

    def denoiser(self, pipeline: Any) -> "torch.nn.Module":
        """The component that runs at every step."""
        part: torch.nn.Module = getattr(pipeline, self.denoises)
        return part

    def input_channels(self, latent: int) -> frozenset[int]:
        """Input channels that its denoiser may have with a VAE of ``latent`` channels."""
        return frozenset({latent})

    def prompt_limit(self, components: Collection[str]) -> PromptLimit:
        """The prompt limit of a model that has these components."""
        return PromptLimit()

    def problem(self, wanted: Drawable) -> Problem | None:
        """Why such a model can't draw a recipe or a view; None if it can."""
        method = wanted.method
        if method.task not in self.tasks:
            return (
                f"method '{method.name}'",
                f"it takes a model for {method.task}, and this one has "
                f"{', '.join(sorted(self.tasks))}",
                "Choose another method, or another model.",
            )
        if "concept" in method.needs and not self.teachable:
            return (
                f"method '{method.name}'",
                "catalog_gen can't teach models of this family",
                "Choose another method, or a plain Stable Diffusion 1.x, 2.x or XL model.",
            )
        if wanted.scheduler not in self.schedulers:
            meant = nearest(wanted.scheduler, self.schedulers)
            return (
                f"scheduler = '{wanted.scheduler}'",
                "this model's family does not have this scheduler"
                + (f"; did you mean '{meant}'?" if meant else ""),
                f"Choose one of: {', '.join(self.schedulers)}.",
            )
        if wanted.eta is not None and wanted.scheduler != "ddim":
            return (
                f"eta = {wanted.eta:g}",
                f"scheduler '{wanted.scheduler}' takes none",
                "Remove it, or set scheduler to 'ddim' where the model has it.",
            )
        for name, pixels in (("width", wanted.width), ("height", wanted.height)):
            if pixels % self.multiple:
                below = pixels // self.multiple * self.multiple
                near = [str(each) for each in (below, below + self.multiple) if each]
                return (
                    f"{name} = {pixels}",
                    f"this model needs multiples of {self.multiple} pixels",
                    f"Set it to {' or '.join(near)}.",
                )
        least = self.tasks[method.task].least
        if min(wanted.width, wanted.height) < least:
            return (
                f"{wanted.width} x {wanted.height} pixels",
                f"for {method.task} this model needs sides of at least {least} pixels",
                "Choose a larger size.",
            )
        return method.problem(wanted.steps)

    def schedule_problem(self, wanted: Drawable, own: Mapping[str, Any]) -> Problem | None:
        """Why a recipe or view can't be drawn along the model's schedule; None: it can.

        Args:
            own: the configuration of the scheduler that came with the model.
        """
        return None

    def part_problem(self, method: Method, parts: PartNames) -> Problem | None:
        """Why a model with these parts can't draw by a method; None if it can.

        Args:
            method: one whose task is among ``tasks``.
            parts: as the settings name them.
        """
        kind = self.tasks[method.task].part
        if kind is None or method.part in parts[kind]:
            return None
        names = ", ".join(f"'{name}'" for name in parts[kind])
        return (
            f"method '{method.name}' with '{method.part}'",
            f"model.{kind}s has {f'only {names}' if names else 'none'}",
            f"Name one of these, or add it to the settings under [[model.{kind}s]].",
        )

    def check_draws_with(self, kind: PartKind, path: Path, pipeline: str) -> None:
        """Refuse a part of a kind that none of the family's tasks needs.

        Args:
            kind: the part's kind.
            path: where the part is, for the message.
            pipeline: the model's pipeline class, for the message.

        Raises:
            ModelError: the family draws with no part of this kind.
        """
        if not any(rules.part == kind for rules in self.tasks.values()):
            raise ModelError(
                str(path),
                f"a {pipeline} draws with no {_KIND_NAMES[kind]} here",
                f"Take it out of model.{kind}s, or use a Stable Diffusion or SDXL model.",
            )

    def pipeline_for(
        self, task: Task, pipeline: Any, parts: Mapping[PartKind, Mapping[str, Any]]
    ) -> Any:
        """A pipeline for a task that shares the weights of another one of this family.

        ``parts`` are all of the model's, by kind and name; a batch decides which one draws.
        """
        rules = self.tasks[task]
        if rules.own:
            return pipeline
        if rules.blended:
            from catalog_gen.diffusion.families.blending import BlendedPipeline

            return BlendedPipeline(
                *(self._auto(each, pipeline, parts) for each in ("text2img", "img2img"))
            )
        return self._auto(task, pipeline, parts)

    def _auto(self, task: Task, pipeline: Any, parts: Mapping[PartKind, Mapping[str, Any]]) -> Any:
        import diffusers

        auto: Any = getattr(diffusers, AUTO_PIPELINES[task])
        options = dict(self.options)
        if self.tasks[task].part == "controlnet":
            options["controlnet"] = next(iter(parts["controlnet"].values()))
        return auto.from_pipe(pipeline, **options)

    def arguments(self, pipeline: Any, key: "BatchKey") -> dict[str, Any]:
        """The keyword arguments of a task's pipeline that all pictures of a batch share."""
        arguments: dict[str, Any] = {
            "num_inference_steps": key.steps,
            "guidance_scale": key.guidance,
        }
        if key.eta is not None:
            arguments["eta"] = key.eta
        # Some pipelines take the size from the photo, others need it in addition.
        if "width" in signature(pipeline.__call__).parameters:
            arguments |= {"width": key.width, "height": key.height}
        return arguments

    def watching(self, pipeline: Any, on_step_end: "StepCallback") -> dict[str, Any]:
        """The keyword arguments that make a pipeline call back after each step."""
        return {
            "callback_on_step_end": on_step_end,
            "callback_on_step_end_tensor_inputs": [],
        }

    def image(self, photos: "torch.Tensor") -> Any:
        """Photos of (B, 3, H, W) in [0, 1] as the pipelines' argument ``image``."""
        return photos

    def stacked(self, embeddings: Sequence[Embedding]) -> dict[str, Any]:
        """The embeddings of a batch as keyword arguments of the pipeline."""
        import torch

        return {name: torch.cat([each[name] for each in embeddings]) for name in embeddings[0]}

    @abstractmethod
    def is_guided(self, pipeline: Any, guidance: float) -> bool:
        """Whether the negative prompt is used at this guidance scale."""

    @abstractmethod
    def encode(self, pipeline: Any, prompt: "str | list[str]") -> Embedding:
        """One prompt, encoded alone; or several as rows, where ``encodes_together``."""

    def encode_negative(self, pipeline: Any, prompt: str) -> Embedding:
        """One negative prompt, with the keys of ``encode``; '' stands for none."""
        return self.encode(pipeline, prompt)

    def predicted(
        self, pipeline: Any, noisy: "torch.Tensor", timesteps: "torch.Tensor", text: Embedding
    ) -> "torch.Tensor":
        """What the denoiser says of noisy latents, with gradients; where ``teachable``.

        Args:
            noisy: (B, C, h, w).
            timesteps: (B,).
            text: B embeddings, as ``stacked`` gives them.
        """
        raise NotImplementedError

    @abstractmethod
    def scheduler(self, name: str, own: Any, steps: int) -> Any:
        """A fresh scheduler for one batch.

        Args:
            name: one of ``schedulers``.
            own: the model's own scheduler, whose configuration is used.
            steps: the recipe's number of steps.

        Raises:
            RecipeError: it doesn't support the model's noise schedule, or that many steps.
        """


FAMILIES: Final[Registry[type[Family]]] = Registry("model family", "catalog_gen.families")


def family_of(pipeline: object, where: str) -> Family:
    """The family of a pipeline class, as ``model_index.json`` spells it.

    Raises:
        ModelError: no installed family supports it; ``where`` is the folder in the message.
    """
    known: dict[str, type[Family]] = {}
    for _, family in FAMILIES.items():
        known.update(dict.fromkeys(family.pipelines, family))
    if not isinstance(pipeline, str) or pipeline not in known:
        raise ModelError(
            where,
            f"its pipeline class is {pipeline!r}, which no installed model family supports",
            f"Use a folder of one of: {', '.join(sorted(known))}.",
        )
    return known[pipeline]()
