"""Judge scored pictures by the rubric, from stored signals alone."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from catalog_gen.arrow_text import text_array
from catalog_gen.fingerprint import canonical_json
from catalog_gen.judging.facts import JudgingContext
from catalog_gen.judging.measurement import Signals
from catalog_gen.judging.rubric import Rubric, Verdict, judge, load_rubric
from catalog_gen.judging.scorer import ClipScore
from catalog_gen.judging.shop_critic import ShopCritic, load_shop_critic
from catalog_gen.judging.signals.duplicates import Likenesses, Twin, TwinSearch, as_bits
from catalog_gen.progress import report
from catalog_gen.recipe import Recipe
from catalog_gen.settings.views import ViewSettings
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.store.likenesses import (
    Likeness,
    likenesses,
    likenesses_of,
    scored_ranges,
)
from catalog_gen.store.relations import limit_memory
from catalog_gen.store.runs import note_figures
from catalog_gen.store.verdicts import ToJudge, VerdictRow, save_verdicts, unjudged

#: Number of pictures between two reports of progress.
REPORTED: Final = 64


@dataclass(frozen=True, slots=True)
class JudgeResult:
    """Counts of the stage's verdicts."""

    accepted: int
    review: int
    rejected: int


def judge_images(
    catalog: Catalog, scorer_hash: str, shards: Collection[int], stamp: Stamp
) -> JudgeResult:
    """Judge every scored picture of these shards that this rubric has not judged.

    Notes ``verdicts`` with the run if there was anything to judge.

    Raises:
        ConfigError: the rubric can't be used, or its critic on one of the pictures.
    """

    def find(connection: DuckDBPyConnection, rubric: str) -> list[ToJudge]:
        return unjudged(connection, rubric, scorer_hash, shards)

    return judge_found(catalog, scorer_hash, find, stamp)


def judge_found(
    catalog: Catalog,
    scorer_hash: str,
    find: Callable[[DuckDBPyConnection, str], list[ToJudge]],
    stamp: Stamp,
) -> JudgeResult:
    """Judge what ``find`` finds in the database, given the rubric; as ``judge_images``."""
    rubric = load_rubric(catalog.settings.rubric)
    with catalog.store.reading() as connection:
        limit_memory(connection)
        todo = find(connection, rubric.rubric_hash(scorer_hash))
    if not todo:
        return JudgeResult(0, 0, 0)
    twins = _twins(catalog, todo, scorer_hash)
    judging = _Judging.of(catalog, scorer_hash, rubric)
    rows: list[VerdictRow] = []
    accepted = 0
    report("judge", 0, len(todo))
    for done, item in enumerate(todo, start=1):
        view = catalog.settings.views.get(item.view)
        row = judging.row(item, view, twins.get(item.image_id), stamp)
        rows.append(row)
        accepted += row.decision == "accepted"
        if done % REPORTED == 0 or done == len(todo):
            report("judge", done, len(todo), f"{accepted} accepted")
    counts = Counter(row.decision for row in rows)
    result = JudgeResult(counts["accepted"], counts["review"], counts["rejected"])
    with catalog.store.writing() as connection:
        save_verdicts(connection, rows)
        note_figures(connection, stamp.run_id, "verdicts", asdict(result), stamp.now)
    return result


def judge_unstored(
    catalog: Catalog, scorer_hash: str, item: ToJudge, view: ViewSettings, stamp: Stamp
) -> VerdictRow:
    """The verdict on a scored picture that is not in the store, as a refresh would give it.

    Args:
        view: the settings that it was drawn with.

    Raises:
        ConfigError: as ``judge_images``.
        StoreBusyError: another process holds the database.
    """
    judging = _Judging.of(catalog, scorer_hash, load_rubric(catalog.settings.rubric))
    asked = Likeness(
        image_ids=[item.image_id],
        look_ids=text_array([""]),
        prompts=text_array([item.recipe.prompt]),
        hashes=[Signals.from_json(item.signals).text("perceptual_hash")],
        embeddings=item.embedding[None],
    )
    (twin,) = _nearest(catalog, scorer_hash, item.view, asked)
    return judging.row(item, view, twin, stamp)


@dataclass(frozen=True, slots=True)
class _Judging:
    """The rubric for one scorer, with the shop's own critic where it has one."""

    rubric: Rubric
    scorer_hash: str
    filed_under: str
    critic: ShopCritic | None

    @classmethod
    def of(cls, catalog: Catalog, scorer_hash: str, rubric: Rubric) -> "_Judging":
        record = rubric.section(scorer_hash).critic
        critic = load_shop_critic(catalog.settings.rubric, record) if record else None
        return cls(rubric, scorer_hash, rubric.rubric_hash(scorer_hash), critic)

    def row(
        self, item: ToJudge, view: ViewSettings | None, twin: Twin | None, stamp: Stamp
    ) -> VerdictRow:
        measured = Signals.from_json(item.signals)
        if self.critic is not None and measured.number("soundness") is None:
            self.critic.require(item.lookers)
            sound = self.critic.soundness(item.embedding, measured)
            measured = measured.with_answers(soundness=sound)
        context = _context(item, view, self.scorer_hash, twin)
        clip = ClipScore(item.similarity, item.margin, item.embedding)
        verdict = judge(measured, clip, self.rubric, context)
        return _row(item, measured, verdict, self.filed_under, stamp)


def _is_whole(recipe: Recipe) -> bool:
    """Whether an edited picture's recipe names all that it started from."""
    masked = "mask" in recipe.method.needs
    return bool(recipe.reference_sha256) and (not masked or bool(recipe.mask_sha256))


def _context(
    item: ToJudge, view: ViewSettings | None, scorer_hash: str, twin: Twin | None
) -> JudgingContext:
    edited = item.recipe.reference_sha256 is not None
    return JudgingContext(
        scorer_hash=scorer_hash,
        recipe_complete=not edited or _is_whole(item.recipe),
        environment_complete=bool(item.environment_id),
        background=view.background if view else "any",
        edit_policy=view.edit_policy if view and edited else None,
        twin_bits=twin.bits if twin else None,
        twin_distance=twin.distance if twin else None,
    )


def _twins(
    catalog: Catalog, todo: Sequence[ToJudge], scorer_hash: str
) -> Mapping[str, Twin | None]:
    """The most similar picture of another look among all pictures in use, by image id.

    A picture that is not in use itself, such as an experiment's, has none.

    Looks with the same prompt are meant to look similar and are not compared.
    """
    found: dict[str, Twin | None] = {}
    for view in sorted({item.view for item in todo}):
        wanted = [item.image_id for item in todo if item.view == view]
        with catalog.store.reading() as connection:
            limit_memory(connection)
            asked = likenesses_of(connection, scorer_hash, view, wanted)
        twins = _nearest(catalog, scorer_hash, view, asked)
        found.update(zip(asked.image_ids, twins, strict=True))
    return found


def _nearest(catalog: Catalog, scorer_hash: str, view: str, asked: Likeness) -> list[Twin | None]:
    """The twins of pictures among all of a view that are in use.

    These are read in portions, so that memory does not grow with their number, and the database is
    free while they are compared.
    """
    looks, prompts = asked.look_ids.unique(), asked.prompts.unique()

    def prepared(known: Likeness) -> Likenesses:
        return Likenesses(
            products=_numbered(known.look_ids, looks),
            wishes=_numbered(known.prompts, prompts),
            hashes=as_bits(known.hashes),
            embeddings=known.embeddings,
        )

    search = TwinSearch(prepared(asked))
    with catalog.store.reading() as connection:
        ranges = list(scored_ranges(connection, scorer_hash))
    for least, below in ranges:
        with catalog.store.reading() as connection:
            limit_memory(connection)
            known = likenesses(connection, scorer_hash, view, least, below)
        if known.image_ids:
            search.compare(prepared(known))
    return search.twins()


def _numbered(names: pa.Array, among: pa.Array) -> NDArray[np.int64]:
    """The places of names ``among`` others, -1 for none: comparing numbers is faster than text."""
    places = pc.index_in(names, value_set=among).fill_null(-1)
    return np.asarray(places.to_numpy(zero_copy_only=False), dtype=np.int64)


def _row(
    item: ToJudge, measured: Signals, verdict: Verdict, filed_under: str, stamp: Stamp
) -> VerdictRow:
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
        soundness=measured.number("soundness"),
        preference=measured.number("preference"),
        judged_at=stamp.now,
        run_id=stamp.run_id,
    )
