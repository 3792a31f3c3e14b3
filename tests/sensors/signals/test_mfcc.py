"""MFCC against librosa's, and against the conventions of AV-Letters' own files."""

from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest
from numpy.typing import NDArray

from sensors.core.errors import DataError
from sensors.core.event import EventBatch
from sensors.signals.mfcc import BANDS, COEFFICIENTS, N_FFT, PRE_EMPHASIS, STEP, WINDOW, deltas, mfcc, speech_frames
from sensors.signals.sound import read_sound
from sensors.signals.spectrogram import SAMPLE_RATE
from tests.sensors.batches import fields


def noise(samples: int, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal(samples) * np.sin(np.arange(samples) / 3000)).astype(np.float32)


def librosa_frames(wave: NDArray[np.float32]) -> NDArray[np.float64]:
    """The 12 coefficients and the log energy, made by librosa's own functions."""
    sound = wave.astype(np.float64) * 32768
    sharp = librosa.effects.preemphasis(sound, coef=PRE_EMPHASIS, zi=[0.0])
    # librosa centres the window in the transform's frame; ours starts with it.
    lead = (N_FFT - WINDOW) // 2
    magnitude = librosa.feature.melspectrogram(
        y=np.pad(sharp, lead),
        sr=SAMPLE_RATE,
        n_fft=N_FFT,
        win_length=WINDOW,
        hop_length=STEP,
        window=np.hamming(WINDOW),
        center=False,
        power=1,
        n_mels=BANDS,
        htk=True,
        norm=None,
    )
    cepstrum = librosa.feature.mfcc(S=np.log(np.maximum(magnitude, 1)), n_mfcc=COEFFICIENTS + 1)[1:].T
    rms = librosa.feature.rms(y=sound, frame_length=WINDOW, hop_length=STEP, center=False)[0]
    energy = np.log(rms**2 * WINDOW)
    return np.column_stack([cepstrum, 1 - 0.1 * (energy.max() - energy)])


@pytest.mark.parametrize("samples", [WINDOW, WINDOW + STEP - 1, WINDOW + STEP, 7680, 16_000])
def test_equals_librosa(samples: int) -> None:
    wave = noise(samples)
    frames = speech_frames([wave])[0]
    assert frames.shape == ((samples - WINDOW) // STEP + 1, 26) and frames.dtype == np.float32
    np.testing.assert_allclose(frames[:, :13], librosa_frames(wave), rtol=0, atol=1e-4)


def test_equals_librosa_on_real_speech(data_dir: Path) -> None:
    for path in sorted((data_dir / "fsdd/recordings").iterdir())[::500]:
        wave = read_sound(path)
        np.testing.assert_allclose(speech_frames([wave])[0][:, :13], librosa_frames(wave), rtol=0, atol=1e-3)


def test_inner_deltas_equal_librosa() -> None:
    static = np.random.default_rng(0).standard_normal((30, 13)).astype(np.float32)
    theirs = librosa.feature.delta(static, width=5, axis=0, mode="nearest")
    np.testing.assert_allclose(deltas(static)[2:-2], theirs[2:-2], atol=1e-5)


def test_deltas_and_energy_are_those_of_avletters(data_dir: Path) -> None:
    paths = sorted((data_dir / "avletters/Audio/mfcc/Clean").glob("*.mfcc"))
    assert len(paths) == 780
    for path in paths:
        frames = np.frombuffer(path.read_bytes()[12:], ">f4").reshape(-1, 26).astype(np.float32)
        np.testing.assert_allclose(deltas(frames[:, :13]), frames[:, 13:], atol=1e-5, err_msg=path.name)
        assert frames[:, 12].max() == 1


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
def test_deltas_of_a_ramp_are_its_slope(count: int) -> None:
    slope = np.array([2, -3], np.float32)
    ramp = np.arange(count, dtype=np.float32)[:, None] * slope
    expected = np.tile(slope if count > 1 else 0 * slope, (count, 1))
    np.testing.assert_allclose(deltas(ramp), expected, atol=1e-6)


def test_samples_are_padded_or_cut() -> None:
    waves = [noise(1), noise(300), noise(5000), noise(7680), noise(30_000)]
    samples = mfcc(waves)
    assert samples.shape == (5, 24, 26) and samples.dtype == np.float32
    np.testing.assert_array_equal(samples[4], speech_frames([waves[4]])[0][:24])
    np.testing.assert_array_equal(samples[2], mfcc([np.pad(waves[2], (0, 9000))])[0])
    assert np.isfinite(samples).all()
    f = fields("speech", 5) | {"samples": {"speech": samples}}
    assert EventBatch(**f).kind == "speech"
    assert mfcc([]).shape == (0, 24, 26)


def test_silence_is_finite() -> None:
    sample = mfcc([np.zeros(8000, np.float32)])[0]
    assert (sample[:, :12] == pytest.approx(0, abs=1e-6)) and (sample[:, 12] == 1).all()


def test_loudness_changes_only_what_the_floors_touch() -> None:
    wave = noise(8000)
    np.testing.assert_allclose(mfcc([wave]), mfcc([wave * np.float32(0.5)]), atol=1e-4)


def test_the_bad_clip_is_named() -> None:
    good = noise(500)
    bad = good.copy()
    bad[3] = np.inf
    cases: list[tuple[Any, str]] = [
        (bad, "clip 1: NaN or infinite"),
        (np.empty(0, np.float32), r"clip 1: .*shape \(0,\)"),
        (good.astype(np.float64), "clip 1: .*float64"),
        (good[None], r"clip 1: .*\(1, 500\)"),
    ]
    for wave, message in cases:
        for prepare in (mfcc, speech_frames):
            with pytest.raises(DataError, match=message):
                prepare([good, wave])
