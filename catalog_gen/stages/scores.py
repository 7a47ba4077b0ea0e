"""Score new pictures: CLIP similarity and margin, attribute contrasts, and all measured signals."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from catalog_gen.catalog.reference import resolve_reference
from catalog_gen.diffusion.jobs import DrawJob, RecipeError
from catalog_gen.diffusion.references import load_reference
from catalog_gen.errors import InputError
from catalog_gen.imaging.decode import read_image as decode
from catalog_gen.judging.contrasts import contrasts_of
from catalog_gen.judging.measurement import Asked, Signals, asked_of, measure
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.judging.signals.identity import embedding_distance
from catalog_gen.progress import report
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.store.images import read_image
from catalog_gen.store.prompts import current_prompts
from catalog_gen.store.scores import ScoreRow, ToScore, save_scores, unscored

#: Pictures that are in memory at a time.
CHUNK: Final = 128

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """What the stage did; ``seconds`` includes reading, measuring and storing."""

    scored: int
    seconds: float


def score_images(
    catalog: Catalog, scorer: ClipScorer, shards: Collection[int], stamp: Stamp
) -> ScoreResult:
    """Score every picture of these shards that this scorer has not seen.

    Raises:
        ModelError: the scorer can't be loaded.
        CorruptionError: a stored picture is damaged.
    """
    started = perf_counter()
    with catalog.store.reading() as connection:
        todo = unscored(connection, scorer.scorer_hash, shards)
        rivals = current_prompts(connection) if todo else {}
    done = 0
    for start in range(0, len(todo), CHUNK):
        chunk = todo[start : start + CHUNK]
        rows = _score(catalog, scorer, chunk, rivals, stamp)
        with catalog.store.writing() as connection:
            save_scores(connection, rows)
        done += len(chunk)
        report("score", done, len(todo))
    return ScoreResult(len(todo), perf_counter() - started)


def _score(
    catalog: Catalog,
    scorer: ClipScorer,
    chunk: Sequence[ToScore],
    rivals: dict[str, list[str]],
    stamp: Stamp,
) -> list[ScoreRow]:
    with catalog.store.reading() as connection:
        pictures = [decode(read_image(connection, each.image_id)) for each in chunk]
    rows: list[ScoreRow] = []
    for view in sorted({each.view for each in chunk}):
        places = [place for place, each in enumerate(chunk) if each.view == view]
        prompts = [chunk[place].recipe.prompt for place in places]
        images = [pictures[place] for place in places]
        scores = scorer.score(images, prompts, rivals.get(view, ()))
        contrasts = contrasts_of(np.stack([score.embedding for score in scores]), prompts, scorer)
        for place, score, contrast in zip(places, scores, contrasts, strict=True):
            signals = _measure(catalog, scorer, chunk[place], pictures[place], score.embedding)
            rows.append(
                ScoreRow(
                    image_id=chunk[place].image_id,
                    scorer=scorer.scorer_hash,
                    similarity=score.similarity,
                    margin=score.margin,
                    embedding=score.embedding,
                    signals=replace(signals, contrasts=contrast).to_json(),
                    scored_at=stamp.now,
                    run_id=stamp.run_id,
                )
            )
    return rows


def _measure(
    catalog: Catalog,
    scorer: ClipScorer,
    item: ToScore,
    pixels: Pixels,
    embedding: NDArray[np.float32],
) -> Signals:
    photo = _reference(catalog, item)
    asked = asked_of(item.recipe.prompt) or Asked(item.product.attributes.get("colour", ""))
    signals = measure(pixels, asked=asked, reference=photo)
    if photo is None:
        return signals
    distance = embedding_distance(embedding, scorer.embed_images([photo])[0])
    return replace(signals, identity_distance=distance)


def _reference(catalog: Catalog, item: ToScore) -> Pixels | None:
    """The photo that an edited picture started from; None if it has changed or gone since."""
    if item.recipe.reference_sha256 is None:
        return None
    try:
        path = resolve_reference(item.product.reference, catalog.settings.feed.reference_folders)
        return load_reference(DrawJob(item.image_id, item.recipe, path))
    except (InputError, RecipeError):
        return None
