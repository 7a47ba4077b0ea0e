"""Settings of the studio's ear."""

from pydantic import Field

from catalog_gen.chosen import Chosen
from catalog_gen.settings.types import OwnPath


class SpeechSettings(Chosen):
    """What recognises speech in the studio."""

    model: OwnPath | None = Field(
        None,
        description="a transformers folder that recognises speech; unset: PocketSphinx with "
        "the catalog's words",
    )
