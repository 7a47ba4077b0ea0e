"""ControlNets and IP-Adapters: pictures that follow a photo, and parts that do not fit."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from pydantic import ValidationError

from catalog_gen.diffusion.engine import Engine
from catalog_gen.diffusion.ip_adapter import focused
from catalog_gen.diffusion.jobs import DrawJob, Drawn, Outcome
from catalog_gen.diffusion.loading import LoadedModel, load_model
from catalog_gen.diffusion.methods.control import Control
from catalog_gen.diffusion.methods.dual import Dual
from catalog_gen.diffusion.methods.looking import Looking
from catalog_gen.diffusion.methods.variation import Variation
from catalog_gen.diffusion.model_hash import model_parts, pinned_model
from catalog_gen.diffusion.references import load_reference
from catalog_gen.errors import ModelError
from catalog_gen.fingerprint import sha256_file
from catalog_gen.imaging.edges import canny
from catalog_gen.recipe import Failure
from catalog_gen.settings.model import ModelSettings
from catalog_gen.settings.views import ViewSettings
from tests.tiny import tiny
from tests.tiny.guides import controlnet, image_encoder, ip_adapter

from .conftest import MakeJob, found
from .elsewhere import drawn_elsewhere

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

KINDS = ("sd", "sdxl")
EDGES = {"name": "control", "net": "edges"}
TILE = {"name": "control", "net": "tile", "shows": "photo", "scale": 0.7, "start": 0.2, "end": 0.8}
LOOKS = {"name": "variation", "adapter": "looks", "scale": 0.8}
PLUS = {"name": "variation", "adapter": "plus"}
MIXED = {"name": "dual", "adapter": "plus", "mix": 0.7, "focus": "style"}
METHODS: dict[str, dict[str, Any]] = {
    "edges": EDGES,
    "tile": TILE,
    "looks": LOOKS,
    "plus": PLUS,
    "some blocks": LOOKS | {"blocks": ("up.block_0", "mid")},
    "less than half": {"name": "dual", "adapter": "looks", "mix": 0.3},
}

Guided = dict[str, ModelSettings]


@pytest.fixture(scope="session")
def guided(
    sd: LoadedModel,
    sd_folder: Path,
    sdxl: LoadedModel,
    sdxl_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Guided:
    """Settings of each kind's model with two ControlNets and two IP-Adapters."""
    settings: Guided = {}
    for kind, loaded, model in (("sd", sd, sd_folder), ("sdxl", sdxl, sdxl_folder)):
        folder = tmp_path_factory.mktemp(f"{kind}-guides")
        encoder = image_encoder(folder / "encoder")
        settings[kind] = ModelSettings.model_validate(
            {
                "id": str(model),
                "device": "cpu",
                "controlnets": [
                    {"name": name, "path": controlnet(loaded.main, folder / name, seed=seed)}
                    for name, seed in (("edges", 5), ("tile", 6))
                ],
                "ip_adapters": [
                    {
                        "name": name,
                        "path": ip_adapter(loaded.main, folder / f"{name}.safetensors", plus=plus),
                        "image_encoder": encoder,
                    }
                    for name, plus in (("looks", False), ("plus", True))
                ],
            }
        )
    return settings


@pytest.fixture(scope="session")
def models(guided: Guided) -> dict[str, LoadedModel]:
    return {kind: load_model(settings) for kind, settings in guided.items()}


def _shas(outcomes: Sequence[Outcome]) -> dict[str, str]:
    for outcome in outcomes:
        assert isinstance(outcome, Drawn), outcome
    return {each.recipe_id: each.sha256 for each in outcomes if isinstance(each, Drawn)}


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", KINDS)
def test_pictures_are_those_of_the_plain_pipeline(
    kind: str,
    method: str,
    guidance: float,
    models: dict[str, LoadedModel],
    guided: Guided,
    make_job: MakeJob,
) -> None:
    job = make_job(models[kind], 1, method=METHODS[method], scheduler="own", guidance=guidance)
    (ours,) = Engine(models[kind], batch_size=1).draw([job])
    assert isinstance(ours, Drawn), ours
    theirs = _plainly(kind, job, guided[kind])
    assert theirs.shape == ours.pixels.shape
    assert np.abs(theirs - ours.pixels).max() <= 1


def _plainly(kind: str, job: DrawJob, settings: ModelSettings) -> Any:
    """The same picture as a person would have diffusers draw it."""
    from diffusers import (
        ControlNetModel,
        StableDiffusionControlNetPipeline,
        StableDiffusionPipeline,
        StableDiffusionXLControlNetPipeline,
        StableDiffusionXLPipeline,
    )
    from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

    method, photo = job.recipe.method, load_reference(job)
    options: dict[str, Any] = {"add_watermarker": False} if kind == "sdxl" else {}
    arguments: dict[str, Any] = {}
    if isinstance(method, Control):
        (path,) = (each.path for each in settings.controlnets if each.name == method.net)
        options["controlnet"] = ControlNetModel.from_pretrained(path)
        pipelines = (StableDiffusionControlNetPipeline, StableDiffusionXLControlNetPipeline)
        picture = canny(photo, method.threshold) if method.shows == "edges" else photo
        arguments = {
            "image": Image.fromarray(picture),
            "controlnet_conditioning_scale": method.scale,
            "control_guidance_start": method.start,
            "control_guidance_end": method.end,
        }
    else:
        pipelines = (StableDiffusionPipeline, StableDiffusionXLPipeline)
    pipeline = pipelines[KINDS.index(kind)].from_pretrained(settings.id, **options)
    if isinstance(method, Looking):
        (asked,) = (each for each in settings.ip_adapters if each.name == method.adapter)
        encoder = CLIPVisionModelWithProjection.from_pretrained(asked.image_encoder)
        pictures = CLIPImageProcessor(size=32, crop_size=32)
        pipeline.register_modules(image_encoder=encoder, feature_extractor=pictures)
        pipeline.load_ip_adapter(str(asked.path.parent), subfolder="", weight_name=asked.path.name)
        weight: Any = method.photo_weight
        if method.blocks:
            weight = {"up": {"block_0": weight}, "mid": weight}
        pipeline.set_ip_adapter_scale(weight)
        arguments = {"ip_adapter_image": Image.fromarray(photo)}
    pipeline.set_progress_bar_config(disable=True)
    drawn = pipeline(
        prompt=job.recipe.prompt,
        width=32,
        height=32,
        num_inference_steps=job.recipe.steps,
        guidance_scale=job.recipe.guidance,
        generator=torch.Generator().manual_seed(job.recipe.seed),
        **arguments,
    )
    return np.asarray(drawn.images[0], np.int16)


@pytest.mark.slow
def test_bytes_depend_on_no_order_neighbour_or_process(
    models: dict[str, LoadedModel],
    guided: Guided,
    sd: LoadedModel,
    photo: Path,
    make_job: MakeJob,
) -> None:
    everything: dict[str, str] = {}
    asked: list[tuple[ModelSettings, list[DrawJob]]] = []
    for kind, loaded in models.items():
        jobs = [
            make_job(loaded, seed, method=method, scheduler="own", guidance=guidance)
            for method in ("text2img", *METHODS.values(), MIXED)
            for seed in range(2)
            for guidance in (1.0, 3.0)
        ]
        first = _shas(list(Engine(loaded, batch_size=3).draw(jobs)))
        assert len(set(first.values())) == len(jobs)
        assert _shas(list(Engine(loaded, batch_size=3).draw(jobs[::-1]))) == first
        for job in jobs[::4]:
            alone = _shas(list(Engine(loaded, batch_size=3).draw([job])))
            assert alone == {job.recipe_id: first[job.recipe_id]}
        everything |= first
        asked.append((guided[kind], jobs))
    assert drawn_elsewhere(asked, batch_size=3) == everything


def test_parts_do_not_change_the_pictures_of_other_methods(
    models: dict[str, LoadedModel], sd: LoadedModel, make_job: MakeJob
) -> None:
    with_parts, without = (
        list(Engine(loaded, batch_size=2).draw([make_job(loaded, 4)]))
        for loaded in (models["sd"], sd)
    )
    assert list(_shas(with_parts).values()) == list(_shas(without).values())
    assert models["sd"].model_hash != sd.model_hash


def test_a_stronger_guide_holds_a_picture_nearer_to_itself(
    models: dict[str, LoadedModel], make_job: MakeJob
) -> None:
    for method in (EDGES, LOOKS):
        jobs = [
            make_job(models["sd"], 1, method=method | {"scale": scale}) for scale in (0.0, 0.5, 1.0)
        ]
        plain = make_job(models["sd"], 1)
        drawn = list(Engine(models["sd"], batch_size=1).draw([plain, *jobs]))
        levels = [each.pixels.astype(int) for each in drawn if isinstance(each, Drawn)]
        distances = [float(np.abs(each - levels[0]).mean()) for each in levels[1:]]
        assert distances[0] < 0.01
        assert 0 < distances[1] < distances[2]


@pytest.mark.parametrize("method", ["edges", "tile", "looks", "plus", "less than half"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_photo_leads_its_own_picture_and_no_other_of_the_batch(
    kind: str,
    method: str,
    models: dict[str, LoadedModel],
    make_job: MakeJob,
    tmp_path: Path,
) -> None:
    first = make_job(models[kind], 1, method=METHODS[method])
    assert first.reference is not None
    other = tmp_path / "other.png"
    with Image.open(first.reference) as photo:
        ImageOps.invert(photo.convert("RGB").rotate(90)).save(other)
    recipe = first.recipe.model_copy(update={"reference_sha256": sha256_file(other)})
    second = DrawJob(recipe.recipe_id, recipe, other)
    engine = Engine(models[kind], batch_size=2)
    together = _shas(list(engine.draw([first, second])))
    alone = [_shas(list(engine.draw([job]))) for job in (first, second)]
    assert together == alone[0] | alone[1]
    assert len(set(together.values())) == 2


def test_dual_guidance_leads_from_the_prompt_to_the_photo(
    models: dict[str, LoadedModel], make_job: MakeJob
) -> None:
    def drawn(prompt: str, method: dict[str, Any] | str) -> Any:
        job = make_job(models["sd"], 1, method=method, prompt=prompt)
        (picture,) = Engine(models["sd"], batch_size=1).draw([job])
        assert isinstance(picture, Drawn), picture
        return picture.pixels.astype(int)

    def apart(one: Any, other: Any) -> float:
        return float(np.abs(one - other).mean())

    dual = {"name": "dual", "adapter": "plus"}
    prompts = ("a red mug", "two green chairs")
    plain = drawn(prompts[0], "text2img")
    assert apart(drawn(prompts[0], dual | {"mix": 0.0}), plain) < 0.01
    between = [
        apart(*(drawn(each, dual | {"mix": mix}) for each in prompts)) for mix in (0.5, 0.8, 1.0)
    ]
    # At 1 nothing of the prompt is left.
    assert between[0] > between[1] > between[2] == 0
    assert apart(drawn(prompts[0], "text2img"), plain) == 0


def test_a_focus_keeps_some_components_and_the_deviation() -> None:
    tokens = torch.randn((1, 65, 32), generator=torch.Generator().manual_seed(1))
    ranks = {}
    for focus in ("content", "style"):
        some = focused(tokens, focus)  # type: ignore[arg-type]
        assert torch.equal(some[:, 0], tokens[:, 0])
        local, own = (each[0, 1:] - each[0, 1:].mean(-1, keepdim=True) for each in (some, tokens))
        assert torch.allclose(local.std(), own.std(), rtol=1e-3)
        ranks[focus] = int(torch.linalg.matrix_rank(local, rtol=1e-3))
        assert torch.allclose(some.mean(-1), tokens.mean(-1), atol=1e-5)
    assert ranks == {"content": 29, "style": 5}


def test_lists_are_variants_and_unset_fields_leave_a_method_as_it_was() -> None:
    assert [each.parameters for each in Variation(adapter="a", scale=(0.2, 0.9)).variants] == [
        {"adapter": "a", "scale": 0.2},
        {"adapter": "a", "scale": 0.9},
    ]
    mixed = Dual(adapter="a", mix=(0.2, 0.9), focus="content").variants
    assert [each.parameters["mix"] for each in mixed] == [0.2, 0.9]
    assert all(each.parameters["focus"] == "content" for each in mixed)


def test_blocks_and_focus_that_an_adapter_lacks_are_refused(
    models: dict[str, LoadedModel], guided: Guided, sd_folder: Path, make_job: MakeJob
) -> None:
    strange = LOOKS | {"blocks": ("up.block_7", "mid")}
    view = ViewSettings(
        template="{{ title }}",
        method=strange,  # type: ignore[arg-type]
        edit_policy="unlimited",
    )
    problem = found(sd_folder, ip_adapters=guided["sd"].ip_adapters).problem(view)
    assert problem is not None
    assert problem[0] == "blocks = up.block_7"
    jobs = [make_job(models["sd"], method=each) for each in (strange, LOOKS | {"focus": "style"})]
    errors = [
        each.error
        for each in Engine(models["sd"], batch_size=1).draw(jobs)
        if isinstance(each, Failure)
    ]
    assert len(errors) == 2
    assert "up.block_7" in errors[0]
    assert "sees a photo as a whole" in errors[1]


def test_a_batch_that_failed_leaves_the_model_without_the_adapter(
    models: dict[str, LoadedModel], make_job: MakeJob
) -> None:
    loaded = models["sd"]
    before = _shas(list(Engine(loaded, batch_size=1).draw([make_job(loaded, 3)])))

    def fail(*_: Any) -> None:
        raise ValueError("planted")

    hook = loaded.main.vae.decoder.register_forward_pre_hook(fail)
    try:
        (failed,) = Engine(loaded, batch_size=1).draw([make_job(loaded, 3, method=LOOKS)])
    finally:
        hook.remove()
    assert isinstance(failed, Failure)
    assert "planted" in failed.error
    assert _shas(list(Engine(loaded, batch_size=1).draw([make_job(loaded, 3)]))) == before


@pytest.mark.parametrize("low", ["fp16", "bf16"])
def test_every_part_is_drawn_with_in_half_precision_and_returns_to_it(
    low: str, guided: Guided, make_job: MakeJob
) -> None:
    loaded = load_model(guided["sd"].model_copy(update={"dtype": low}))
    jobs = [make_job(loaded, 1, method=method) for method in METHODS.values()]
    engine = Engine(loaded, batch_size=1)
    first = _shas(list(engine.draw(jobs)))
    with loaded.in_dtype("fp32"):
        networks = [*loaded.controlnets.values()]
        networks += [n for each in loaded.ip_adapters.values() for n in each.networks]
        dtypes = {tensor.dtype for network in networks for tensor in network.parameters()}
        assert dtypes == {torch.float32}
    assert _shas(list(engine.draw(jobs))) == first


def test_parts_and_their_names_are_in_the_hash_and_in_lineage(
    guided: Guided, tmp_path: Path
) -> None:
    settings = guided["sd"]
    _, identity = pinned_model(settings)
    net, adapter = settings.controlnets[0], settings.ip_adapters[0]
    for changed in (
        {"controlnets": settings.controlnets[:1]},
        {"controlnets": [net.model_copy(update={"name": "lines"}), settings.controlnets[1]]},
        {"ip_adapters": settings.ip_adapters[:1]},
    ):
        assert pinned_model(settings.model_copy(update=changed))[1] != identity
    parts = model_parts(found(settings.id, controlnets=[net], ip_adapters=[adapter]))
    assert parts["controlnets"][0]["file"] == parts["controlnets"][0]["name"] == "edges"
    assert parts["ip_adapters"][0]["file"] == "looks.safetensors"
    assert {"sha256", "image_encoder"} <= parts["ip_adapters"][0].keys()


def test_a_part_that_does_not_fit_is_refused_before_anything_is_planned(
    guided: Guided, sd: LoadedModel, sdxl: LoadedModel, tmp_path: Path
) -> None:
    folder = guided["sd"].id
    net, adapter = guided["sd"].controlnets[0], guided["sd"].ip_adapters[0]
    other_net, other = guided["sdxl"].controlnets[0], guided["sdxl"].ip_adapters[0]

    def refused(rule: str, **settings: Any) -> None:
        with pytest.raises(ModelError, match=rule):
            found(folder, **settings)

    refused(r"cross_attention_dim is 32, and that of the model's unet 16", controlnets=[other_net])
    refused(r"it has 4 cross-attentions of 16 x 32 at most, and the model", ip_adapters=[other])
    factor = controlnet(sd.main, tmp_path / "8", conditioning_embedding_out_channels=(8, 8, 8, 16))
    coarse = net.model_copy(update={"path": factor})
    refused(r"divides a picture's sides by 8, and the model's VAE by 2", controlnets=[coarse])
    refused("of a ControlNet", controlnets=[net.model_copy(update={"path": Path(folder) / "vae"})])
    encoder = image_encoder(tmp_path / "wide", width=2 * 16)
    refused(
        r"takes 16 numbers of a picture, and the projection_dim of .* is 32",
        ip_adapters=[adapter.model_copy(update={"image_encoder": encoder})],
    )
    empty = adapter.model_copy(update={"image_encoder": tmp_path / "none"})
    refused(r"it has no config\.json of a CLIP image encoder", ip_adapters=[empty])
    pickled = adapter.model_copy(update={"path": tmp_path / "ip-adapter.bin"})
    refused("can run any code", ip_adapters=[pickled])
    strange = adapter.model_copy(update={"path": _weights(Path(folder) / "vae")})
    refused("holds no IP-Adapter", ip_adapters=[strange])
    cut = controlnet(sd.main, tmp_path / "cut")
    weights = _weights(cut)
    weights.write_bytes(weights.read_bytes()[:-1])
    refused("header announces", controlnets=[net.model_copy(update={"path": cut})])
    flux = tiny("flux", tmp_path / "flux")
    with pytest.raises(ModelError, match="FluxPipeline draws with no ControlNet here"):
        found(flux, controlnets=[net])
    with pytest.raises(ModelError, match="FluxPipeline draws with no IP-Adapter here"):
        found(flux, ip_adapters=[adapter])


def _weights(folder: Path) -> Path:
    return next(folder.glob("*.safetensors"))


def test_a_view_that_names_a_missing_part_is_refused_at_plan(
    guided: Guided, sd_folder: Path, sd: LoadedModel, make_job: MakeJob
) -> None:
    view = ViewSettings(
        template="{{ title }}",
        method={"name": "control", "net": "depth"},  # type: ignore[arg-type]
        edit_policy="unlimited",
    )
    problem = found(sd_folder).problem(view)
    assert problem is not None
    assert "model.controlnets has none" in problem[1]
    problem = found(sd_folder, controlnets=guided["sd"].controlnets).problem(view)
    assert problem is not None
    assert "model.controlnets has only 'edges', 'tile'" in problem[1]
    (failed,) = Engine(sd, batch_size=1).draw([make_job(sd, method=EDGES)])
    assert isinstance(failed, Failure)
    assert "model.controlnets has none" in failed.error


def test_settings_that_contradict_themselves_are_refused(guided: Guided) -> None:
    with pytest.raises(ValidationError, match=r"start 0\.5 is not before"):
        Control(net="edges", start=0.5, end=0.5)
    twice = [{"name": "edges", "path": "a"}, {"name": "edges", "path": "b"}]
    with pytest.raises(ValidationError, match="two are named 'edges'"):
        ModelSettings.model_validate({"id": "x", "controlnets": twice})
    for method in (EDGES, LOOKS):
        with pytest.raises(ValidationError, match="edit_policy 'variant' allows"):
            ViewSettings.model_validate(
                {"template": "x", "method": method, "edit_policy": "variant"}
            )
