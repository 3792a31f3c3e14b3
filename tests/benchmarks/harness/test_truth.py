"""The judge of live runs: it must tell a right pair from every kind of wrong one."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.harness.shown import drawing
from benchmarks.harness.stage import Line
from benchmarks.harness.truth import Verdict, judge, labels
from replay.buffer import Buffer
from replay.config import ReplayConfig
from replay.reader import Reader
from sensors.core.event import EventBatch
from sensors.signals.frames import mnist_images
from sensors.signals.spectrogram import SAMPLE_RATE, log_mel, quantise
from tests.sensors.speech import word

BEGAN = 1000.0
LATE = 0.12  # of the sound, as through pipes and buffers


def script() -> list[Line]:
    """Three words beside cards; each has two parts with a closure of 0.1 s between them."""
    rng = np.random.default_rng(0)
    lines = []
    for i in range(3):
        parts = [word(0.25, rng), np.zeros(SAMPLE_RATE // 10, np.float32), word(0.3, rng)]
        voice = np.concatenate(parts)
        at = 1.0 + 2 * i
        heard = at + 0.5 + len(voice) / SAMPLE_RATE
        lines.append(Line(at, at + 0.5, heard, heard + 0.5, i, drawing(i), voice, (0.0, 0.0)))
    return lines


LINES = script()


def pair(
    number: int,
    first: float = 0.0,
    last: float = 0.65,
    *,
    card: int | None = None,
    sound: NDArray[np.float32] | None = None,
) -> tuple[float, float, NDArray[np.uint8], NDArray[np.uint8]]:
    """An event of a line's seconds `first`…`last`: times, sound and picture."""
    line = LINES[number]
    assert line.voice is not None
    begin, end = (round(t * SAMPLE_RATE) for t in (first, last))
    wave = line.voice[begin:end] if sound is None else sound
    start = BEGAN + line.said + first + LATE
    drawn = drawing(number if card is None else card)
    return start, start + len(wave) / SAMPLE_RATE, quantise(log_mel([wave]))[0], mnist_images(drawn[None])[0]


def verdict(folder: Path, *events: tuple[float, float, NDArray[np.uint8], NDArray[np.uint8]]) -> Verdict:
    starts, ends, sounds, pictures = zip(*events, strict=True)
    numbers = np.arange(len(events))
    samples = {"audio": np.stack(sounds), "image": np.stack(pictures)}
    batch = EventBatch("host", 0, numbers, np.array(starts), np.array(ends), numbers + 7, samples)
    buffer = Buffer(folder, ReplayConfig(capacity=16, min_size=1))
    assert buffer.insert(batch).accepted == len(events)
    buffer.close()
    return judge(folder, LINES, BEGAN)


def test_whole_words_beside_their_cards_are_right(tmp_path: Path) -> None:
    found = verdict(tmp_path, *(pair(i) for i in range(3)))
    assert (found.right, found.pairs, found.found, found.due) == (3, 3, 3, 3) and not found.wrong
    assert found.alike > 0.99
    assert found.per_minute == pytest.approx(3 / LINES[-1].end * 60)
    assert "3 of 3 pairs right" in str(found)
    assert labels(tmp_path) == []


@pytest.mark.parametrize(("first", "last", "which"), [(0.35, 0.65, "beginning"), (0.0, 0.25, "end"), (0.1, 0.65, "b")])
def test_half_a_word_is_wrong(tmp_path: Path, first: float, last: float, which: str) -> None:
    found = verdict(tmp_path, pair(0), pair(1, first, last))
    assert (found.right, found.found) == (1, 1)
    assert f"of the {which}" in found.wrong[0] and "missing" in found.wrong[0]


def test_two_halves_are_not_one_word_and_none_counts_twice(tmp_path: Path) -> None:
    assert verdict(tmp_path / "halves", pair(0, 0.0, 0.25), pair(0, 0.35, 0.65)).right == 0
    twice = verdict(tmp_path / "twice", pair(0), pair(0))
    assert (twice.right, twice.pairs, twice.wrong[0].endswith("heard before")) == (1, 2, True)


def test_a_word_with_a_piece_cut_out_is_wrong(tmp_path: Path) -> None:
    voice = LINES[0].voice
    assert voice is not None
    cut = round(0.12 * SAMPLE_RATE)
    spliced = np.concatenate([voice[: len(voice) // 4], voice[len(voice) // 4 + cut :]])
    assert verdict(tmp_path, pair(0, sound=spliced)).right == 0


def test_another_sound_at_the_right_time_and_another_card_are_wrong(tmp_path: Path) -> None:
    other = verdict(tmp_path / "sound", pair(0, sound=LINES[2].voice))
    assert other.right == 0
    card = verdict(tmp_path / "card", pair(0, card=2))
    assert card.right == 0 and "card of 5.00" in card.wrong[0]


def test_every_place_for_a_label_is_seen(tmp_path: Path) -> None:
    verdict(tmp_path, pair(0), pair(1))
    Reader(tmp_path).close()
    assert labels(tmp_path) == []
    (tmp_path / "readers" / "0").write_bytes(b"3")
    assert labels(tmp_path) == ["table readers"]
    (tmp_path / "readers" / "0").write_bytes(b"")
    (tmp_path / "audio+image" / "digit.col").write_bytes(b"")
    assert labels(tmp_path) == ["audio+image: file digit.col"]
    (tmp_path / "audio+image" / "digit.col").unlink()
    (tmp_path / "speech+letter").mkdir()
    assert labels(tmp_path) == ["table speech+letter"]
    (tmp_path / "speech+letter").rmdir()
    events = [pair(0), pair(1)]
    samples = {"audio": np.stack([e[2] for e in events]), "image": np.stack([e[3] for e in events])}
    starts, ends = (np.array([e[k] + 60 * i for i, e in enumerate(events)]) for k in (0, 1))
    buffer = Buffer(tmp_path / "again", ReplayConfig(capacity=16, min_size=1))
    buffer.insert(EventBatch("host", 0, np.arange(2), starts, ends, np.array([4, 4]), samples))
    buffer.close()
    assert labels(tmp_path / "again") == ["audio+image: lesson 4, which comes back"]
