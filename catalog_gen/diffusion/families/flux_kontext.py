"""FLUX.1 Kontext: editing by instruction; the photo's tokens are appended to the picture's.

FLUX.1 Kontext: Flow Matching for In-Context Image Generation and Editing in Latent Space
(https://arxiv.org/abs/2506.15742).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from catalog_gen.diffusion.families.family import TaskRules
from catalog_gen.diffusion.families.flux import Flux
from catalog_gen.method import Task

if TYPE_CHECKING:
    from catalog_gen.diffusion.batching import BatchKey


class FluxKontext(Flux):
    """``FluxKontextPipeline``; the photo keeps the picture's size."""

    pipelines: ClassVar[Mapping[str, frozenset[str]]] = {
        "FluxKontextPipeline": Flux.pipelines["FluxPipeline"]
    }
    tasks: ClassVar[Mapping[Task, TaskRules]] = {"edit": TaskRules(own=True)}

    def arguments(self, pipeline: Any, key: "BatchKey") -> dict[str, Any]:
        """Add arguments that keep the pipeline from resizing picture or photo."""
        return super().arguments(pipeline, key) | {
            "max_area": key.width * key.height,
            "_auto_resize": False,
        }
