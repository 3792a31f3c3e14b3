from pathlib import Path

import numpy as np

from benchmarks.studies.hearing.words import audible, half_of


def recording(noise: float, seed: int = 0) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """A second of a room in which somebody speaks from 0.3 to 0.7 s, with a closure of 0.1 s in between."""
    rng = np.random.default_rng(seed)
    wave = noise * rng.standard_normal(16_000).astype(np.float32)
    for first, last in ((4_800, 8_000), (9_600, 11_200)):
        wave[first:last] += 0.1 * rng.standard_normal(last - first).astype(np.float32)
    return wave


def test_a_word_is_heard_above_its_own_room() -> None:
    # At a fortieth of the word's level the room lies above 25 dB below it only by its wavering.
    for noise in (1e-4, 4e-3, 8e-3):
        first, last = audible(recording(noise)) or (0, 0)
        assert abs(first - 4_800) <= 160 and abs(last - 11_200) <= 160


def test_hum_and_clicks_are_no_part_of_it() -> None:
    wave = recording(1e-3)
    wave += np.float32(0.05) * np.sin(2 * np.pi * 25 * np.arange(16_000) / 16_000).astype(np.float32)
    wave[330:350] += 0.2 * np.random.default_rng(1).standard_normal(20).astype(np.float32)
    first, last = audible(wave) or (0, 0)
    assert abs(first - 4_800) <= 160 and abs(last - 11_200) <= 160


def test_a_word_that_does_not_stand_out_has_no_place() -> None:
    assert audible(recording(0.05)) is None


def test_all_recordings_of_a_speaker_are_in_one_half() -> None:
    names = [f"{speaker:08x}_nohash_{n}.flac" for speaker in range(40) for n in range(3)]
    halves = {name: half_of(Path("cat") / name) for name in names}
    assert {len({halves[n] for n in names if n[:8] == each[:8]}) for each in names} == {1}
    assert 10 < sum(half == "choose" for half in halves.values()) / 3 < 30
