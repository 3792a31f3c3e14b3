"""The one read loop of live runs and robots, over sources that give what they are told."""

import math
from collections import deque
from typing import Any, cast

import numpy as np
import pytest

from sensors.core.event import EventBatch
from sensors.perception.perception import Perception
from sensors.perception.source_reader import TURN, SourceReader
from sensors.sources.own_playback import PlaybackFilter
from sensors.sources.recorder import Recorder
from sensors.sources.source import Chunk, Ended
from tests.sensors.batches import batch


class Given:
    """A source that gives so many readings, and then ends or has nothing."""

    def __init__(self, name: str, count: int, ends: bool = False) -> None:
        self.name, self.ends = name, ends
        self.timeout, self.connected = 2.0, True
        self.reached: float | None = None
        self.waiting = deque(Chunk(float(n), np.zeros(16_000, np.float32), False) for n in range(count))

    def read(self) -> Chunk:
        if self.waiting:
            return self.waiting.popleft()
        if self.ends:
            raise Ended(self.name)
        raise TimeoutError

    def disconnect(self) -> None:
        self.connected = False


class Told:
    """Makes a batch of each reading, one when it is flushed, and notes every call."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def observe(self, reading: Chunk, now: float, source: str) -> list[EventBatch]:
        self.calls.append(("observe", source, reading.start, now))
        return [batch("audio", 1)]

    def advance(self, now: float) -> list[EventBatch]:
        self.calls.append(("advance", now))
        return []

    def flush(self, now: float) -> list[EventBatch]:
        self.calls.append(("flush", now))
        return [batch("audio", 2)]


class Setting:
    """A reader over made-up sources, at second 100."""

    def __init__(self, *sources: Given, **options: Any) -> None:
        self.told, self.given = Told(), list[tuple[int, float]]()
        self.reader = SourceReader(
            cast(Any, sources), cast(Perception, self.told), self._give, clock=lambda: 100.0, **options
        )

    def _give(self, found: EventBatch, captured: float) -> None:
        self.given.append((len(found), captured))


def test_each_source_gives_a_turn_and_a_full_turn_postpones_silence() -> None:
    many, few = Given("many", TURN + 3), Given("few", 2)
    setting = Setting(many, few)
    assert many.timeout == few.timeout == 0.0
    assert setting.reader.step()
    assert len(many.waiting) == 3 and not few.waiting
    assert ("advance", 100.0) not in setting.told.calls
    assert setting.reader.step() and setting.told.calls[-1] == ("advance", 100.0)
    assert not setting.reader.step()
    assert setting.given == [(1, float(n + 1)) for n in (*range(TURN), 0, 1, *range(TURN, TURN + 3))]


def test_all_must_end_and_what_is_under_way_is_decided_once() -> None:
    first, second = Given("first", 1, ends=True), Given("second", 1)
    setting = Setting(first, second)
    setting.reader.step()
    assert not setting.reader.ended
    second.ends = True
    setting.reader.step()
    assert setting.reader.ended and not setting.reader.flushed
    setting.reader.flush()
    setting.reader.finish()
    assert setting.told.calls.count(("flush", 100.0)) == 1 and setting.given[-1] == (2, 100.0)
    assert not first.connected and not second.connected


def test_a_source_that_comes_back_has_not_ended() -> None:
    source = Given("film", 0, ends=True)
    setting = Setting(source)
    setting.reader.step()
    assert setting.reader.ended
    source.waiting.append(Chunk(7.0, np.zeros(160, np.float32), False))
    source.ends = False
    setting.reader.step()
    assert not setting.reader.ended


def test_what_still_waits_is_taken_in_at_the_end() -> None:
    setting = Setting(Given("many", 3 * TURN))
    setting.reader.finish()
    assert len(setting.given) == 3 * TURN + 1


def test_without_a_source_nothing_ends_and_nothing_is_decided() -> None:
    setting = Setting()
    assert not setting.reader.step() and not setting.reader.ended
    setting.reader.finish()
    assert not setting.reader.flushed and not setting.given


@pytest.mark.parametrize(("played", "reached"), [(False, 100.0), (True, 2.0)])
def test_of_tapes_time_goes_as_far_as_they_were_read(played: bool, reached: float) -> None:
    setting = Setting(Given("tape", 2), played=played)
    setting.reader.step()
    assert setting.told.calls[-1] == ("advance", reached)


def test_of_files_time_goes_as_far_as_they_tell_and_may_be_ahead_of_the_clock() -> None:
    sound, pictures = Given("sound", 200), Given("pictures", 0)
    sound.reached, pictures.reached = 150.0, 190.0
    setting = Setting(sound, pictures, played=True)
    setting.reader.step()
    assert ("advance", 150.0) not in setting.told.calls, "of the sound there is more to read"
    for _ in range(5):
        setting.reader.step()
    assert setting.told.calls[-1] == ("advance", 190.0)
    sound.reached = pictures.reached = 260.0
    setting.reader.step()
    assert setting.told.calls[-1] == ("advance", 260.0)


def test_nothing_is_known_before_all_files_have_told() -> None:
    sound, pictures = Given("sound", 2), Given("pictures", 0)
    sound.reached, pictures.reached = 2.0, -math.inf
    setting = Setting(sound, pictures, played=True)
    setting.reader.step()
    assert [call[0] for call in setting.told.calls] == ["observe", "observe"]


def test_own_playback_is_neither_perceived_nor_recorded() -> None:
    class Recorded:
        def __init__(self) -> None:
            self.names: list[str] = []

        def write(self, name: str, reading: Chunk) -> None:
            self.names.append(name)

    class Own:
        def observe(self, reading: Chunk) -> Chunk | None:
            return None if reading.start == 0.0 else reading

    recorder = Recorded()
    filters = {"microphone": cast(PlaybackFilter, Own())}
    sources = Given("microphone", 2), Given("second", 2)
    setting = Setting(*sources, recorder=cast(Recorder, recorder), filters=filters)
    setting.reader.step()
    assert recorder.names == ["microphone", "second", "second"]
    assert [call[1:3] for call in setting.told.calls[:3]] == [("microphone", 1.0), ("second", 0.0), ("second", 1.0)]
