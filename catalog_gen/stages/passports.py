"""Check stored pictures against each sales channel's passport, without a model or pixels."""

from collections.abc import Collection
from dataclasses import replace
from datetime import date

from duckdb import DuckDBPyConnection

from catalog_gen.judging.measurement import Signals
from catalog_gen.judging.passports import (
    Check,
    Passport,
    PictureFile,
    Slot,
    Stamped,
    load_passports,
)
from catalog_gen.reporting.channels.channel import CHANNELS, PictureForm
from catalog_gen.settings.catalog import CatalogSettings
from catalog_gen.settings.publishing import UpscaleSettings
from catalog_gen.store.images import image_files
from catalog_gen.store.scores import newest_signals

#: A picture's id and its slot; products that share a picture may show it in different slots.
Shown = tuple[str, Slot]

#: The form in which pictures are checked for channels without an export.
_AS_STORED = PictureForm("PNG", max_side=65_535)


def sent_size(
    form: PictureForm,
    passport: Passport | None,
    upscale: UpscaleSettings | None,
    drawn: tuple[int, int],
    day: date,
) -> tuple[int, int]:
    """Width and height of the file that a channel gets of a picture as drawn.

    A picture is scaled down to the channel's longest side. It is enlarged to what the passport
    requires only where ``[upscale]`` says so, and at most so many times.
    """
    fitted = form.fitted(*drawn)
    if passport is None or upscale is None:
        return fitted
    wanted = passport.large_enough(*fitted, day)
    allowed = max(wanted) <= min(form.max_side, upscale.at_most * max(drawn))
    return wanted if allowed else fitted


def stamp_pictures(
    connection: DuckDBPyConnection,
    settings: CatalogSettings,
    shown: Collection[Shown],
    day: date,
) -> dict[Shown, dict[str, Stamped]]:
    """Every channel's result for pictures in their slots, by the channel's short name.

    A picture is checked in the channel's form: its format, its longest side, and the metadata that
    an export embeds. Its file size is that of the stored PNG; an export checks the written file.

    Raises:
        ConfigError: the passports can't be used.
    """
    rules = load_passports(settings.passports)
    ids = sorted({image_id for image_id, _ in shown})
    files = image_files(connection, ids)
    measured = {
        image_id: Signals.from_json(text)
        for image_id, text in newest_signals(connection, ids).items()
    }
    stamped: dict[Shown, dict[str, Stamped]] = {}
    for image_id, slot in set(shown):
        file, signals = files[image_id], measured.get(image_id)
        stamped[image_id, slot] = {}
        for name, passport in rules.items():
            form = CHANNELS.get(name).form if name in CHANNELS.names() else _AS_STORED
            drawn = file.width, file.height
            width, height = sent_size(form, passport, settings.upscale, drawn, day)
            sent = PictureFile(form.rendition, width, height, file.size, declared=True)
            stamp = passport.check(sent, signals, day, slot)
            if width > file.width:
                note = f"an export enlarges it from {file.width}x{file.height} ([upscale])"
                stamp = replace(stamp, checks=(*stamp.checks, Check("size", "passed", note)))
            stamped[image_id, slot][name] = stamp
    return stamped
