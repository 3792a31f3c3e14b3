"""Sound files to waveforms: one channel, 16 kHz, float32."""

from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from sensors.errors import DataError
from sensors.spectrogram import SAMPLE_RATE

LONGEST_FILE = 600.0
"""Longest sound file that is read, seconds."""
RATES = (1_000, 384_000)
"""Lowest and highest sampling rate that is resampled, Hz."""


def read_sound(path: str | Path) -> NDArray[np.float32]:
    """A sound file's waveform: channels averaged, resampled to 16 kHz.

    Args:
        path: WAV, FLAC, OGG or whatever else libsndfile reads, at most 10 minutes.

    Returns:
        (samples,) float32, nominally -1…1.

    Raises:
        DataError: names the file that is missing, unreadable, empty, too long, or holds NaN or infinity.
    """
    if not Path(path).is_file():
        raise DataError(f"{path}: no such sound file; check the path")
    try:
        with soundfile.SoundFile(str(path)) as file:
            rate = int(file.samplerate)
            _check_rate(str(path), rate)
            if file.frames > LONGEST_FILE * rate:
                seconds = file.frames / rate
                raise DataError(f"{path}: {seconds:.0f} s of sound; cut it to at most {LONGEST_FILE:.0f} s")
            channels: NDArray[np.float32] = file.read(dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        cause = str(getattr(error, "error_string", error)).strip().rstrip(".")
        raise DataError(f"{path}: cannot be read as sound ({cause}); convert it to WAV or FLAC") from None
    if not len(channels):
        raise DataError(f"{path}: holds no samples; remove the file or record it again")
    wave = channels[:, 0] if channels.shape[1] == 1 else channels.mean(axis=1, dtype=np.float32)
    if not np.isfinite(wave).all():
        raise DataError(f"{path}: holds NaN or infinite samples; remove the file or record it again")
    wave = resample(np.ascontiguousarray(wave), rate)
    if not len(wave):
        raise DataError(f"{path}: shorter than one sample at {SAMPLE_RATE} Hz; remove the file")
    return wave


def resample(wave: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """A waveform at 16 kHz.

    Args:
        wave: (samples,) float32.
        rate: its sampling rate, Hz.

    Returns:
        (samples x 16000 / rate,) float32; the same array when the rate is 16 kHz already.

    Raises:
        DataError: not 1-D float32, or a rate outside 1…384 kHz.
    """
    if wave.ndim != 1 or wave.dtype != np.float32:
        raise DataError(f"waveform: expected 1-D float32, got {wave.ndim}-D {wave.dtype}")
    _check_rate("waveform", rate)
    if rate == SAMPLE_RATE:
        return wave
    return np.asarray(soxr.resample(wave, rate, SAMPLE_RATE), np.float32)


def _check_rate(owner: str, rate: int) -> None:
    low, high = RATES
    if not low <= rate <= high:
        raise DataError(f"{owner}: sampling rate {rate} Hz is outside {low}…{high} Hz; give the true rate")
