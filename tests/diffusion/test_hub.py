"""Requests to a hub on this machine: which files, in which order, and which never."""

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from catalog_gen.diffusion.model_hash import model_hash
from tests.tiny_models import tiny_sd

from .conftest import found

COMMIT = "c" * 40


@dataclass
class Hub:
    """Serves one folder as the model "shop/tiny"."""

    folder: Path
    address: str = ""
    fetched: list[str] = field(default_factory=list)

    def files(self) -> list[dict[str, object]]:
        return [
            {"rfilename": each.relative_to(self.folder).as_posix(), "size": each.stat().st_size}
            for each in sorted(self.folder.rglob("*"))
            if each.is_file()
        ]

    def tree(self) -> list[dict[str, object]]:
        return [
            {"type": "file", "path": each["rfilename"], "size": each["size"], "oid": "0" * 40}
            for each in self.files()
        ]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(tiny_sd(tmp_path / "published"))

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing."""

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path.startswith("/api/models/shop/tiny"):
                if "/tree/" in path:
                    return self.answer(200, json.dumps(hub.tree()).encode())
                about = {"id": "shop/tiny", "sha": COMMIT, "siblings": hub.files()}
                return self.answer(200, json.dumps(about).encode())
            file = hub.folder / path.partition("/resolve/")[2].partition("/")[2]
            if not file.is_file():
                return self.answer(404, b"")
            if self.command == "GET":
                hub.fetched.append(file.relative_to(hub.folder).as_posix())
            return self.answer(200, file.read_bytes())

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", f'"{abs(hash(self.path))}"')
            self.send_header("X-Repo-Commit", COMMIT)
            if status == 404:
                self.send_header("X-Error-Code", "EntryNotFound")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield hub
    server.shutdown()
    server.server_close()


ASK = """
import json, sys
from catalog_gen.diffusion.model import find_model
from catalog_gen.diffusion.model_hash import model_hash
from catalog_gen.errors import CatalogError
from catalog_gen.progress import reporting_to
from catalog_gen.settings.model import ModelSettings
reports = []
try:
    with reporting_to(lambda each: reports.append([each.stage, each.done, each.total, each.note])):
        model = find_model(ModelSettings.model_validate(json.loads(sys.argv[1])))
    print(json.dumps({"hash": model_hash(model), "reports": reports, "warnings": model.warnings}))
except CatalogError as error:
    print(json.dumps({"error": str(error), "reports": reports}))
"""


def _ask(hub: Hub, home: Path, **settings: str) -> dict[str, object]:
    """Find the hub's model in a separate process with a separate cache."""
    environment = os.environ | {
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(home),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "NO_PROXY": "127.0.0.1",
    }
    done = subprocess.run(
        [sys.executable, "-c", ASK, json.dumps({"id": "shop/tiny"} | settings)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_a_models_components_are_fetched_and_nothing_else(hub: Hub, tmp_path: Path) -> None:
    for name in ("whole.safetensors", "unet/diffusion_pytorch_model.fp16.safetensors", "a.onnx"):
        (hub.folder / name).write_bytes(b"gigabytes of it")
    (hub.folder / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n")
    answer = _ask(hub, tmp_path / "home")
    assert hub.fetched[0] == "model_index.json"
    assert {"whole.safetensors", "a.onnx"}.isdisjoint(hub.fetched)
    assert not any(".fp16." in name for name in hub.fetched)
    assert answer["hash"] == model_hash(found(hub.folder))
    size = sum((hub.folder / name).stat().st_size for name in hub.fetched if "safetensors" in name)
    assert answer["reports"] == [
        ["fetch", 0, size, f"shop/tiny, {size / 1e9:.1f} GB"],
        ["fetch", size, size, ""],
    ]
    assert "cc-by-nc-4.0" in str(answer["warnings"])


def test_weights_published_in_half_precision_alone_are_fetched(hub: Hub, tmp_path: Path) -> None:
    for name in ("unet", "text_encoder"):
        (weights,) = (hub.folder / name).glob("*.safetensors")
        weights.rename(weights.with_suffix(".fp16.safetensors"))
    answer = _ask(hub, tmp_path / "home")
    assert answer["hash"] == model_hash(found(hub.folder))
    assert "unet/diffusion_pytorch_model.fp16.safetensors" in hub.fetched


def test_only_the_index_of_an_unsupported_model_is_fetched(hub: Hub, tmp_path: Path) -> None:
    index = hub.folder / "model_index.json"
    index.write_text(index.read_text().replace("StableDiffusionPipeline", "AudioLDM2Pipeline"))
    answer = _ask(hub, tmp_path / "home")
    assert "which no installed model family supports" in str(answer["error"])
    assert hub.fetched == ["model_index.json"]


def test_the_configuration_of_a_checkpoint_file_comes_without_weights(
    hub: Hub, tmp_path: Path
) -> None:
    from catalog_gen.diffusion.loading import load_model
    from catalog_gen.settings.model import ModelSettings
    from tests.tiny.checkpoint import checkpoint

    whole = load_model(ModelSettings(id=str(hub.folder), device="cpu"))
    file = checkpoint(whole.main, tmp_path / "my.safetensors")
    answer = _ask(hub, tmp_path / "home", id=str(file), config="shop/tiny")
    assert answer["hash"] == model_hash(found(file, config=str(hub.folder)))
    assert not any(name.endswith(".safetensors") for name in hub.fetched)
