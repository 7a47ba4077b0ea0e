"""A disk that fills up while a night draws: a real one, small, in memory."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog_gen.errors import StoreError
from catalog_gen.stages import takeover
from catalog_gen.store.outbox import Outbox
from catalog_gen.store.verify import verify
from tests.pipeline.shop import ROWS, Shop, open_shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A shop whose home is a disk of 32 MB."""
    shop = open_shop(tmp_path)
    shop.home.root.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32M", "none", str(shop.home.root)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if mounted.returncode:
        pytest.skip(f"a small disk can't be mounted here ({mounted.stderr.strip()})")
    try:
        yield shop
    finally:
        subprocess.run(["umount", "-l", str(shop.home.root)], check=True)


def fill(shop: Shop) -> None:
    """Fill the disk completely."""
    with (shop.home.root / "ballast").open("wb", buffering=0) as stream:
        while True:
            try:
                stream.write(bytes(4096))
            except OSError:
                return


@pytest.mark.parametrize("moment", ["outbox", pytest.param("database", marks=pytest.mark.slow)])
def test_a_full_disk_stops_the_night_and_the_next_goes_on(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    shop.night("first")
    more = {f"sku-{n}": ("Mug", "mug", "red", "9.00 EUR") for n in range(4, 10)}
    shop.write_feed(ROWS | more)
    write, take_over = Outbox.write, takeover.ingest
    acknowledged: set[str] = set()

    def fill_at_the_third(outbox: Outbox, images, *arguments, **options):  # type: ignore[no-untyped-def]
        if moment == "outbox" and len(acknowledged) == 4:
            fill(shop)
        path = write(outbox, images, *arguments, **options)
        acknowledged.update(image.recipe_id for image in images)
        return path

    def fill_before(*arguments, **options):  # type: ignore[no-untyped-def]
        if moment == "database" and acknowledged:
            fill(shop)
        return take_over(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Outbox, "write", fill_at_the_third)
        patched.setattr(takeover, "ingest", fill_before)
        with pytest.raises(StoreError, match=r"No space left|full") as refused:
            shop.night("full")
    assert refused.value.exit_code == 3
    assert acknowledged

    # Everything acknowledged can be read while the disk is still full, and what is live is live.
    catalog = shop.catalog
    found = verify(catalog.store, catalog.outbox)
    assert found.damaged == ()
    assert found.images + found.outbox_images == 6 + len(acknowledged)
    assert shop.query("SELECT count(DISTINCT product_id) FROM live_images") == [(3,)]

    (shop.home.root / "ballast").unlink()
    night = shop.night("next")
    assert night["generated"] == 2 * len(more) - len(acknowledged)
    assert night["live"] == 9
    assert verify(catalog.store, catalog.outbox).damaged == ()


def test_a_disk_that_turns_read_only_is_reported_and_stays_readable(shop: Shop) -> None:
    shop.night("first")
    remount = ["mount", "-o", "remount,ro", str(shop.home.root)]
    subprocess.run(remount, check=True)
    with pytest.raises(StoreError, match="Read-only file system") as refused:
        shop.night("second")
    assert refused.value.exit_code == 3
    found = verify(shop.catalog.store, shop.catalog.outbox)
    assert (found.images, found.damaged) == (6, ())
