"""Judge scored pictures by the rubric. Needs no model and no pixels: only stored signals."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from catalog_gen.fingerprint import canonical_json
from catalog_gen.judging.facts import JudgingContext
from catalog_gen.judging.measurement import Signals
from catalog_gen.judging.rubric import Verdict, judge, load_rubric
from catalog_gen.judging.scorer import ClipScore
from catalog_gen.judging.signals.duplicates import as_bits, nearest_bits
from catalog_gen.settings import ViewSettings
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.store.verdicts import ToJudge, VerdictRow, save_verdicts, unjudged


@dataclass(frozen=True, slots=True)
class JudgeResult:
    """How the stage's verdicts fell out: ``accepted``, ``review``, ``rejected``."""

    counts: dict[str, int]


def judge_images(
    catalog: Catalog, scorer_hash: str, shards: Collection[int], stamp: Stamp
) -> JudgeResult:
    """Judge every scored picture of these shards that this rubric has not judged.

    Raises:
        ConfigError: the rubric can't be used.
    """
    rubric = load_rubric(catalog.settings.rubric)
    filed_under = rubric.rubric_hash(scorer_hash)
    with catalog.store.reading() as connection:
        todo = unjudged(connection, filed_under, scorer_hash, shards)
    signals = [Signals.from_json(item.signals) for item in todo]
    twins = _twin_bits(todo, signals)
    rows: list[VerdictRow] = []
    for item, measured, twin in zip(todo, signals, twins, strict=True):
        context = _context(item, catalog.settings.views.get(item.view), scorer_hash, twin)
        clip = ClipScore(item.similarity, item.margin, item.embedding)
        rows.append(_row(item, judge(measured, clip, rubric, context), filed_under, stamp))
    with catalog.store.writing() as connection:
        save_verdicts(connection, rows)
    counts = Counter(row.decision for row in rows)
    return JudgeResult({name: counts[name] for name in ("accepted", "review", "rejected")})


def _context(
    item: ToJudge, view: ViewSettings | None, scorer_hash: str, twin_bits: int | None
) -> JudgingContext:
    edited = item.recipe.reference_sha256 is not None
    return JudgingContext(
        scorer_hash=scorer_hash,
        recipe_complete=not edited or bool(item.recipe.reference_sha256),
        environment_complete=bool(item.environment_id),
        background=view.background if view else "any",
        edit_policy=view.edit_policy if view and edited else None,
        twin_bits=twin_bits,
    )


def _twin_bits(todo: Sequence[ToJudge], signals: Sequence[Signals]) -> list[int | None]:
    """Bits to the nearest picture of another product that was asked for something else.

    Products whose prompts agree are meant to look alike; only the others' likeness is suspicious.
    """
    hashes = as_bits([each.perceptual_hash for each in signals])
    views = np.array([item.view for item in todo])
    products = np.array([item.product_id for item in todo])
    prompts = np.array([item.recipe.prompt for item in todo])
    bits: list[int | None] = []
    for place in range(len(todo)):
        rivals = (
            (views == views[place]) & (products != products[place]) & (prompts != prompts[place])
        )
        bits.append(nearest_bits(hashes[place], hashes[rivals]))
    return bits


def _row(item: ToJudge, verdict: Verdict, filed_under: str, stamp: Stamp) -> VerdictRow:
    criteria = {
        name: {"points": score.points, "why": score.why} for name, score in verdict.criteria.items()
    }
    return VerdictRow(
        image_id=item.image_id,
        rubric=filed_under,
        decision=verdict.decision,
        total=verdict.total,
        criteria=canonical_json(criteria),
        hard_failures=verdict.hard_failures,
        judged_at=stamp.now,
        run_id=stamp.run_id,
    )
