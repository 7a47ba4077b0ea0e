"""The whole training recipe in miniature, and the arithmetic behind its figures."""

import copy
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from catalog_gen.errors import CorruptionError, InputError
from studio.attributes import (
    ATTRIBUTES,
    CLASSES,
    Wish,
    caption_number,
    every_wish,
    one_wrong,
)
from studio.evaluation.evaluate import Question, evaluate
from studio.evaluation.evaluate import main as run_evaluation
from studio.evaluation.grid import balanced_wishes, held_out_wishes
from studio.evaluation.measures import auroc, gradient_energy, psnr, ssim, white_border, wilson
from studio.evaluation.sheets import spread
from studio.networks.decoder import weigh_frame
from studio.networks.diffusion import draw
from studio.networks.judge import decide, load_judge
from studio.networks.sizes import CONTEXT, MINIATURE
from studio.networks.tokenizer import caption_corpus
from studio.networks.vae import (
    BEYOND_WHITE,
    VaeStage,
    build_vae,
    error_planes,
    fold_statistics,
)
from studio.photos.album import Album
from studio.training.checkpoint import load_checkpoint
from studio.training.loop import TrainingBudget, learning_rate_share, train_stage
from studio.training.optimizer import MuonAdamW, orthogonalise
from studio.training.train import STAGES, Studio, TrainingPlan
from studio.vocabulary import HELD_OUT_PAIRS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingPlan:
    """A recipe whose every stage has been run for three steps, and exported."""
    work = tmp_path_factory.mktemp("work")
    budgets = {
        name: TrainingBudget(steps=3) for name in ("vae", "unet", "decoder", "clip", "judge")
    }
    recipe = TrainingPlan(photos, work, work / "model", MINIATURE, budgets)
    Studio(recipe).run(STAGES)
    return recipe


def test_the_exported_folder_draws_with_the_stock_pipeline(trained: TrainingPlan) -> None:
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(
        trained.out / "pipeline", dtype=torch.float32, local_files_only=True
    )
    pipeline.set_progress_bar_config(disable=True)
    wishes = balanced_wishes(2)
    prompts = [wish.caption() for wish in wishes]
    together = draw(pipeline, prompts, [5, 6], steps=2)
    assert together.shape == (2, 128, 128, 3)
    assert not np.array_equal(together[0], together[1])
    assert pipeline.vae.config.scaling_factor == 1.0
    assert pipeline.scheduler.alphas_cumprod[-1] == 0.0
    judge = load_judge(trained.work / "judge.safetensors", MINIATURE.judge)
    assert decide(judge, together).shape == (2, len(CLASSES))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of diffusers
def test_an_interrupted_evaluation_continues_with_the_same_result(
    trained: TrainingPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.evaluation.drawn.PART", 8)
    judge = trained.work / "judge.safetensors"
    model = tmp_path / "model"
    shutil.copytree(trained.out, model)
    known = json.loads((model / "studio.json").read_text())
    (model / "studio.json").write_text(json.dumps(known | {"steps": 2}))

    def question(sheets: str) -> Question:
        return Question(model, trained.photos, judge, tmp_path / sheets, 1, 24, 8, MINIATURE.judge)

    straight = evaluate(question("straight"))
    drawn: list[int] = []

    def dying(pipeline: Any, prompts: list[str], seeds: list[int], *style: Any) -> Any:
        if len(drawn) == 2:
            raise KeyboardInterrupt
        drawn.extend(seeds[:1])
        return draw(pipeline, prompts, seeds, *style)

    monkeypatch.setattr("studio.evaluation.drawn.draw", dying)
    with pytest.raises(KeyboardInterrupt):
        evaluate(question("broken"))
    assert drawn == [0, 8_000]
    drawn.append(-1)
    resumed = evaluate(question("broken"))
    assert drawn[3] == 16_000
    for figures in (straight, resumed):
        assert figures["drawing"].pop("images per second") > 0
    assert resumed == straight
    assert straight["drawing"]["category"]["n"] == 24
    assert straight["drawing"]["held-out pairs"]["n"] == 12
    for name, classes in zip(ATTRIBUTES, CLASSES, strict=True):
        asked = [share["n"] for share in straight[f"all six by {name}"].values()]
        assert len(asked) == classes
        assert sum(asked) == 24
    assert not list((tmp_path / "broken" / "kept").iterdir())


def test_the_exported_scorer_loads_with_open_clip(trained: TrainingPlan) -> None:
    import open_clip

    name = f"local-dir:{trained.out / 'clip'}"
    clip, _, preprocess = open_clip.create_model_and_transforms(name)
    tokens = open_clip.get_tokenizer(name)(["one matte red mug", "two glass vases"])
    assert tokens.shape == (2, CONTEXT)
    assert clip.encode_text(tokens).shape == (2, MINIATURE.scorer.embedding)
    assert preprocess is not None


def test_the_exported_words_name_the_vocabulary(trained: TrainingPlan) -> None:
    known = json.loads((trained.out / "studio.json").read_text())
    assert "mug" in known["categories"]
    assert len(known["colours"]) == 10
    assert known["steps"] == 20


def test_every_stage_leaves_a_log_and_a_sheet(trained: TrainingPlan) -> None:
    for name in ("vae", "unet", "decoder", "clip", "judge"):
        rows = [
            json.loads(line)
            for line in (trained.work / "logs" / f"{name}.jsonl").read_text().splitlines()
        ]
        assert rows[-1]["step"] == 3
        assert list((trained.work / "sheets").glob(f"{name}-*.png"))


def test_a_spent_budget_trains_no_further(trained: TrainingPlan) -> None:
    before = load_checkpoint(trained.work / "checkpoints" / "judge.pt")
    Studio(trained).run(("judge",))
    after = load_checkpoint(trained.work / "checkpoints" / "judge.pt")
    assert before is not None
    assert after is not None
    assert after.step == before.step == 3


def test_the_vae_is_finished_once_others_learned_from_its_latents(trained: TrainingPlan) -> None:
    larger = replace(trained, budgets=trained.budgets | {"vae": TrainingBudget(steps=9)})
    with pytest.raises(InputError, match=r"latents that unet and decoder learned from.*--work"):
        Studio(larger).run(("vae",))
    found = load_checkpoint(trained.work / "checkpoints" / "vae.pt")
    assert found is not None
    assert found.step == 3


def test_without_a_checkpoint_there_is_nothing_to_export(photos: Path, tmp_path: Path) -> None:
    recipe = TrainingPlan(photos, tmp_path, tmp_path / "model", MINIATURE)
    with pytest.raises(InputError, match="holds nothing to export"):
        Studio(recipe).run(("export",))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--renders", "0"], "0: must be a whole number from 1 on"),
        (["--limit", "many"], "many: must be a whole number from 1 on"),
        (["--judge", "no.safetensors"], "is missing; the judge decides"),
    ],
)
def test_a_wrong_argument_is_reported(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run_evaluation(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_a_stage_without_its_predecessor_names_what_to_train(photos: Path, tmp_path: Path) -> None:
    recipe = TrainingPlan(photos, tmp_path, tmp_path / "model", MINIATURE)
    with pytest.raises(InputError, match=r"has no checkpoint .* Train it first: .*--stages vae"):
        Studio(recipe).run(("latents",))


class _Stopping(VaeStage):
    """Dies in its third step, as a killed process does."""

    def losses(self, size: int, generator: torch.Generator) -> dict[str, Tensor]:
        if self.steps == 2:
            raise KeyboardInterrupt
        return super().losses(size, generator)

    steps = 0

    def stepped(self, step: int) -> None:
        super().stepped(step)
        self.steps = step


def test_the_generator_never_sees_a_held_out_pair(photos: Path, tmp_path: Path) -> None:
    album = Studio(TrainingPlan(photos, tmp_path, tmp_path / "model")).lessons_album
    pairs = [
        (scene.category, colour)
        for scene, colour in zip(album.photos.scenes, album.photos.colours, strict=True)
    ]
    assert not HELD_OUT_PAIRS & set(pairs)
    everything = Album(photos, "train", "scorer").photos
    assert len(pairs) == len(album.photos.images) == len(album.boxes) < len(everything.images)
    place = len(pairs) - 1
    last = (everything.scenes[-1].seed, everything.colours[-1])
    assert (album.photos.scenes[place].seed, album.photos.colours[place]) == last
    assert np.array_equal(album.photos.images[place], everything.images[-1])


def test_training_goes_on_after_a_kill_as_if_nothing_had_happened(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.training.loop.SAVE_SECONDS", 0.0)
    album = Album(photos, "train", limit=20)
    straight = VaeStage(MINIATURE.vae, album, album)
    train_stage(straight, TrainingBudget(steps=4), tmp_path / "straight")
    stopping = _Stopping(MINIATURE.vae, album, album)
    with pytest.raises(KeyboardInterrupt):
        train_stage(stopping, TrainingBudget(steps=4), tmp_path / "broken")
    resumed = VaeStage(MINIATURE.vae, album, album)
    train_stage(resumed, TrainingBudget(steps=4), tmp_path / "broken")
    for name, value in straight.average.state_dict().items():
        assert torch.equal(value, resumed.average.state_dict()[name]), name


def test_a_broken_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "vae.pt"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(CorruptionError, match=r"vae\.pt"):
        load_checkpoint(path)


def test_held_out_pairs_stay_out_of_the_generators_photos(photos: Path) -> None:
    album = Album(photos, "train")
    shown = {
        (scene.category, colour)
        for scene, colour in zip(album.photos.scenes, album.photos.colours, strict=True)
    }
    assert not shown & HELD_OUT_PAIRS


def test_every_caption_word_is_one_token(trained: TrainingPlan) -> None:
    from transformers import CLIPTokenizer

    texts = caption_corpus()
    tokenizer = CLIPTokenizer.from_pretrained(trained.work / "tokenizer")
    words = {word for text in texts for word in text.replace(",", " ").replace("-", " ").split()}
    assert all(len(tokenizer.tokenize(word)) == 1 for word in words)
    assert max(len(tokenizer(text).input_ids) for text in texts[::50]) <= CONTEXT
    assert tokenizer.model_max_length == CONTEXT
    assert tokenizer.eos_token_id == len(tokenizer) - 1
    unknown = tokenizer.tokenize("teal kettle")
    assert "".join(unknown).replace("</w>", " ").split() == ["teal", "kettle"]


def test_folding_normalises_latents_and_keeps_reconstructions() -> None:
    torch.manual_seed(0)
    vae = build_vae(MINIATURE.vae).eval()
    pictures = torch.rand(4, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        latents = vae.encode(pictures).latent_dist.mean
        before = vae.decode(latents).sample
        fold_statistics(vae, latents.mean((0, 2, 3)), latents.std((0, 2, 3)))
        folded = vae.encode(pictures).latent_dist.mean
        after = vae.decode(folded).sample
    assert torch.allclose(folded.mean((0, 2, 3)), torch.zeros(8), atol=1e-3)
    assert torch.allclose(folded.std((0, 2, 3)), torch.ones(8), atol=1e-3)
    assert torch.allclose(before, after, atol=1e-3)


def test_whiter_than_white_is_right_where_white_is_wanted() -> None:
    white = torch.ones(1, 3, 8, 8)
    planes = error_planes(white * (BEYOND_WHITE + 0.5), white)
    assert all(plane.max() == 0.0 for plane in planes)
    assert error_planes(white, white)[0].min() > 0.0


@given(st.integers(0, len(every_wish()) - 1), st.integers(0, 5), st.integers(0, 99))
def test_a_wrong_caption_is_wrong_in_the_attribute_asked_for(
    number: int, kind: int, seed: int
) -> None:
    labels = torch.tensor([every_wish()[number].labels()])
    wrong = one_wrong(labels, torch.Generator().manual_seed(seed), torch.tensor([[kind]]))[0, 0]
    differs = (wrong != labels[0]).nonzero().flatten().tolist()
    assert differs == [kind]
    assert caption_number(labels)[0] == number
    assert every_wish()[int(caption_number(wrong))].labels() == tuple(wrong.tolist())


@given(st.integers(1, 400), st.integers(1, 1200))
def test_spread_places_are_different_ones_from_all_parts(count: int, total: int) -> None:
    places = spread(total, count).tolist()
    assert len(set(places)) == len(places) == min(count, total)
    assert 0 <= places[0] <= places[-1] < total
    assert max(np.diff([-1, *places, total])) <= 2 * -(-total // len(places))


def test_spread_places_meet_every_colour_of_scenes_in_ten() -> None:
    for count in (100, 125, 200, 334, 500):
        shown = np.bincount(spread(1000, count) % 10, minlength=10)
        assert shown.min() >= 0.4 * count / 10


@given(st.sampled_from((48, 120, 250)), st.integers(0, 5))
def test_a_subset_of_the_grid_is_balanced(count: int, seed: int) -> None:
    wishes = balanced_wishes(count, seed)
    assert len(wishes) == count
    for field in fields(Wish):
        values = [getattr(wish, field.name) for wish in wishes]
        shown = [values.count(value) for value in set(values)]
        assert max(shown) - min(shown) <= 1
    pairs = {(wish.category, wish.colour) for wish in held_out_wishes(count, seed)}
    assert pairs == HELD_OUT_PAIRS


@given(
    st.lists(st.integers(0, 8), min_size=1, max_size=12),
    st.lists(st.integers(0, 8), min_size=1, max_size=12),
)
def test_auroc_counts_pairs(right: list[int], wrong: list[int]) -> None:
    pairs = [(a > b) + 0.5 * (a == b) for a in right for b in wrong]
    found = auroc(np.array(right, float), np.array(wrong, float))
    assert found == pytest.approx(sum(pairs) / len(pairs))


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share(case: tuple[int, int]) -> None:
    right, n = case
    share = wilson(right, n)
    assert 0.0 <= share.low <= share.value + 1e-12
    assert share.value - 1e-12 <= share.high <= 1.0


def test_picture_measures_have_known_values() -> None:
    chance = np.random.default_rng(0)
    picture = chance.integers(0, 256, (32, 32, 3)).astype(np.uint8)
    assert psnr(picture, picture) == np.inf
    assert ssim(picture, picture) == pytest.approx(1.0)
    shifted = (picture // 2 + 10).astype(np.uint8)
    assert psnr(picture, shifted) < 20.0
    everywhere = np.ones((32, 32), bool)
    blurred = (picture.astype(int) // 4).astype(np.uint8)
    assert gradient_energy(blurred, everywhere) < gradient_energy(picture, everywhere)
    white = np.full((8, 8, 3), 255, np.uint8)
    assert white_border(white)
    white[0, 3] = (255, 255, 249)
    assert not white_border(white)


def test_without_momentum_all_parameters_follow_adamw() -> None:
    torch.manual_seed(0)
    ours = torch.nn.Sequential(torch.nn.Conv2d(8, 16, 3), torch.nn.GroupNorm(4, 16))
    theirs = copy.deepcopy(ours)
    optimizers = [
        MuonAdamW(ours, 1e-2, 1e-2, momentum=False),
        torch.optim.AdamW(theirs.parameters(), 1e-2, betas=(0.0, 0.99), weight_decay=1e-2),
    ]
    for _ in range(3):
        pictures = torch.randn(2, 8, 6, 6)
        for network, optimizer in zip((ours, theirs), optimizers, strict=True):
            network.zero_grad()
            network(pictures).square().mean().backward()
            optimizer.step()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_a_pool_steps_to_the_same_weights() -> None:
    torch.manual_seed(0)
    alone = torch.nn.Sequential(torch.nn.Conv2d(8, 16, 3), torch.nn.GroupNorm(4, 16))
    pooled = copy.deepcopy(alone)
    optimizers = [MuonAdamW(each, 1e-2, 1e-2) for each in (alone, pooled)]
    with ThreadPoolExecutor(2) as pool:
        for _ in range(3):
            pictures = torch.randn(2, 8, 6, 6)
            for network in (alone, pooled):
                network.zero_grad()
                network(pictures).square().mean().backward()
            optimizers[0].step()
            optimizers[1].step_in(pool.map)
    for one, other in zip(alone.parameters(), pooled.parameters(), strict=True):
        assert torch.equal(one, other)


def test_orthogonalised_matrices_have_singular_values_near_one() -> None:
    matrix = torch.randn(24, 60, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrix))
    assert values.min() > 0.5
    assert values.max() < 1.3


@given(st.floats(0.0, 2.0), st.integers(0, 10_000))
def test_the_learning_rate_stays_within_its_bounds(spent: float, step: int) -> None:
    assert 0.0 < learning_rate_share(spent, step) <= 1.0


def test_the_decoder_minds_corners_most_and_the_frame_more_than_the_backdrop() -> None:
    weights = torch.full((2, 1, 32, 48), 0.25)
    weigh_frame(weights)
    corners = weights[0, 0, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.min() > weights[0, 0, 0, 24] > weights[0, 0, 16, 24]
    assert torch.equal(weights, weights.flip(-1))
    assert torch.equal(weights, weights.flip(-2))
