"""Score new pictures: CLIP similarity and margin, contrasts of what was asked, and all signals."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from catalog_gen.catalog.reference import resolve_reference
from catalog_gen.diffusion.jobs import DrawJob, RecipeError
from catalog_gen.diffusion.references import load_reference
from catalog_gen.errors import InputError
from catalog_gen.imaging.decode import read_image as decode
from catalog_gen.judging.contrasts import Phrasing, Rivals, contrasts_of
from catalog_gen.judging.critic import Critic
from catalog_gen.judging.lettering import LetteringDetector
from catalog_gen.judging.measurement import measure
from catalog_gen.judging.picture import Asked
from catalog_gen.judging.scorer import ClipScore, ClipScorer
from catalog_gen.judging.signals.identity import embedding_distance
from catalog_gen.progress import report
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.prompts import Drawer, View, compile_views
from catalog_gen.store.images import stored_pngs
from catalog_gen.store.prompts import asked_values, current_prompts, known_attributes
from catalog_gen.store.runs import note_figures
from catalog_gen.store.scores import ScoreRow, ToScore, save_scores, unscored

#: Pictures that are in memory at a time.
CHUNK: Final = 128

Pixels = NDArray[np.uint8]
PhotoKey = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """What the stage did; ``seconds`` includes reading, measuring and storing."""

    scored: int
    seconds: float


def score_images(
    catalog: Catalog, scorer: ClipScorer, shards: Collection[int], stamp: Stamp
) -> ScoreResult:
    """Score every picture of these shards that this scorer has not seen; notes ``seconds``.

    Raises:
        ConfigError: a template can't be used.
        ModelError: the scorer, the lettering detector or the critic can't be loaded, or the
            model's words.
        CorruptionError: a stored picture is damaged.
    """
    started = perf_counter()
    with catalog.store.reading() as connection:
        todo = unscored(connection, scorer.scorer_hash, shards)
        if not todo:
            return ScoreResult(0, perf_counter() - started)
        rivals = current_prompts(connection)
        phrases = _Phrases.of(catalog, asked_values(connection), known_attributes(connection))
    lookers = _Lookers(
        LetteringDetector.of(catalog.settings.lettering), Critic.of(catalog.settings.critic)
    )
    report("score", 0, len(todo))
    for start in range(0, len(todo), CHUNK):
        chunk = todo[start : start + CHUNK]
        rows = _score(catalog, scorer, lookers, chunk, rivals, phrases, stamp)
        with catalog.store.writing() as connection:
            save_scores(connection, rows)
            seconds = {"score": round(perf_counter() - started, 3)}
            note_figures(connection, stamp.run_id, "seconds", seconds, stamp.now)
        report("score", start + len(chunk), len(todo))
    return ScoreResult(len(todo), perf_counter() - started)


@dataclass(frozen=True, slots=True)
class _Lookers:
    """The optional networks beside the scorer; None: not configured."""

    detector: LetteringDetector | None
    critic: Critic | None

    def lettering(self, pictures: Sequence[Pixels]) -> Sequence[float | None]:
        return self.detector.look(pictures) if self.detector else [None] * len(pictures)

    def soundness(
        self, pictures: Sequence[Pixels], prompts: Sequence[str]
    ) -> Sequence[float | None]:
        return self.critic.look(pictures, prompts) if self.critic else [None] * len(pictures)


@dataclass(frozen=True, slots=True)
class _Phrases:
    """How the wishes of this catalog are said: with the views' templates, in the model's words."""

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
        """How the picture's wish is said; None where today's settings would say it otherwise."""
        view = self.views.get(item.view)
        if view is None:
            return None

        def whole(asked: Mapping[str, str]) -> str:
            return view.wishes.say(item.inputs, asked)

        def cut(asked: Mapping[str, str]) -> str:
            return self.drawer.budget.fit(whole(asked)).text

        # Counting tokens takes six times as long as rendering: only what had to be cut is cut.
        for say in (whole, cut):
            if say(item.asked) == item.prompt:
                return Phrasing(item.asked, say, self.rivals[view.name])
        return None

    def asked(self, item: ToScore) -> Asked:
        """What is measured against: the asked colour, else the product's own; the asked number."""
        colour = item.asked.get("colour", item.product.attributes.get("colour", ""))
        return Asked(colour, self.drawer.dialect.number(item.asked.get("count", "")))


def _score(
    catalog: Catalog,
    scorer: ClipScorer,
    lookers: _Lookers,
    chunk: Sequence[ToScore],
    rivals: Mapping[str, Sequence[str]],
    phrases: _Phrases,
    stamp: Stamp,
) -> list[ScoreRow]:
    with catalog.store.reading() as connection:
        stored = stored_pngs(connection, [each.image_id for each in chunk])
    pictures = [decode(stored[each.image_id]) for each in chunk]
    photos = _references(catalog, chunk)
    # The models take whole batches, so everything that they look at goes to them at once.
    embedded = scorer.embed_images([*pictures, *photos.values()])
    embeddings = embedded[: len(chunk)]
    photo_embeddings = dict(zip(photos, embedded[len(chunk) :], strict=True))
    scores = _rated(scorer, chunk, embeddings, rivals)
    wishes = {each.prompt_id: phrases.phrasing(each) for each in chunk}
    contrasts = contrasts_of(embeddings, [wishes[each.prompt_id] for each in chunk], scorer)
    lettering = lookers.lettering(pictures)
    soundness = lookers.soundness(pictures, [each.prompt for each in chunk])
    rows: list[ScoreRow] = []
    for item, pixels, score, contrast, letters, sound in zip(
        chunk, pictures, scores, contrasts, lettering, soundness, strict=True
    ):
        key = _photo_key(item)
        signals = measure(pixels, asked=phrases.asked(item), reference=photos.get(key))
        distance = None
        if key in photo_embeddings:
            distance = embedding_distance(score.embedding, photo_embeddings[key])
        signals = signals.with_answers(
            contrast, identity_distance=distance, lettering=letters, soundness=sound
        )
        rows.append(
            ScoreRow(
                image_id=item.image_id,
                scorer=scorer.scorer_hash,
                similarity=score.similarity,
                margin=score.margin,
                embedding=score.embedding,
                signals=signals.to_json(),
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


def _photo_key(item: ToScore) -> PhotoKey:
    """One decoded photo serves every picture of one size that started from it."""
    recipe = item.recipe
    return recipe.reference_sha256 or "", recipe.width, recipe.height


def _references(catalog: Catalog, chunk: Sequence[ToScore]) -> dict[PhotoKey, Pixels]:
    """The photos that edited pictures started from, without those that have gone since."""
    found: dict[PhotoKey, Pixels] = {}
    for item in chunk:
        key = _photo_key(item)
        if item.recipe.reference_sha256 is None or key in found:
            continue
        photo = _reference(catalog, item)
        if photo is not None:
            found[key] = photo
    return found


def _reference(catalog: Catalog, item: ToScore) -> Pixels | None:
    """The photo that an edited picture started from; None if it has changed or gone since."""
    try:
        path = resolve_reference(item.product.reference, catalog.settings.feed.reference_folders)
        return load_reference(DrawJob(item.image_id, item.recipe, path))
    except (InputError, RecipeError):
        return None
