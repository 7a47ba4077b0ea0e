"""A channel's pictures in a folder: kills, exports at once, and channels that share it."""

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from catalog_gen.errors import StoreError
from catalog_gen.reporting import picture_listing
from catalog_gen.reporting.picture_folder import PictureFolder

#: More than one batch, so that some are listed and others are not.
MANY = 300

KILLED = f"""
import os, sys
from pathlib import Path
from catalog_gen.reporting.picture_folder import PictureFolder
with PictureFolder(Path(sys.argv[1]), "files") as folder:
    for number in range({MANY}):
        folder.put(f"images/{{number:032x}}.png", f"made of {{number}}", b"%d" % number)
    os._exit(9)
"""


def name(number: int) -> str:
    return f"images/{number:032x}.png"


def exported(out: Path, channel: str, numbers: range) -> None:
    with PictureFolder(out, channel) as folder:
        for number in numbers:
            folder.put(name(number), f"made of {number}", b"%d" % number)
        folder.finish()


def names(out: Path) -> set[str]:
    return {f"images/{path.name}" for path in (out / "images").iterdir()}


def test_the_next_export_goes_on_behind_a_killed_one(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert killed.returncode == 9
    with PictureFolder(tmp_path, "files") as folder:
        kept = [folder.keeps(name(number), f"made of {number}") for number in range(MANY)]
        assert kept[:256] == [len(str(number)) for number in range(256)]
        assert kept[256:] == [None] * 44
        assert not list(tmp_path.glob(".catalog-gen-*"))
        folder.show(name(0))
        folder.finish()
        assert len(folder) == 1
    assert names(tmp_path) == {name(0)}


def test_an_export_without_pictures_lists_none(tmp_path: Path) -> None:
    with PictureFolder(tmp_path, "files"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def test_a_file_is_listed_before_it_is_there(tmp_path: Path) -> None:
    exported(tmp_path, "files", range(2))
    (tmp_path / name(0)).unlink()
    with PictureFolder(tmp_path, "files") as folder:
        assert folder.keeps(name(0), "made of 0") is None
        assert folder.keeps(name(1), "made of 1") == 1
        assert folder.keeps(name(1), "made of something else") is None
        assert folder.keeps(name(2), "made of 2") is None


def test_two_exports_at_once_are_one_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_listing, "_PATIENCE", 0.1)
    with (
        PictureFolder(tmp_path, "files"),
        PictureFolder(tmp_path, "google"),
        pytest.raises(StoreError, match="another export for this channel"),
    ):
        PictureFolder(tmp_path, "files").__enter__()


@pytest.mark.parametrize("damaged", [False, True])
def test_what_another_channel_may_list_stays(tmp_path: Path, damaged: bool) -> None:
    exported(tmp_path, "files", range(4))
    exported(tmp_path, "google", range(2, 6))
    if damaged:
        (tmp_path / "google.pictures.sqlite").write_bytes(b"no database" * 100)
    exported(tmp_path, "files", range(1))
    left = (*range(6),) if damaged else (0, *range(2, 6))
    assert names(tmp_path) == {name(each) for each in left}
    exported(tmp_path, "google", range(3))
    assert names(tmp_path) == {name(each) for each in range(6 if damaged else 3)}


def test_a_touched_file_is_compared_by_its_hash_once(tmp_path: Path) -> None:
    exported(tmp_path, "files", range(1))
    path = tmp_path / name(0)
    path.write_bytes(b"1")  # of the same size
    with PictureFolder(tmp_path, "files") as folder:
        assert folder.keeps(name(0), "made of 0") is None
    path.write_bytes(b"0")
    with PictureFolder(tmp_path, "files") as folder:
        assert folder.keeps(name(0), "made of 0") == 1
        folder.show(name(0))
        folder.finish()
    listing = picture_listing.PictureListing(tmp_path, "files")
    found = listing.find(name(0))
    listing.close()
    assert found is not None
    assert found[1].modified == path.stat().st_mtime_ns
    assert found[1].sha256 == sha256(b"0").hexdigest()
