"""Recognisers, and which one a catalog has."""

from collections.abc import Iterable
from typing import Protocol

from catalog_gen.settings.speech import SpeechSettings
from catalog_gen.speech.recording import Samples


class Recogniser(Protocol):
    """Turns recordings into words."""

    @property
    def unknown(self) -> tuple[str, ...]:
        """Words of the catalog that it can't hear, in their order."""

    def words(self, samples: Samples) -> str:
        """What is said, in lower case and without punctuation; '' if nothing is."""


def recogniser_of(settings: SpeechSettings, texts: Iterable[str]) -> Recogniser:
    """The model that the settings name, or PocketSphinx listening for the words of these texts.

    Raises:
        ConfigError: the package for it is not installed.
        ModelError: the folder can't be used.
    """
    if settings.model is not None:
        from catalog_gen.speech.speech_model import SpeechModel

        return SpeechModel(settings.model)
    from catalog_gen.speech.sphinx import Sphinx

    return Sphinx(texts)
