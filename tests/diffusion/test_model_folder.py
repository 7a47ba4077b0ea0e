"""Folders in transformers' form: what is refused before anything is loaded."""

import json
from pathlib import Path

import pytest

from catalog_gen.diffusion.model_folder import ModelFolder
from catalog_gen.errors import ModelError
from catalog_gen.fingerprint import sha256_file
from tests.tiny_critics import tiny_preference

ABSENT = ("there is no config.json in it", "Name a folder.")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_preference(tmp_path_factory.mktemp("folder"))


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    for file in whole.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def checked(folder: Path, *usable: str) -> ModelFolder:
    return ModelFolder.checked(
        folder, usable or None, absent=ABSENT, unfit="enlarges nothing", instead=""
    )


def test_a_whole_folder_is_taken(folder: Path) -> None:
    assert checked(folder).architecture == checked(folder, "CLIPModel").architecture == "CLIPModel"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", {"auto_map": {"AutoModel": "net.Net"}}),
        ("config.json", {"vision_config": {"auto_map": {"AutoModel": "net.Net"}}}),
        ("preprocessor_config.json", {"auto_map": {"AutoImageProcessor": "net.Seen"}}),
        ("processor_config.json", {"auto_map": {"AutoProcessor": "net.Seen"}}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["net.Words", None]}}),
        ("tokenizer_config.json", {"trust_remote_code": True}),
    ],
)
def test_code_in_a_folder_is_refused_wherever_it_is_named(
    folder: Path, name: str, content: dict[str, object]
) -> None:
    file = folder / name
    known = json.loads(file.read_text("utf-8")) if file.exists() else {}
    file.write_text(json.dumps(known | content), "utf-8")
    with pytest.raises(ModelError, match=r"never run.*transformers' own") as refused:
        checked(folder)
    assert refused.value.value == str(file)


def test_weights_that_are_pickled_cut_off_or_absent_are_refused(folder: Path) -> None:
    weights = folder / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1])
    with pytest.raises(ModelError, match="its header announces"):
        checked(folder)
    weights.rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="a pickle can run any code"):
        checked(folder)
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(ModelError, match="no safetensors weights"):
        checked(folder)
    with pytest.raises(ModelError, match=r"no config\.json in it.*Name a folder"):
        checked(folder / "nowhere")


def test_another_kind_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"CLIPModel, which enlarges nothing.*one of: A, B"):
        checked(folder, "B", "A")


def test_the_hash_is_that_of_all_files_that_are_read(folder: Path) -> None:
    first = checked(folder).sha256(sha256_file)
    (folder / "notes.md").write_text("not read", "utf-8")
    assert checked(folder).sha256(sha256_file) == first
    file = folder / "processor_config.json"
    file.write_text(file.read_text("utf-8") + "\n", "utf-8")
    assert checked(folder).sha256(sha256_file) != first
