"""From spectrograms back to sound, and WAV files."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from sensors.core.errors import DataError, StorageError
from sensors.signals.griffin_lim import PEAK, invert, write_wav
from sensors.signals.sound import read_sound
from sensors.signals.spectrogram import HOP, SAMPLE_RATE, dequantise, log_mel, quantise


def vowel_like(seconds: float) -> NDArray[np.float32]:
    """A gliding pitch with harmonics, and noise at its end."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    phase = 2 * np.pi * (120 * t + 30 * t**2)
    voice = sum(np.sin(k * phase) / k for k in range(1, 20)) * np.sin(np.pi * t / seconds)
    hiss = np.random.default_rng(0).standard_normal(len(t)) * (t > 0.7 * seconds)
    return (0.2 * voice + 0.05 * hiss).astype(np.float32)


def correlation(wave: NDArray[np.float32]) -> float:
    """Of the sound's own spectrogram with that of what its stored form gives back, where it sounds."""
    db = dequantise(quantise(log_mel([wave])))[0]
    back = log_mel([invert(db)])[0]
    sounding = slice(0, len(wave) // HOP)
    return float(np.corrcoef(db[:, sounding].ravel(), back[:, sounding].ravel())[0, 1])


def test_the_reconstruction_sounds_alike() -> None:
    assert correlation(vowel_like(1.2)) > 0.98


def test_real_speech_comes_back(data_dir: Path) -> None:
    paths = sorted((data_dir / "fsdd/recordings").iterdir())[::1500]
    assert min(correlation(read_sound(path)) for path in paths) > 0.97


def test_length_level_and_seed() -> None:
    db = log_mel([vowel_like(0.6)])[0, :, :12]
    wave = invert(db, iterations=4, seed=1)
    assert wave.shape == (11 * HOP,) and wave.dtype == np.float32
    assert np.abs(wave).max() == pytest.approx(PEAK, abs=1e-6)
    np.testing.assert_array_equal(wave, invert(db, iterations=4, seed=1))
    assert np.abs(wave - invert(db, iterations=4, seed=2)).max() > 1e-3


def test_silence_comes_back_as_silence() -> None:
    assert (invert(np.full((96, 96), -80, np.float32)) == 0).all()


def test_invert_refuses_other_arrays() -> None:
    for shape in ((1, 96, 96), (95, 96), (96, 1)):
        with pytest.raises(DataError, match=r"expected shape \(96"):
            invert(np.zeros(shape, np.float32))
    with pytest.raises(DataError, match="NaN"):
        invert(np.full((96, 96), np.nan, np.float32))


def test_wav_round_trip_clips(tmp_path: Path) -> None:
    wave = np.array([0, 0.5, -0.5, 1.5, -1.5], np.float32)
    write_wav(tmp_path / "a.wav", wave)
    assert soundfile.info(str(tmp_path / "a.wav")).subtype == "PCM_16"
    np.testing.assert_allclose(read_sound(tmp_path / "a.wav"), np.clip(wave, -1, 1), atol=1e-4)
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]


def test_write_wav_refuses(tmp_path: Path) -> None:
    for wave in (np.empty(0, np.float32), np.zeros((2, 2), np.float32), np.array([np.nan], np.float32)):
        with pytest.raises(DataError, match=r"a\.wav"):
            write_wav(tmp_path / "a.wav", wave)
    with pytest.raises(StorageError, match=r"a\.wav: cannot be written"):
        write_wav(tmp_path / "missing" / "a.wav", np.zeros(4, np.float32))
    (tmp_path / "taken.wav").mkdir()
    with pytest.raises(StorageError, match=r"taken\.wav: cannot be written"):
        write_wav(tmp_path / "taken.wav", np.zeros(4, np.float32))
    assert [p.name for p in tmp_path.iterdir()] == ["taken.wav"]
