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

from catalog_gen.diffusion.hub import READ
from catalog_gen.diffusion.weights import read_json
from catalog_gen.errors import ModelError
from catalog_gen.fingerprint import sha256_json
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
        self._folder = folder
        self._architecture = _checked(folder)
        files = sorted(each for each in folder.iterdir() if each.suffix in READ | {".safetensors"})
        self.made_by: Mapping[str, Any] = {
            "by": "model",
            "version": 1,
            "architecture": self._architecture,
            "sha256": sha256_json({each.name: hashes.sha256(each) for each in files}),
        }

    def cut(self, photo: Pixels) -> Cutout:
        """What the model takes for the product."""
        import torch

        with torch.inference_mode():
            probability = self._look(photo)
        return finished(photo, probability > 0.5)

    @cached_property
    def _parts(self) -> tuple[Any, Any]:
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
        own: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            model = kind.from_pretrained(self._folder, use_safetensors=True, **own)
            return model.eval(), prepare.from_pretrained(self._folder, **own)
        except (OSError, ValueError, RuntimeError) as error:
            raise ModelError(
                str(self._folder),
                f"it can't be loaded ({' '.join(str(error).split())[:300]})",
                "Save model and preprocessor again, or take cutout.model out.",
            ) from error

    @property
    def _is_semantic(self) -> bool:
        return self._architecture.endswith("ForSemanticSegmentation")

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


def _checked(folder: Path) -> str:
    """The folder's architecture.

    Raises:
        ModelError: see ``ModelCutter``.
    """
    file = folder / "config.json"
    if not file.is_file():
        raise ModelError(
            str(folder),
            "cutout.model is a folder with a config.json, and there is none",
            "Name the folder of a transformers segmentation model.",
        )
    config = read_json(file)
    if "auto_map" in config:
        raise ModelError(
            str(file),
            "it needs code from its own folder, which is never run",
            "Use a model whose class is in transformers itself.",
        )
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            str(folder),
            "it has no safetensors weights; pickled ones can run any code",
            "Save it with safe_serialization=True.",
        )
    named = config.get("architectures")
    architecture = str(named[0]) if isinstance(named, list) and named else ""
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_MASK_GENERATION_MAPPING_NAMES,
        MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING_NAMES,
    )

    usable = {
        *MODEL_FOR_MASK_GENERATION_MAPPING_NAMES.values(),
        *MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING_NAMES.values(),
    }
    if architecture not in usable:
        raise ModelError(
            str(file),
            f"its architecture is {architecture or 'not named'}, which masks nothing that is known",
            f"Use one of: {', '.join(sorted(usable))}.",
        )
    return architecture
