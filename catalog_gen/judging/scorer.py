"""The CLIP scorer: unit embeddings of pictures and texts, similarity and margin, with open_clip.

What a good margin is, is set in the rubric's section for the scorer.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from catalog_gen.errors import ConfigError, InfrastructureError, ModelError
from catalog_gen.fingerprint import sha256_text
from catalog_gen.judging.scorer_files import (
    REMEDY,
    checked_folder,
    folder_hash,
    name_and_tag,
    tensor_hash,
)
from catalog_gen.settings.judge import ScorerSettings
from catalog_gen.settings.types import LOCAL_SCORER

if TYPE_CHECKING:
    import torch

#: Maximum number of other products' prompts in a margin. The best of 512 out of 100,000 is a little
#: lower than the best of all; using the same sample for every picture keeps margins comparable.
MAX_OTHERS: Final = 512
#: The rival prompt if there are no other products: the empty text.
NO_PROMPT: Final = ""

_MAX_CACHED_TEXTS: Final = 20_000
#: Texts are short: a batch holds this many times as many of them as pictures.
_TEXTS_A_PICTURE: Final = 4

Item = TypeVar("Item")


@dataclass(frozen=True, eq=False, slots=True)
class ClipScore:
    """How well a picture fits its prompt."""

    similarity: float
    """Cosine of picture and prompt, -1..1; its absolute level means little."""
    margin: float
    """Similarity minus that of the best other product's prompt, -2..2; above 0 its own wins."""
    embedding: NDArray[np.float32]
    """The picture's embedding, (D,), unit length."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    model: Any
    tokenizer: Any
    geometry: Any
    """Resize and crop of the model's own transform, on Pillow's images."""
    normalize: Any
    device: str
    logit_scale: float


class ClipScorer:
    """An open_clip model, loaded at first use and then kept. Safe to share between threads.

    ``settings.id`` is a folder (``local-dir:PATH``), a hub model (``hf-hub:OWNER/NAME``), or an
    open_clip architecture with its pretrained tag (``ViT-B-32:laion2b_s34b_b79k``). Every batch is
    padded to ``settings.batch_size``, so that an embedding does not depend on its neighbours.
    """

    def __init__(self, settings: ScorerSettings) -> None:
        self._id = settings.id
        self._batch_size = settings.batch_size
        self._device = settings.device
        self._lock = threading.Lock()
        self._loaded: _Loaded | None = None
        self._hash: str | None = None
        self._texts: dict[str, NDArray[np.float32]] = {}

    @property
    def scorer_hash(self) -> str:
        """SHA-256 of the scorer: over a folder's weights, configuration and tokenizer, without
        loading it, or over the loaded tensors of any other model.

        Raises:
            ModelError: the model doesn't exist, or its weights are not safetensors.
        """
        if self._hash is None:
            if self._id.startswith(LOCAL_SCORER):
                self._hash = folder_hash(checked_folder(self._id))
            else:
                self._hash = tensor_hash(self._model().model.state_dict())
        return self._hash

    @property
    def logit_scale(self) -> float:
        """The model's learned inverse temperature: cosines times it are logits."""
        return self._model().logit_scale

    @property
    def device(self) -> str:
        """The device that computes: 'cpu', or the name of the GPU."""
        import torch

        device = self._model().device
        return device if device == "cpu" else torch.cuda.get_device_name(device)

    def embed_images(self, pixels: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Unit embeddings (N, D) of pictures, each uint8 (H, W, 3) sRGB of any size.

        Raises:
            ValueError: a picture has another type or shape.
            ModelError: the model can't be loaded.
        """
        import torch

        for picture in pixels:
            if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
                raise ValueError(
                    f"a picture is uint8 (H, W, 3), not {picture.dtype} {picture.shape}"
                )
        loaded = self._model()
        batches = []
        for batch in _batches(pixels, self._batch_size):
            with torch.inference_mode(), _within_memory(loaded.device, self._batch_size):
                tensors = _padded(_prepared(batch, loaded), self._batch_size).contiguous(
                    memory_format=torch.channels_last
                )
                found = loaded.model.encode_image(tensors, normalize=True)
                batches.append(found[: len(batch)].float().cpu().numpy())
        return np.concatenate(batches) if batches else self._no_embeddings()

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit embeddings (N, D) of texts; each distinct text is encoded once and cached.

        Raises:
            ModelError: the model can't be loaded.
        """
        import torch

        loaded = self._model()
        known = {text: self._texts[text] for text in set(texts) & self._texts.keys()}
        new = [text for text in dict.fromkeys(texts) if text not in known]
        size = self._batch_size * _TEXTS_A_PICTURE
        for batch in _batches(new, size):
            tokens = _padded(loaded.tokenizer(list(batch)), size).to(loaded.device)
            with torch.inference_mode(), _within_memory(loaded.device, size):
                found = loaded.model.encode_text(tokens, normalize=True)
            vectors = found[: len(batch)].float().cpu().numpy()
            known.update(zip(batch, vectors, strict=True))
        if len(self._texts) > _MAX_CACHED_TEXTS:
            self._texts = {}
        self._texts = {**self._texts, **known}
        return np.stack([known[text] for text in texts]) if texts else self._no_embeddings()

    def score(
        self,
        images: Sequence[NDArray[np.uint8]],
        prompts: Sequence[str],
        others: Iterable[str],
    ) -> list[ClipScore]:
        """Embed pictures and ``rate`` them.

        Raises:
            ValueError: not one prompt for each picture, or a picture of another type or shape.
            ModelError: the model can't be loaded.
        """
        return self.rate(self.embed_images(images), prompts, others) if images else []

    def rate(
        self,
        pictures: NDArray[np.float32],
        prompts: Sequence[str],
        others: Iterable[str],
    ) -> list[ClipScore]:
        """Similarity of each picture with its own prompt, and its margin over ``others``.

        ``pictures`` are unit embeddings (N, D), as ``embed_images`` gives them. ``others`` are the
        prompts of all products (of the same view). Texts equal to a picture's own prompt are left
        out, so products with the same prompt don't lower each other's margin. If no text is left,
        the empty text is the rival.

        Raises:
            ValueError: the numbers of pictures and prompts differ.
            ModelError: the model can't be loaded.
        """
        if len(pictures) != len(prompts):
            raise ValueError(f"{len(pictures)} pictures have {len(prompts)} prompts")
        if not prompts:
            return []
        rivals = sampled_prompts(others)
        texts = self.embed_texts([*prompts, *rivals])
        own = np.sum(pictures * texts[: len(prompts)], axis=1)
        matches = pictures @ texts[len(prompts) :].T
        places = {rival: place for place, rival in enumerate(rivals)}
        for row, prompt in enumerate(prompts):
            if prompt in places:
                matches[row, places[prompt]] = -np.inf
        best = matches.max(axis=1, initial=-np.inf)
        alone = np.isneginf(best)
        if alone.any():
            best = np.where(alone, pictures @ self.embed_texts([NO_PROMPT])[0], best)
        return [
            ClipScore(float(similarity), float(similarity - rival), picture)
            for similarity, rival, picture in zip(own, best, pictures, strict=True)
        ]

    def _no_embeddings(self) -> NDArray[np.float32]:
        return np.empty((0, len(self.embed_texts([NO_PROMPT])[0])), dtype=np.float32)

    def _model(self) -> _Loaded:
        with self._lock:
            if self._loaded is None:
                self._loaded = _load(self._id, self._device)
            return self._loaded


def sampled_prompts(prompts: Iterable[str], limit: int = MAX_OTHERS) -> list[str]:
    """The distinct prompts, at most ``limit``: those with the lowest SHA-256.

    The choice depends neither on order nor on the other products, so a new product replaces at most
    one text of the sample.
    """
    return sorted(set(prompts), key=sha256_text)[:limit]


def _batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _padded(batch: "torch.Tensor", size: int) -> "torch.Tensor":
    """The batch with its last row repeated up to ``size`` rows."""
    import torch

    return torch.cat([batch, batch[-1:].expand(size - len(batch), *batch.shape[1:])])


def _prepared(pictures: Sequence[NDArray[np.uint8]], loaded: _Loaded) -> "torch.Tensor":
    """Preprocess pictures, each (H, W, 3), into float32 (N, 3, S, S) on the model's device.

    The steps are those of open_clip's transform. Pillow resizes, outside the GIL: a picture of
    1,024 pixels takes it 8 ms, torch's resize of uint8 tensors 18 to 23. Fitted pictures go to the
    device as bytes, a quarter of the size of floats.
    """
    import torch
    from PIL import Image

    def fitted(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.asarray(loaded.geometry(Image.fromarray(picture)))

    with ThreadPoolExecutor() as threads:
        levels = torch.from_numpy(np.stack(list(threads.map(fitted, pictures))))
    floats = levels.to(loaded.device).permute(0, 3, 1, 2).float() / 255
    return cast("torch.Tensor", loaded.normalize(floats))


@contextmanager
def _within_memory(device: str, batch_size: int) -> Iterator[None]:
    """Turn out-of-memory errors into a ModelError: the drawing model is still on the same GPU."""
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        raise InfrastructureError(
            f"the scorer on {device}",
            f"has no memory for a batch of {batch_size}",
            "Lower scorer.batch_size, or set scorer.device = 'cpu'.",
        ) from error


def _load(model_id: str, wanted: str) -> _Loaded:
    import open_clip
    import torch
    from open_clip.transform import PreprocessCfg, image_transform_v2

    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise ConfigError(
            "scorer.device = 'cuda'",
            "torch sees no GPU on this machine",
            "Set it to 'auto' or 'cpu', or repair the driver (nvidia-smi shows whether it works).",
        )
    device = "cuda" if available and wanted != "cpu" else "cpu"
    name, pretrained = name_and_tag(model_id)
    try:
        model = open_clip.create_model(
            name, pretrained=pretrained, device=device, require_pretrained=True
        )
        tokenizer = open_clip.get_tokenizer(name)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise ModelError(model_id, f"open_clip can't load this scorer ({error})", REMEDY) from error
    # Convolutions over pictures take about half the time in this order (measured on CPUs).
    model.eval().to(memory_format=torch.channels_last)
    transform = image_transform_v2(PreprocessCfg(**model.visual.preprocess_cfg), is_train=False)
    # The last three steps: to RGB, to a float tensor, normalize; ``_prepared`` does the first two.
    *geometry, _, _, normalize = transform.transforms
    return _Loaded(
        model=model,
        tokenizer=tokenizer,
        geometry=torch.nn.Sequential(*geometry),
        normalize=normalize,
        device=device,
        logit_scale=float(model.logit_scale.detach().exp()),
    )
