"""Check stored pictures against each sales channel's passport, without a model or pixels."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from duckdb import DuckDBPyConnection

from catalog_gen.judging.measurement import Signals
from catalog_gen.judging.passports import PictureFile, Slot, Stamped, load_passports
from catalog_gen.reporting.channels.channel import CHANNELS, PictureForm
from catalog_gen.store.images import image_files
from catalog_gen.store.scores import newest_signals

#: Of channels that `catalog-gen export` writes nothing for.
_AS_STORED = PictureForm("PNG", max_side=65_535)


def stamp_pictures(
    connection: DuckDBPyConnection, passports: Path, slots: Mapping[str, Slot], day: date
) -> dict[str, dict[str, Stamped]]:
    """Every channel's result for pictures in their slots, by image id and the channel's short name.

    A picture is taken in the channel's form: its format, scaled down to its longest side, and with
    the metadata that an export gives it. The weight is that of the stored PNG; an export weighs the
    file that it writes.

    Raises:
        ConfigError: the passports can't be used.
    """
    rules = load_passports(passports)
    measured = newest_signals(connection, list(slots))
    stamped: dict[str, dict[str, Stamped]] = {}
    for image_id, file in image_files(connection, list(slots)).items():
        text = measured.get(image_id)
        signals = Signals.from_json(text) if text is not None else None
        stamped[image_id] = {}
        for name, passport in rules.items():
            form = CHANNELS.get(name).form if name in CHANNELS.names() else _AS_STORED
            width, height = form.fitted(file.width, file.height)
            sent = PictureFile(form.rendition, width, height, file.size, declared=True)
            stamped[image_id][name] = passport.check(sent, signals, day, slots[image_id])
    return stamped
