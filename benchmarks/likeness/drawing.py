"""Learn and draw with the studio model, each thing once; what is there is read from its file."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from catalog_gen.concept import LEARNERS, Lesson
from catalog_gen.diffusion.concepts.course import Course
from catalog_gen.diffusion.concepts.lessons import learned
from catalog_gen.diffusion.engine import Engine
from catalog_gen.diffusion.jobs import DrawJob, Drawn
from catalog_gen.diffusion.loading import load_model
from catalog_gen.imaging.encode import encode_mask, encode_png
from catalog_gen.recipe import Recipe
from catalog_gen.settings.catalog import load_settings
from catalog_gen.settings.model import IpAdapterSettings
from catalog_gen.vision.cutout import BackdropCutter
from likeness.requests import Request, photos_of, requests
from likeness.ways import ADAPTER, Way
from studio.files import whole_file
from studio.photos.pairs import Pair

ROOT: Final = Path(__file__).parent.parent.parent
CONFIG: Final = ROOT / "data" / "catalog.toml"
#: Side of the pictures that the studio model draws, in pixels.
SIDE: Final = 128
STEPS: Final = 20
#: Pictures of a batch.
BATCH: Final = 8


@dataclass(frozen=True)
class Picture:
    """One drawn picture: its file, its job, its seconds, and what learning took before."""

    path: Path
    job: DrawJob
    seconds: float
    learning: float | None = None
    bytes_kept: int | None = None


@dataclass(frozen=True)
class Order:
    """The pictures of one request: their jobs, and the file of the concept that they share."""

    jobs: tuple[DrawJob, ...]
    concept: Path | None


class Studio:
    """The studio model, loaded when something is to be learned or drawn.

    Args:
        work: the folder of everything that was learned and drawn.
        pictures: how many are drawn of each request.
        adapter: folder of the IP-Adapter.
        steps: of each phase of a learner; None: its own.
    """

    def __init__(self, work: Path, pictures: int, adapter: Path, steps: int | None = None) -> None:
        self._work, self._pictures, self._steps = work, pictures, steps
        self._adapter = adapter

    @cached_property
    def plain(self) -> Engine:
        """Without the adapter."""
        settings = load_settings(CONFIG).model
        return Engine(load_model(settings), min(BATCH, self._pictures))

    @cached_property
    def looking(self) -> Engine:
        """With the adapter, which makes it another model."""
        adapter = IpAdapterSettings(
            name=ADAPTER,
            path=self._adapter / "ip-adapter.safetensors",
            image_encoder=self._adapter / "image_encoder",
        )
        settings = load_settings(CONFIG).model
        settings = settings.model_copy(update={"ip_adapters": (adapter,), "sha256": None})
        return Engine(load_model(settings), min(BATCH, self._pictures))

    def drawn(self, pair: Pair, way: Way) -> dict[str, list[Picture]] | None:
        """Its pictures by request; None: the way needs a mask, and the photo can't be cut out."""
        orders = self.orders(pair, way)
        if orders is None:
            return None
        self._draw(self.engine(way), [job for each in orders.values() for job in each.jobs])
        return {
            name: [self._picture(job, each.concept) for job in each.jobs]
            for name, each in orders.items()
        }

    def engine(self, way: Way) -> Engine:
        """What draws a way's pictures."""
        return self.looking if way.looks else self.plain

    def orders(self, pair: Pair, way: Way) -> dict[str, Order] | None:
        """What is to be drawn, by request, learned where it has to be; None as above."""
        photo = self._work / "photos" / f"{pair.number:04d}.png"
        if not photo.is_file():
            with whole_file(photo) as stream:
                stream.write(encode_png(pair.photos["white"]))
        orders: dict[str, Order] = {}
        for request in requests(pair):
            if way.only is not None and request.name not in way.only:
                continue
            base: dict[str, Any] = {}
            given: dict[str, Any] = {}
            concept: Path | None = None
            prompt = request.phrasing.prompt
            if way.learner is not None:
                lesson = self._lesson(way, pair, request)
                concept = self._learned(lesson, way, pair)
                given["concept"] = concept.read_bytes()
                base["concept_sha256"] = hashlib.sha256(given["concept"]).hexdigest()
                prompt = _with_word(prompt, lesson.learner.spelling, pair)
            recipe = _recipe(way, self.engine(way).model.model_hash, prompt, pair.number)
            if "photo" in recipe.method.needs:
                base["reference_sha256"] = hashlib.sha256(photo.read_bytes()).hexdigest()
                given["reference"] = photo
            if "mask" in recipe.method.needs:
                mask = BackdropCutter().cut(pair.photos["white"]).mask
                if mask is None:
                    return None
                given["mask"] = encode_mask(mask)
                base["mask_sha256"] = hashlib.sha256(given["mask"]).hexdigest()
            seeds = [1000 * pair.number + place for place in range(self._pictures)]
            recipes = [recipe.model_copy(update={"seed": seed, **base}) for seed in seeds]
            jobs = tuple(DrawJob(each.recipe_id, each, **given) for each in recipes)
            orders[request.name] = Order(jobs, concept)
        return orders

    def _draw(self, engine: Engine, jobs: Sequence[DrawJob]) -> None:
        missing = [job for job in jobs if not self._file(job).is_file()]
        for drawn in engine.draw(missing):
            if not isinstance(drawn, Drawn):
                raise SystemExit(f"{drawn.recipe_id[:12]} could not be drawn: {drawn}")
            path = self._work / "drawn" / f"{drawn.recipe_id}.png"
            with whole_file(path.with_suffix(".json")) as stream:
                stream.write(json.dumps({"seconds": drawn.seconds}).encode())
            with whole_file(path) as stream:
                stream.write(drawn.png)

    def _file(self, job: DrawJob) -> Path:
        return self._work / "drawn" / f"{job.recipe_id}.png"

    def _picture(self, job: DrawJob, concept: Path | None) -> Picture:
        path = self._file(job)
        seconds = float(json.loads(path.with_suffix(".json").read_text())["seconds"])
        if concept is None:
            return Picture(path, job, seconds)
        learning = float(json.loads(concept.with_suffix(".json").read_text())["learning"])
        return Picture(path, job, seconds, learning, concept.stat().st_size)

    def _learned(self, lesson: Lesson, way: Way, pair: Pair) -> Path:
        """The file of a lesson's concept, learned once."""
        path = self._work / "concepts" / f"{lesson.lesson_id}.safetensors"
        if not path.is_file():
            course = Course(path.with_suffix(".checkpoint.safetensors"))
            photos = [photos_of(pair)[name] for name in way.photos]
            content = learned(self.plain.model, lesson, photos, course)
            with whole_file(path.with_suffix(".json")) as stream:
                stream.write(json.dumps({"learning": course.seconds}).encode())
            with whole_file(path) as stream:
                stream.write(content)
            path.with_suffix(".checkpoint.safetensors").unlink(missing_ok=True)
        return path

    def _lesson(self, way: Way, pair: Pair, request: Request) -> Lesson:
        """Imagic's caption says what is to be drawn, the others' what the photos show."""
        assert way.learner is not None
        values = dict(way.learner)
        if self._steps is not None:
            known = LEARNERS.get(values["name"]).model_fields
            phases = ("steps", "word_steps", "embedding_steps")
            values |= {name: self._steps for name in phases if name in known}
        shown = requests(pair)[0].phrasing.prompt
        if len(way.photos) > 1:  # their grounds and angles differ
            shown = shown.partition(",")[0]
        shas = (hashlib.sha256(encode_png(photos_of(pair)[each])) for each in way.photos)
        lesson = Lesson.model_validate(
            {
                "learner": values,
                "model_hash": self.plain.model.model_hash,
                "photos": tuple(each.hexdigest() for each in shas),
                "caption": shown,
                "kind": shown,
                "initial": f"{pair.scene.material} {pair.colour} {pair.scene.category}",
                "side": SIDE,
                "seed": pair.number,
            }
        )
        word = lesson.learner.spelling
        caption = _with_word(shown, word, pair) if word else request.phrasing.prompt
        return lesson.model_copy(update={"caption": caption})


def _with_word(caption: str, word: str, pair: Pair) -> str:
    """A caption with a learned word before the product's own words."""
    first = pair.scene.material
    return caption.replace(first, f"{word} {first}", 1) if word else caption


def _recipe(way: Way, model_hash: str, prompt: str, seed: int) -> Recipe:
    values: Mapping[str, Any] = {
        "method": way.method,
        "model_hash": model_hash,
        "prompt": prompt,
        "negative_prompt": "",
        "seed": seed,
        "scheduler": "ddim",
        "steps": STEPS,
        "guidance": way.guidance,
        "width": SIDE,
        "height": SIDE,
    }
    return Recipe.model_validate(values)
