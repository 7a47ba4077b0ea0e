"""Judge pictures outside a store: measure, score and judge them as a refresh does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog_gen.judging.contrasts import contrasts_of
from catalog_gen.judging.critics.denoiser import DenoiserCritic
from catalog_gen.judging.facts import JudgingContext
from catalog_gen.judging.lettering import LetteringDetector
from catalog_gen.judging.measurement import Signals, measure
from catalog_gen.judging.picture import Asked
from catalog_gen.judging.rubric import Rubric, Verdict, judge
from catalog_gen.judging.scorer import ClipScore, ClipScorer
from catalog_gen.judging.signals.duplicates import hamming, perceptual_hash
from catalog_gen.judging.signals.exposure import luma_of
from catalog_gen.judging.signals.identity import embedding_distance
from studio.evaluation.defects import Specimen
from studio.phrasing import count_of


@dataclass(frozen=True, slots=True)
class Bench:
    """The scorer, networks and rubric that pictures are judged with."""

    scorer: ClipScorer
    detector: LetteringDetector | None
    rubric: Rubric
    critic: DenoiserCritic | None = None


def appraise(specimens: Sequence[Specimen], bench: Bench, rivals: Sequence[str]) -> list[Verdict]:
    """The rubric's verdict on each specimen; ``rivals`` are the catalog's other prompts.

    Raises:
        ModelError: the scorer, the detector or the critic can't be loaded.
    """
    return [
        judge(each.signals, each.clip, bench.rubric, each.context)
        for each in examine(specimens, bench, rivals)
    ]


@dataclass(frozen=True, eq=False, slots=True)
class Examined:
    """A rubric's input for one picture."""

    signals: Signals
    clip: ClipScore
    context: JudgingContext


def examine(specimens: Sequence[Specimen], bench: Bench, rivals: Sequence[str]) -> list[Examined]:
    """Measure each specimen as a refresh does; the networks process all of them at once.

    Raises:
        ModelError: the scorer, the detector or the critic can't be loaded.
    """
    if not specimens:
        return []
    scorer = bench.scorer
    prompts = [each.prompt for each in specimens]
    pictures = [each.pixels for each in specimens]
    beside = _Embedded.of(specimens, scorer)
    clips = scorer.score(pictures, prompts, rivals)
    contrasts = contrasts_of(
        np.stack([clip.embedding for clip in clips]),
        [each.phrasing for each in specimens],
        scorer,
    )
    lettering = bench.detector.look(pictures) if bench.detector else [None] * len(pictures)
    soundness = bench.critic.look(pictures, prompts) if bench.critic else [None] * len(pictures)
    examined: list[Examined] = []
    for place, specimen in enumerate(specimens):
        asked = specimen.phrasing.asked
        signals = measure(
            specimen.pixels,
            asked=Asked(asked["colour"], count_of(asked)),
            reference=specimen.reference,
        )
        photo, clip = beside.references.get(place), clips[place]
        signals = signals.with_answers(
            contrasts[place],
            lettering=lettering[place],
            soundness=soundness[place],
            identity_distance=None if photo is None else embedding_distance(clip.embedding, photo),
        )
        twin = beside.twins.get(place)
        context = _context(
            specimen,
            signals,
            scorer,
            None if twin is None else embedding_distance(clip.embedding, twin),
        )
        examined.append(Examined(signals, clip, context))
    return examined


@dataclass(frozen=True, slots=True)
class _Embedded:
    """Embeddings of the pictures that some specimens are compared with, by specimen index."""

    references: Mapping[int, NDArray[np.float32]]
    twins: Mapping[int, NDArray[np.float32]]

    @classmethod
    def of(cls, specimens: Sequence[Specimen], scorer: ClipScorer) -> "_Embedded":
        photos = {
            place: each.reference
            for place, each in enumerate(specimens)
            if each.reference is not None
        }
        twins = {place: each.twin for place, each in enumerate(specimens) if each.twin is not None}
        found = scorer.embed_images([*photos.values(), *twins.values()])
        return cls(
            dict(zip(photos, found[: len(photos)], strict=True)),
            dict(zip(twins, found[len(photos) :], strict=True)),
        )


def _context(
    specimen: Specimen, signals: Signals, scorer: ClipScorer, twin_distance: float | None
) -> JudgingContext:
    twin_bits = None
    if specimen.twin is not None:
        twin_bits = hamming(
            signals.text("perceptual_hash"), perceptual_hash(luma_of(specimen.twin))
        )
    return JudgingContext(
        scorer_hash=scorer.scorer_hash,
        recipe_complete=True,
        environment_complete=True,
        background=specimen.background,
        edit_policy="cosmetic" if specimen.reference is not None else None,
        twin_bits=twin_bits,
        twin_distance=twin_distance,
    )
