"""Judges pictures that are in no store: measured, scored and judged as a refresh would."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from catalog_gen.judging.contrasts import contrasts_of
from catalog_gen.judging.defects import Specimen
from catalog_gen.judging.facts import JudgingContext
from catalog_gen.judging.measurement import Asked, Signals, asked_of, measure
from catalog_gen.judging.rubric import Rubric, Verdict, judge
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.judging.signals.duplicates import hamming, perceptual_hash
from catalog_gen.judging.signals.exposure import luma_of
from catalog_gen.judging.signals.identity import embedding_distance


def appraise(
    specimens: Sequence[Specimen], scorer: ClipScorer, rubric: Rubric, rivals: Sequence[str]
) -> list[Verdict]:
    """The rubric's verdict on each specimen; ``rivals`` are the catalog's other prompts.

    Raises:
        ModelError: the scorer can't be loaded.
    """
    prompts = [each.prompt for each in specimens]
    scores = scorer.score([each.pixels for each in specimens], prompts, rivals)
    if not scores:
        return []
    contrasts = contrasts_of(np.stack([score.embedding for score in scores]), prompts, scorer)
    verdicts: list[Verdict] = []
    for specimen, score, contrast in zip(specimens, scores, contrasts, strict=True):
        signals = measure(
            specimen.pixels,
            asked=asked_of(specimen.prompt) or Asked(),
            reference=specimen.reference,
        )
        signals = replace(signals, contrasts=contrast)
        if specimen.reference is not None:
            (photo,) = scorer.embed_images([specimen.reference])
            distance = embedding_distance(score.embedding, photo)
            signals = replace(signals, identity_distance=distance)
        verdicts.append(judge(signals, score, rubric, _context(specimen, signals, scorer)))
    return verdicts


def _context(specimen: Specimen, signals: Signals, scorer: ClipScorer) -> JudgingContext:
    twin_bits = None
    if specimen.twin is not None:
        twin_bits = hamming(signals.perceptual_hash, perceptual_hash(luma_of(specimen.twin)))
    return JudgingContext(
        scorer_hash=scorer.scorer_hash,
        recipe_complete=True,
        environment_complete=True,
        background="white" if "white background" in specimen.prompt else "any",
        edit_policy="cosmetic" if specimen.reference is not None else None,
        twin_bits=twin_bits,
    )
