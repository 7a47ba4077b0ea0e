"""Recordings: WAV files as the samples that recognisers take."""

import io
import wave
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from catalog_gen.errors import InputError

#: Samples a second that speech models are made for.
RATE: Final = 16_000
#: Seconds; longer ones are no prompt and no search.
MOST_SECONDS: Final = 60.0

#: (N,) in [-1, 1], ``RATE`` a second, one channel.
Samples = NDArray[np.float32]

_TYPES: Final[dict[int, Any]] = {2: np.dtype("<i2"), 4: np.dtype("<i4")}


def read_recording(content: bytes) -> Samples:
    """The samples of a WAV file: its channels averaged, resampled to ``RATE``.

    Raises:
        InputError: it is no PCM WAV file of 16 or 32 bits, or too long.
    """
    try:
        with wave.open(io.BytesIO(content)) as file:
            kind = _TYPES.get(file.getsampwidth())
            rate, channels = file.getframerate(), file.getnchannels()
            if kind is None or not rate or not channels:
                raise wave.Error(f"{8 * file.getsampwidth()} bits, {rate} Hz")
            # A program that streams does not know the length that it writes into the header.
            frames = min(file.getnframes(), len(content) // (kind.itemsize * channels))
            if frames > rate * MOST_SECONDS:
                raise InputError(
                    f"a recording of {frames / rate:.0f} s",
                    f"at most {MOST_SECONDS:.0f} s are recognised",
                    "Say a prompt or a few words.",
                )
            raw = np.frombuffer(file.readframes(frames), kind)
    except (wave.Error, EOFError) as error:
        raise InputError(
            "the recording", f"is no WAV file that is read ({error})", "Record it again."
        ) from error
    whole = raw[: len(raw) // channels * channels].reshape(-1, channels)
    scaled = whole.mean(axis=1, dtype=np.float64) / -float(np.iinfo(kind).min)
    return _resampled(scaled, rate).astype(np.float32)


def _resampled(samples: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    """By a polyphase filter, which keeps what is above the new band out of it."""
    if rate == RATE or not samples.size:
        return samples
    from scipy.signal import resample_poly

    divisor = int(np.gcd(rate, RATE))
    resampled: NDArray[np.float64] = resample_poly(samples, RATE // divisor, rate // divisor)
    return np.clip(resampled, -1, 1)
