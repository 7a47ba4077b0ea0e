"""The captioner: what it learns from, and how it is measured."""

from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from catalog_gen.dialects.files import load_dialect
from catalog_gen.diffusion.hash_cache import HashCache
from catalog_gen.vision.captioner import Caption, Captioner, Piece
from studio.evaluation.captions import ALL, answers_of, measure
from studio.networks.captioner import CaptionerStage, export_captioner, stretched
from studio.photos.album import Album, scene_caption
from studio.photos.scene import scene_at
from studio.training.loop import TrainingBudget, train_stage
from studio.vocabulary import COLOURS
from tests.tiny.captioner import WORDS

STUDIO = WORDS.parent / "studio.json"


def test_a_canonical_caption_is_right_and_a_wrong_word_is_noticed() -> None:
    dialect = load_dialect(STUDIO)
    for seed in range(24):
        scene, colour = scene_at(seed), COLOURS[seed % len(COLOURS)]
        text = scene_caption(scene, colour)
        answers = answers_of(Caption((Piece(text, 0.9),)), scene, colour, dialect)
        assert all(answers.values()), (text, answers)
        other = COLOURS[(seed + 1) % len(COLOURS)]
        wrong = Caption((Piece(text.replace(f" {colour} ", f" {other} ", 1), 0.9),))
        answers = answers_of(wrong, scene, colour, dialect)
        assert [name for name, each in answers.items() if not each] == ["colour"]


def test_stretching_keeps_size_and_range() -> None:
    pictures = torch.rand(3, 3, 32, 32) * 2 - 1
    turned = stretched(pictures, torch.Generator().manual_seed(1))
    assert turned.shape == pictures.shape
    assert turned.abs().max() <= 1
    assert not torch.allclose(turned, pictures)


@pytest.mark.slow
def test_it_learns_is_exported_and_measured(photos: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(WORDS)
    album = Album(photos, "train", limit=4)
    stage = CaptionerStage(album, album, tokenizer, width=0.25)
    stage.batch = 8
    first = float(stage.losses(8, torch.Generator().manual_seed(0))["loss"].detach())
    assert train_stage(stage, TrainingBudget(steps=60), tmp_path) == 60
    last = float(stage.losses(8, torch.Generator().manual_seed(0))["loss"].detach())
    assert last < 0.95 * first  # the rate is still warming up; the likeliest words come first
    export_captioner(stage.captioner, tokenizer, tmp_path / "captioner")
    captioner = Captioner(tmp_path / "captioner", HashCache(tmp_path / "hashes.json"))
    assert captioner.caption(album.photos.images[0]).text.startswith("product photo of")
    figures = measure(captioner, photos, load_dialect(STUDIO), scenes=1, at_least=0.5)
    assert figures.right[ALL].n == len(COLOURS)
    assert set(figures.right) == {"category", "colour", "material", "count", "background", ALL}
