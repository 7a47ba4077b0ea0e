"""What a model family is: the base of the classes beside this file.

A family knows one kind of diffusers pipeline: which components a folder must have, how prompts
become embeddings, which part denoises, which schedulers and tasks there are. The modules import
torch and diffusers inside functions, so that planning can ask a family without loading either.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from catalog_gen.errors import ModelError
from catalog_gen.method import Method, Task
from catalog_gen.registry import Registry

if TYPE_CHECKING:
    import torch

#: The diffusers classes that make a pipeline for a task out of another one, sharing its weights.
AUTO_PIPELINES: Final[Mapping[Task, str]] = {
    "text2img": "AutoPipelineForText2Image",
    "img2img": "AutoPipelineForImage2Image",
    "inpaint": "AutoPipelineForInpainting",
}

#: One prompt as the pipeline's keyword arguments, each tensor with a first dimension of 1.
Embedding = Mapping[str, "torch.Tensor"]


class Family(ABC):
    """One kind of model. An instance holds no state; pipelines are passed in."""

    #: ``_class_name`` of ``model_index.json``, with the components that can't be missing.
    pipelines: ClassVar[Mapping[str, frozenset[str]]]
    #: What can be asked of such a model.
    tasks: ClassVar[frozenset[Task]]
    #: Names that recipes may give as their scheduler.
    schedulers: ClassVar[tuple[str, ...]]
    #: Keyword arguments for every pipeline that is made.
    options: ClassVar[Mapping[str, object]] = {}

    def pipeline_for(self, task: Task, pipeline: Any) -> Any:
        """A pipeline for a task that shares the weights of another one of this family."""
        import diffusers

        auto: Any = getattr(diffusers, AUTO_PIPELINES[task])
        return auto.from_pipe(pipeline, **self.options)

    def problem(self, method: Method, scheduler: str, steps: int) -> tuple[str, str, str] | None:
        """Why such a model can't draw so: value, rule and next step; None: it can."""
        if method.task not in self.tasks:
            return (
                f"method '{method.name}'",
                f"it takes a model for {method.task}, and this one has "
                f"{', '.join(sorted(self.tasks))}",
                "Choose another method, or another model.",
            )
        if scheduler not in self.schedulers:
            return (
                f"scheduler = '{scheduler}'",
                "this model's family has no such scheduler",
                f"Choose one of: {', '.join(self.schedulers)}.",
            )
        return method.problem(steps)

    @abstractmethod
    def denoiser(self, pipeline: Any) -> "torch.nn.Module":
        """The part that runs at every step: what is compiled, and laid out for convolutions."""

    @abstractmethod
    def token_limit(self, pipeline: Any) -> int:
        """Most tokens of a prompt, with the begin and end marks."""

    @abstractmethod
    def is_guided(self, pipeline: Any, guidance: float) -> bool:
        """Whether a negative prompt is drawn against at this guidance scale."""

    @abstractmethod
    def encode(self, pipeline: Any, prompt: str) -> Embedding:
        """One prompt, encoded alone."""

    @abstractmethod
    def encode_negative(self, pipeline: Any, prompt: str) -> Embedding:
        """One negative prompt, under the names of ``encode``; an empty one means no wish."""

    @abstractmethod
    def scheduler(self, name: str, model_config: Mapping[str, Any], steps: int) -> Any:
        """A fresh scheduler for one batch.

        Args:
            name: one of ``schedulers``.
            model_config: the configuration of the scheduler that came with the model.
            steps: how many steps a recipe asks for.

        Raises:
            RecipeError: it can't follow the model's noise schedule, or do that many steps.
        """


FAMILIES: Final[Registry[type[Family]]] = Registry("model family", "catalog_gen.families")


def family_of(pipeline: object, where: str) -> Family:
    """The family that drives a pipeline class, as ``model_index.json`` names it.

    Raises:
        ModelError: no installed family does; ``where`` is the folder in the message.
    """
    known: dict[str, type[Family]] = {}
    for _, family in FAMILIES.items():
        known.update(dict.fromkeys(family.pipelines, family))
    if not isinstance(pipeline, str) or pipeline not in known:
        raise ModelError(
            where,
            f"its pipeline class is {pipeline!r}, which no installed model family drives",
            f"Use a folder of one of: {', '.join(sorted(known))}.",
        )
    return known[pipeline]()
