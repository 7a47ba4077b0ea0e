"""Products are learned, put on the model for a batch, and leave no bit of it behind."""

import hashlib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from catalog_gen.concept import Lesson
from catalog_gen.diffusion.concepts.course import Course, LessonError
from catalog_gen.diffusion.concepts.file import read
from catalog_gen.diffusion.concepts.lessons import learned
from catalog_gen.diffusion.concepts.weights import merged
from catalog_gen.diffusion.engine import Engine
from catalog_gen.diffusion.engines import Engines
from catalog_gen.diffusion.jobs import DrawJob, Drawn
from catalog_gen.diffusion.loading import LoadedModel
from catalog_gen.imaging.encode import encode_png
from catalog_gen.recipe import Failure, Recipe
from catalog_gen.settings.model import ModelSettings

PHOTOS = ("a" * 64, "b" * 64)
#: Every learner in miniature, with the method that draws with it.
LEARNERS: dict[str, dict[str, Any]] = {
    "word": {"name": "textual-inversion", "tokens": 2, "regularisation": 0.1, "per_photo": True},
    "lora": {"name": "lora", "targets": ["to_q", "to_v", "to_out.0"]},
    "lora that keeps its kind": {"name": "lora", "prior": 1, "rank": 2},
    "pivotal": {"name": "pivotal", "word_steps": 2},
    "imagic": {"name": "imagic", "embedding_steps": 2},
    "imagic, all weights": {"name": "imagic", "embedding_steps": 2, "tunes": "all"},
    "imagic, cross-entropy": {"name": "imagic", "embedding_steps": 2, "error": "cross-entropy"},
}


def lesson(model: LoadedModel, learner: Mapping[str, Any], **changes: Any) -> Lesson:
    values = {"steps": 2, **learner}
    if "rate" not in values:
        values["rate"] = 0.05
    made = Lesson(
        learner=values,  # type: ignore[arg-type]
        model_hash=model.model_hash,
        photos=PHOTOS,
        caption="",
        kind="a mug",
        initial="mug",
        side=32,
        seed=3,
    )
    word = made.learner.spelling
    return made.model_copy(update={"caption": f"a {word} mug".replace("  ", " ")} | changes)


def photographs(colour: tuple[int, int, int] = (200, 30, 20)) -> list[np.ndarray]:
    photos = []
    for size in (10, 16):
        pixels = np.full((32, 32, 3), 255, np.uint8)
        pixels[16 - size // 2 : 16 + size // 2, 8:24] = colour
        photos.append(pixels)
    return photos


_taught: dict[tuple[str, str, tuple[int, int, int]], bytes] = {}


def taught(model: LoadedModel, name: str, colour: tuple[int, int, int] = (200, 30, 20)) -> bytes:
    key = (model.model_hash, name, colour)
    if key not in _taught:
        made = lesson(model, LEARNERS[name])
        _taught[key] = learned(model, made, photographs(colour), Course())
    return _taught[key]


def job(model: LoadedModel, concept: bytes | None, seed: int = 1, **changes: Any) -> DrawJob:
    known = None if concept is None else read(concept).lesson
    values: dict[str, Any] = {
        "method": "text2img" if known is None else known.learner.methods[0],
        "model_hash": model.model_hash,
        "prompt": f"{'' if known is None else known.learner.spelling} mug on wood".strip(),
        "negative_prompt": "",
        "seed": seed,
        "scheduler": "ddim",
        "steps": 2,
        "guidance": 3.0,
        "width": 32,
        "height": 32,
    } | changes
    if concept is not None:
        values["concept_sha256"] = hashlib.sha256(concept).hexdigest()
    recipe = Recipe.model_validate(values)
    return DrawJob(recipe.recipe_id, recipe, concept=concept)


def drawn(model: LoadedModel, jobs: list[DrawJob], batch_size: int = 2) -> dict[str, str]:
    outcomes = list(Engine(model, batch_size).draw(jobs))
    assert all(isinstance(each, Drawn) for each in outcomes), outcomes
    return {each.recipe_id: each.sha256 for each in outcomes if isinstance(each, Drawn)}


def state(model: LoadedModel) -> dict[str, torch.Tensor]:
    return {
        f"{name}.{key}": tensor.clone()
        for name, part in model.main.components.items()
        if isinstance(part, torch.nn.Module)
        for key, tensor in part.state_dict().items()
    }


@pytest.mark.parametrize("name", LEARNERS)
def test_a_lesson_teaches_and_leaves_the_model_as_it_was(sd: LoadedModel, name: str) -> None:
    before, plain = state(sd), drawn(sd, [job(sd, None)])
    content = taught(sd, name)
    assert learned(sd, lesson(sd, LEARNERS[name]), photographs(), Course()) == content
    after = state(sd)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    asked = job(sd, content)
    (picture,) = drawn(sd, [asked]).values()
    assert picture != drawn(sd, [job(sd, None, prompt=asked.recipe.prompt)]).popitem()[1]
    assert drawn(sd, [job(sd, None)]) == plain


def test_concepts_never_leak_into_each_other(sd: LoadedModel) -> None:
    """Two products of each learner and a picture without: alone, mixed, and in another order."""
    concepts = [
        taught(sd, name, colour)
        for name in ("word", "lora", "pivotal", "imagic")
        for colour in ((200, 30, 20), (20, 30, 200))
    ]
    jobs = [job(sd, each, seed) for each in (*concepts, None) for seed in (1, 2)]
    alone: dict[str, str] = {}
    for each in jobs:
        alone |= drawn(sd, [each])
    assert len(set(alone.values())) == len(jobs)
    assert drawn(sd, jobs[::2] + jobs[1::2]) == alone
    assert drawn(sd, jobs[::-1]) == alone


def test_a_photo_is_redrawn_with_what_was_learned(sd: LoadedModel, tmp_path: Path) -> None:
    """Two products side by side: neither the photo alone nor the concept alone decides."""
    jobs = []
    for colour in ((200, 30, 20), (20, 30, 200)):
        photo = tmp_path / f"{colour[0]}.png"
        photo.write_bytes(encode_png(photographs(colour)[0]))
        for concept in (taught(sd, "lora", colour), None):
            name = "img2img" if concept is None else "learned-img2img"
            asked = job(
                sd,
                concept,
                method={"name": name, "strength": 0.6},
                steps=4,
                reference_sha256=hashlib.sha256(photo.read_bytes()).hexdigest(),
            )
            jobs.append(replace(asked, reference=photo))
    alone: dict[str, str] = {}
    for each in jobs:
        alone |= drawn(sd, [each])
    assert len(set(alone.values())) == len(jobs)
    assert drawn(sd, jobs[::-1]) == alone


@pytest.mark.slow
def test_another_process_draws_the_same_bytes(sd: LoadedModel) -> None:
    """A device's process, to which jobs go through a pipe."""
    jobs = [job(sd, taught(sd, name)) for name in ("word", "lora", "pivotal", "imagic")]
    folder = str(Path(sd.main.name_or_path))
    engines = Engines(ModelSettings(id=folder, devices=("cpu",), batch_size=2))
    try:
        outcomes = list(engines.draw(jobs))
    finally:
        engines.close()
    assert all(isinstance(each, Drawn) for each in outcomes), outcomes
    there = {each.recipe_id: each.sha256 for each in outcomes if isinstance(each, Drawn)}
    assert there == drawn(sd, jobs)


class Killed(BaseException):
    pass


@pytest.mark.parametrize("name", ["word", "pivotal", "imagic, all weights"])
@pytest.mark.parametrize("at", [1, 3])
def test_a_killed_lesson_goes_on_to_the_same_bytes(
    sd: LoadedModel, tmp_path: Path, name: str, at: int
) -> None:
    made = lesson(sd, {"steps": 4, **LEARNERS[name]})
    whole = learned(sd, made, photographs(), Course())
    before = state(sd)
    path = tmp_path / "lesson.safetensors"
    steps: list[int] = []

    def die(done: int, of: int) -> None:
        steps.append(done)
        if done == at + 1:
            raise Killed

    with pytest.raises(Killed):
        learned(sd, made, photographs(), Course(path, die, every=0))
    assert all(torch.equal(each, before[key]) for key, each in state(sd).items())
    steps.clear()
    again = Course(path, lambda done, of: steps.append(done))
    assert learned(sd, made, photographs(), again) == whole
    assert steps[0] == at + 1
    assert again.seconds > 0


def test_a_torn_checkpoint_is_no_checkpoint(sd: LoadedModel, tmp_path: Path) -> None:
    made = lesson(sd, LEARNERS["word"])
    path = tmp_path / "lesson.safetensors"
    path.write_bytes(b"\x10\0\0\0\0\0\0\0{torn")
    assert learned(sd, made, photographs(), Course(path)) == taught(sd, "word")


def test_other_tools_load_what_was_learned(sd: LoadedModel, tmp_path: Path) -> None:
    """diffusers and PEFT read the files by themselves, and draw what the engine draws."""
    from diffusers import DDIMScheduler, StableDiffusionPipeline
    from peft import PeftModel

    for name in ("word", "lora", "pivotal"):
        pipe = StableDiffusionPipeline.from_pretrained(
            sd.main.name_or_path, safety_checker=None, requires_safety_checker=False
        )
        pipe.set_progress_bar_config(disable=True)
        content = taught(sd, name)
        files = read(content).parts()
        for part, data in files.items():
            (tmp_path / name / part).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / part).write_bytes(data)
        if "embedding.safetensors" in files:
            pipe.load_textual_inversion(str(tmp_path / name / "embedding.safetensors"))
        if "lora.safetensors" in files:
            pipe.load_lora_weights(str(tmp_path / name), weight_name="lora.safetensors")
        asked = job(sd, content)
        pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
        theirs = pipe(
            asked.recipe.prompt,
            generator=torch.Generator("cpu").manual_seed(1),
            num_inference_steps=2,
            guidance_scale=3.0,
            width=32,
            height=32,
            output_type="np",
        ).images[0]
        (ours,) = Engine(sd, 1).draw([asked])
        assert isinstance(ours, Drawn)
        # A LoRA beside the weights and one added to them differ in their last bits.
        assert np.abs(ours.pixels / 255 - theirs).max() < 2.5 / 255
    alone = read(taught(sd, "lora")).parts()
    assert alone["lora.safetensors"] == taught(sd, "lora")  # the stored file itself
    assert "embedding.safetensors" not in alone
    adapted = PeftModel.from_pretrained(deepcopy(sd.denoiser), tmp_path / "lora" / "peft")
    ours = merged(sd, read(taught(sd, "lora")).lora)
    theirs = dict(adapted.merge_and_unload().named_parameters())
    assert all(torch.allclose(theirs[name], each, atol=1e-6) for name, each in ours.items())
    assert any(not torch.equal(each, sd.denoiser.get_parameter(key)) for key, each in ours.items())


def test_sdxl_learns_too(sdxl: LoadedModel) -> None:
    for name in ("word", "lora", "imagic"):
        content = learned(sdxl, lesson(sdxl, LEARNERS[name]), photographs(), Course())
        mixed = [job(sdxl, content), job(sdxl, None, guidance=2.0)]
        assert len(set(drawn(sdxl, mixed).values())) == 2


def test_training_lowers_the_error(sd: LoadedModel) -> None:
    """A word that is trained for longer lies further from where it began; held to it, less far."""
    from catalog_gen.diffusion.concepts.words import initial_vectors

    first = initial_vectors(sd, "mug", 1)[""]

    def distance(steps: int, regularisation: float) -> float:
        learner = {"name": "textual-inversion", "steps": steps, "regularisation": regularisation}
        content = learned(sd, lesson(sd, learner), photographs(), Course())
        return float((read(content).tensors["<product>"] - first).norm())

    few, many, held = distance(1, 0.0), distance(12, 0.0), distance(12, 1000.0)
    assert 0 < few < many
    assert held < many / 2


def test_what_is_not_the_recipes_is_a_failure(sd: LoadedModel) -> None:
    right = job(sd, taught(sd, "word"))
    other = DrawJob(right.recipe_id, right.recipe, concept=taught(sd, "lora"))
    none = DrawJob(right.recipe_id, right.recipe)
    for each, rule in ((other, "not the bytes"), (none, "there is none")):
        (outcome,) = Engine(sd, 2).draw([each])
        assert isinstance(outcome, Failure)
        assert rule in outcome.error


def test_a_lesson_that_can_not_be_learned_says_why(sd: LoadedModel) -> None:
    before = state(sd)
    for learner, rule in (
        ({"name": "lora", "targets": ["to_z"]}, "no such layers"),
        ({"name": "textual-inversion", "rate": 1.0, "regularisation": 1e39}, "no number"),
    ):
        with pytest.raises(LessonError, match=rule):
            learned(sd, lesson(sd, {"steps": 6, **learner}), photographs(), Course())
    assert all(torch.equal(each, before[key]) for key, each in state(sd).items())
