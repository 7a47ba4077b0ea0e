from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catalog_gen.errors import ModelError
from catalog_gen.judging.scorer import ClipScorer, sampled_prompts
from catalog_gen.judging.scorer_files import check_scorer
from catalog_gen.settings.judge import ScorerSettings
from tests.tiny_clip import write_tiny_clip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "clip"
    write_tiny_clip(path)
    return path


@pytest.fixture(scope="module")
def scorer(folder: Path) -> ClipScorer:
    return ClipScorer(ScorerSettings(id=f"local-dir:{folder}", batch_size=4))


def pictures(count: int, size: int = 48) -> list[np.ndarray]:
    chance = np.random.default_rng(7)
    small = chance.integers(0, 256, (count, 6, 6, 3), dtype=np.uint8)
    return [np.asarray(Image.fromarray(each).resize((size, size))) for each in small]


def test_embeddings_have_unit_length_and_do_not_depend_on_neighbours(scorer: ClipScorer) -> None:
    images = pictures(6)
    together = scorer.embed_images(images)
    assert together.shape == (6, 16)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    for number, image in enumerate(images):
        np.testing.assert_array_equal(scorer.embed_images([image])[0], together[number])


def test_preprocessing_equals_open_clips_transform(scorer: ClipScorer) -> None:
    from open_clip.transform import PreprocessCfg, image_transform_v2

    from catalog_gen.judging.scorer import _prepared

    loaded = scorer._model()
    theirs = image_transform_v2(PreprocessCfg(**loaded.model.visual.preprocess_cfg), is_train=False)
    sides = (32, 48, 128, 1024)
    images = [*(pictures(1, side)[0] for side in sides), pictures(1, 40)[0][:36]]
    prepared = _prepared(images, loaded)
    for image, ours in zip(images, prepared, strict=True):
        assert float((ours - theirs(Image.fromarray(image))).abs().max()) < 1e-6


def test_margin_is_over_the_best_other_prompt_and_twins_are_no_others(scorer: ClipScorer) -> None:
    images = pictures(2)
    prompts = ["a red mug", "a blue chair"]
    others = ["a red mug", "a blue chair", "a green vase", "a red mug"]
    scores = scorer.score(images, prompts, others)
    texts = scorer.embed_texts(["a red mug", "a blue chair", "a green vase"])
    matches = scorer.embed_images(images) @ texts.T
    assert scores[0].similarity == pytest.approx(matches[0, 0], abs=1e-6)
    assert scores[0].margin == pytest.approx(matches[0, 0] - matches[0, 1:].max(), abs=1e-6)
    assert scores[1].margin == pytest.approx(
        matches[1, 1] - max(matches[1, 0], matches[1, 2]), abs=1e-6
    )


def test_a_single_product_is_compared_with_the_empty_text(scorer: ClipScorer) -> None:
    (score,) = scorer.score(pictures(1), ["a red mug"], ["a red mug"])
    nothing = scorer.embed_images(pictures(1))[0] @ scorer.embed_texts([""])[0]
    assert score.margin == pytest.approx(score.similarity - nothing, abs=1e-6)


def test_no_pictures_are_no_scores(scorer: ClipScorer) -> None:
    assert scorer.score([], [], ["a"]) == []
    assert scorer.embed_images([]).shape == (0, 16)
    assert scorer.embed_texts([]).shape == (0, 16)


def test_the_sample_of_prompts_is_bounded_and_ignores_order() -> None:
    prompts = [f"product {number}" for number in range(2000)]
    sample = sampled_prompts(prompts, limit=100)
    assert len(sample) == 100
    assert sampled_prompts(reversed(prompts * 2), limit=100) == sample
    assert len(set(sample) ^ set(sampled_prompts([*prompts, "one more"], limit=100))) <= 2


def test_the_hash_is_of_the_weights_and_needs_no_loading(folder: Path, tmp_path: Path) -> None:
    first = ClipScorer(ScorerSettings(id=f"local-dir:{folder}"))
    same = ClipScorer(ScorerSettings(id=write_tiny_clip(tmp_path / "same", seed=0)))
    other = ClipScorer(ScorerSettings(id=write_tiny_clip(tmp_path / "other", seed=1)))
    (tmp_path / "same" / "README.md").write_text("a note changes no score")
    assert first.scorer_hash == same.scorer_hash != other.scorer_hash
    assert first._loaded is None


def test_a_folder_that_is_no_scorer_is_refused_with_a_remedy(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no open_clip_config\.json"):
        _ = ClipScorer(ScorerSettings(id=f"local-dir:{tmp_path}")).scorer_hash
    write_tiny_clip(tmp_path / "clip")
    (tmp_path / "clip" / "pytorch_model.bin").write_bytes(b"pickled")
    with pytest.raises(ModelError, match="Convert pickled weights"):
        ClipScorer(ScorerSettings(id=f"local-dir:{tmp_path / 'clip'}")).embed_texts(["a"])
    with pytest.raises(ModelError, match="names no pretrained weights"):
        ClipScorer(ScorerSettings(id="ViT-B-32")).embed_texts(["a"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "open_clip_config.json",
            '{"model_cfg": {"text_cfg": {"tokenizer_kwargs": {"trust_remote_code": true}}}}',
        ),
        ("tokenizer_config.json", '{"auto_map": {"AutoTokenizer": ["mine.Mine", null]}}'),
        ("open_clip_config.json", "[" * 100_000),
    ],
)
def test_a_scorer_that_asks_for_code_or_is_too_deep_is_refused_unloaded(
    tmp_path: Path, name: str, content: str
) -> None:
    model_id = write_tiny_clip(tmp_path)
    (tmp_path / name).write_text(content, "utf-8")
    with pytest.raises(ModelError, match=r"never run|readable JSON"):
        check_scorer(model_id)


@pytest.mark.parametrize("keep", [0, 4, 1000, -1])
def test_truncated_weights_are_refused_unloaded(tmp_path: Path, keep: int) -> None:
    model_id = write_tiny_clip(tmp_path)
    (weights,) = tmp_path.glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:keep])
    with pytest.raises(ModelError, match=r"\.safetensors"):
        check_scorer(model_id)


def test_a_picture_of_another_form_is_a_mistake(scorer: ClipScorer) -> None:
    with pytest.raises(ValueError, match="uint8"):
        scorer.embed_images([np.zeros((8, 8), np.uint8)])
