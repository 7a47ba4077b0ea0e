"""Check stored pictures against each sales channel's passport, without a model or pixels."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Self

from duckdb import DuckDBPyConnection

from catalog_gen.fingerprint import sha256_json
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
from catalog_gen.store.images import ImageFile, image_files
from catalog_gen.store.scores import newest_signals

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


@dataclass(frozen=True, slots=True)
class Stamper:
    """Checks pictures on a day.

    A picture is checked in the channel's form: its format, its longest side, and the metadata that
    an export embeds. Its file size is that of the stored PNG; an export checks the written file.
    """

    passports: Mapping[str, Passport]
    """By the channel's short name."""
    upscale: UpscaleSettings | None
    day: date

    @classmethod
    def of(cls, settings: CatalogSettings, day: date) -> Self:
        """Read the passports.

        Raises:
            ConfigError: they can't be used.
        """
        return cls(load_passports(settings.passports), settings.upscale, day)

    @property
    def made_of(self) -> str:
        """The hash of what determines results beside the picture; the same until a rule changes."""
        channels = [
            [
                name,
                asdict(_form(name)),
                passport.identity,
                [rule.phase(self.day) for rule in passport.rules],
            ]
            for name, passport in self.passports.items()
        ]
        return sha256_json([channels, self.upscale and self.upscale.at_most])

    def stamp(self, file: ImageFile, signals: Signals | None, slot: Slot) -> dict[str, Stamped]:
        """Every channel's result for a picture in a slot, by the channel's short name."""
        stamped: dict[str, Stamped] = {}
        for name, passport in self.passports.items():
            form = _form(name)
            drawn = file.width, file.height
            width, height = sent_size(form, passport, self.upscale, drawn, self.day)
            sent = PictureFile(form.rendition, width, height, file.size, declared=True)
            stamp = passport.check(sent, signals, self.day, slot)
            if width > file.width:
                note = f"an export enlarges it from {file.width}x{file.height} ([upscale])"
                stamp = replace(stamp, checks=(*stamp.checks, Check("size", "passed", note)))
            stamped[name] = stamp
        return stamped


def stamp_picture(
    connection: DuckDBPyConnection, stamper: Stamper, image_id: str, slot: Slot
) -> dict[str, Stamped]:
    """The results of a stored picture."""
    file = image_files(connection, [image_id])[image_id]
    text = newest_signals(connection, [image_id]).get(image_id)
    return stamper.stamp(file, None if text is None else Signals.from_json(text), slot)


def _form(channel: str) -> PictureForm:
    return CHANNELS.get(channel).form if channel in CHANNELS.names() else _AS_STORED
