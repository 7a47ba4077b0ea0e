"""Cut products out with a segmentation model of the user's: a folder in transformers' form.

Two kinds load without code from the folder: models for semantic segmentation (SegFormer, UPerNet,
BEiT, ...; one label is the background, or there is one for the foreground alone), and models for
mask generation (SAM, SAM 2, ...), which are asked for what is in the middle of the picture.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from catalog_gen.diffusion.model_folder import ModelFolder
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.vision.cutout import Cutout, finished

if TYPE_CHECKING:
    from catalog_gen.diffusion.hash_cache import HashCache

#: What a label of the background is called.
_BACKGROUND: Final = frozenset({"background", "bg", "unlabeled", "backdrop", "0"})
#: The box that a mask generator is asked about, as shares of the picture.
_BOX: Final = (0.04, 0.04, 0.96, 0.96)


class ModelCutter:
    """Loads the model with the first photo; on the CPU, where its masks do not depend on a card.

    Args:
        folder: configuration, preprocessor and safetensors weights.
        hashes: remembers the hashes of its files.

    Raises:
        ModelError: the folder is missing or incomplete, brings its own code, or is another kind.
    """

    def __init__(self, folder: Path, hashes: "HashCache") -> None:
        from transformers.models.auto.modeling_auto import (
            MODEL_FOR_MASK_GENERATION_MAPPING_NAMES,
            MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING_NAMES,
        )

        self._folder = ModelFolder.checked(
            folder,
            {
                *MODEL_FOR_MASK_GENERATION_MAPPING_NAMES.values(),
                *MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING_NAMES.values(),
            },
            absent=(
                "cutout.model is a folder with a config.json, and there is none",
                "Name the folder of a transformers segmentation model.",
            ),
            unfit="masks nothing that is known",
        )
        self.made_by: Mapping[str, Any] = {
            "by": "model",
            "version": 1,
            "architecture": self._folder.architecture,
            "sha256": self._folder.sha256(hashes.sha256),
        }

    def cut(self, photo: Pixels) -> Cutout:
        """What the model takes for the product."""
        import torch

        with torch.inference_mode():
            probability = self._look(photo)
        return finished(photo, probability > 0.5)

    @cached_property
    def _parts(self) -> tuple[Any, ...]:
        """The model and its preprocessor."""
        from transformers import (
            AutoImageProcessor,
            AutoModelForMaskGeneration,
            AutoModelForSemanticSegmentation,
            AutoProcessor,
        )

        kind: Any
        prepare: Any
        kind, prepare = (
            (AutoModelForSemanticSegmentation, AutoImageProcessor)
            if self._is_semantic
            else (AutoModelForMaskGeneration, AutoProcessor)
        )
        return self._folder.load(
            kind, prepare, remedy="Save model and preprocessor again, or take cutout.model out."
        )

    @property
    def _is_semantic(self) -> bool:
        return self._folder.architecture.endswith("ForSemanticSegmentation")

    def _look(self, photo: Pixels) -> NDArray[np.float32]:
        """The probability of each pixel (H, W) to be product."""
        from PIL import Image
        from torch.nn import functional

        model, prepare = self._parts
        picture = Image.fromarray(photo)
        height, width, _ = photo.shape
        if self._is_semantic:
            logits = model(**prepare(images=picture, return_tensors="pt")).logits.float()
            if logits.shape[1] == 1:
                values = logits.sigmoid()
            else:
                values = 1 - logits.softmax(dim=1)[:, [_background(model.config)]]
            values = functional.interpolate(values, (height, width), mode="bilinear")
            return np.asarray(values[0, 0].numpy(), dtype=np.float32)
        left, top, right, bottom = _BOX
        box = [left * width, top * height, right * width, bottom * height]
        inputs = prepare(images=picture, input_boxes=[[box]], return_tensors="pt")
        sizes = inputs["original_sizes"]
        seen = {
            k: v for k, v in inputs.items() if k not in ("original_sizes", "reshaped_input_sizes")
        }
        answer = model(**seen, multimask_output=True)
        further = [inputs["reshaped_input_sizes"]] if "reshaped_input_sizes" in inputs else []
        masks = prepare.post_process_masks(answer.pred_masks, sizes, *further)[0]
        best = int(answer.iou_scores.reshape(-1).argmax())
        return np.asarray(masks.reshape(-1, height, width)[best].numpy(), dtype=np.float32)


def _background(config: Any) -> int:
    """The number of the label that stands for the background; the first, where none is named so."""
    labels = {int(number): str(name).casefold() for number, name in config.id2label.items()}
    return next((number for number, name in labels.items() if name in _BACKGROUND), 0)
