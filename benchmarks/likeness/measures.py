"""A way's pictures of one product in numbers, and their means over products.

Reconstruction and editability are those of Textual Inversion (https://arxiv.org/abs/2208.01618,
section 5.1), by the studio's CLIP in place of ViT-B/32: the mean cosine between pictures of the
request for the photo itself and the photos; and the cosine between the average embedding of the
pictures of an edit and its prompt without the learned word, averaged over the edits.

Whether attributes are right is asked twice: of the scorer, which chooses among candidates in every
refresh, and of the captioner, which no way was chosen by, and which knows materials better.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy import stats

from catalog_gen.dialects.files import load_dialect
from catalog_gen.diffusion.hash_cache import HashCache
from catalog_gen.diffusion.references import load_mask, load_reference
from catalog_gen.imaging.decode import read_image
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.judging.contrasts import contrasts_of
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.settings.catalog import load_settings
from catalog_gen.vision.attributes import seen_in
from catalog_gen.vision.captioner import Captioner
from likeness.drawing import CONFIG, ROOT, Picture
from likeness.requests import ITSELF, Request, photos_of, requests
from studio.evaluation.likeness import likeness
from studio.photos.pairs import EDITS, Pair

#: Measures of one product, by request.
Measured = dict[str, dict[str, float]]

_MODELS: Final = ROOT / "data" / "models"


class Readers:
    """The models that read a picture: the scorer of the sample's settings, and the captioner."""

    def __init__(self, work: Path) -> None:
        """``work`` remembers the hashes of the captioner's files."""
        self.scorer = ClipScorer(load_settings(CONFIG).scorer)
        hashes = HashCache(work / "hashes.json")
        self._captioner = Captioner(_MODELS / "captioner", hashes)
        self._dialect = load_dialect(_MODELS / "studio" / "studio.json")

    def right(
        self, request: Request, pictures: Sequence[Pixels], embeddings: Any
    ) -> dict[str, float]:
        """Share of pictures in which each reader sees each attribute that was asked for.

        ``embeddings`` (N, E) are the scorer's of the pictures.
        """
        found = contrasts_of(embeddings, [request.phrasing] * len(pictures), self.scorer)
        captions = [seen_in(self._captioner.caption(each), self._dialect) for each in pictures]
        shares = {}
        for name in request.wanted:
            answers = [each[name].seen == each[name].asked for each in found]
            shares[f"right {name}"] = float(np.mean(answers))
        for name, word in request.wanted.items():
            read = [name in each and each[name].word == word for each in captions]
            shares[f"read {name}"] = float(np.mean(read))
        return shares


def measured(pair: Pair, drawn: Mapping[str, list[Picture]], readers: Readers) -> Measured:
    """A way's measures of one product: those of each request, and of the way as ``"way"``."""
    scorer = readers.scorer
    rows: Measured = {}
    average: dict[str, Any] = {}
    asked = [request for request in requests(pair) if request.name in drawn]
    for request in asked:
        pictures = drawn[request.name]
        pixels = [read_image(each.path) for each in pictures]
        embeddings = scorer.embed_images(pixels)
        average[request.name] = embeddings
        (true,) = scorer.embed_images([request.true])
        each = [asdict(likeness(one, request.true, request.mask)) for one in pixels]
        row = {name: float(np.mean([one[name] for one in each])) for name in each[0]}
        row["embedding"] = float(np.mean(embeddings @ true))
        row |= readers.right(request, pixels, embeddings)
        if (identical := _identical(pictures)) is not None:
            row["identical"] = identical
        rows[request.name] = row
    everything = [each for pictures in drawn.values() for each in pictures]
    rows["way"] = {"seconds": float(np.mean([each.seconds for each in everything]))}
    if ITSELF in average:
        photos = scorer.embed_images([photos_of(pair)["white"]])
        rows["way"]["reconstruction"] = float(np.mean(average[ITSELF] @ photos.T))
    edits = [request for request in asked if request.name != ITSELF]
    if len(edits) == len(EDITS):
        texts = scorer.embed_texts([request.phrasing.prompt for request in edits])
        means = np.stack([average[request.name].mean(0) for request in edits])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        rows["way"]["editability"] = float((means * texts).sum(1).mean())
    learning = [each.learning for each in everything if each.learning is not None]
    if learning:
        kept = [each.bytes_kept for each in everything if each.bytes_kept is not None]
        rows["way"] |= {"learning": float(np.mean(learning)), "kB": float(np.mean(kept)) / 1000}
    return rows


def of_true_photos(pair: Pair, readers: Readers) -> Measured:
    """What the readers see in the true answers: how far to trust them."""
    return {
        request.name: readers.right(
            request, [request.true], readers.scorer.embed_images([request.true])
        )
        for request in requests(pair)
    }


def _identical(pictures: Sequence[Picture]) -> float | None:
    """Share of pictures whose kept pixels are the photo's; None: the method keeps none."""
    if pictures[0].job.recipe.mask_sha256 is None:
        return None
    same = []
    for each in pictures:
        kept = each.job.recipe.method.kept(load_mask(each.job))
        assert kept is not None
        same.append(np.array_equal(read_image(each.path)[kept], load_reference(each.job)[kept]))
    return float(np.mean(same))


def interval(values: Sequence[float]) -> dict[str, float]:
    """The mean with half the width of Student's 95 % interval; 0 for a single value."""
    count = len(values)
    half = 0.0
    if count > 1:
        width = float(stats.t.ppf(0.975, count - 1))
        half = width * float(np.std(values, ddof=1)) / count**0.5
    return {"mean": round(float(np.mean(values)), 4), "half": round(half, 4)}


def summary(products: Sequence[Measured]) -> dict[str, dict[str, dict[str, float]]]:
    """Means over products, by request and measure."""
    return {
        request: {name: interval([each[request][name] for each in products]) for name in row}
        for request, row in products[0].items()
    }
