import numpy as np
import pytest

from benchmarks.studies.hearing.activity import rows
from benchmarks.studies.hearing.conditions import hear, music, of_file, resampled
from benchmarks.studies.hearing.gates import marked, segment, stretches
from sensors.cutters.segmentation import SegmentationConfig
from tests.sensors.speech import stream

WORDS = [(1.5, 0.4), (2.5, 0.6), (4.0, 0.5)]


def test_frames_become_stretches_with_this_projects_pause_and_shortest_length() -> None:
    frames = marked(np.array([[0.5, 1.0], [1.1, 1.5], [2.0, 2.1], [3.0, 3.4]]), 400)
    found = stretches(frames, SegmentationConfig())
    np.testing.assert_allclose(found.spans, [[0.5, 1.5], [3.0, 3.4]])
    assert not len(stretches(np.zeros(10, bool), SegmentationConfig()).spans)


def test_every_gate_that_is_installed_is_asked() -> None:
    sound = stream(WORDS, 6.0, np.random.default_rng(0))
    truth = np.array([(start, start + length) for start, length in WORDS])
    asked = rows(sound, truth, SegmentationConfig())
    assert asked[0].gate == "energy" and asked[0].f1 > 0.9 and asked[0].recall == asked[0].precision == 1.0
    assert all(0 <= row.f1 <= 1 for row in asked)
    _, found, _ = segment(sound, SegmentationConfig())
    # An utterance is told within its pause and what the gate looks ahead.
    assert (found.told - found.spans[:, 1]).max() < 0.3


def test_a_sound_goes_the_microphones_way() -> None:
    sound = stream(WORDS, 6.0, np.random.default_rng(1))
    plain = hear(sound)
    for other in (
        hear(resampled(sound, 48_000), 48_000),
        hear(np.stack([sound, -sound], axis=1)),
        hear(of_file(sound, 44_100, "PCM_24")),
        hear(sound + np.float32(0.3)),
    ):
        np.testing.assert_allclose(other.spans, plain.spans, atol=0.03)
        assert all(each.whole for each in other.utterances)
    assert music(2.0, 0).std() == pytest.approx(0.05, rel=0.01)
