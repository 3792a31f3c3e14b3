"""Log-mel spectrograms back to sound that can be listened to."""

import inspect
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import DataError, StorageError
from sensors.core.modalities import modality
from sensors.signals.spectrogram import HOP, N_FFT, SAMPLE_RATE, TOP_DB, WINDOW, dequantise, mel_filters

PEAK = 0.9
"""Loudest sample of a reconstructed waveform: a spectrogram does not say how loud it was."""


QUIET = 45.0
"""Decibel below the loudest frame at which a sound counts as over; what networks draw is never quite silent."""
_UPDATES = 5


def hear(stored: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A stored spectrogram (1, bands, frames) as a waveform that ends where the sound does.

    Returns:
        (samples,) float32 at 16 kHz; without samples where the spectrogram is silent.
    """
    db = dequantise(stored[None])[0]
    loudness = db.max(axis=0)
    heard = np.flatnonzero(loudness > loudness.max() - QUIET)
    if loudness.max() <= -QUIET or len(heard) == 0:
        return np.zeros(0, np.float32)
    frames = min(max(int(heard[-1]) + 2, 4), db.shape[1])
    wave = invert(np.ascontiguousarray(db[:, :frames]))
    fade = min(HOP, len(wave))
    wave[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return wave


def invert(db: NDArray[np.float32], *, iterations: int = 32, seed: int = 0) -> NDArray[np.float32]:
    """A waveform whose log-mel spectrogram is close to the given one: filters undone, phases by Griffin-Lim.

    Args:
        db: (bands, frames) float32 (mel band, frame), -80…0 dB, as one row of `log_mel`.
        iterations: of Griffin-Lim; more sound cleaner.
        seed: of the random phases it starts from.

    Returns:
        ((frames - 1) x HOP,) float32 at 16 kHz with peak 0.9; zeros for a silent spectrogram.

    Raises:
        DataError: another shape, or NaN.
    """
    bands = modality("audio").shape[1]
    if db.ndim != 2 or db.shape[0] != bands or db.shape[1] < 2:
        raise DataError(f"log-mel: expected shape ({bands}, 2 or more frames), got {db.shape}")
    if not np.isfinite(db).all():
        raise DataError("log-mel: holds NaN or infinite values")
    if db.max() <= -TOP_DB:
        return np.zeros((db.shape[1] - 1) * HOP, np.float32)
    # librosa imports numba, which takes seconds: only programs that make sound import it.
    import librosa

    power = np.where(db > -TOP_DB, 10 ** (np.clip(db.astype(np.float64), -TOP_DB, 0) / 10), 0)
    # librosa 1.0, which needs Python 3.12, has another name for the seed.
    known = inspect.signature(librosa.griffinlim).parameters
    seeded: dict[str, Any] = {"rng" if "rng" in known else "random_state": seed}
    wave = librosa.griffinlim(
        np.sqrt(_spread(power)), n_iter=iterations, hop_length=HOP, win_length=WINDOW, n_fft=N_FFT, **seeded
    )
    peak = float(np.abs(wave).max())
    return np.asarray(wave * (PEAK / peak) if peak > 0 else wave, np.float32)


def _spread(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mel power (bands, frames) to the power of each bin (1025, frames).

    Richardson-Lucy's multiplicative updates: unlike `librosa.util.nnls` they fit quiet bands as well as loud
    ones, and take a hundredth of its time.
    """
    # No filter touches the first and the last bin.
    filters = mel_filters(len(power))[:, 1:-1].astype(np.float64)
    weight = filters.sum(axis=0)[:, None]
    spread = (filters / weight.T).T @ (power / filters.sum(axis=1, keepdims=True))
    for _ in range(_UPDATES):
        spread *= filters.T @ (power / np.maximum(filters @ spread, 1e-30)) / weight
    return np.pad(spread, ((1, 1), (0, 0)))


def write_wav(path: str | Path, wave: NDArray[np.float32], rate: int = SAMPLE_RATE) -> None:
    """Write a 16-bit WAV file, whole or not at all; louder samples than 1 are clipped.

    Raises:
        DataError: the waveform is empty, not 1-D, or holds NaN or infinite samples.
        StorageError: the file cannot be written.
    """
    # A robot writes no files of sound, and need not have the library.
    import soundfile

    path = Path(path)
    if wave.ndim != 1 or not len(wave) or not np.isfinite(wave).all():
        raise DataError(f"{path}: expected a 1-D waveform of finite samples to write, got shape {wave.shape}")
    memory = io.BytesIO()
    soundfile.write(memory, np.clip(wave, -1, 1), rate, format="WAV", subtype="PCM_16")
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(memory.getbuffer())
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        cause = error.strerror or type(error).__name__
        raise StorageError(f"{path}: cannot be written ({cause}); check the folder and its space") from None
