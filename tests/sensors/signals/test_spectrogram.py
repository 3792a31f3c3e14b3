"""Log-mel spectrograms against librosa's, and their stored form."""

import subprocess
import sys
from pathlib import Path

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sensors.core.errors import DataError
from sensors.core.modalities import modality
from sensors.signals.sound import read_sound
from sensors.signals.spectrogram import (
    HOP,
    N_FFT,
    SAMPLE_RATE,
    TOP_DB,
    WINDOW,
    dequantise,
    log_mel,
    longest,
    mel_filters,
    quantise,
    too_long,
)

Wave = NDArray[np.float32]
BANDS, FRAMES = 96, 96
FULL = (FRAMES - 1) * HOP + WINDOW // 2


def librosa_log_mel(wave: Wave) -> NDArray[np.float32]:
    padded = np.zeros(FULL, np.float32)
    padded[: min(FULL, len(wave))] = wave[:FULL]
    power = librosa.feature.melspectrogram(
        y=padded,
        sr=SAMPLE_RATE,
        n_fft=N_FFT,
        win_length=WINDOW,
        hop_length=HOP,
        n_mels=BANDS,
        center=True,
    )
    return np.asarray(librosa.power_to_db(power, ref=np.max, top_db=TOP_DB), np.float32)


def made(kind: str, samples: int, seed: int = 0) -> Wave:
    rng = np.random.default_rng(seed)
    t = np.arange(samples) / SAMPLE_RATE
    noise = rng.standard_normal(samples)
    waves = {
        "noise": 0.1 * noise * np.exp(-t),
        "tone": 0.5 * np.sin(2 * np.pi * 300 * t),
        "tone over noise": 0.9 * np.sin(2 * np.pi * 7000 * t) + 3e-4 * noise,
        "chirp": 0.9 * np.sin(2 * np.pi * (100 + 300 * t) * t),
        "click": np.where(np.arange(samples) == 150, 1, 0),
        "quiet": 1e-5 * noise,
        "offset": 1 + 1e-3 * noise,
        "loud": 1e4 * noise,
    }
    return waves[kind].astype(np.float32)


@pytest.mark.parametrize("kind", ["noise", "tone", "tone over noise", "chirp", "click", "quiet", "offset", "loud"])
def test_equals_librosa_at_every_length(kind: str) -> None:
    edges = [WINDOW // 2 + k * HOP + d for k in (0, 1, 17, FRAMES - 1) for d in (-1, 0, 1)]
    waves = [made(kind, samples) for samples in (200, *edges, SAMPLE_RATE, longest(), 2 * longest())]
    found = log_mel(waves)
    assert found.shape == (len(waves), BANDS, FRAMES)
    assert found.dtype == np.float32
    for wave, db in zip(waves, found, strict=True):
        np.testing.assert_allclose(db, librosa_log_mel(wave), rtol=0, atol=1e-3, err_msg=f"{len(wave)} samples")


@given(
    st.lists(
        st.tuples(st.integers(1, 2 * HOP), st.integers(0, 2**32 - 1), st.floats(-7, 3)),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_equals_librosa_on_any_batch(clips: list[tuple[int, int, float]]) -> None:
    waves = [made("noise", samples, seed) * np.float32(10**level) for samples, seed, level in clips]
    for wave, db in zip(waves, log_mel(waves), strict=True):
        expected = librosa_log_mel(wave)
        if expected.min() == expected.max():  # no power at all: librosa says 0 dB throughout
            expected = np.full_like(expected, -TOP_DB)
        np.testing.assert_allclose(db, expected, rtol=0, atol=1e-3)


def test_equals_librosa_on_real_speech(data_dir: Path) -> None:
    paths = sorted((data_dir / "fsdd/recordings").iterdir())[::300]
    paths += sorted((data_dir / "speech_commands").glob("*/*"))[::200]
    waves = [read_sound(path) for path in paths]
    for path, wave, db in zip(paths, waves, log_mel(waves), strict=True):
        np.testing.assert_allclose(db, librosa_log_mel(wave), rtol=0, atol=1e-3, err_msg=path.name)


def test_mel_filters_equal_librosa() -> None:
    for points, bands in ((N_FFT, BANDS), (512, 40)):
        theirs = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=points, n_mels=bands)
        np.testing.assert_allclose(mel_filters(bands, SAMPLE_RATE, points), theirs, rtol=1e-5, atol=1e-8)


def test_a_clip_does_not_depend_on_its_neighbours() -> None:
    waves = [made("noise", 700 * k + 1, seed=k) for k in range(40)]
    together = log_mel(waves)
    for wave, db in zip(waves, together, strict=True):
        np.testing.assert_allclose(log_mel([wave])[0], db, rtol=0, atol=1e-4)


def test_silence_is_the_floor() -> None:
    db = log_mel([np.zeros(5000, np.float32), made("noise", 5000), np.zeros(1, np.float32)])
    assert (db[0] == -TOP_DB).all() and (db[2] == -TOP_DB).all()
    assert db[1].max() == 0


def test_padding_of_a_short_clip_is_the_floor() -> None:
    db = log_mel([made("noise", 3 * HOP)])[0]
    assert (db[:, 4:] == -TOP_DB).all()
    assert (db[:, :3] > -TOP_DB).all()


def test_strided_and_read_only_waves() -> None:
    wave = made("noise", 20_000)
    frozen = wave[::2].copy()
    frozen.setflags(write=False)
    np.testing.assert_array_equal(log_mel([wave[::2]]), log_mel([frozen]))


def test_no_clips_give_no_spectrograms() -> None:
    assert log_mel([]).shape == (0, BANDS, FRAMES)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("place", [0, 743, 5000, -1])
def test_names_the_clip_with_bad_samples(value: float, place: int) -> None:
    bad = made("noise", 12_345)
    bad[place] = value
    # At its very edge a frame's window is zero, so that a merely huge sample there is heard by its neighbour.
    with pytest.raises(DataError, match=r"clip 2: .*-1…1"):
        log_mel([made("noise", 100), made("tone", FULL), bad, made("noise", 100)])


def test_names_the_clip_of_another_type() -> None:
    good = made("noise", 100)
    for bad, found in (
        (np.empty(0, np.float32), "empty"),
        (good.astype(np.float64), "1-D float64"),
        (good[None], "2-D float32"),
        ([0.1], "list"),
    ):
        with pytest.raises(DataError, match=f"clip 1: .*{found}"):
            log_mel([good, bad])  # type: ignore[list-item]  # what is tested


def test_too_long() -> None:
    assert not too_long(np.zeros(round(5.57 * SAMPLE_RATE), np.float32))
    assert too_long(np.zeros(round(5.58 * SAMPLE_RATE), np.float32))


def test_quantise_and_back() -> None:
    db = np.linspace(-90, 5, 2 * BANDS * FRAMES, dtype=np.float32).reshape(2, BANDS, FRAMES)
    stored = quantise(db)
    assert stored.shape == (2, *modality("audio").shape)
    assert stored.dtype == modality("audio").dtype
    assert np.abs(dequantise(stored) - np.clip(db, -TOP_DB, 0)).max() <= TOP_DB / 255 / 2 + 1e-4
    every = np.arange(256, dtype=np.uint8).repeat(36).reshape(1, *modality("audio").shape)
    np.testing.assert_array_equal(quantise(dequantise(every)), every)
    assert dequantise(every).min() == -TOP_DB and dequantise(every).max() == 0


def test_quantise_refuses_other_shapes_and_nan() -> None:
    with pytest.raises(DataError, match=r"shape \(N, 96, 96\)"):
        quantise(np.zeros((1, 96, 95), np.float32))
    with pytest.raises(DataError, match="NaN"):
        quantise(np.full((1, 96, 96), np.nan, np.float32))
    with pytest.raises(DataError, match="uint8"):
        dequantise(np.zeros((1, 1, 96, 96), np.float32))


def test_import_stays_slim() -> None:
    heavy = {"torch", "librosa", "numba", "ray"}
    code = f"import sys, sensors.signals.spectrogram; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"
