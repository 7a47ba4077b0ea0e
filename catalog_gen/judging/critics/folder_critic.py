"""What critics have in common whose model is a folder of the transformers library."""

import threading
from abc import abstractmethod
from collections.abc import Collection
from typing import Any, ClassVar, Final

from catalog_gen.diffusion.model_folder import ModelFolder
from catalog_gen.judging.critics.critic import Critic, Hashing
from catalog_gen.settings.judge import CriticSettings

_REMEDY: Final = (
    "Set critic.id to a folder that save_pretrained of the transformers library wrote, with model "
    "and processor."
)


class FolderCritic(Critic):
    """Checks and hashes its folder; loads model and processor once, on a GPU if there is one."""

    usable: ClassVar[Collection[str] | None] = None
    """transformers' names of the architectures; None: what loads will do."""
    unfit: ClassVar[str] = ""
    """What others don't do."""
    instead: ClassVar[str] = ""
    """The next step then."""

    def __init__(self, settings: CriticSettings) -> None:
        super().__init__(settings)
        self._lock = threading.Lock()
        self._parts: tuple[Any, Any] | None = None

    def identity(self, hashing: Hashing) -> str:
        return self.folder().sha256(hashing)

    def folder(self) -> ModelFolder:
        """The folder, checked.

        Raises:
            ModelError: as ``ModelFolder.checked``.
        """
        return ModelFolder.checked(
            self.settings.id,
            self.usable,
            absent=("is no transformers folder: it has no config.json", _REMEDY),
            unfit=self.unfit,
            instead=self.instead,
        )

    @abstractmethod
    def classes(self) -> tuple[Any, Any]:
        """transformers' classes of model and processor; imports them."""

    def loaded(self) -> tuple[Any, Any]:
        """The model in evaluation mode and its processor.

        Raises:
            ModelError: as ``folder``, or the files don't fit each other.
        """
        import torch

        with self._lock:
            if self._parts is None:
                cuda = torch.cuda.is_available()
                dtype = torch.bfloat16 if cuda else torch.float32
                model, processor = self.folder().load(*self.classes(), remedy=_REMEDY, dtype=dtype)
                self._parts = model.to("cuda" if cuda else "cpu"), processor
            return self._parts
