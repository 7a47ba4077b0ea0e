"""The pictures' size and growth, and when the disk will be full, in words."""

import math

from catalog_gen.cli.output import counted
from catalog_gen.store.retention import StorageFigures


def storage_text(storage: StorageFigures) -> str:
    """The pictures' size and growth as one line."""
    text = f"{counted(storage.kept, 'picture')}, {megabytes(storage.kept_bytes)}"
    if storage.nights:
        text += f", {megabytes(storage.nightly_bytes)} more per night that drew"
    if storage.dropped:
        text += (
            f"; the bytes of {storage.dropped} were deleted ({megabytes(storage.dropped_bytes)})"
        )
    return text


def nights_left(storage: StorageFigures, free: int) -> float:
    """Nights until ``free`` bytes are taken, if growth stays the same; infinite without growth."""
    return free / storage.nightly_bytes if storage.nightly_bytes else math.inf


def megabytes(size: float) -> str:
    """A size in MB or GB."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
