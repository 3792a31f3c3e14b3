import numpy as np
import pytest

from sensors.cutters.cleaning import clean
from sensors.cutters.voice import BANDS, Voice
from sensors.signals.spectrogram import SAMPLE_RATE
from tests.sensors.speech import word


def _background(noise: float, rng: np.random.Generator) -> np.ndarray:
    voice = Voice()
    voice.observe(noise * rng.standard_normal(7 * SAMPLE_RATE, np.float32))
    return voice.background


@pytest.mark.parametrize("length", [1, 300, 4000, 16_001])
def test_without_a_background_the_sound_stays(length: int) -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, length).astype(np.float32)
    same = clean(sound, np.full(BANDS, 1e-12))
    assert same.dtype == np.float32
    np.testing.assert_allclose(same, sound, atol=1e-5)


def test_the_floor_is_the_power_of_the_noise() -> None:
    for noise in (0.001, 0.03):
        powers = _background(noise, np.random.default_rng(1))
        # White noise from 100 Hz to 7.5 kHz of its 8 kHz, and bands that lie half over one another.
        assert powers.sum() == pytest.approx(noise**2 * 7.4 / 8, rel=0.25)


def test_noise_goes_and_the_word_stays() -> None:
    rng = np.random.default_rng(2)
    said, noise = word(1.0, rng), 0.02
    background = _background(noise, rng)
    hiss = (noise * rng.standard_normal(len(said))).astype(np.float32)
    assert np.std(clean(hiss, background)) < 0.5 * noise
    before, after = np.std(hiss), np.std(clean(said + hiss, background) - said)
    assert after < 0.85 * before
    assert np.corrcoef(clean(said + hiss, background), said)[0, 1] > 0.98
