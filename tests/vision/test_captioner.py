"""Captions by a model's folder, and what they say of a product."""

import json
from pathlib import Path

import numpy as np
import pytest

from catalog_gen.catalog.product import Product
from catalog_gen.dialects.dialect import GENERIC, Dialect
from catalog_gen.dialects.files import load_dialect
from catalog_gen.diffusion.hash_cache import HashCache
from catalog_gen.errors import ModelError
from catalog_gen.imaging.decode import read_image
from catalog_gen.stages.captions import compared
from catalog_gen.vision.attributes import seen_in
from catalog_gen.vision.captioner import Caption, Captioner, Piece
from tests.judging.drawn import RED, product
from tests.tiny.captioner import write_tiny_captioner

DATA = Path(__file__).parents[2] / "data"
WORDS = DATA / "models" / "studio" / "studio.json"
PHOTO = product(RED, side=40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_captioner(tmp_path_factory.mktemp("captioner"))


@pytest.fixture(scope="module")
def studio() -> Dialect:
    return load_dialect(WORDS)


def opened(folder: Path, at: Path) -> Captioner:
    return Captioner(folder, HashCache(at / "hashes.json"))


def said(*pieces: tuple[str, float]) -> Caption:
    return Caption(tuple(Piece(*each) for each in pieces))


RED_MUGS = said(
    *(("product photo of ", 1.0), ("two ", 0.9), ("glossy ", 0.8), ("red ", 0.97), ("mugs ", 0.95)),
    *((", ", 1.0), ("front view", 1.0), (", ", 1.0), ("white ", 0.5), ("background", 1.0)),
)


def test_a_caption_is_the_models_own_with_its_probabilities(folder: Path, tmp_path: Path) -> None:
    import torch
    from PIL import Image
    from transformers import AutoImageProcessor, AutoTokenizer, VisionEncoderDecoderModel

    captioner = opened(folder, tmp_path)
    caption = captioner.caption(PHOTO)
    assert caption == opened(folder, tmp_path).caption(PHOTO)
    bare = VisionEncoderDecoderModel.from_pretrained(folder, dtype=torch.float32).eval()
    seen = AutoImageProcessor.from_pretrained(folder)(Image.fromarray(PHOTO), return_tensors="pt")
    tokens = bare.generate(**seen, do_sample=False, max_new_tokens=48)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert caption.text == tokenizer.decode(tokens[0], skip_special_tokens=True).strip()
    with torch.inference_mode():
        logits = bare(**seen, decoder_input_ids=tokens[:, :-1]).logits
    chosen = logits.softmax(-1)[0].gather(1, tokens[0, 1:, None])[:, 0].numpy()
    probabilities = [each.probability for each in caption.pieces]
    assert probabilities == pytest.approx(chosen, rel=1e-3)
    assert caption.confidence == pytest.approx(np.prod(chosen), rel=1e-2)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("HS-MUG-RED", ("mug", "red", "glossy")),
        ("LU-VAS-BLU", ("vase", "blue", "glass")),
        ("VN-WCH-BLK", ("watch", "black", "metallic")),
    ],
)
def test_the_captioner_of_the_sample_names_what_its_photos_show(
    studio: Dialect, tmp_path: Path, name: str, words: tuple[str, ...]
) -> None:
    photo = read_image(DATA / "reference" / f"{name}.png")
    caption = opened(DATA / "models" / "captioner", tmp_path).caption(photo)
    assert "three-quarter view, white background" in caption.text
    seen = seen_in(caption, studio)
    assert tuple(seen[each].word for each in ("category", "colour", "material")) == words
    assert seen["colour"].confidence > 0.9


def test_a_caption_is_written_without_the_blanks_of_tokenizers() -> None:
    text = said(
        ("one red mug ", 1.0), (", three ", 1.0), ("- quarter view , t ", 1.0), ("- 5", 1.0)
    )
    assert text.text == "one red mug, three-quarter view, t-5"


def test_a_model_that_answers_questions_is_refused(folder: Path, tmp_path: Path) -> None:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["architectures"] = ["LlavaForConditionalGeneration"]
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    with pytest.raises(ModelError, match="without a question"):
        opened(tmp_path, tmp_path)


def test_attributes_are_read_from_what_is_said_of_the_product_alone(studio: Dialect) -> None:
    seen = seen_in(RED_MUGS, studio)
    assert {name: (each.word, each.confidence) for name, each in seen.items()} == {
        "category": ("mug", 0.95),
        "colour": ("red", 0.97),
        "material": ("glossy", 0.8),
        "count": ("two", 0.9),
    }
    assert seen_in(RED_MUGS, GENERIC) == {}


def test_what_is_unknown_or_ambiguous_is_not_seen(studio: Dialect) -> None:
    assert seen_in(said(("a red and blue toaster on a wooden table", 0.9)), studio) == {}
    assert seen_in(said(("a mug", 0.9)), studio).keys() == {"category"}


@pytest.mark.parametrize(
    "text",
    ["a close up of a red mug with a handle", "there is a red mug on a table", "red mug, blue sky"],
)
def test_captions_of_other_models_are_read_alike(studio: Dialect, text: str) -> None:
    seen = {name: each.word for name, each in seen_in(said((text, 0.9)), studio).items()}
    assert seen == {"category": "mug", "colour": "red"}


def test_pairs_of_a_thing_are_the_thing(studio: Dialect) -> None:
    seen = seen_in(said(("photo of two glass red pairs of headphones", 0.9)), studio)
    assert {name: each.word for name, each in seen.items()} == {
        "category": "headphones",
        "colour": "red",
        "material": "glass",
        "count": "two",
    }


def test_several_tokens_of_a_name_multiply(studio: Dialect) -> None:
    seen = seen_in(said(("one ", 1.0), ("gaming ", 0.9), ("mo", 0.5), ("use", 0.8)), studio)
    assert seen["category"].word == "gaming mouse"
    assert seen["category"].confidence == pytest.approx(0.9 * 0.5 * 0.8)


def messages(studio: Dialect, item: Product, at_least: float = 0.9) -> list[str]:
    return [each.words for each in compared(item, RED_MUGS, studio, at_least)]


def test_what_the_feed_leaves_empty_is_suggested(studio: Dialect) -> None:
    item = Product("sku-1", "Morning", description="Nice.")
    assert messages(studio, item) == [
        "suggested category: mug, 95 %",
        "suggested colour: red, 97 %",
    ]
    assert "suggested material: glossy, 80 %" in messages(studio, item, 0.7)


def test_a_title_that_names_it_leaves_nothing_to_suggest(studio: Dialect) -> None:
    item = Product("sku-1", "Red Mugs, set of 2", description="Nice.")
    assert messages(studio, item) == []


def test_what_the_photo_contradicts_is_disputed(studio: Dialect) -> None:
    item = Product("sku-1", "Mugs", "Mugs", "Nice.", attributes={"colour": "Navy", "count": "1"})
    assert messages(studio, item) == [
        "disputed colour: red, 97 %; the feed says blue",
        "disputed count: two, 90 %; the feed says one",
    ]
    unknown = Product("sku-1", "Mugs, set of 2", "Mugs", "Nice.", attributes={"colour": "Beige"})
    assert messages(studio, unknown) == []


def test_a_whole_caption_is_suggested_only_as_sure_as_all_of_its_words(studio: Dialect) -> None:
    item = Product("sku-1", "Red Mugs, set of 2")
    assert messages(studio, item) == []
    description, material = messages(studio, item, 0.3)
    assert description.startswith("suggested description: product photo of two glossy red mugs")
    assert description.endswith("33 %")
    assert material == "suggested material: glossy, 80 %"
