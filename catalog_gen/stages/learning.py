"""Learn a critic from the shop's reviews."""

import os
from dataclasses import dataclass
from datetime import date

from catalog_gen.errors import ConfigError, InputError
from catalog_gen.fingerprint import sha256_file
from catalog_gen.judging.critics.critic import critic_of
from catalog_gen.judging.lookers import critic_in
from catalog_gen.judging.measurement import Signals
from catalog_gen.judging.rubric import CriticRecord
from catalog_gen.judging.rubric_file import write_critic
from catalog_gen.judging.shop_critic import LEAST_LABELS, LEAST_OF_A_KIND, Lesson, Reviewed, learn
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.scores import lookers_today
from catalog_gen.store.verdicts import reviewed_pictures


@dataclass(frozen=True, eq=False, slots=True)
class Learned:
    """A critic, and the numbers of reviews that it was fitted to."""

    lesson: Lesson
    labels: int
    rejected: int


def learn_from_reviews(catalog: Catalog, scorer_hash: str) -> Learned:
    """Fit a critic to the reviews of all pictures that today's [critic] has looked at.

    Nothing is written.

    Raises:
        InputError: there are too few reviews, or too few rejected or accepted pictures.
        ConfigError: [critic] answers what a learned critic would, and leaves it nothing to say.
        ModelError: the files of [critic] can't be used.
    """
    beside = critic_of(catalog.settings.critic)
    if beside is not None and beside.fact == "soundness":
        raise ConfigError(
            "[critic] in catalog.toml",
            "gives the fact 'soundness' itself, so a learned critic would never be asked",
            "Take [critic] out and refresh, which scores again; then learn. Nothing changed.",
        )
    preferrer = critic_in(lookers_today(catalog, beside))
    with catalog.store.reading() as connection:
        found = reviewed_pictures(connection, scorer_hash)
    rows = [row for row in found if critic_in(row.lookers) == preferrer]
    rejected = sum(row.rejected for row in rows)
    fewest = min(rejected, len(rows) - rejected)
    if len(rows) < LEAST_LABELS or fewest < LEAST_OF_A_KIND:
        raise InputError(
            f"{len(rows)} reviewed pictures, {rejected} of them rejected",
            f"are too few: it takes {LEAST_LABELS}, {LEAST_OF_A_KIND} of them rejected and "
            f"{LEAST_OF_A_KIND} accepted",
            "Review more pictures, good ones too: catalog-gen review. Nothing changed."
            if len(rows) == len(found)
            else f"{len(found) - len(rows)} more were scored with another [critic]: refresh first, "
            "which scores them again. Nothing changed.",
        )
    reviewed = [
        Reviewed(
            row.image_id,
            row.product_id,
            row.embedding,
            Signals.from_json(row.signals),
            row.rejected,
        )
        for row in rows
    ]
    return Learned(learn(reviewed, preferrer), len(rows), rejected)


def keep(catalog: Catalog, scorer_hash: str, learned: Learned, today: date) -> CriticRecord:
    """Write the critic beside the rubric, then its record into it; the next refresh uses it.

    Raises:
        ConfigError: the rubric can't be written.
    """
    rubric = catalog.settings.rubric
    path = rubric.parent / f"critic-{scorer_hash[:12]}.safetensors"
    partial = path.with_suffix(".partial")
    learned.lesson.critic.save(partial)
    os.replace(partial, path)
    record = CriticRecord(
        weights=path.name,
        sha256=sha256_file(path),
        found_on=today,
        labels=learned.labels,
        rejected=learned.rejected,
        reviews=learned.lesson.reviews,
        auroc=learned.lesson.auroc,
    )
    write_critic(rubric, scorer_hash, record)
    return record
