"""Write pictures in a channel's form, with their provenance, once each.

With ``[upscale]``, those that are too small for the channel are enlarged, which their files say.
"""

from dataclasses import dataclass, field
from datetime import date

from catalog_gen.code_version import code_version
from catalog_gen.diffusion.hash_cache import HashCache
from catalog_gen.fingerprint import sha256_json, sha256_text
from catalog_gen.imaging.credentials import Signer, sign
from catalog_gen.imaging.decode import contain_on_white
from catalog_gen.imaging.decode import read_image as decode
from catalog_gen.imaging.encode import encode_png
from catalog_gen.imaging.metadata import label_png, render
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.imaging.provenance import Enlargement, Provenance
from catalog_gen.judging.measurement import Signals
from catalog_gen.judging.passports import Passport, PictureFile, Slot
from catalog_gen.reporting.channels.channel import SUFFIXES, Channel
from catalog_gen.reporting.picture_folder import PictureFolder
from catalog_gen.reporting.picture_listing import NAME_LENGTH, PICTURES
from catalog_gen.settings.publishing import UpscaleSettings
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.passports import sent_size
from catalog_gen.store.enlarged import EnlargedPictures
from catalog_gen.store.images import ImageOrigin
from catalog_gen.vision.upscaler import Upscaler, upscaler_of


@dataclass(frozen=True, slots=True)
class Enlarged:
    """A written file that is larger than its picture; sizes are width and height in pixels."""

    file: str
    drawn: tuple[int, int]
    size: tuple[int, int]
    by: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A live picture on its way to a channel; ``png`` is empty if its file needs not be written."""

    view: str
    origin: ImageOrigin
    png: bytes
    signals: Signals | None


@dataclass(frozen=True, slots=True)
class Enlarging:
    """How pictures are enlarged that are smaller than the channel requires."""

    settings: UpscaleSettings
    upscaler: Upscaler
    kept: EnlargedPictures

    @classmethod
    def of(cls, catalog: Catalog) -> "Enlarging | None":
        """None: they are never enlarged."""
        settings = catalog.settings.upscale
        if settings is None:
            return None
        hashes = HashCache(catalog.home.hashes)
        upscaler = upscaler_of(settings, hashes)
        hashes.save()
        return cls(settings, upscaler, EnlargedPictures(catalog.home.enlarged))

    def enlarge(self, sha256: str, pixels: Pixels, width: int, height: int) -> Pixels:
        """The picture with this hash at a larger size."""
        if not self.upscaler.slow:
            return self.upscaler.enlarge(pixels, width, height)

        def make() -> bytes:
            return encode_png(self.upscaler.enlarge(pixels, width, height))

        return decode(self.kept.kept(sha256, self.upscaler.name, width, height, make))


@dataclass(frozen=True, slots=True)
class PictureWriter:
    """Writes pictures in a channel's form, once each even if several products show them."""

    channel: Channel
    passport: Passport | None
    signer: Signer | None
    enlarging: Enlarging | None
    day: date
    folder: PictureFolder
    made_by: str
    """The hash of what determines the bytes of every file."""
    enlarged: dict[str, Enlarged] = field(default_factory=dict)
    """Those of the shown files that are larger than their pictures, by name."""

    def write(self, candidate: Candidate, *, main: bool) -> tuple[str, str]:
        """The file's name, and why the channel refuses it; '' if it was written.

        The channel is asked for every product, since products may show a picture in other slots.
        """
        origin = candidate.origin
        name, size = self._name(origin), self._size(origin)
        made_of = self._made_of(origin, size)
        weight = self.folder.keeps(name, made_of)
        # What is refused at no weight is not worth being enlarged.
        why = self._refusal(candidate, size, weight or 0, main=main)
        if why:
            return name, why
        if weight is None:
            content = self._rendered(candidate, size)
            if why := self._refusal(candidate, size, len(content), main=main):
                return name, why
            self.folder.put(name, made_of, content)
        else:
            self.folder.show(name)
        if (enlargement := self._enlargement(origin, size)) is not None:
            drawn = (enlargement.width, enlargement.height)
            self.enlarged[name] = Enlarged(name, drawn, size, enlargement.by)
        return name, ""

    def needs(self, origin: ImageOrigin) -> bool:
        """Whether a picture's file is to be written."""
        made_of = self._made_of(origin, self._size(origin))
        return self.folder.keeps(self._name(origin), made_of) is None

    def _name(self, origin: ImageOrigin) -> str:
        suffix = SUFFIXES[self.channel.form.rendition]
        return f"{PICTURES}/{origin.image_id[:NAME_LENGTH]}.{suffix}"

    def _made_of(self, origin: ImageOrigin, size: tuple[int, int]) -> str:
        """The hash of everything that determines a file's bytes; the image's id is its recipe's."""
        drawn = f"{origin.image_id} {origin.sha256} {origin.created_at.isoformat()}"
        enlargement = self._enlargement(origin, size)
        by = "" if enlargement is None else enlargement.by
        return sha256_text(f"{self.made_by} {drawn} {origin.width} {size[0]} {size[1]} {by}")

    def _size(self, origin: ImageOrigin) -> tuple[int, int]:
        upscale = self.enlarging.settings if self.enlarging else None
        drawn = origin.width, origin.height
        return sent_size(self.channel.form, self.passport, upscale, drawn, self.day)

    def _enlargement(self, origin: ImageOrigin, size: tuple[int, int]) -> Enlargement | None:
        if self.enlarging is None or size[0] <= origin.width:
            return None
        return Enlargement(origin.width, origin.height, self.enlarging.upscaler.name)

    def _refusal(
        self, candidate: Candidate, size: tuple[int, int], weight: int, *, main: bool
    ) -> str:
        """Why the channel refuses a file of so many bytes in this slot; '' if it does not."""
        if self.passport is None:
            return ""
        file = PictureFile(self.channel.form.rendition, *size, weight, declared=True)
        slot: Slot = "main" if main else "additional"
        return "; ".join(self.passport.check(file, candidate.signals, self.day, slot).failures)

    def _rendered(self, candidate: Candidate, size: tuple[int, int]) -> bytes:
        """The picture in the channel's form, with provenance, signed if there is a signer."""
        origin, form = candidate.origin, self.channel.form
        enlargement = self._enlargement(origin, size)
        provenance = Provenance(origin.recipe, origin.created_at, enlargement)
        if form.rendition == "PNG" and size == (origin.width, origin.height):
            content = label_png(candidate.png, provenance)
        else:
            pixels = decode(candidate.png, name=f"image {origin.image_id}")
            if enlargement is not None and self.enlarging is not None:
                pixels = self.enlarging.enlarge(origin.sha256, pixels, *size)
            fitted = contain_on_white(pixels, *size)
            content = render(fitted, form.rendition, provenance, form.quality)
        return sign(content, form.rendition, provenance, self.signer) if self.signer else content


def made_by(channel: Channel, signer: Signer | None) -> str:
    """The hash of what determines the bytes of all of a channel's files, but for the pictures."""
    form = channel.form
    signed = None if signer is None else [signer.certificates, signer.algorithm]
    return sha256_json([code_version(), form.rendition, form.quality, signed])
