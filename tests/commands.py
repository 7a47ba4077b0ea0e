"""``catalog-gen`` in processes of its own that need not load any library.

Every command is a fork of a server that has imported PyTorch, diffusers, Dagster and others, but
nothing of this project. Importing them takes 6 of the 11 seconds of a small refresh.
"""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

_LIBRARIES: Final = (
    *("dagster", "duckdb", "jinja2", "numpy", "PIL.Image", "pydantic", "rich.console", "typer"),
    *("torch", "torch._dynamo", "safetensors.torch", "tokenizers"),
    "transformers.models.clip.modeling_clip",
    "transformers.models.clip.tokenization_clip",
    "diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion",
    "diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_img2img",
)
_SERVER: Final = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(list(_LIBRARIES))


def run_command(
    *arguments: str, environment: Mapping[str, str], folder: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run ``catalog-gen`` to its end.

    Args:
        arguments: after the program's name.
        environment: added to this process's.
        folder: to work in; this process's if None.
    """
    with TemporaryDirectory() as streams:
        out, err = Path(streams) / "out", Path(streams) / "err"
        process = _SERVER.Process(
            target=_command,
            args=(arguments, dict(os.environ | environment), folder or Path.cwd(), out, err),
        )
        process.start()
        process.join()
        assert process.exitcode is not None
        return subprocess.CompletedProcess(
            arguments, process.exitcode, out.read_text("utf-8"), err.read_text("utf-8")
        )


def _command(
    arguments: tuple[str, ...], environment: dict[str, str], folder: Path, out: Path, err: Path
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for path, number in ((out, 1), (err, 2)):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
    sys.argv = ["catalog-gen", *arguments]
    from catalog_gen.cli.main import main

    main()
