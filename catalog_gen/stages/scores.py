"""Score new pictures: CLIP similarity and margin, contrasts of what was asked, and all signals."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from catalog_gen.catalog.reference import resolve_reference
from catalog_gen.concept import without_word
from catalog_gen.diffusion.hash_cache import HashCache
from catalog_gen.diffusion.jobs import DrawJob
from catalog_gen.errors import InputError
from catalog_gen.fingerprint import sha256_file
from catalog_gen.judging.beside import Beside
from catalog_gen.judging.contrasts import Phrasing, Rivals, contrasts_of
from catalog_gen.judging.critics.critic import Critic, critic_of
from catalog_gen.judging.lettering import LetteringDetector
from catalog_gen.judging.lookers import lettering_hash, lookers_of
from catalog_gen.judging.looking import Eyes, Looked, Looks, Sight
from catalog_gen.judging.measurement import Signals
from catalog_gen.judging.picture import Asked
from catalog_gen.judging.scorer import ClipScore, ClipScorer
from catalog_gen.progress import report
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.drawer import Drawer
from catalog_gen.stages.measuring import against, is_worth_it, what_is_asked
from catalog_gen.stages.views import View, compile_views
from catalog_gen.store.cutouts import stored_masks
from catalog_gen.store.images import stored_pngs
from catalog_gen.store.measurements import forget_measurements, measurements
from catalog_gen.store.prompts import asked_values, current_prompts, known_attributes
from catalog_gen.store.runs import note_figures
from catalog_gen.store.scores import ScoreRow, ToScore, save_scores, unscored


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """The stage's figures; ``seconds`` includes reading, measuring and storing."""

    scored: int
    seconds: float


def score_images(
    catalog: Catalog,
    scorer: ClipScorer,
    shards: Collection[int],
    stamp: Stamp,
    elsewhere: Callable[[], Looks] | None = None,
) -> ScoreResult:
    """Score every picture of these shards that is unscored, or was scored by other networks or
    signals; notes ``seconds``.

    Args:
        elsewhere: a pool of machines that looks at the pictures; called if there are any.

    Raises:
        ConfigError: a template can't be used, or the critic's settings.
        ModelError: the scorer, the lettering detector or the critic can't be loaded, or the
            model's words.
        CorruptionError: a stored picture is damaged.
    """

    def find(connection: DuckDBPyConnection, lookers: str) -> list[ToScore]:
        return unscored(connection, scorer.scorer_hash, lookers, shards)

    return score_found(catalog, scorer, find, stamp, elsewhere)


def score_found(
    catalog: Catalog,
    scorer: ClipScorer,
    find: Callable[[DuckDBPyConnection, str], list[ToScore]],
    stamp: Stamp,
    elsewhere: Callable[[], Looks] | None = None,
) -> ScoreResult:
    """Score what ``find`` finds in the database, given the lookers; as ``score_images``."""
    started = perf_counter()
    critic = critic_of(catalog.settings.critic)
    lookers = lookers_today(catalog, critic)
    with catalog.store.reading() as connection:
        todo = find(connection, lookers)
        if not todo:
            return ScoreResult(0, perf_counter() - started)
        rivals = current_prompts(connection)
        phrases = _Phrases.of(catalog, connection)
    if elsewhere:
        eyes = elsewhere()
    else:
        measured_beside = is_worth_it([each.recipe for each in todo])
        beside = Beside(catalog.settings.lettering) if measured_beside else None
        eyes = _eyes(catalog, scorer, critic, beside)
    items = {each.image_id: each for each in todo}
    report("score", 0, len(todo))
    done = 0
    try:
        for looked in eyes.look(_sights(catalog, phrases, todo, eyes.portion)):
            found = [items[each.image_id] for each in looked]
            rows = _rows(scorer, lookers, found, looked, rivals, phrases, stamp)
            with catalog.store.writing() as connection:
                save_scores(connection, rows)
                forget_measurements(connection, [each.image_id for each in looked])
                seconds = {"score": round(perf_counter() - started, 3)}
                note_figures(connection, stamp.run_id, "seconds", seconds, stamp.now)
            done += len(looked)
            report("score", done, len(todo))
    finally:
        eyes.close()
    return ScoreResult(len(todo), perf_counter() - started)


def _eyes(
    catalog: Catalog, scorer: ClipScorer, critic: Critic | None, beside: Beside | None = None
) -> Eyes:
    """This process, with the detector of the settings."""
    return Eyes(scorer, LetteringDetector.of(catalog.settings.lettering), critic, beside)


def lookers_today(catalog: Catalog, critic: Critic | None) -> str:
    """What looks at pictures beside the scorer, as ``scores.lookers`` holds it.

    Raises:
        ModelError: the critic's or the detector's files can't be used.
        ConfigError: a signal can't be imported.
    """
    hashes = HashCache(catalog.home.hashes)
    found = lookers_of(critic, catalog.settings.lettering, hashes.sha256)
    hashes.save()
    return found


@dataclass(frozen=True, slots=True)
class _Phrases:
    """Renders this catalog's wishes with the views' templates, in the model's words."""

    views: Mapping[str, View]
    drawer: Drawer
    rivals: Mapping[str, Rivals]

    @classmethod
    def of(cls, catalog: Catalog, connection: DuckDBPyConnection) -> "_Phrases":
        drawer = Drawer.of(catalog)
        asked = asked_values(connection)
        views = compile_views(catalog.settings, known_attributes(connection), drawer.dialect)
        closed = drawer.dialect.vocabularies
        return cls(
            {view.name: view for view in views},
            drawer,
            {view.name: Rivals(closed, asked.get(view.name, {})) for view in views},
        )

    def phrasing(self, item: ToScore) -> Phrasing | None:
        """How the picture's wish is phrased; None if the current settings phrase it differently."""
        view = self.views.get(item.view)
        if view is None:
            return None

        def whole(asked: Mapping[str, str]) -> str:
            said = without_word(view.wishes.say(item.inputs, asked), item.word)
            for old, new in item.words.items():
                said = said.replace(old, new)
            return said

        def cut(asked: Mapping[str, str]) -> str:
            return self.drawer.budget.fit(whole(asked)).text

        # Counting tokens takes six times as long as rendering: only what had to be cut is cut.
        for say in (whole, cut):
            if say(item.asked) == item.prompt:
                return Phrasing(item.asked, say, self.rivals[view.name])
        return None

    def asked(self, item: ToScore) -> Asked:
        """What the picture is measured against."""
        return what_is_asked(item.asked, item.product, self.drawer.dialect)


@dataclass(frozen=True, slots=True)
class Scoring:
    """Scores pictures that are not in the store, exactly as a refresh would."""

    catalog: Catalog
    scorer: ClipScorer
    lookers: str
    eyes: Eyes

    @classmethod
    def of(cls, catalog: Catalog, scorer: ClipScorer) -> "Scoring":
        """Load the critic and the detector of the settings.

        Raises:
            ConfigError, ModelError: as ``score_images``.
        """
        critic = critic_of(catalog.settings.critic)
        lookers = lookers_today(catalog, critic)
        return cls(catalog, scorer, lookers, _eyes(catalog, scorer, critic))

    def score(self, item: ToScore, png: bytes, mask: bytes | None, stamp: Stamp) -> ScoreRow:
        """The score of one picture against today's prompts; nothing is stored.

        Raises:
            ConfigError, ModelError: as ``score_images``.
            StoreBusyError: another process holds the database.
        """
        with self.catalog.store.reading() as connection:
            rivals = current_prompts(connection)
            phrases = _Phrases.of(self.catalog, connection)
        masks = {} if mask is None else {item.recipe.mask_sha256 or "": mask}
        photo = _photo_job(item, self.catalog.photo_folders, masks)
        sight = Sight(item.image_id, png, item.prompt, phrases.asked(item), photo)
        looked = self.eyes.look_at([sight])
        (row,) = _rows(self.scorer, self.lookers, [item], looked, rivals, phrases, stamp)
        return row


def _sights(
    catalog: Catalog, phrases: _Phrases, todo: Sequence[ToScore], size: int
) -> Iterator[list[Sight]]:
    """The pictures with what they are measured against, read ``size`` at a time."""
    lettering = lettering_hash(catalog.settings.lettering, sha256_file)
    for start in range(0, len(todo), size):
        chunk = todo[start : start + size]
        ids = [each.image_id for each in chunk]
        with catalog.store.reading() as connection:
            pngs = stored_pngs(connection, catalog.store.pictures(connection), ids)
            measured = measurements(connection, ids)
            masks = stored_masks(connection, {each.recipe.mask_sha256 or "" for each in chunk})
        sights: list[Sight] = []
        for item in chunk:
            asked, row = phrases.asked(item), measured.get(item.image_id)
            known = row and row.against == against(asked, item.recipe.reference_sha256, lettering)
            sights.append(
                Sight(
                    item.image_id,
                    pngs[item.image_id],
                    item.prompt,
                    asked,
                    _photo_job(item, catalog.photo_folders, masks),
                    Signals.from_json(row.signals) if row and known else None,
                )
            )
        yield sights


def _rows(
    scorer: ClipScorer,
    lookers: str,
    chunk: Sequence[ToScore],
    looked: Sequence[Looked],
    rivals: Mapping[str, Sequence[str]],
    phrases: _Phrases,
    stamp: Stamp,
) -> list[ScoreRow]:
    """Rate what was found on pictures against prompts and what was asked."""
    embeddings = np.stack([each.embedding for each in looked])
    scores = _rated(scorer, chunk, embeddings, rivals)
    wishes = {each.prompt_id: phrases.phrasing(each) for each in chunk}
    contrasts = contrasts_of(embeddings, [wishes[each.prompt_id] for each in chunk], scorer)
    return [
        ScoreRow(
            image_id=found.image_id,
            scorer=scorer.scorer_hash,
            similarity=score.similarity,
            margin=score.margin,
            embedding=score.embedding,
            signals=found.signals.with_answers(contrast).to_json(),
            device=found.device,
            lookers=lookers,
            scored_at=stamp.now,
            run_id=stamp.run_id,
        )
        for found, score, contrast in zip(looked, scores, contrasts, strict=True)
    ]


def _rated(
    scorer: ClipScorer,
    chunk: Sequence[ToScore],
    embeddings: NDArray[np.float32],
    rivals: Mapping[str, Sequence[str]],
) -> list[ClipScore]:
    """Scores in the chunk's order; a picture's rivals are the prompts of its own view."""
    found: dict[int, ClipScore] = {}
    for view in sorted({each.view for each in chunk}):
        places = [place for place, each in enumerate(chunk) if each.view == view]
        prompts = [chunk[place].prompt for place in places]
        rated = scorer.rate(embeddings[places], prompts, rivals.get(view, ()))
        found.update(zip(places, rated, strict=True))
    return [found[place] for place in range(len(chunk))]


def _photo_job(
    item: ToScore, folders: Sequence[Path], masks: Mapping[str, bytes]
) -> DrawJob | None:
    """The picture's job with what it started from; None if there is no photo, or it may not be
    read."""
    if item.recipe.reference_sha256 is None:
        return None
    try:
        path = resolve_reference(item.product.reference, folders)
    except InputError:
        return None
    return DrawJob(item.image_id, item.recipe, path, masks.get(item.recipe.mask_sha256 or ""))
