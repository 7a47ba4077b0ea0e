"""Pictures drawn again from their rows: the same bytes, or the reason why not."""

import json
import random
import shutil
from collections.abc import Callable
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import torch

from catalog_gen.diffusion.drawing import BatchDrawer
from catalog_gen.fingerprint import canonical_json, sha256_text
from catalog_gen.imaging.encode import encode_png
from catalog_gen.stages.catalog import Stamp
from catalog_gen.stages.replay import audit
from catalog_gen.stages.reproduce import reproduce
from tests.pipeline.shop import ROWS, Shop, open_shop
from tests.store.shop import spoil
from tests.tiny_models import tiny_sdxl

# diffusers' Euler hands tensors to NumPy in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

VIEWS = """
[views.refreshed]
template = "{{ colour }} {{ category }}"
method = { name = "img2img", strength = 0.35 }
scheduler = "euler"
steps = 4
width = 32
height = 32
[views.wide]
template = "wide {{ colour }} {{ category }}"
scheduler = "dpm++2m-karras"
candidates = 3
steps = 3
width = 48
height = 32
"""


def photograph(path: Path, colour: int) -> None:
    import numpy as np

    pixels = np.full((40, 40, 3), 255, np.uint8)
    pixels[10:30, 10:30] = colour
    path.write_bytes(encode_png(pixels))


def short_of_memory(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """Batches of two pictures of that width do not fit."""
    whole: Callable[..., Any] = BatchDrawer.draw

    def draw(self: BatchDrawer, key: Any, ready: Any, size: int, watch: Any) -> Any:
        if key.width == width and size > 1:
            raise torch.OutOfMemoryError("CUDA out of memory (injected)")
        return whole(self, key, ready, size, watch)

    monkeypatch.setattr(BatchDrawer, "draw", draw)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A night with two methods, three schedulers and a batch that did not fit into memory."""
    shop = open_shop(tmp_path)
    with shop.config.open("a", encoding="utf-8") as stream:
        stream.write(VIEWS)
    rows = [(key, *row, f"{key}.png") for key, row in ROWS.items()]
    header = "id,title,product_type,color,price,reference_image\n"
    text = header + "\n".join(",".join(row) for row in rows)
    (shop.folder / "feed.csv").write_text(text, "utf-8")
    for number, key in enumerate(ROWS):
        photograph(shop.folder / "photos" / f"{key}.png", 40 * number)
    with monkeypatch.context() as patch:
        short_of_memory(patch, 48)
        assert shop.night("first")["generated"] == 6 + 3 + 9
    return shop


def ids_of(shop: Shop, view: str = "%") -> list[str]:
    rows = shop.query(f"SELECT recipe_id FROM ledger WHERE view LIKE '{view}' ORDER BY recipe_id")
    return [str(recipe_id) for (recipe_id,) in rows]


@pytest.mark.slow
def test_every_picture_is_the_same_in_another_order_beside_other_neighbours(shop: Shop) -> None:
    ids = ids_of(shop)
    batch_sizes = shop.query(
        "SELECT DISTINCT (environment ->> 'batch_size')::INTEGER FROM environments ORDER BY ALL"
    )
    assert batch_sizes == [(1,), (2,)]
    for seed in (1, 2):
        chosen = random.Random(seed).sample(ids, len(ids) - 5)
        outcomes = reproduce(shop.catalog, chosen)
        assert [each.image_id for each in outcomes] == chosen
        assert {(each.result, each.causes) for each in outcomes} == {("identical", ())}


def test_a_photo_that_moved_is_found_and_one_that_changed_is_named(shop: Shop) -> None:
    photos = shop.folder / "photos"
    (photos / "sku-1.png").rename(photos / "renamed.png")
    photograph(photos / "sku-2.png", 200)
    (photos / "sku-3.png").unlink()
    product_of = dict(shop.query("SELECT image_id, product_id FROM lineage"))  # type: ignore[arg-type]
    found = {
        product_of[each.image_id]: each
        for each in reproduce(shop.catalog, ids_of(shop, "refreshed"))
    }
    assert found["sku-1"].result == "identical"
    assert [found[key].result for key in ("sku-2", "sku-3")] == ["not drawn"] * 2
    assert "sku-2.png" in found["sku-2"].problem
    assert "has changed" in found["sku-2"].problem
    assert "is gone" in found["sku-3"].problem
    assert found["sku-3"].causes == ("photo",)


def test_missing_and_changed_weights_are_reported(shop: Shop) -> None:
    (image_id,) = ids_of(shop)[:1]
    model = Path(shop.catalog.settings.model.id)
    shutil.rmtree(model)
    (gone,) = reproduce(shop.catalog, [image_id])
    assert (gone.result, gone.causes) == ("not drawn", ("model",))
    assert str(model) in gone.problem
    tiny_sdxl(model)
    (other,) = reproduce(shop.catalog, [image_id])
    assert (other.result, other.causes) == ("not drawn", ("model",))
    assert "was drawn with these weights" in other.problem


@pytest.mark.slow
def test_drift_is_recorded_with_the_library_that_caused_it(shop: Shop) -> None:
    """Store another version of torch and other bytes, as if an earlier torch had drawn them."""
    ((environment,),) = shop.query(
        """
        SELECT environment FROM environments
        WHERE (environment ->> 'batch_size')::INTEGER = 2
        """
    )
    content = json.loads(str(environment))
    content["libraries"]["torch"] = "1.0.0"
    new_id = sha256_text(canonical_json(content))
    (victim, unexplained) = ids_of(shop, "packshot")[:2]
    other = encode_png(drawn_otherwise(shop, victim))
    with shop.catalog.store.writing() as connection:
        connection.execute(
            "INSERT INTO environments VALUES (?, ?, now())", [new_id, canonical_json(content)]
        )
        connection.execute(
            "UPDATE images SET environment_id = ? WHERE image_id = ?", [new_id, victim]
        )
        shop.catalog.store.pictures(connection).put({sha256(other).hexdigest(): other})
        connection.execute(
            "UPDATE images SET sha256 = sha256(?) WHERE image_id IN (?, ?)",
            [other, victim, unexplained],
        )
    found = audit(shop.catalog, Stamp.at_once("audit"), sample=100)
    assert found.replayed == 18
    assert found.results["identical"] == 16
    assert found.causes == {"library": 1, "unexplained": 1}
    ((result, difference, changed),) = shop.query(
        "SELECT result, max_abs_diff, environment_changed FROM drift "
        "WHERE list_contains(causes, 'library')"
    )
    assert (result, difference) == ("close", 3)
    assert changed == [f"libraries.torch: 1.0.0 -> {metadata.version('torch')}"]
    # The next audits take what was not looked at for longest.
    assert audit(shop.catalog, Stamp.at_once("later"), sample=2).replayed == 2
    assert shop.query("SELECT count(DISTINCT image_id) FROM replays") == [(18,)]


@pytest.mark.slow
def test_a_damaged_picture_does_not_end_the_audit(shop: Shop) -> None:
    victim = ids_of(shop, "packshot")[0]
    content = shop.png(victim)
    address = sha256(content).hexdigest()
    spoil(shop.catalog.store, address, b"other")
    found = audit(shop.catalog, Stamp.at_once("damaged"), sample=18)
    assert found.causes["stored"] == 1
    (lost,) = [each for each in found.drifted if "stored" in each.causes]
    assert (lost.image_id, lost.result) == (victim, "not drawn")
    assert "Restore a backup" in lost.problem
    spoil(shop.catalog.store, address, content)


def drawn_otherwise(shop: Shop, image_id: str) -> Any:
    """The stored pixels, three levels off."""
    import numpy as np

    from catalog_gen.imaging.decode import read_image as decode

    pixels = decode(shop.png(image_id))
    return np.where(pixels > 127, pixels - 3, pixels + 3).astype(np.uint8)


def test_a_store_without_pictures_has_nothing_to_audit(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    found = audit(shop.catalog, Stamp.at_once("audit"))
    assert (found.replayed, found.drifted) == (0, ())
