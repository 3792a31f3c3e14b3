"""A browser's stage: its files hold the script, and its beginning is found again."""

from pathlib import Path

import numpy as np
import soundfile

from benchmarks.harness.browser_stage import FPS, began_at, shifted, write_film, write_sound
from benchmarks.harness.shown import drawing
from benchmarks.harness.stage import Line
from sensors.signals.spectrogram import SAMPLE_RATE

LINES = [
    Line(1.0, 1.5, 2.0, 2.5, 3, drawing(3), np.full(SAMPLE_RATE // 2, 0.5, np.float32), (0.0, 0.0)),
    Line(3.0, 3.4, 3.9, 4.2, 4, None, np.full(SAMPLE_RATE // 2, 0.5, np.float32), (0.0, 0.0)),
    Line(5.0, 5.7, 6.2, 6.4, 5, drawing(5), None, (0.0, 0.0)),
]


def test_the_sound_has_the_words_where_they_are_said(tmp_path: Path) -> None:
    write_sound(tmp_path / "s.wav", LINES, 7.0)
    sound, rate = soundfile.read(tmp_path / "s.wav")
    assert rate == SAMPLE_RATE and len(sound) == 7 * SAMPLE_RATE
    loud = [float(np.abs(sound[round(at * rate) : round((at + 0.1) * rate)]).mean()) for at in (1.2, 1.6, 3.5, 5.8)]
    assert [level > 0.1 for level in loud] == [False, True, True, False]


def test_the_film_has_a_picture_for_each_moment(tmp_path: Path) -> None:
    write_film(tmp_path / "f.mjpeg", LINES, 7.0)
    assert (tmp_path / "f.mjpeg").read_bytes().count(b"\xff\xd8\xff") == 7 * FPS


def test_the_beginning_is_where_most_words_fit() -> None:
    rng = np.random.default_rng(0)
    starts = [100.3 + line.said + float(rng.uniform(0, 0.05)) for line in LINES[:2]] + [101.0]
    assert abs(began_at(starts, LINES, (99.0, 102.0)) - 100.33) < 0.05
    assert began_at([], LINES, (99.0, 102.0)) == 102.0
    assert shifted(LINES, 10.0)[0].said == 11.5
