"""Reference photos stay inside the allowed folders, whatever the feed says."""

import os
from pathlib import Path

import pytest

from catalog_gen.catalog.reference import ReferencePhotoError, resolve_reference


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "mugs").mkdir(parents=True)
    (folder / "mugs" / "blue mug.png").write_bytes(b"png")
    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "photos-private").mkdir()
    (tmp_path / "photos-private" / "a.png").write_bytes(b"secret")
    return folder


def test_references_that_are_allowed(photos: Path, tmp_path: Path) -> None:
    photo = (photos / "mugs" / "blue mug.png").resolve()
    empty = tmp_path / "empty"
    empty.mkdir()
    (photos / "link.png").symlink_to(photo)
    for reference in (
        "mugs/blue mug.png",
        str(photo),
        photo.as_uri(),
        f"file://localhost{photo.as_uri().removeprefix('file://')}",
        "link.png",
    ):
        assert resolve_reference(reference, (empty, tmp_path / "none", photos)) == photo


@pytest.mark.parametrize(
    "reference",
    [
        "../secret.png",
        "mugs/../../secret.png",
        "..\\secret.png",
        "/etc/passwd",
        "/dev/zero",
        "file:///etc/passwd",
        "file://host/share/a.png",
        "file:///%2e%2e/secret.png",
        "file:///a%00b.png",
        "http://shop.example/a.png",
        "https://shop.example/a.png",
        "ftp://shop.example/a.png",
        "data:image/png;base64,AAAA",
        "mugs/blue mug.png\0.jpg",
        "mugs/\u202egnp.png",
        "mugs/\ud800.png",
        "mugs/missing.png",
        "mugs",
        "",
        "   ",
        "a" * 5000,
        "/".join("a" * 3000),
        "file://[broken",
    ],
)
def test_references_that_are_refused(photos: Path, reference: str) -> None:
    with pytest.raises(ReferencePhotoError) as caught:
        resolve_reference(reference, (photos,))
    assert caught.value.rule
    assert caught.value.next_step


def test_links_pipes_and_neighbours_are_refused(photos: Path, tmp_path: Path) -> None:
    (photos / "out.png").symlink_to(tmp_path / "secret.png")
    (photos / "up").symlink_to(tmp_path)
    (photos / "loop.png").symlink_to(photos / "loop.png")
    os.mkfifo(photos / "pipe.png")
    neighbour = str(tmp_path / "photos-private" / "a.png")
    for reference in ("out.png", "up/secret.png", "loop.png", "pipe.png", neighbour):
        with pytest.raises(ReferencePhotoError):
            resolve_reference(reference, (photos,))


def test_without_folders_nothing_is_read(photos: Path) -> None:
    with pytest.raises(ReferencePhotoError, match="no folder is allowed"):
        resolve_reference(str(photos / "mugs" / "blue mug.png"), ())
