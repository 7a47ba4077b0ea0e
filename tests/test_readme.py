"""The README's commands exist and run, and the list of commands is complete."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from catalog_gen.cli.main import app

README = Path(__file__).parent.parent / "README.md"
COMMANDS = {command.callback.__name__ for command in app.registered_commands if command.callback}


def shell_lines() -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def test_every_command_is_documented_and_every_documented_one_exists() -> None:
    documented = set(re.findall(r"`catalog-gen (\w+)", README.read_text("utf-8")))
    assert documented == COMMANDS


@pytest.mark.parametrize("line", [line for line in shell_lines() if "catalog-gen" in line])
def test_every_line_of_the_readme_is_understood(line: str) -> None:
    """Parsed by the real command line; what each command does is tested with the pipeline."""
    program, name, *arguments = shlex.split(line)
    assert program == ".venv/bin/catalog-gen"
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    with command.make_context(name, arguments) as context:
        assert context.params


def test_every_make_target_of_the_readme_exists() -> None:
    makefile = (README.parent / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"(?:`|\$ )make ([a-z-]+)", README.read_text("utf-8"))) <= targets
