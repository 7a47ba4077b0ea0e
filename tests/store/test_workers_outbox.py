"""What workers on other machines leave in a folder or a bucket arrives once and whole."""

from pathlib import Path

import pytest

from catalog_gen.errors import StoreError
from catalog_gen.picture_place import IN_HOME
from catalog_gen.store.ingestion import Ingested, ingest
from catalog_gen.store.outbox import Outbox
from catalog_gen.store.workers_outbox import fetch, workers_outbox
from tests.store.bucket import s3_server
from tests.store.shop import ENVIRONMENT, Shop, drawn

IDS = [digit * 64 for digit in "abc"]


def test_the_catalog_s_own_outbox_is_the_default(shop: Shop) -> None:
    own = workers_outbox(shop.store.home, IN_HOME)
    assert isinstance(own, Outbox)
    assert own.folder == shop.store.home.outbox


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_files_arrive_once_and_whole(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with s3_server(monkeypatch) as server:
        place = str(tmp_path / "shared") if kind == "folder" else "s3://shop/outbox"
        theirs = workers_outbox(shop.store.home, place)
        assert theirs.names() == []
        first = theirs.write([drawn(IDS[0])], [], ENVIRONMENT, run_id="night")
        content = theirs.content(first)
        theirs.write([drawn(IDS[1])], [], ENVIRONMENT)
        assert fetch(theirs, shop.outbox) == 2
        assert theirs.names() == []
        assert shop.outbox.waiting(IDS) == set(IDS[:2])
        assert ingest(shop.store, shop.outbox, "run", max_tries=3) == Ingested(images=2)
        # Killed between keeping it here and deleting it there: it comes once more.
        assert content is not None
        theirs.keep(first, content)
        assert fetch(theirs, shop.outbox) == 1
        assert ingest(shop.store, shop.outbox, "run", max_tries=3) == Ingested(duplicates=1)
        # Damaged at its source: it is set aside, and its pictures are drawn again.
        third = theirs.write([drawn(IDS[2])], [], ENVIRONMENT)
        theirs.discard([third])
        theirs.keep(third, content)
        fetch(theirs, shop.outbox)
        assert ingest(shop.store, shop.outbox, "run", max_tries=3).corrupt
        server.fault = lambda _: "denied"
        if kind == "bucket":
            with pytest.raises(StoreError, match="refuses these credentials"):
                theirs.content(first)
