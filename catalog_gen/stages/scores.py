"""Score new pictures: CLIP similarity and margin, contrasts of what was asked, and all signals."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

import numpy as np
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from catalog_gen.catalog.reference import resolve_reference
from catalog_gen.diffusion.hash_cache import HashCache
from catalog_gen.diffusion.jobs import DrawJob
from catalog_gen.diffusion.references import Origin, load_origin
from catalog_gen.errors import InputError
from catalog_gen.fingerprint import canonical_json, sha256_file
from catalog_gen.imaging.decode import read_image as decode
from catalog_gen.judging.beside import Beside, Task, workers
from catalog_gen.judging.contrasts import Phrasing, Rivals, contrasts_of
from catalog_gen.judging.critics.critic import Critic, critic_of
from catalog_gen.judging.lettering import LetteringDetector
from catalog_gen.judging.lookers import lettering_hash, lookers_of
from catalog_gen.judging.measurement import Signals, measure
from catalog_gen.judging.picture import Asked
from catalog_gen.judging.scorer import ClipScore, ClipScorer
from catalog_gen.judging.signals.identity import embedding_distance
from catalog_gen.judging.signals.signal import Value
from catalog_gen.progress import report
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.measuring import against, is_worth_it, what_is_asked
from catalog_gen.stages.prompts import Drawer, View, compile_views
from catalog_gen.store.cutouts import stored_masks
from catalog_gen.store.images import stored_pngs
from catalog_gen.store.measurements import MeasurementRow, forget_measurements, measurements
from catalog_gen.store.prompts import asked_values, current_prompts, known_attributes
from catalog_gen.store.runs import note_figures
from catalog_gen.store.scores import ScoreRow, ToScore, save_scores, unscored

#: Number of pictures in memory at a time.
CHUNK: Final = 128

Pixels = NDArray[np.uint8]
#: Photo, mask, method, width and height.
OriginKey = tuple[str, str, str, int, int]


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """The stage's figures; ``seconds`` includes reading, measuring and storing."""

    scored: int
    seconds: float


def score_images(
    catalog: Catalog, scorer: ClipScorer, shards: Collection[int], stamp: Stamp
) -> ScoreResult:
    """Score every picture of these shards that is unscored, or was scored by other networks or
    signals; notes ``seconds``.

    Raises:
        ConfigError: a template can't be used, or the critic's settings.
        ModelError: the scorer, the lettering detector or the critic can't be loaded, or the
            model's words.
        CorruptionError: a stored picture is damaged.
    """

    def find(connection: DuckDBPyConnection, lookers: str) -> list[ToScore]:
        return unscored(connection, scorer.scorer_hash, lookers, shards)

    return score_found(catalog, scorer, find, stamp)


def score_found(
    catalog: Catalog,
    scorer: ClipScorer,
    find: Callable[[DuckDBPyConnection, str], list[ToScore]],
    stamp: Stamp,
) -> ScoreResult:
    """Score what ``find`` finds in the database, given the lookers; as ``score_images``."""
    started = perf_counter()
    lookers = _Lookers.of(catalog)
    with catalog.store.reading() as connection:
        todo = find(connection, lookers.identity)
        if not todo:
            return ScoreResult(0, perf_counter() - started)
        rivals = current_prompts(connection)
        phrases = _Phrases.of(catalog, asked_values(connection), known_attributes(connection))
    measuring = _Measuring(catalog, phrases, pooled=is_worth_it([each.recipe for each in todo]))
    report("score", 0, len(todo))
    try:
        for start in range(0, len(todo), CHUNK):
            chunk = todo[start : start + CHUNK]
            stored = _read(catalog, chunk)
            rows = _score(
                catalog, scorer, lookers, measuring, chunk, rivals, phrases, stamp, stored
            )
            with catalog.store.writing() as connection:
                save_scores(connection, rows)
                forget_measurements(connection, [each.image_id for each in chunk])
                seconds = {"score": round(perf_counter() - started, 3)}
                note_figures(connection, stamp.run_id, "seconds", seconds, stamp.now)
            report("score", start + len(chunk), len(todo))
    finally:
        measuring.close()
    return ScoreResult(len(todo), perf_counter() - started)


@dataclass(frozen=True, slots=True)
class _Lookers:
    """The optional networks beside the scorer (None: not configured), and who they are."""

    detector: LetteringDetector | None
    critic: Critic | None
    identity: str

    @classmethod
    def of(cls, catalog: Catalog) -> "_Lookers":
        settings = catalog.settings
        critic = critic_of(settings.critic)
        identity = lookers_today(catalog, critic)
        return cls(LetteringDetector.of(settings.lettering), critic, identity)

    def lettering(
        self, pictures: Mapping[str, Pixels], known: Mapping[str, Signals]
    ) -> dict[str, Value]:
        """Lettering by picture; values from an earlier measurement are reused."""
        found = {image_id: known[image_id]["lettering"] for image_id in pictures}
        new = [image_id for image_id, value in found.items() if value is None]
        if self.detector is not None and new:
            looks = self.detector.look([pictures[image_id] for image_id in new])
            found |= dict(zip(new, looks, strict=True))
        return found

    def criticism(
        self, pictures: Sequence[Pixels], prompts: Sequence[str]
    ) -> list[dict[str, Value]]:
        """The critic's answer on each picture, by its fact; empty without a critic."""
        if self.critic is None:
            return [{} for _ in pictures]
        return [{self.critic.fact: each} for each in self.critic.look(pictures, prompts)]


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
    def of(
        cls,
        catalog: Catalog,
        asked: Mapping[str, Mapping[str, Sequence[str]]],
        attributes: Collection[str],
    ) -> "_Phrases":
        drawer = Drawer.of(catalog)
        views = compile_views(catalog.settings, attributes, drawer.dialect)
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
            said = view.wishes.say(item.inputs, asked)
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


class _Measuring:
    """Reuses what was measured while pictures were drawn, and measures the rest.

    ``pooled``: in separate processes, while the scorer embeds the same pictures.
    """

    def __init__(self, catalog: Catalog, phrases: _Phrases, *, pooled: bool) -> None:
        self._catalog = catalog
        self._phrases = phrases
        self._beside = Beside(catalog.settings.lettering) if pooled else None
        self._lettering = lettering_hash(catalog.settings.lettering, sha256_file)
        self._known: dict[str, Signals] = {}

    def begin(
        self,
        chunk: Sequence[ToScore],
        stored: Mapping[str, MeasurementRow],
        pictures: Mapping[str, Pixels],
        masks: Mapping[str, bytes],
    ) -> None:
        """Look up a chunk's stored measurements, and start measuring the rest."""
        self._known = {}
        folders = self._catalog.photo_folders
        for item in chunk:
            asked, photo = self._phrases.asked(item), item.recipe.reference_sha256
            row = stored.get(item.image_id)
            if row and row.against == against(asked, photo, self._lettering):
                self._known[item.image_id] = Signals.from_json(row.signals)
            elif self._beside is not None:
                job = None
                if photo is not None:
                    job = _photo_job(item, folders, masks)
                    if job is None:
                        continue  # measured without it, below
                self._beside.hand_over(Task(item.image_id, asked, job), pictures[item.image_id])

    def signals(
        self,
        chunk: Sequence[ToScore],
        pictures: Mapping[str, Pixels],
        origins: Mapping[OriginKey, Origin],
    ) -> dict[str, Signals]:
        """All signals of a chunk's pictures, by picture."""
        if self._beside is not None:
            done = self._beside.finished(wait=True)
            self._known |= {task.image_id: signals for task, signals in done}
        for item in chunk:
            if item.image_id not in self._known:
                self._known[item.image_id] = measure(
                    pictures[item.image_id],
                    asked=self._phrases.asked(item),
                    origin=origins.get(_origin_key(item)),
                )
        return self._known

    def close(self) -> None:
        if self._beside is not None:
            self._beside.close()


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the store has of a chunk: PNG files, measurements, and masks by their hash."""

    pngs: Mapping[str, bytes]
    measured: Mapping[str, MeasurementRow]
    masks: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Scoring:
    """Scores pictures that are not in the store, exactly as a refresh would."""

    catalog: Catalog
    scorer: ClipScorer
    lookers: _Lookers

    @classmethod
    def of(cls, catalog: Catalog, scorer: ClipScorer) -> "Scoring":
        """Load the critic and the detector of the settings.

        Raises:
            ConfigError, ModelError: as ``score_images``.
        """
        return cls(catalog, scorer, _Lookers.of(catalog))

    def score(self, item: ToScore, png: bytes, mask: bytes | None, stamp: Stamp) -> ScoreRow:
        """The score of one picture against today's prompts; nothing is stored.

        Raises:
            ConfigError, ModelError: as ``score_images``.
            StoreBusyError: another process holds the database.
        """
        with self.catalog.store.reading() as connection:
            rivals = current_prompts(connection)
            phrases = _Phrases.of(
                self.catalog, asked_values(connection), known_attributes(connection)
            )
        measuring = _Measuring(self.catalog, phrases, pooled=False)
        masks = {} if mask is None else {item.recipe.mask_sha256 or "": mask}
        stored = _Stored({item.image_id: png}, {}, masks)
        (row,) = _score(
            self.catalog,
            self.scorer,
            self.lookers,
            measuring,
            [item],
            rivals,
            phrases,
            stamp,
            stored,
        )
        return row


def _read(catalog: Catalog, chunk: Sequence[ToScore]) -> _Stored:
    with catalog.store.reading() as connection:
        ids = [each.image_id for each in chunk]
        return _Stored(
            stored_pngs(connection, catalog.store.pictures(connection), ids),
            measurements(connection, ids),
            stored_masks(connection, {each.recipe.mask_sha256 or "" for each in chunk}),
        )


def _score(
    catalog: Catalog,
    scorer: ClipScorer,
    lookers: _Lookers,
    measuring: _Measuring,
    chunk: Sequence[ToScore],
    rivals: Mapping[str, Sequence[str]],
    phrases: _Phrases,
    stamp: Stamp,
    stored: _Stored,
) -> list[ScoreRow]:
    ids = [each.image_id for each in chunk]
    masks = stored.masks
    with ThreadPoolExecutor(workers(), "decoding") as threads:  # Pillow releases the GIL
        pictures = list(threads.map(decode, (stored.pngs[image_id] for image_id in ids)))
        by_id = dict(zip(ids, pictures, strict=True))
        measuring.begin(chunk, stored.measured, by_id, masks)
        origins = _origins(catalog, chunk, masks, threads)
    # The models take whole batches, so they get all their pictures at once.
    embedded = scorer.embed_images([*pictures, *(each.photo for each in origins.values())])
    embeddings = embedded[: len(chunk)]
    photo_embeddings = dict(zip(origins, embedded[len(chunk) :], strict=True))
    scores = _rated(scorer, chunk, embeddings, rivals)
    wishes = {each.prompt_id: phrases.phrasing(each) for each in chunk}
    contrasts = contrasts_of(embeddings, [wishes[each.prompt_id] for each in chunk], scorer)
    criticism = lookers.criticism(pictures, [each.prompt for each in chunk])
    known = measuring.signals(chunk, by_id, origins)
    lettering = lookers.lettering(by_id, known)
    rows: list[ScoreRow] = []
    for item, score, contrast, said in zip(chunk, scores, contrasts, criticism, strict=True):
        key = _origin_key(item)
        distance = None
        if key in photo_embeddings:
            distance = embedding_distance(score.embedding, photo_embeddings[key])
        signals = known[item.image_id].with_answers(
            contrast,
            identity_distance=distance,
            lettering=lettering[item.image_id],
            **said,
        )
        rows.append(
            ScoreRow(
                image_id=item.image_id,
                scorer=scorer.scorer_hash,
                similarity=score.similarity,
                margin=score.margin,
                embedding=score.embedding,
                signals=signals.to_json(),
                device=scorer.device,
                lookers=lookers.identity,
                scored_at=stamp.now,
                run_id=stamp.run_id,
            )
        )
    return rows


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


def _origin_key(item: ToScore) -> OriginKey:
    """One decoded photo serves every picture of one size that started from it in the same way."""
    recipe = item.recipe
    method = canonical_json(recipe.method.chosen())
    photo, mask = recipe.reference_sha256 or "", recipe.mask_sha256 or ""
    return photo, mask, method, recipe.width, recipe.height


def _origins(
    catalog: Catalog,
    chunk: Sequence[ToScore],
    masks: Mapping[str, bytes],
    threads: ThreadPoolExecutor,
) -> dict[OriginKey, Origin]:
    """What edited pictures started from, without photos that are missing now."""
    folders = catalog.photo_folders
    loading: dict[OriginKey, Future[Origin | None]] = {}
    for item in chunk:
        key = _origin_key(item)
        if item.recipe.reference_sha256 is not None and key not in loading:
            loading[key] = threads.submit(_origin, _photo_job(item, folders, masks))
    found = {key: each.result() for key, each in loading.items()}
    return {key: origin for key, origin in found.items() if origin is not None}


def _photo_job(
    item: ToScore, folders: Sequence[Path], masks: Mapping[str, bytes]
) -> DrawJob | None:
    """The picture's job with what it started from; None if the photo may not be read."""
    try:
        path = resolve_reference(item.product.reference, folders)
    except InputError:
        return None
    return DrawJob(item.image_id, item.recipe, path, masks.get(item.recipe.mask_sha256 or ""))


def _origin(job: DrawJob | None) -> Origin | None:
    """What it started from; None if the photo has changed or is missing."""
    try:
        return None if job is None else load_origin(job)
    except InputError:
        return None
