"""The embedded recogniser: PocketSphinx with its own American English model.

Which words follow which is learned from the catalog's texts, as a back-off trigram model (Katz,
1987, with a fixed discount). So it needs no large model; what the catalog does not say, it can't
hear.
"""

import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib.util import find_spec
from itertools import chain, count
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from catalog_gen.dialects.text import words_in
from catalog_gen.errors import ConfigError
from catalog_gen.speech.recording import RATE, Samples

#: What the model was trained on is never wholly silent: zeros, as noise gates and synthetic voices
#: leave them, are heard as speech. So recordings get a level, a floor of noise, and an edge.
_PEAK: Final = 0.5
_NOISE: Final = 0.006
_EDGE: Final = 0.3  # seconds


class Sphinx:
    """Hears the words of texts, best in the order in which the texts have them."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Learn from texts; words of theirs that the dictionary lacks are ``unknown``.

        Raises:
            ConfigError: PocketSphinx is not installed.
        """
        if find_spec("pocketsphinx") is None:
            raise ConfigError(
                "speech",
                "needs the package pocketsphinx, which is not installed",
                "Install it: pip install 'catalog-gen[web]'; or set [speech] model.",
            )
        from pocketsphinx import Decoder

        whole: Any = Decoder(lm=None, loglevel="FATAL")
        split = [words_in(text) for text in texts]
        sounds = {
            word: tuple(_pronunciations(whole, word))
            for word in dict.fromkeys(word for words in split for word in words)
        }
        self._unknown = tuple(word for word, found in sounds.items() if not found)
        sentences = [run for words in split for run in _known_runs(words, sounds)]
        self._decoder = _listening_for(sentences, sounds) if sentences else None

    @property
    def unknown(self) -> tuple[str, ...]:
        return self._unknown

    def words(self, samples: Samples) -> str:
        if self._decoder is None or not samples.any():
            return ""
        self._decoder.start_utt()
        self._decoder.process_raw(_levelled(samples).tobytes(), full_utt=True)
        self._decoder.end_utt()
        heard = self._decoder.hyp()
        return "" if heard is None else str(heard.hypstr)


def _pronunciations(decoder: Any, word: str) -> Iterator[str]:
    """The word's lines in the model's dictionary: "read R EH D", "read(2) R IY D"."""
    for entry in chain([word], (f"{word}({number})" for number in count(2))):
        sounds = decoder.lookup_word(entry)
        if sounds is None:
            return
        yield f"{entry} {sounds}"


def _listening_for(sentences: Iterable[str], sounds: Mapping[str, Collection[str]]) -> Any:
    """A decoder with these words alone: with all 134,000 it takes seconds to begin."""
    from pocketsphinx import Decoder
    from pocketsphinx.lm import ArpaBoLM

    model = ArpaBoLM(add_start=True)
    model.read_corpus(f"{sentence}\n" for sentence in sentences)
    model.compute()
    with tempfile.TemporaryDirectory() as folder:
        follows, dictionary = Path(folder, "catalog.arpa"), Path(folder, "catalog.dict")
        model.write_file(str(follows))
        lines = (line for found in sounds.values() for line in found)
        dictionary.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        return Decoder(lm=str(follows), dict=str(dictionary), loglevel="FATAL")


def _known_runs(words: Iterable[str], known: Mapping[str, Collection[str]]) -> Iterator[str]:
    """The text's words between those that can't be heard."""
    run: list[str] = []
    for word in words:
        if known[word]:
            run.append(word)
        elif run:
            yield " ".join(run)
            run = []
    if run:
        yield " ".join(run)


def _levelled(samples: Samples) -> NDArray[np.int16]:
    edge = np.zeros(int(_EDGE * RATE))
    padded = np.concatenate([edge, samples * (_PEAK / np.abs(samples).max()), edge])
    noise = np.random.default_rng(0).standard_normal(padded.size)
    scaled = np.clip(padded + _NOISE * noise, -1, 1) * np.iinfo(np.int16).max
    return scaled.astype("<i2")
