"""Look at pictures: everything that networks and signals find in their pixels.

Scores also depend on the prompts and stay with the caller: pictures are many and large, prompts few
and small.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from catalog_gen.diffusion.jobs import DrawJob
from catalog_gen.diffusion.references import Origin, load_origin
from catalog_gen.errors import InputError
from catalog_gen.fingerprint import canonical_json
from catalog_gen.imaging.decode import read_image as decode
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.judging.beside import Beside, Task, workers
from catalog_gen.judging.critics.critic import Critic
from catalog_gen.judging.lettering import LetteringDetector
from catalog_gen.judging.measurement import Signals, measure
from catalog_gen.judging.picture import Asked
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.judging.signals.identity import embedding_distance
from catalog_gen.judging.signals.signal import Value

#: Number of pictures in memory at a time.
PORTION: Final = 128

#: Photo, mask, method, width and height.
_OriginKey = tuple[str, str, str, int, int]


@dataclass(frozen=True, slots=True)
class Sight:
    """A picture to look at.

    ``png`` is its file; ``photo`` is a job with the photo that it started from, if there was one
    and it may be read; ``measured`` are its signals if they were measured during drawing.
    """

    image_id: str
    png: bytes
    prompt: str
    asked: Asked
    photo: DrawJob | None = None
    measured: Signals | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Looked:
    """What was found in a picture: its unit embedding (D,), its signals, and the device."""

    image_id: str
    embedding: NDArray[np.float32]
    signals: Signals
    device: str


class Looks(Protocol):
    """Anything that looks at pictures: this process, or a pool of machines."""

    @property
    def portion(self) -> int:
        """How many pictures to pass at a time."""

    def look(self, portions: Iterable[Sequence[Sight]]) -> Iterator[list[Looked]]:
        """What is found in the portions, in any order; portions are read as needed."""

    def close(self) -> None:
        """Look at nothing more."""


class Eyes:
    """The scorer and the other networks (None: not configured), in this process.

    Args:
        beside: measures in other processes, while the scorer embeds the same pictures.
    """

    portion: Final = PORTION

    def __init__(
        self,
        scorer: ClipScorer,
        detector: LetteringDetector | None,
        critic: Critic | None,
        beside: Beside | None = None,
    ) -> None:
        self._scorer = scorer
        self._detector = detector
        self._critic = critic
        self._beside = beside

    def look(self, portions: Iterable[Sequence[Sight]]) -> Iterator[list[Looked]]:
        """What is found in each portion, in order.

        Raises:
            ModelError: a network can't be loaded.
        """
        return map(self.look_at, portions)

    def look_at(self, sights: Sequence[Sight]) -> list[Looked]:
        """What is found in these pictures, in order.

        Raises:
            ModelError: a network can't be loaded.
        """
        with ThreadPoolExecutor(workers(), "decoding") as threads:  # Pillow releases the GIL
            pictures = list(threads.map(decode, (each.png for each in sights)))
            self._begin(sights, pictures)
            keys = [_origin_key(each) for each in sights]
            origins = _origins(sights, keys, threads)
        # One call for all, since the scorer works in batches.
        embedded = self._scorer.embed_images(
            [*pictures, *(each.photo for each in origins.values())]
        )
        photo_embeddings = dict(zip(origins, embedded[len(sights) :], strict=True))
        said = self._criticism(pictures, [each.prompt for each in sights])
        by_sight = [None if key is None else origins.get(key) for key in keys]
        signals = self._signals(sights, pictures, by_sight)
        lettering = self._lettering(pictures, signals)
        found: list[Looked] = []
        for number, sight in enumerate(sights):
            key = keys[number]
            distance = None
            if key is not None and key in photo_embeddings:
                distance = embedding_distance(embedded[number], photo_embeddings[key])
            answers = signals[number].with_answers(
                None, identity_distance=distance, lettering=lettering[number], **said[number]
            )
            found.append(Looked(sight.image_id, embedded[number], answers, self._scorer.device))
        return found

    def close(self) -> None:
        """End the measuring processes."""
        if self._beside is not None:
            self._beside.close()

    def _begin(self, sights: Sequence[Sight], pictures: Sequence[Pixels]) -> None:
        """Start measuring those that have not been measured yet."""
        if self._beside is None:
            return
        for sight, picture in zip(sights, pictures, strict=True):
            if sight.measured is None:
                self._beside.hand_over(Task(sight.image_id, sight.asked, sight.photo), picture)

    def _signals(
        self,
        sights: Sequence[Sight],
        pictures: Sequence[Pixels],
        origins: Sequence[Origin | None],
    ) -> list[Signals]:
        """The signals of each picture: known, measured beside, or measured here."""
        known = {each.image_id: each.measured for each in sights if each.measured is not None}
        if self._beside is not None:
            done = self._beside.finished(wait=True)
            known |= {task.image_id: signals for task, signals in done}
        for sight, picture, origin in zip(sights, pictures, origins, strict=True):
            if sight.image_id not in known:
                known[sight.image_id] = measure(picture, asked=sight.asked, origin=origin)
        return [known[each.image_id] for each in sights]

    def _lettering(self, pictures: Sequence[Pixels], signals: Sequence[Signals]) -> list[Value]:
        """Lettering by picture; values from an earlier measurement are reused."""
        found = [each["lettering"] for each in signals]
        new = [number for number, value in enumerate(found) if value is None]
        if self._detector is not None and new:
            looks = self._detector.look([pictures[number] for number in new])
            for number, value in zip(new, looks, strict=True):
                found[number] = value
        return found

    def _criticism(
        self, pictures: Sequence[Pixels], prompts: Sequence[str]
    ) -> list[dict[str, Value]]:
        """The critic's answer on each picture, by its fact; empty without a critic."""
        if self._critic is None:
            return [{} for _ in pictures]
        return [{self._critic.fact: each} for each in self._critic.look(pictures, prompts)]


def _origin_key(sight: Sight) -> _OriginKey | None:
    """Pictures with the same key, which started alike from one photo, share the decoded photo."""
    if sight.photo is None:
        return None
    recipe = sight.photo.recipe
    method = canonical_json(recipe.method.chosen())
    photo, mask = recipe.reference_sha256 or "", recipe.mask_sha256 or ""
    return photo, mask, method, recipe.width, recipe.height


def _origins(
    sights: Sequence[Sight], keys: Sequence[_OriginKey | None], threads: ThreadPoolExecutor
) -> dict[_OriginKey, Origin]:
    """What edited pictures started from, without photos that have changed or are missing."""
    loading: dict[_OriginKey, Future[Origin | None]] = {}
    for sight, key in zip(sights, keys, strict=True):
        if key is not None and sight.photo is not None and key not in loading:
            loading[key] = threads.submit(_origin, sight.photo)
    found = {key: each.result() for key, each in loading.items()}
    return {key: origin for key, origin in found.items() if origin is not None}


def _origin(job: DrawJob) -> Origin | None:
    try:
        return load_origin(job)
    except InputError:
        return None
