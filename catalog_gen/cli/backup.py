"""`catalog-gen backup` and `restore`: the whole store into a folder, and back."""

from dataclasses import asdict
from pathlib import Path

from catalog_gen.cli.output import answers, messages, print_json
from catalog_gen.home import Home
from catalog_gen.store.backup import Backup, back_up, restore


def run(folder: Path, as_json: bool) -> None:
    """Write a backup and print its contents."""
    backup = back_up(Home.from_environment(), folder.absolute())
    if as_json:
        print_json({"folder": str(folder.absolute()), **asdict(backup), "bytes": backup.bytes})
        return
    answers.print(f"{_described(backup)} in {folder}", markup=False)


def run_restore(folder: Path, force: bool, as_json: bool) -> None:
    """Replace the store with a backup and print what was restored."""
    restored = restore(Home.from_environment(), folder.absolute(), force=force)
    if as_json:
        print_json({**asdict(restored.backup), "earlier": restored.earlier})
        return
    answers.print(f"{_described(restored.backup)} restored, as of {restored.backup.created_at}")
    if restored.earlier:
        messages.print(f"The earlier store is kept in {restored.earlier}", markup=False)
    messages.print("The next refresh writes the gallery and the snapshot anew.")


def _described(backup: Backup) -> str:
    waiting = len(backup.files) - 1
    return f"{backup.images} pictures, {waiting} outbox files ({backup.bytes / 1e6:.1f} MB)"
