"""The files under deploy/ parse, agree with each other, and name commands that exist."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from assets_defs.launch import LOCATION

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
PARTS = ("code", "webserver", "daemon")
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


@pytest.fixture(scope="module")
def serve() -> ModuleType:
    spec = importlib.util.spec_from_file_location("serve", DEPLOY / "serve.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text("utf-8"))


def test_three_services_serve_the_three_parts() -> None:
    services = read("compose.yaml")["services"]
    assert tuple(services) == PARTS
    for part, service in services.items():
        assert service["command"] == ["python", "deploy/serve.py", part]
        assert service["environment"]["CATALOG_CODE_HOST"] == "code"
    assert services["webserver"]["ports"] == ["127.0.0.1:3000:3000"]
    assert set(read("compose.cuda.yaml")["services"]) <= set(services)
    (location,) = read("workspace.yaml")["load_from"]
    assert location["grpc_server"]["location_name"] == LOCATION


def test_the_targets_of_compose_are_stages_of_the_dockerfile() -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    stages = re.findall(r"^FROM \S+ AS (\w+)$", text, re.MULTILINE)
    assert stages == ["base", "cpu", "cuda"]
    for line in re.findall(r"^COPY (.+)$", text, re.MULTILINE):
        assert all((ROOT / source).exists() for source in line.split()[:-1])


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_commands_take_their_options(serve: ModuleType, part: str) -> None:
    program, *arguments = serve.command(part)
    leading = {"code": 2, "webserver": 2, "daemon": 1}[part]
    done = subprocess.run(
        [Path(sys.executable).with_name(program), *arguments[:leading], "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    for option in (each for each in arguments[leading:] if each.startswith("-")):
        assert re.search(rf" {option}\b", done.stdout), option
    with pytest.raises(SystemExit, match="none of: code, webserver, daemon"):
        serve.command("nothing")


def test_the_web_server_is_guarded_and_answers_to_the_proxy_s_names(
    serve: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CATALOG_WEB_NAMES", "pictures.shop.example inside:8443")
    arguments = serve.command("webserver")
    assert arguments[:3] == ["python", "-m", "assets_defs.web"]
    assert arguments[-3:] == ["--allow", "pictures.shop.example", "inside:8443"]


def test_the_health_check_is_a_command() -> None:
    test = read("compose.yaml")["services"]["code"]["healthcheck"]["test"]
    assert test[0] == "CMD"
    program = Path(sys.executable).with_name(test[1])
    subprocess.run([program, *test[2:4], "--help"], capture_output=True, check=True)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="Debian's systemd")
def test_the_units_pass_systemd_s_own_check(tmp_path: Path) -> None:
    assert [unit.stem.removeprefix("catalog-gen-") for unit in UNITS] == sorted(PARTS)
    for unit in UNITS:
        text = unit.read_text("utf-8").replace("/opt/catalog_gen/.venv/bin/python", sys.executable)
        (tmp_path / unit.name).write_text(text.replace("/opt/catalog_gen", str(ROOT)), "utf-8")
    paths = [str(tmp_path / unit.name) for unit in UNITS]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *paths],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stderr.splitlines() if "catalog-gen" in line]
    assert (done.returncode, lines) == (0, [])


def test_the_cluster_of_kuberay_is_that_of_the_lock() -> None:
    cluster = read("kuberay.yaml")
    (locked,) = re.findall(r"^ray==(\S+)", (ROOT / "requirements.lock").read_text("utf-8"), re.M)
    assert cluster["spec"]["rayVersion"] == locked
    (workers,) = cluster["spec"]["workerGroupSpecs"]
    for group in (cluster["spec"]["headGroupSpec"], workers):
        (container,) = group["template"]["spec"]["containers"]
        names = {each["name"] for each in container["env"]}
        assert names >= {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN"}
        mounted = {each["name"] for each in container["volumeMounts"]}
        assert mounted == {each["name"] for each in group["template"]["spec"]["volumes"]}
    # Workers reach no database: they leave pictures in a bucket, and the driver fetches them.
    assert mounted == {"shop"}
