"""A picture's provenance in three forms: recipe as JSON, XMP, and the web UIs' "parameters" text.

The recipe as JSON is authoritative: it hashes to the image's id, and the picture can be drawn again
from it. Photo software, shops and search engines read XMP. The "parameters" text was introduced by
AUTOMATIC1111's web UI and is understood by most image generation tools.
``metadata`` puts them into files, ``credentials`` signs those.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final
from xml.sax.saxutils import quoteattr

from pydantic import ValidationError

from catalog_gen import __version__
from catalog_gen.errors import InputError
from catalog_gen.recipe import Recipe

#: The namespace URI of catalog_gen's XMP properties.
NAMESPACE: Final = "urn:catalog-gen:provenance:1#"

CREATOR_TOOL: Final = f"catalog_gen {__version__}"

#: IPTC's controlled vocabulary: https://cv.iptc.org/newscodes/digitalsourcetype/
_SOURCE_TYPES: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"

#: The web UIs' names for schedulers; one without an entry keeps its own name.
_SAMPLERS: Final[Mapping[str, str]] = {
    "ddim": "DDIM",
    "euler": "Euler",
    "euler-a": "Euler a",
    "dpm++2m": "DPM++ 2M",
    "dpm++2m-karras": "DPM++ 2M Karras",
    "unipc": "UniPC",
    "lcm": "LCM",
    "pndm": "PLMS",
    "heun": "Heun",
}


class ProvenanceError(InputError):
    """A file without provenance, or with damaged or inconsistent provenance."""


@dataclass(frozen=True, slots=True)
class Enlargement:
    """A file's picture is larger than what was drawn.

    Attributes:
        width, height: as drawn, in pixels.
        by: "Lanczos", or a model's architecture and the hash of its files.
    """

    width: int
    height: int
    by: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """The origin of a picture as recorded in its file. ``created_at`` is in UTC."""

    recipe: Recipe
    created_at: datetime
    enlarged: Enlargement | None = None

    @property
    def image_id(self) -> str:
        """The picture's address in the store: the recipe's hash."""
        return self.recipe.recipe_id

    @property
    def source_type(self) -> str:
        """IPTC's DigitalSourceType, as a full URI.

        A picture made from a photo is a composite with synthetic elements; all others were made by
        a trained model alone.
        """
        from_photo = self.recipe.reference_sha256 is not None
        kind = "compositeWithTrainedAlgorithmicMedia" if from_photo else "trainedAlgorithmicMedia"
        return _SOURCE_TYPES + kind

    def as_json(self) -> str:
        """The recipe and the date, in ASCII: any text field of any format can hold it."""
        return json.dumps(
            {
                "image_id": self.image_id,
                "recipe": self.recipe.chosen(),
                "created_at": _iso(self.created_at),
                "generator": CREATOR_TOOL,
                **({} if self.enlarged is None else {"enlarged": asdict(self.enlarged)}),
            },
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str) -> "Provenance":
        """Parse the output of ``as_json`` and check that the id is the recipe's hash.

        Raises:
            ProvenanceError: the text is not such JSON, or the recipe was changed.
        """
        try:
            found = json.loads(text)
            recipe = Recipe.model_validate(found["recipe"])
            moment = datetime.fromisoformat(found["created_at"]).astimezone(UTC)
            image_id = str(found["image_id"])
            enlarged = Enlargement(**found["enlarged"]) if "enlarged" in found else None
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            kind = "breaks a rule" if isinstance(error, ValidationError) else "is unreadable"
            raise ProvenanceError(
                "the recipe in the file", f"{kind} ({_short(error)})", "Take the file as exported."
            ) from error
        if image_id != recipe.recipe_id:
            raise ProvenanceError(
                f"image {image_id[:64]}",
                "the recipe in the file does not hash to the id beside it: it was changed",
                "Take the file as exported, or name the image by its id.",
            )
        return cls(recipe, moment, enlarged)

    def parameters(self) -> str:
        """Prompt, negative prompt and settings in the form of AUTOMATIC1111's web UI.

        Three lines; the last is ``Steps: 20, Sampler: DDIM, ...``. A value with a comma, a colon
        or a line break is quoted as JSON, as that web UI does.
        """
        recipe = self.recipe
        settings: dict[str, object] = {
            "Steps": recipe.steps,
            "Sampler": _SAMPLERS.get(recipe.scheduler, recipe.scheduler),
            "CFG scale": f"{recipe.guidance:g}",
            **({} if recipe.eta is None else {"Eta DDIM": f"{recipe.eta:g}"}),
            "Seed": recipe.seed,
            "Size": f"{recipe.width}x{recipe.height}",
            "Model hash": recipe.model_hash[:10],
            **recipe.method.webui,
            "Version": CREATOR_TOOL,
        }
        lines = [_one_line(recipe.prompt)]
        if recipe.negative_prompt:
            lines.append(f"Negative prompt: {_one_line(recipe.negative_prompt)}")
        lines.append(", ".join(f"{name}: {_value(value)}" for name, value in settings.items()))
        return "\n".join(lines)

    def xmp(self) -> bytes:
        """The XMP packet (ISO 16684-1), in UTF-8."""
        moment = _iso(self.created_at)
        properties = {
            "xmp:CreatorTool": CREATOR_TOOL,
            "xmp:CreateDate": moment,
            "xmp:MetadataDate": moment,
            "photoshop:DateCreated": moment,
            "Iptc4xmpExt:DigitalSourceType": self.source_type,
            "Iptc4xmpExt:AISystemUsed": "catalog_gen",
            "Iptc4xmpExt:AISystemVersionUsed": __version__,
            "catalog_gen:ImageID": self.image_id,
            "catalog_gen:ModelHash": self.recipe.model_hash,
            "catalog_gen:Provenance": self.as_json(),
        }
        attributes = "\n  ".join(f"{name}={quoteattr(value)}" for name, value in properties.items())
        return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
 <rdf:Description rdf:about=""
  xmlns:xmp="http://ns.adobe.com/xap/1.0/"
  xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
  xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
  xmlns:catalog_gen="{NAMESPACE}"
  {attributes}/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>""".encode()


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _value(value: object) -> str:
    text = str(value)
    return json.dumps(text) if any(sign in text for sign in ",:\n") else text


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
