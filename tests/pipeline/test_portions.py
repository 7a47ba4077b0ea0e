"""Open work is read and drawn in portions."""

from itertools import chain
from pathlib import Path

import pytest

from catalog_gen.diffusion.engine import Engine
from catalog_gen.fingerprint import SHARDS
from catalog_gen.progress import Progress, reporting_to
from catalog_gen.stages import images
from catalog_gen.stages.images import draw_missing
from tests.pipeline.shop import open_shop
from tests.pipeline.test_busy import planned


def test_portions_are_drawn_by_one_engine_and_counted_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = open_shop(tmp_path)
    stamp = planned(shop, "in portions")
    order = shop.query("SELECT recipe_id FROM ledger JOIN prompts USING (prompt_id) ORDER BY ALL")
    monkeypatch.setattr(images, "PORTION", 4)
    engines: list[Engine] = []
    found: list[list[str]] = []
    work_of = images.work_of

    def engine() -> Engine:
        engines.append(shop.engine)
        return shop.engine

    def noted(*arguments: object) -> object:
        work = work_of(*arguments)
        found.append([each.recipe_id for each in work])
        return work

    monkeypatch.setattr(images, "work_of", noted)
    reports: list[Progress] = []
    with reporting_to(reports.append):
        drawn = draw_missing(shop.catalog, engine, range(SHARDS), stamp)
    assert [len(each) for each in found] == [4, 2]
    assert sorted(chain.from_iterable(found)) == [recipe_id for (recipe_id,) in order]
    assert (drawn.generated, drawn.failed, sum(drawn.by_shard.values())) == (6, 0, 6)
    assert len(engines) == 1
    assert {each.total for each in reports} == {6}
    assert [each.done for each in reports] == sorted(each.done for each in reports)
    assert reports[-1].done == 6
