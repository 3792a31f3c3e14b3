import numpy as np
import pytest

from benchmarks.studies.hearing.played import Clip, noise, play


def test_noise_has_unit_power_and_pink_falls_by_3_db_an_octave() -> None:
    for kind, fall in (("white", 0.0), ("pink", 3.0)):
        made = noise(kind, 2**17, 0)
        assert made.std() == pytest.approx(1, rel=0.02)
        power = np.abs(np.fft.rfft(made)) ** 2
        low, high = (power[k : 2 * k].mean() for k in (2**12, 2**14))
        assert 10 * np.log10(low / high) == pytest.approx(2 * fall, abs=0.5)


def test_words_are_equally_loud_and_told_where_they_are() -> None:
    rng = np.random.default_rng(0)
    clips = [Clip(level * rng.standard_normal(16_000, np.float32), 4_000, 9_000, "one") for level in (0.01, 0.3)]
    played = play(clips, 3)
    for start, end in played.audible:
        assert end - start == pytest.approx(5_000 / 16_000)
        heard = played.sound[round(16_000 * start) : round(16_000 * end)]
        assert heard.std() == pytest.approx(0.05, rel=0.02)
    in_noise = played.with_noise("white", 20, 1)
    assert (in_noise - played.sound).std() == pytest.approx(0.005, rel=0.02)
    assert 0.5 <= played.file[1][0] - played.file[0][1] <= 1.5
