"""`catalog-gen search` after a night: words, pictures, products, and what is refused."""

import json
from pathlib import Path

import pytest

from catalog_gen.cli.search import run
from catalog_gen.errors import InputError
from catalog_gen.imaging.decode import PictureError
from catalog_gen.settings.judge import ScorerSettings
from catalog_gen.stages.search import LikePicture, LikeProduct, Words, search
from tests.pipeline.shop import Shop, open_shop
from tests.tiny_clip import write_tiny_clip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = open_shop(tmp_path_factory.mktemp("searching"))
    assert shop.night("first")["live"] == 3
    return shop


def live(shop: Shop) -> dict[str, str]:
    return dict(shop.query("SELECT product_id, sha256 FROM live_images"))  # type: ignore[arg-type]


def test_a_stored_picture_finds_itself(shop: Shop, tmp_path: Path) -> None:
    (image_id,) = shop.query("SELECT image_id FROM live_images WHERE product_id = 'sku-2'")[0]
    (tmp_path / "own.png").write_bytes(shop.png(str(image_id)))
    found = search(shop.catalog, shop.scorer, LikePicture(tmp_path / "own.png"), limit=2)
    assert (found.pictures[0].product_id, found.pictures[0].image_id) == ("sku-2", image_id)
    assert found.pictures[0].score == pytest.approx(1, abs=1e-4)
    assert (len(found.pictures), found.searched, found.unseen) == (2, 3, 0)


def test_words_rank_pictures_by_their_cosine(shop: Shop) -> None:
    found = search(shop.catalog, shop.scorer, Words(" blue mug "), live=False)
    (text,) = shop.scorer.embed_texts(["blue mug"])
    embeddings = dict(shop.query("SELECT image_id, embedding FROM scores"))
    assert found.searched == len(found.pictures) == 6
    scores = [each.score for each in found.pictures]
    assert scores == sorted(scores, reverse=True)
    assert scores == pytest.approx(
        [embeddings[each.image_id] @ text for each in found.pictures], abs=1e-5
    )


def test_a_product_finds_others_without_a_loaded_model(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(shop.scorer), "_model", lambda self: pytest.fail("it was loaded"))
    found = search(shop.catalog, shop.scorer, LikeProduct("sku-1"))
    assert {each.product_id for each in found.pictures} == {"sku-2", "sku-3"}


@pytest.mark.parametrize(
    ("wanted", "rule"),
    [
        (Words("  "), "nothing to look for"),
        (LikeProduct("sku-11"), "no such product.*Did you mean 'sku-1'"),
    ],
)
def test_what_can_not_be_looked_for_is_refused(
    shop: Shop, wanted: Words | LikeProduct, rule: str
) -> None:
    with pytest.raises(InputError, match=rule):
        search(shop.catalog, shop.scorer, wanted)


def test_a_file_that_is_no_picture_is_refused(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "note.png").write_text("no picture", "utf-8")
    with pytest.raises(PictureError, match=r"note\.png"):
        search(shop.catalog, shop.scorer, LikePicture(tmp_path / "note.png"))


def test_another_scorer_has_nothing_to_compare(shop: Shop, tmp_path: Path) -> None:
    from catalog_gen.judging.scorer import ClipScorer

    other = ClipScorer(ScorerSettings(id=write_tiny_clip(tmp_path / "clip", seed=5), batch_size=4))
    with pytest.raises(InputError, match="has seen none of the 3 live pictures"):
        search(shop.catalog, other, LikeProduct("sku-1"))


def test_the_command_says_where_the_pictures_are(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CATALOG_HOME", str(shop.home.root))
    run(shop.config, LikeProduct("sku-1"), everything=False, limit=1, as_json=True)
    (picture,) = json.loads(capsys.readouterr().out)["pictures"]
    assert Path(picture["place"]).read_bytes() == shop.png(picture["image_id"])
    run(shop.config, LikeProduct("sku-1"), everything=False, limit=1, as_json=False)
    assert picture["place"] in capsys.readouterr().out


def test_an_empty_catalog_says_what_to_do(tmp_path: Path) -> None:
    empty = open_shop(tmp_path)
    with pytest.raises(InputError, match=r"no live picture to search.*catalog-gen refresh"):
        search(empty.catalog, empty.scorer, LikeProduct("sku-1"))
