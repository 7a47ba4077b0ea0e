"""Qwen-Image-Edit and Plus (2509, 2511): the text encoder sees photo and instruction.

Qwen-Image Technical Report (https://arxiv.org/abs/2508.02324).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from catalog_gen.diffusion.families.family import Embedding, TaskRules
from catalog_gen.diffusion.families.qwen_image import QwenImage
from catalog_gen.method import Task

if TYPE_CHECKING:
    import torch

_COMPONENTS = QwenImage.pipelines["QwenImagePipeline"] | {"processor"}


class QwenImageEdit(QwenImage):
    """``QwenImageEditPipeline``, ``QwenImageEditPlusPipeline``.

    The pipelines encode prompt and photo together, one picture at a time: a batch of two raises
    ValueError in diffusers 0.42.1.
    """

    pipelines: ClassVar[Mapping[str, frozenset[str]]] = {
        "QwenImageEditPipeline": _COMPONENTS,
        "QwenImageEditPlusPipeline": _COMPONENTS,
    }
    tasks: ClassVar[Mapping[Task, TaskRules]] = {"edit": TaskRules(own=True, batchable=False)}

    def image(self, photos: "torch.Tensor") -> Any:
        """The photo as a PIL image, from which the pipelines read the size."""
        from torchvision.transforms.functional import to_pil_image

        (photo,) = photos
        return to_pil_image((photo * 255).round().byte())

    def encode(self, pipeline: Any, prompt: str | list[str]) -> Embedding:
        """The unencoded ``prompt``: the pipeline encodes it together with the photo."""
        return {"prompt": prompt}

    def stacked(self, embeddings: Sequence[Embedding]) -> dict[str, Any]:
        (embedding,) = embeddings
        return dict(embedding)
