"""The interface of a drawing method: the base of the classes in ``diffusion/methods``.

An instance holds a method's parameters. It is a section of a view's settings and of a recipe, and
the engine calls it to draw.
"""

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, SerializeAsAny

from catalog_gen.chosen import Chosen
from catalog_gen.registry import Registry, part_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from catalog_gen.diffusion.batch import Batch, Pictures
    from catalog_gen.diffusion.loading import LoadedModel

#: What a method asks of a model family: the kind of pipeline that runs.
Task = Literal["text2img", "img2img", "inpaint", "edit", "control", "variation"]

#: What a product must have to be drawn in this way.
Need = Literal["photo", "mask", "concept"]


class Method(Chosen):
    """A drawing method and its parameters.

    A subclass fixes ``name``, names its parameters as fields, and draws. ``needs`` says what a
    product must have, ``task`` which of the model's pipelines runs.
    """

    needs: ClassVar[frozenset[Need]] = frozenset()
    task: ClassVar[Task]

    name: str

    @property
    def parameters(self) -> dict[str, Any]:
        """The method's own parameters as JSON values; those that are unset are left out."""
        return self.chosen(without=("name",))

    @property
    def share(self) -> float:
        """The share of a recipe's steps that it runs, 0..1: what its pictures cost."""
        return 1.0

    @property
    def departure(self) -> float:
        """How far it may lead from the product's photo, 0..1; a view's edit policy limits it."""
        return 0.0

    def kept(self, coverage: "NDArray[np.uint8]") -> "NDArray[np.bool_] | None":
        """Pixels (H, W) of the photo that its pictures show unchanged, byte for byte; None: none.

        Args:
            coverage: the product's mask in the photo at the picture's size, (H, W), 0..255; all 0
                for a method that needs none.
        """
        return None

    @property
    def variants(self) -> "tuple[Method, ...]":
        """What each candidate is drawn by: the method with each value of a parameter's list."""
        return (self,)

    def with_each(self, parameter: str) -> "tuple[Method, ...]":
        """The method with each value of a parameter that may be a list; itself if it is none."""
        values = getattr(self, parameter)
        if not isinstance(values, tuple):
            return (self,)
        return tuple(self.model_copy(update={parameter: value}) for value in values)

    @property
    def webui(self) -> Mapping[str, str]:
        """Its parameters as AUTOMATIC1111's web UI names them, for the text in exported files."""
        return {}

    @property
    def part(self) -> str | None:
        """The part of the model that it draws with, as the settings name it; None: it needs none.

        The task decides the kind: a ControlNet, an IP-Adapter.
        """
        return None

    def seen(self, photo: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
        """What the model is shown of a photo of (H, W, 3), in the same form: by default all of it.

        Called while the batch before is drawn.
        """
        return photo

    def problem(self, steps: int) -> tuple[str, str, str] | None:
        """Why it can't draw with so many steps: value, rule and next step; None: it can."""
        return None

    def denoiser_problem(self, config: Mapping[str, Any]) -> tuple[str, str, str] | None:
        """Why it can't draw with a denoiser of this configuration; None: it can."""
        return None

    @abstractmethod
    def draw(self, model: "LoadedModel", batch: "Batch") -> "Pictures":
        """Draw a padded batch of pictures whose recipes share this method."""


def too_few_steps(
    parameter: str, share: float, steps: int, otherwise: str
) -> tuple[str, str, str] | None:
    """The ``problem`` of a method that runs a share of the steps; None if at least one is left.

    Args:
        parameter: the parameter that holds the share.
        share: above 0, up to 1.
        steps: the recipe's number of steps.
        otherwise: what to set instead of more steps.
    """
    if int(steps * share) >= 1:
        return None
    return (
        f"{parameter} = {share} with steps = {steps}",
        "no step is left to run",
        f"Set at least {math.ceil(1 / share)} steps, or {otherwise}.",
    )


METHODS: Final[Registry[type[Method]]] = Registry("method", "catalog_gen.methods")


def described(name: str, parameters: Mapping[str, Any]) -> str:
    """A method and its parameters for people: "img2img, strength 0.35"."""
    written = (
        f"{key.replace('_', ' ')} {value:g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in parameters.items()
    )
    return ", ".join([name, *written])


_resolved: Final = part_of(
    METHODS,
    Method,  # type: ignore[type-abstract]
    'method = { name = "img2img", strength = 0.35 }',
)

#: A field of any installed method: "text2img", or a table such as {name = "img2img", ...}.
AnyMethod = Annotated[SerializeAsAny[Method], BeforeValidator(_resolved)]
