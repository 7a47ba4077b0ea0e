"""Cut products out with a segmentation model of the user's: a folder in transformers' form.

Two kinds load without code from the folder: models for semantic segmentation (SegFormer, UPerNet,
BEiT, ...; one label is the background, or there is one for the foreground alone), and models for
mask generation (SAM, SAM 2, ...), which are asked for what is in the middle of the picture.
The former's logits are coarser than the photo: what they are sure of are the seeds of a random
walker, which follows the photo's edges between them.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from catalog_gen.diffusion.model_folder import ModelFolder
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.judging.signals.colour import srgb_to_lab
from catalog_gen.judging.signals.morphology import Mask
from catalog_gen.vision.cutout import WALKED, Cutout, finished, scaled
from catalog_gen.vision.walker import subject_probability

if TYPE_CHECKING:
    from catalog_gen.diffusion.hash_cache import HashCache

#: What a label of the background is called.
_BACKGROUND: Final = frozenset({"background", "bg", "unlabeled", "backdrop", "0"})
#: Probability of a pixel that is surely product; less than the rest, and it surely is not.
_SURE: Final = 0.9
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
            "version": 2,
            "architecture": self._folder.architecture,
            "sha256": self._folder.sha256(hashes.sha256),
        }

    def cut(self, photo: Pixels) -> Cutout:
        """What the model takes for the product."""
        import torch

        with torch.inference_mode():
            return finished(
                photo, self._classified(photo) if self._is_semantic else self._generated(photo)
            )

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
            kind,
            prepare,
            remedy="Save model and preprocessor again, or take cutout.model out.",
            dtype="float32",  # weights are often stored in half of that; photos come in full
        )

    @property
    def _is_semantic(self) -> bool:
        return self._folder.architecture.endswith("ForSemanticSegmentation")

    def _classified(self, photo: Pixels) -> Mask:
        """The product (h, w) in the photo reduced for the walker; nothing, if nothing is sure."""
        from PIL import Image
        from torch.nn import functional

        model, prepare = self._parts
        inputs = prepare(images=Image.fromarray(photo), return_tensors="pt")
        logits = model(**inputs).logits.float()
        if logits.shape[1] == 1:
            values = logits.sigmoid()
        else:
            values = 1 - logits.softmax(dim=1)[:, [_background(model.config)]]
        small = scaled(photo, WALKED)
        probability = functional.interpolate(values, small.shape[:2], mode="bilinear")[0, 0].numpy()
        product = np.asarray(probability > _SURE)
        if not product.any():
            return product
        ground = np.asarray(probability < 1 - _SURE)
        return np.asarray(subject_probability(srgb_to_lab(small), product, ground) > 0.5)

    def _generated(self, photo: Pixels) -> Mask:
        """The best mask (H, W) of what is in the middle."""
        from PIL import Image

        model, prepare = self._parts
        height, width, _ = photo.shape
        left, top, right, bottom = _BOX
        box = [left * width, top * height, right * width, bottom * height]
        inputs = prepare(images=Image.fromarray(photo), input_boxes=[[box]], return_tensors="pt")
        sizes = inputs["original_sizes"]
        seen = {
            k: v for k, v in inputs.items() if k not in ("original_sizes", "reshaped_input_sizes")
        }
        answer = model(**seen, multimask_output=True)
        further = [inputs["reshaped_input_sizes"]] if "reshaped_input_sizes" in inputs else []
        masks = prepare.post_process_masks(answer.pred_masks, sizes, *further)[0]
        best = int(answer.iou_scores.reshape(-1).argmax())
        return np.asarray(masks.reshape(-1, height, width)[best].numpy() > 0.5)


def _background(config: Any) -> int:
    """The number of the label that stands for the background; the first, where none is named so."""
    labels = {int(number): str(name).casefold() for number, name in config.id2label.items()}
    return next((number for number, name in labels.items() if name in _BACKGROUND), 0)
