"""A speech model of one's own: any folder that transformers recognises speech with."""

from pathlib import Path
from typing import Any, Final

from catalog_gen.dialects.text import words_in
from catalog_gen.diffusion.model_folder import ModelFolder
from catalog_gen.errors import ModelError
from catalog_gen.speech.recording import RATE, Samples

_TASK: Final = "automatic-speech-recognition"
_REMEDY: Final = (
    "Set [speech] model to a transformers folder with safetensors weights, or leave it out."
)


class SpeechModel:
    """A Whisper, wav2vec2 or another model, from its folder; on the CPU, beside what draws."""

    def __init__(self, folder: Path) -> None:
        """Load it, from files alone.

        Raises:
            ModelError: the folder is missing or incomplete, brings its own code, or holds no model
                that recognises speech.
        """
        from transformers import pipeline

        ModelFolder.checked(folder, None, absent=("it has no config.json", _REMEDY))
        try:
            self._pipeline: Any = pipeline(
                _TASK,
                model=str(folder),
                device="cpu",
                model_kwargs={"use_safetensors": True},
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ModelError(
                str(folder),
                f"it can't be loaded as a speech model ({' '.join(str(error).split())[:200]})",
                _REMEDY,
            ) from error

    @property
    def unknown(self) -> tuple[str, ...]:
        return ()

    def words(self, samples: Samples) -> str:
        if not samples.size:
            return ""
        heard = self._pipeline({"raw": samples, "sampling_rate": RATE})
        return " ".join(words_in(str(heard["text"])))
