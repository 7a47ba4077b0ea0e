"""`catalog-gen move`: move the pictures' bytes to the place in the settings."""

from dataclasses import asdict
from pathlib import Path

from catalog_gen.cli.output import answers, counted, print_json, progress_bars
from catalog_gen.home import Home
from catalog_gen.settings.catalog import load_settings
from catalog_gen.store.connection import Store
from catalog_gen.store.pictures.move import move_pictures


def run(config: Path, as_json: bool) -> None:
    """Move and check every picture; after a kill, continue where it stopped.

    Raises:
        ConfigError: the settings can't be used.
        StoreError: a place can't be read or written, or a picture is damaged.
    """
    target = load_settings(config).store.pictures
    with progress_bars():
        moved = move_pictures(Store(Home.from_environment()), target)
    if as_json:
        print_json(asdict(moved))
    elif moved.source == moved.target:
        answers.print(f"The pictures are in '{target}'.", markup=False)
    else:
        present = f", {moved.present} were there already" if moved.present else ""
        answers.print(
            f"{counted(moved.copied, 'picture')} moved from '{moved.source}' to '{target}' and "
            f"checked{present}.",
            markup=False,
        )
