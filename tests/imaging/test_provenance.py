"""Provenance in picture files, read back by us, by Pillow and by exiftool."""

import io
import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from catalog_gen.imaging.encode import Rendition, encode_png
from catalog_gen.imaging.metadata import label_png, read_provenance, render
from catalog_gen.imaging.provenance import Provenance, ProvenanceError
from catalog_gen.recipe import Recipe

RENDITIONS: tuple[Rendition, ...] = ("PNG", "JPEG", "WEBP")
PHOTO = "ab" * 32
SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def provenance(prompt: str = "photo of a red mug", **changes: Any) -> Provenance:
    values = {
        "method": "text2img",
        "model_hash": "0123456789abcdef" * 4,
        "prompt": prompt,
        "negative_prompt": "blurry, dark",
        "seed": 2**63 - 1,
        "scheduler": "dpm++2m-karras",
        "steps": 20,
        "guidance": 3.0,
        "width": 32,
        "height": 32,
    } | changes
    return Provenance(Recipe(**values), datetime(2026, 11, 21, 2, 3, 4, tzinfo=UTC))


def from_photo() -> Provenance:
    return provenance(method={"name": "img2img", "strength": 0.35}, reference_sha256=PHOTO)


def pixels() -> Any:
    return np.random.default_rng(7).integers(0, 256, (32, 32, 3), dtype=np.uint8)


def exiftool(content: bytes, folder: Path, suffix: str) -> dict[str, Any]:
    """All that exiftool finds, by group and name."""
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is missing (Debian: libimage-exiftool-perl); CI installs it")
    path = folder / f"picture.{suffix}"
    path.write_bytes(content)
    done = subprocess.run(
        ["exiftool", "-j", "-G1", "-struct", "-validate", "-warning", "-error", "-a", "-all", path],
        capture_output=True,
        text=True,
        check=True,
    )
    (found,) = json.loads(done.stdout)
    return dict(found)


@pytest.mark.parametrize("rendition", RENDITIONS)
@pytest.mark.parametrize("written", [provenance(), from_photo()], ids=["text2img", "img2img"])
def test_every_rendition_carries_the_recipe(rendition: Rendition, written: Provenance) -> None:
    content = render(pixels(), rendition, written)
    found = read_provenance(content)
    assert found == written
    assert found.recipe.recipe_id == written.image_id


@settings(max_examples=60, deadline=None)
@given(
    prompt=st.text(max_size=300),
    negative=st.text(max_size=60),
    rendition=st.sampled_from(RENDITIONS),
)
def test_any_prompt_survives(prompt: str, negative: str, rendition: Rendition) -> None:
    written = provenance(prompt, negative_prompt=negative)
    assert read_provenance(render(np.zeros((8, 8, 3), np.uint8), rendition, written)) == written


def test_a_labelled_png_has_the_same_pixels_and_is_labelled_once() -> None:
    png = encode_png(pixels())
    once = label_png(png, provenance())
    twice = label_png(once, from_photo())
    assert read_provenance(twice) == from_photo()
    for content in (once, twice):
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(content))), pixels())
    assert label_png(twice, provenance()) == once


@pytest.mark.parametrize("rendition", RENDITIONS)
def test_exiftool_reads_source_type_creator_and_date(rendition: Rendition, tmp_path: Path) -> None:
    for written, kind in (
        (provenance(), "trainedAlgorithmicMedia"),
        (from_photo(), "compositeWithTrainedAlgorithmicMedia"),
    ):
        suffix = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp"}[rendition]
        found = exiftool(render(pixels(), rendition, written), tmp_path, suffix)
        assert found["XMP-iptcExt:DigitalSourceType"] == SOURCES + kind
        assert found["XMP-xmp:CreatorTool"].startswith("catalog_gen ")
        assert found["XMP-xmp:CreateDate"] == "2026:11:21 02:03:04+00:00"
        assert found["XMP-photoshop:DateCreated"] == "2026:11:21 02:03:04+00:00"
        # What cameras must tell (resolution, width, height, ...), a drawn picture need not.
        wrong = [found.get(f"ExifTool:{kind}", "") for kind in ("Error", "Warning")]
        assert all(not each or each.startswith("Missing required") for each in wrong), found
        mine = [value for name, value in found.items() if name.endswith(":ImageID")]
        assert mine == [written.image_id]
        parameters = found["PNG:Parameters" if rendition == "PNG" else "ExifIFD:UserComment"]
        # exiftool shows the line breaks of a text chunk as dots.
        assert parameters.replace("\n", ".") == written.parameters().replace("\n", ".")
        if rendition != "PNG":
            assert found["ExifIFD:DateTimeOriginal"] == "2026:11:21 02:03:04"
            assert found["IFD0:Software"].startswith("catalog_gen ")


def test_the_parameters_are_those_that_image_tools_parse() -> None:
    """Split parameters like AUTOMATIC1111: the last line by commas, names before a colon."""
    content = render(pixels(), "PNG", from_photo())
    text = Image.open(io.BytesIO(content)).info["parameters"]
    prompt, negative, last = text.split("\n")
    assert (prompt, negative) == ("photo of a red mug", "Negative prompt: blurry, dark")
    assert dict(part.split(": ", 1) for part in last.split(", ")) == {
        "Steps": "20",
        "Sampler": "DPM++ 2M Karras",
        "CFG scale": "3",
        "Seed": str(2**63 - 1),
        "Size": "32x32",
        "Model hash": "0123456789",
        "Denoising strength": "0.35",
        "Version": "catalog_gen 0.1.0",
    }


def test_a_changed_recipe_is_refused() -> None:
    written = provenance()
    forged = written.as_json().replace("red mug", "blue mug")
    with pytest.raises(ProvenanceError, match="was changed"):
        Provenance.from_json(forged)
    content = render(pixels(), "PNG", written).replace(b"red mug", b"big mug")
    with pytest.raises(ProvenanceError, match="damaged"):
        read_provenance(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no picture at all",
        encode_png(pixels()),
        render(pixels(), "PNG", provenance())[:-40],
        render(pixels(), "JPEG", provenance())[:60],
        b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffIDAT",
    ],
    ids=["empty", "text", "unlabelled", "cut PNG", "cut JPEG", "long chunk"],
)
def test_a_file_without_a_recipe_is_refused(content: bytes) -> None:
    with pytest.raises(ProvenanceError):
        read_provenance(content)
