"""Channels to one: the average, unless it would lose the sound."""

import numpy as np
from numpy.typing import NDArray

from sensors.signals.mixer import Mixer


def blocks(*channels: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    return [block.astype(np.float32) for block in np.split(np.column_stack(channels), len(channels[0]) // 320)]


def mixed(mixer: Mixer, *channels: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([mixer.mix(block) for block in blocks(*channels)])


SOUND = np.random.default_rng(0).standard_normal(32_000).astype(np.float32)
OTHER = np.random.default_rng(1).standard_normal(32_000).astype(np.float32)


def test_one_channel_comes_as_it_is() -> None:
    np.testing.assert_array_equal(mixed(Mixer(), SOUND), SOUND)


def test_channels_are_averaged() -> None:
    for other in (SOUND, OTHER, -OTHER, np.zeros_like(SOUND)):
        mixer = Mixer()
        expected = np.concatenate([block.mean(axis=1) for block in blocks(SOUND, other)])
        np.testing.assert_array_equal(mixed(mixer, SOUND, other), expected)
        assert mixer.alone is None


def test_silence_is_no_cancellation() -> None:
    mixer = Mixer()
    assert not mixed(mixer, np.zeros(3_200, np.float32), np.zeros(3_200, np.float32)).any()
    assert mixer.alone is None


def test_channels_that_cancel_give_the_loudest() -> None:
    mixer = Mixer()
    np.testing.assert_array_equal(mixed(mixer, -0.97 * SOUND, SOUND)[320:], SOUND[320:])
    assert mixer.alone == 1


def test_an_offset_is_no_sound_that_is_left() -> None:
    mixer = Mixer()
    mixed(mixer, SOUND + 3, -SOUND)
    assert mixer.alone is not None


def test_the_average_comes_back_without_a_jump_when_they_cancel_no_more() -> None:
    t = np.arange(32_000) / 16_000
    sound = np.sin(2 * np.pi * 220 * t).astype(np.float32)
    mixer = Mixer()
    first = mixed(mixer, sound, -sound)
    assert mixer.alone == 0
    second = mixed(mixer, sound, 0.8 * sound)
    assert mixer.alone is None
    np.testing.assert_allclose(second[-320:], 0.9 * sound[-320:], atol=1e-6)
    assert np.abs(np.diff(np.concatenate([first[320:], second]))).max() < 1.1 * np.abs(np.diff(sound)).max()
