"""Which method keeps a product's identity on another background, against the true photo of it.

Held-out scenes are photographed on white, which is the shop's photo, and on a wooden table, which
is the true answer to "the same product on wood". Each method draws that from the photo, or with
what it learned from the photo, with the same prompt and seed. ``--faults`` measures the cutout
against the true masks, and the signals for the four faults of kept products on true photos and on
the same with one fault planted. What was rendered, learned and drawn is kept in ``--work``, so that
a run which was stopped goes on.

    python benchmarks/identity.py [--work DIR] [--first N] [--scenes N] [--faults] [--steps N]
        [--json]
"""

import argparse
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from catalog_gen.concept import LEARNERS, Lesson
from catalog_gen.diffusion.concepts.course import Course
from catalog_gen.diffusion.concepts.lessons import learned
from catalog_gen.diffusion.engine import Engine
from catalog_gen.diffusion.jobs import DrawJob, Drawn
from catalog_gen.diffusion.loading import load_model
from catalog_gen.diffusion.references import Origin, load_mask, load_reference
from catalog_gen.fingerprint import sha256_file
from catalog_gen.imaging.decode import read_image
from catalog_gen.imaging.encode import encode_mask, encode_png
from catalog_gen.judging.contrasts import Phrasing, contrasts_of
from catalog_gen.judging.measurement import Signals, measure
from catalog_gen.judging.picture import Asked
from catalog_gen.judging.rubric import Rubric, load_rubric
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.recipe import Recipe
from catalog_gen.settings import load_settings
from catalog_gen.vision.cutout import BackdropCutter
from studio.command import count
from studio.evaluation.likeness import likeness
from studio.evaluation.measures import wilson
from studio.evaluation.standing_defects import STANDING_DEFECTS, StandingDefect, plant_standing
from studio.files import whole_file
from studio.photos.pairs import Pair, pairs
from studio.photos.render import SAMPLES
from studio.phrasing import canonical_phrasing
from studio.vocabulary import Background

ROOT: Final = Path(__file__).parent.parent
CONFIG: Final = ROOT / "data" / "catalog.toml"
#: Side of the pictures that the studio model draws, in pixels.
SIDE: Final = 128
METHODS: Final[Mapping[str, dict[str, Any]]] = {
    "text2img": {"name": "text2img"},
    "img2img 0.35": {"name": "img2img", "strength": 0.35},
    "img2img 0.60": {"name": "img2img", "strength": 0.60},
    "img2img 0.85": {"name": "img2img", "strength": 0.85},
    "background": {"name": "background"},
}
#: The layers of the denoiser's attentions that LoRAs are learned in.
TARGETS: Final = ("to_q", "to_k", "to_v", "to_out.0")


@dataclass(frozen=True)
class Way:
    """A learner with its settings, and the method that draws with what it learned."""

    learner: Mapping[str, Any]
    method: Mapping[str, Any]


_LEARNED: Final = {"name": "learned"}
_IMAGIC: Final = {"name": "imagic", "targets": TARGETS}
LEARNED: Final[Mapping[str, Way]] = {
    "textual inversion": Way({"name": "textual-inversion"}, _LEARNED),
    "the same, faster": Way({"name": "textual-inversion", "tokens": 4, "rate": 0.05}, _LEARNED),
    "LoRA": Way({"name": "lora", "targets": TARGETS}, _LEARNED),
    "pivotal": Way({"name": "pivotal", "targets": TARGETS}, _LEARNED),
    "Imagic, eta 0.7": Way(_IMAGIC, {"name": "imagic", "eta": 0.7}),
    "Imagic, eta 0.9": Way(_IMAGIC, {"name": "imagic", "eta": 0.9}),
}
#: The signal that sees a planted fault.
SEEN_BY: Final[Mapping[StandingDefect, str]] = {
    "floating": "contact",
    "wrong plane": "plane_below",
    "too small": "fill",
    "too large": "edge_contact",
    "indistinct": "indistinct",
    "grown": "grown",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".studio/identity"))
    parser.add_argument("--scenes", type=count, default=64)
    parser.add_argument("--first", type=int, default=0, help="number of the first scene")
    parser.add_argument("--samples", type=count, default=SAMPLES, help="paths a pixel of renders")
    parser.add_argument("--faults", action="store_true")
    parser.add_argument("--steps", type=count, help="of each learner's phases; none: its own")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    scenes = pairs(arguments.work / "scenes", arguments.scenes, arguments.samples, arguments.first)
    figures = (
        faults(scenes)
        if arguments.faults
        else compare(scenes, arguments.work, Pupil(arguments.work / "concepts", arguments.steps))
    )
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    for name, row in figures.items():
        told = ", ".join(f"{key} {_told(value)}" for key, value in row.items())
        print(f"{name:<24}{told}")


class Pupil:
    """The studio model, loaded when something is to be learned or drawn.

    Args:
        folder: where concepts are kept, and how long they took.
        steps: of each phase of a learner; None: its own.
    """

    def __init__(self, folder: Path, steps: int | None = None) -> None:
        self._folder = folder
        self._steps = steps

    @cached_property
    def engine(self) -> Engine:
        """Draws pictures one by one."""
        return Engine(load_model(load_settings(CONFIG).model), 1)

    def learned(self, lesson: Lesson, photo: NDArray[np.uint8]) -> bytes:
        """The concept of a lesson, learned once."""
        path = self._folder / f"{lesson.lesson_id}.safetensors"
        if not path.is_file():
            course = Course(path.with_suffix(".checkpoint.safetensors"))
            content = learned(self.engine.model, lesson, [photo], course)
            with whole_file(path.with_suffix(".json")) as stream:
                stream.write(json.dumps({"learning": course.seconds}).encode())
            with whole_file(path) as stream:
                stream.write(content)
            path.with_suffix(".checkpoint.safetensors").unlink(missing_ok=True)
        return path.read_bytes()

    def seconds(self, lesson: Lesson) -> float:
        """What it took to learn."""
        told = json.loads((self._folder / f"{lesson.lesson_id}.json").read_text())
        return float(told["learning"])

    def lesson(self, learner: Mapping[str, Any], pair: Pair, photo: str) -> Lesson:
        """The lesson about a product; ``photo`` is its photo's hash."""
        phases = ("steps", "word_steps", "embedding_steps")
        values = dict(learner)
        if self._steps is not None:
            known = LEARNERS.get(values["name"]).model_fields
            values |= {name: self._steps for name in phases if name in known}
        lesson = Lesson.model_validate(
            {
                "learner": values,
                "model_hash": str(load_settings(CONFIG).model.sha256),
                "photos": (photo,),
                "caption": _phrasing(pair, "white").prompt,
                "kind": _phrasing(pair, "white").prompt,
                "initial": f"{pair.scene.material} {pair.colour} {pair.scene.category}",
                "side": SIDE,
                "seed": pair.number,
            }
        )
        word = lesson.learner.spelling
        # Imagic's caption says what is to be drawn, the others' what the photo shows.
        caption = _with_word(lesson.kind, word, pair) if word else _phrasing(pair).prompt
        return lesson.model_copy(update={"caption": caption})


def compare(scenes: Iterator[Pair], work: Path, pupil: Pupil) -> dict[str, Any]:
    """Draw by every method, and measure against the true photos."""
    scorer = ClipScorer(load_settings(CONFIG).scorer)
    rows: dict[str, list[dict[str, float]]] = defaultdict(list)
    refused = 0
    for whole in scenes:
        pair = whole.reduced(SIDE)
        jobs = _jobs(pair, work)
        if jobs is None:
            refused += 1
            continue
        for name, job in jobs.items():
            path = _drawn(pupil, job, work)
            rows[name].append(_measured(path, pair, job, scorer))
        photo = pair.photos["white"]
        for name, way in LEARNED.items():
            lesson = pupil.lesson(way.learner, pair, hashlib.sha256(encode_png(photo)).hexdigest())
            concept = pupil.learned(lesson, photo)
            job = _learned_job(pair, way, lesson, concept)
            row = _measured(_drawn(pupil, job, work), pair, job, scorer)
            rows[name].append(row | {"learning": pupil.seconds(lesson), "kB": len(concept) / 1000})
    figures: dict[str, Any] = {name: _summary(each) for name, each in rows.items()}
    figures["photos"] = {"used": len(rows["background"]), "refused": refused}
    return figures


def _drawn(pupil: Pupil, job: DrawJob, work: Path) -> Path:
    path = work / "drawn" / f"{job.recipe_id}.png"
    if not path.is_file():
        _draw(pupil.engine, job, path)
    return path


def _learned_job(pair: Pair, way: Way, lesson: Lesson, concept: bytes) -> DrawJob:
    prompt = _with_word(_phrasing(pair).prompt, lesson.learner.spelling, pair)
    sha256 = hashlib.sha256(concept).hexdigest()
    recipe = _recipe(pair, way.method, prompt).model_copy(update={"concept_sha256": sha256})
    return DrawJob(recipe.recipe_id, recipe, concept=concept)


def _with_word(caption: str, word: str, pair: Pair) -> str:
    """A caption with a learned word before the product's own words."""
    first = pair.scene.material
    return caption.replace(first, f"{word} {first}", 1) if word else caption


def _recipe(pair: Pair, method: Mapping[str, Any], prompt: str) -> Recipe:
    return Recipe.model_validate(
        {
            "method": method,
            "model_hash": str(load_settings(CONFIG).model.sha256),
            "prompt": prompt,
            "negative_prompt": "",
            "seed": pair.number,
            "scheduler": "ddim",
            "steps": 20,
            "guidance": 3.0,
            "width": SIDE,
            "height": SIDE,
        }
    )


def _jobs(pair: Pair, work: Path) -> dict[str, DrawJob] | None:
    """One job a method; None: the photo can't be cut out, and no method is asked."""
    photo = work / "photos" / f"{pair.number:04d}.png"
    photo.parent.mkdir(exist_ok=True)
    photo.write_bytes(encode_png(pair.photos["white"]))
    cutout = BackdropCutter().cut(pair.photos["white"])
    if cutout.mask is None:
        return None
    mask = encode_mask(cutout.mask)
    jobs = {}
    for name, method in METHODS.items():
        recipe = _recipe(pair, method, _phrasing(pair).prompt)
        if "photo" in recipe.method.needs:
            recipe = recipe.model_copy(update={"reference_sha256": sha256_file(photo)})
        if "mask" in recipe.method.needs:
            recipe = recipe.model_copy(update={"mask_sha256": hashlib.sha256(mask).hexdigest()})
        jobs[name] = DrawJob(recipe.recipe_id, recipe, photo, mask)
    return jobs


def _phrasing(pair: Pair, background: Background = "warm wood") -> Phrasing:
    scene = pair.scene
    words = (scene.category, pair.colour, scene.material)
    return canonical_phrasing(*words, background, scene.angle, scene.count)


def _draw(engine: Engine, job: DrawJob, path: Path) -> None:
    (drawn,) = engine.draw([job])
    assert isinstance(drawn, Drawn), drawn
    path.parent.mkdir(exist_ok=True)
    with whole_file(path.with_suffix(".json")) as stream:
        stream.write(json.dumps({"seconds": drawn.seconds}).encode())
    with whole_file(path) as stream:
        stream.write(drawn.png)


def _measured(path: Path, pair: Pair, job: DrawJob, scorer: ClipScorer) -> dict[str, float]:
    drawn, true = read_image(path), pair.photos["wood"]
    embeddings = scorer.embed_images([drawn, true])
    contrasts = contrasts_of(embeddings[:1], [_phrasing(pair)], scorer)[0]
    row = asdict(likeness(drawn, true, pair.mask))
    row["embedding"] = float(embeddings[0] @ embeddings[1])
    row |= {
        f"right {name}": float(contrasts[name].seen == contrasts[name].asked)
        for name in ("category", "colour", "material")
    }
    row["seconds"] = json.loads(path.with_suffix(".json").read_text())["seconds"]
    if job.recipe.mask_sha256 is not None:
        kept = job.recipe.method.kept(load_mask(job))
        assert kept is not None
        row["identical"] = float(np.array_equal(drawn[kept], load_reference(job)[kept]))
    return row


def _summary(rows: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Means with half the width of their 95 % interval."""
    summary: dict[str, Any] = {}
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        half = 1.96 * float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0
        summary[name] = {"mean": round(float(values.mean()), 4), "half": round(half, 4)}
    return summary


def faults(scenes: Iterator[Pair]) -> dict[str, Any]:
    """The cutout's overlap with true masks, and the error rates of the signals.

    Cutout and thresholds were set on scenes 0 to 127: measure them on others.
    """
    rubric = load_rubric(load_settings(CONFIG).rubric)
    overlaps: dict[str, list[float]] = defaultdict(list)
    refused: dict[str, int] = defaultdict(int)
    lost: dict[str, list[bool]] = defaultdict(list)
    for whole in scenes:
        for background in ("white", "grey"):
            cutout = BackdropCutter().cut(whole.photos[background])
            if cutout.mask is None:
                refused[background] += 1
                continue
            found = cutout.mask > 127
            union = (found | whole.mask).sum()
            overlaps[background].append(float((found & whole.mask).sum() / union))
        pair = whole.reduced(SIDE)
        mask = pair.mask.astype(np.uint8) * 255
        for photo in pair.photos.values():
            good = _standing(photo, mask)
            for defect in STANDING_DEFECTS:
                draw = np.random.default_rng(whole.number)
                bad = _standing(*plant_standing(defect, photo, mask, draw))
                lost[f"{defect}, planted"].append(_loses(rubric, bad, SEEN_BY[defect]))
                lost[f"{defect}, none"].append(_loses(rubric, good, SEEN_BY[defect]))
    figures: dict[str, Any] = {
        f"cutout on {name}": {
            "mean": round(float(np.mean(values)), 4),
            "median": round(float(np.median(values)), 4),
            "at least 0.98": round(float(np.mean(np.array(values) >= 0.98)), 3),
            "n": len(values),
            "refused": refused[name],
        }
        for name, values in overlaps.items()
    }
    figures |= {
        name: {key: round(value, 4) for key, value in asdict(wilson(sum(each), len(each))).items()}
        for name, each in lost.items()
    }
    return figures


def _standing(pixels: NDArray[np.uint8], mask: NDArray[np.uint8]) -> Signals:
    return measure(pixels, asked=Asked(), origin=Origin(pixels, mask, mask > 127))


def _loses(rubric: Rubric, signals: Signals, fact: str) -> bool:
    """Whether the picture loses a point, or all, for this fact."""
    value = signals.number(fact)
    if value is None:
        return False
    points = [rule.points(value) for rule in rubric.rules if rule.signal == fact]
    return min(points) < 2 or any(rule.broken(value) for rule in rubric.hard if rule.signal == fact)


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{value['mean']:.3f} ± {value['half']:.3f}"
    return str(value)


if __name__ == "__main__":
    main()
