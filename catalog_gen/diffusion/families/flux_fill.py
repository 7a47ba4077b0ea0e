"""FLUX.1 Fill: inpainting and outpainting, with mask and masked photo as additional inputs.

The reference implementation is https://github.com/black-forest-labs/flux.
"""

from collections.abc import Mapping
from typing import ClassVar

from catalog_gen.diffusion.families.family import TaskRules
from catalog_gen.diffusion.families.flux import Flux
from catalog_gen.method import Task


class FluxFill(Flux):
    """``FluxFillPipeline``."""

    pipelines: ClassVar[Mapping[str, frozenset[str]]] = {
        "FluxFillPipeline": Flux.pipelines["FluxPipeline"]
    }
    tasks: ClassVar[Mapping[Task, TaskRules]] = {"inpaint": TaskRules(own=True)}

    def input_channels(self, latent: int) -> frozenset[int]:
        """Noise, masked photo and the 8 x 8 mask pixels of each latent, in patches of 2 x 2."""
        return frozenset({4 * (2 * latent + 8 * 8)})
