"""WAV files become samples of one rate and one channel."""

import io
import wave

import numpy as np
import pytest

from catalog_gen.errors import InputError
from catalog_gen.speech.recording import RATE, read_recording


def wav(samples: np.ndarray, rate: int = RATE, width: int = 2) -> bytes:
    """A PCM file of samples (N,) or (N, channels) in [-1, 1]."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        most = 2 ** (8 * width - 1) - 1
        file.writeframes((samples * most).astype(f"<i{width}").tobytes())
    return stream.getvalue()


def tone(rate: int, seconds: float = 0.5) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)


@pytest.mark.parametrize("width", [2, 4])
def test_samples_keep_their_level(width: int) -> None:
    samples = read_recording(wav(tone(RATE), width=width))
    assert samples.dtype == np.float32
    assert np.abs(samples - tone(RATE)).max() < 1e-4


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
def test_other_rates_are_resampled(rate: int) -> None:
    samples = read_recording(wav(tone(rate), rate))
    assert abs(len(samples) - RATE / 2) <= 1
    inner = slice(200, -200)  # a filter rings at the ends
    assert np.abs(samples - tone(RATE)[: len(samples)])[inner].max() < 5e-3


def test_channels_are_averaged() -> None:
    both = np.stack([tone(RATE), -tone(RATE)], axis=1)
    assert np.abs(read_recording(wav(both))).max() < 1e-4


def test_a_stream_whose_header_has_no_length_is_read() -> None:
    content = bytearray(wav(tone(RATE)))
    content[40:44] = (0x7FFFF000).to_bytes(4, "little")
    assert len(read_recording(bytes(content))) == RATE // 2


@pytest.mark.parametrize("content", [b"", b"no sound", wav(tone(RATE))[:20]])
def test_what_is_no_recording_is_refused(content: bytes) -> None:
    with pytest.raises(InputError, match="Record it again"):
        read_recording(content)


def test_a_long_one_is_refused() -> None:
    with pytest.raises(InputError, match="at most 60 s"):
        read_recording(wav(np.zeros(61 * RATE)))
