"""The nights that `benchmarks/million.py` measures, with two dozen products."""

import os
from pathlib import Path

from benchmarks.rig.large import open_catalog, write_feed
from benchmarks.rig.stages import PREPARING, STAGES

PRODUCTS, CHANGED = 24, 3
VIEWS = ("packshot", "lifestyle")


def test_a_night_does_what_changed_and_nothing_else(tmp_path: Path) -> None:
    before, after = tmp_path / "before.csv", tmp_path / "after.csv"
    for feed, changed in ((before, 0), (after, CHANGED)):
        write_feed(feed, PRODUCTS, changed=changed, repriced=False)
        os.utime(feed, (0, 0))  # a feed that was just written is waited for
    shop, changed_shop = (
        open_catalog(feed, tmp_path / "home", apart=True, views=VIEWS) for feed in (before, after)
    )
    pictures, new = len(VIEWS) * PRODUCTS, len(VIEWS) * CHANGED

    assert PREPARING["record"](shop) == pictures
    assert PREPARING["draw and judge"](shop) == pictures
    assert STAGES["publish"](shop) == pictures
    assert STAGES["feeds"](shop) == PRODUCTS
    assert STAGES["export"](shop) == pictures
    assert (files := STAGES["gallery"](shop)) > 0

    assert STAGES["plan"](shop) == STAGES["judge"](shop) == 0
    assert STAGES["publish"](shop) == pictures
    assert STAGES["gallery"](shop) == 0

    assert STAGES["plan"](changed_shop) == new
    assert PREPARING["record"](changed_shop) == new
    assert PREPARING["draw"](changed_shop) == new
    assert STAGES["judge"](changed_shop) == new
    assert STAGES["publish"](changed_shop) == pictures
    # The index, and at most one file of data for each changed product.
    assert 0 < STAGES["gallery"](changed_shop) <= min(files, CHANGED + 1)
    assert STAGES["snapshot"](changed_shop) > 0
