"""The interface of a critic: a network that looks at a picture's form, named by ``[critic]``.

``pyproject.toml`` lists the kinds under ``catalog_gen.critics``. A new one is a file with a class
derived from ``Critic`` and a line there.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, Final, Literal

from catalog_gen.errors import ConfigError
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.registry import Registry
from catalog_gen.settings.judge import CriticSettings

#: SHA-256 of a file, from a cache where there is one.
Hashing = Callable[[Path], str]
#: The facts that a critic may answer: a probability that was fitted to people's verdicts, or its
#: own measure, on a scale of its own.
Answer = Literal["soundness", "preference"]


class Critic(ABC):
    """A model that is loaded at first use. Threads may share it."""

    fact: ClassVar[Answer]
    """Which fact its answers are."""
    takes: ClassVar[frozenset[str]] = frozenset()
    """The settings besides ``kind`` and ``id`` that it reads."""

    def __init__(self, settings: CriticSettings) -> None:
        self.settings = settings

    @abstractmethod
    def check(self) -> str:
        """What the critic is, by its files; no network is loaded.

        Raises:
            ModelError: ``look`` would refuse the files.
        """

    @abstractmethod
    def identity(self, hashing: Hashing) -> str:
        """SHA-256 over all that decides its answers.

        Raises:
            ModelError: the files are missing or of another form.
        """

    @abstractmethod
    def look(self, pictures: Sequence[Pixels], prompts: Sequence[str]) -> list[float]:
        """Its answer for each picture, uint8 (H, W, 3) sRGB, drawn from a prompt; more is better.

        Raises:
            ModelError: the model can't be loaded.
        """


CRITICS: Final[Registry[type[Critic]]] = Registry("kind of critic", "catalog_gen.critics")


def critic_of(settings: CriticSettings | None) -> Critic | None:
    """The critic for these settings; None without settings.

    Raises:
        ConfigError: no such kind is installed, or the kind doesn't read one of the settings.
    """
    if settings is None:
        return None
    kind = CRITICS.get(settings.kind)
    unread = sorted(settings.model_fields_set - {"kind", "id", *kind.takes})
    if unread:
        raise ConfigError(
            f"critic.{unread[0]}",
            f"is not read by a critic of kind '{settings.kind}'",
            "Take it out, or set critic.kind to one that reads it: "
            f"{', '.join(name for name, each in CRITICS.items() if unread[0] in each.takes)}.",
        )
    return kind(settings)
