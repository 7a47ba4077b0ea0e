"""Rows of pictures as if they had been drawn, scored and judged, written by SQL.

Every planned recipe gets rows of its own; the bytes are those of a few small pictures. What is
measured on these and the judge's words are real; each row's embedding and perceptual hash are its
own, and random.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np

from catalog_gen.fingerprint import canonical_json
from catalog_gen.imaging.decode import read_image
from catalog_gen.imaging.encode import encode_png
from catalog_gen.judging.critics.critic import critic_of
from catalog_gen.judging.facts import JudgingContext
from catalog_gen.judging.measurement import measure
from catalog_gen.judging.picture import Asked
from catalog_gen.judging.rubric import judge, load_rubric
from catalog_gen.judging.scorer import ClipScore
from catalog_gen.judging.scorer_files import folder_scorer_hash
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.scores import lookers_today
from catalog_gen.store.relations import insert_row, registered_rows
from tests.store.shop import ENVIRONMENT

from .large import RUN
from .ready import masters

_PHOTOS: Final = Path(__file__).parents[2] / "data" / "reference"
_SIDE: Final = 128
#: Numbers of an embedding: the studio scorer's.
_EMBEDDED: Final = 128
_SIMILARITY: Final = 0.31
_MARGIN: Final = 0.09
_SOUND: Final = 0.95

_IMAGES: Final = f"""
    INSERT INTO images BY NAME
    SELECT recipe_id AS image_id, sha256, prompt_id, $environment AS environment_id,
        {_SIDE} AS width, {_SIDE} AS height, size, 0.4 AS seconds, 'benchmark' AS batch,
        now() AS created_at, '{RUN}' AS run_id
    FROM ledger JOIN masters ON number = hash(recipe_id) % $masters
    WHERE status = 'planned' ORDER BY ledger.rowid
"""
_SCORES: Final = f"""
    INSERT INTO scores BY NAME
    WITH aimed AS (
        SELECT image_id, signals, perceptual_hash, list_transform(range({_EMBEDDED}),
                lambda place: hash(xor(hash(image_id), place::UBIGINT)) / {1 << 64} - 0.5
            ) AS direction
        FROM images JOIN masters USING (sha256) ANTI JOIN scores USING (image_id)
        ORDER BY images.rowid
    )
    SELECT image_id, $scorer AS scorer, {_SIMILARITY} AS similarity, {_MARGIN} AS margin,
        list_transform(
            direction, lambda x: (x / sqrt(list_inner_product(direction, direction)))::FLOAT
        ) AS embedding,
        replace(signals, perceptual_hash, left(image_id, 16)) AS signals, 'cpu' AS device,
        $lookers AS lookers, now() AS scored_at, '{RUN}' AS run_id
    FROM aimed
"""
_VERDICTS: Final = f"""
    INSERT INTO verdicts BY NAME
    SELECT image_id, $rubric AS rubric, 'accepted' AS decision, 9 AS total, criteria,
        [] AS hard_failures, {_SOUND} AS soundness, now() AS judged_at, '{RUN}' AS run_id
    FROM images JOIN masters USING (sha256) ANTI JOIN verdicts USING (image_id)
    ORDER BY images.rowid
"""


@dataclass(frozen=True, slots=True)
class _Master:
    """A small picture whose bytes many rows have; ``signals`` and ``criteria`` are JSON."""

    number: int
    sha256: str
    size: int
    signals: str
    perceptual_hash: str
    criteria: str


def scorer_of(catalog: Catalog) -> str:
    """The hash of the scorer, whose weights are in a folder."""
    found = folder_scorer_hash(catalog.settings.scorer.id)
    assert found is not None, catalog.settings.scorer.id
    return found


def store_drawn(catalog: Catalog, *, judged: bool) -> int:
    """Make every planned recipe a picture that is stored and scored; returns their number.

    Args:
        judged: accepted by the rubric, too; otherwise they wait for the judge.
    """
    scorer, rubric = scorer_of(catalog), load_rubric(catalog.settings.rubric)
    lookers = lookers_today(catalog, critic_of(catalog.settings.critic))
    pngs = [encode_png(pixels) for pixels in masters(_PHOTOS, _SIDE)]
    found = list(_measured(catalog, scorer, pngs))
    with catalog.store.writing(checkpoint=True) as connection:
        catalog.store.pictures(connection).put(
            {master.sha256: png for master, png in zip(found, pngs, strict=True)}
        )
        insert_row(
            connection,
            "environments",
            {
                "environment_id": ENVIRONMENT.environment_id,
                "environment": ENVIRONMENT.canonical,
                "first_used": "2026-11-26T02:00:00Z",
            },
            unless_known=True,
        )
        with registered_rows(connection, "masters", _Master, found):
            connection.execute(
                _IMAGES, {"environment": ENVIRONMENT.environment_id, "masters": len(found)}
            )
            connection.execute(_SCORES, {"scorer": scorer, "lookers": lookers})
            if judged:
                connection.execute(_VERDICTS, {"rubric": rubric.rubric_hash(scorer)})
        ((drawn,),) = connection.execute(
            "UPDATE ledger SET status = 'made', tries = 1, seconds = 0.4 WHERE status = 'planned'"
        ).fetchall()
    return int(drawn)


def _measured(catalog: Catalog, scorer: str, pngs: Sequence[bytes]) -> Iterator[_Master]:
    rubric = load_rubric(catalog.settings.rubric)
    context = JudgingContext(scorer, recipe_complete=True, environment_complete=True)
    clip = ClipScore(_SIMILARITY, _MARGIN, np.zeros(_EMBEDDED, np.float32))
    for number, png in enumerate(pngs):
        signals = measure(read_image(png), asked=Asked()).with_answers(soundness=_SOUND)
        criteria = {
            name: {"points": score.points, "why": score.why}
            for name, score in judge(signals, clip, rubric, context).criteria.items()
        }
        yield _Master(
            number,
            sha256(png).hexdigest(),
            len(png),
            signals.to_json(),
            signals.text("perceptual_hash"),
            canonical_json(criteria),
        )
