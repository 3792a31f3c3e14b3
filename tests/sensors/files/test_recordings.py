"""Recordings among other files, and as fast as they are perceived."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from sensors.files.choice import Channel
from sensors.files.player import Player
from sensors.files.playlist import parts_of
from sensors.perception.perception import Perception
from sensors.perception.source_reader import SourceReader
from sensors.perception.streams import played, streams
from sensors.signals.readings import Chunk, Frame, Values
from sensors.sources.recorder import Recorder
from tests.sensors.files.conformance import FileReaderConformance, Made, play_sources
from tests.sensors.sessions import CHUNKS, FRAMES, record_session


class Warm(Values):
    kind: ClassVar[str] = "warmth"


class Pressed(Values):
    kind: ClassVar[str] = "pressure"


def cut_segments(folder: Path) -> None:
    for path in folder.glob("*.rec"):
        data = path.read_bytes()
        path.write_bytes(data[: len(data) - 7])


class TestRecordings(FileReaderConformance):
    @pytest.fixture
    def made(self, tmp_path: Path) -> Made:
        folder = tmp_path / "session"
        with Recorder(folder) as recorder:
            for i in range(50):
                recorder.write("microphone", Chunk(7.0 + 0.02 * i, np.full(320, i / 100, np.float32)))
                recorder.write("camera", Frame(7.01 + 0.02 * i, np.full((48, 64), i, np.uint8)))
                recorder.write("skin", Warm(np.array([7.0 + 0.02 * i]), np.array([[i, 2.0]])))
        camera, skin = [0.01 + 0.02 * i for i in range(50)], [0.02 * i for i in range(50)]
        return Made(folder, {"camera": camera, "skin": skin}, {"microphone": 1.0}, damage=cut_segments)


def test_values_are_taken_by_their_kind(tmp_path: Path) -> None:
    with Recorder(tmp_path / "session") as recorder:
        for i in range(10):
            recorder.write("skin", Warm(np.array([float(i)]), np.array([[i]])))
            recorder.write("finger", Pressed(np.array([float(i)]), np.array([[-i]])))
    given, _ = play_sources(Player("it", parts_of(tmp_path / "session"), [Channel("touch", Pressed)], 0.0))
    assert [type(reading) for reading in given["touch"]] == [Pressed] * 10
    assert [reading.values.item() for reading in given["touch"]] == [-i for i in range(10)]


def events(folder: Path, speed: float) -> list[tuple[Any, ...]]:
    """What is perceived in a recording: kinds, and how far apart they are, in their order."""
    wanted = streams(["audio", "image"])
    sources = played(wanted, folder, speed)
    found: list[Any] = []
    perception = Perception("host", 0, None, ["audio", "image"])
    reader = SourceReader(sources, perception, lambda batch, captured: found.append(batch), played=True)
    for source in sources:
        source.connect()
    while not reader.ended:
        reader.step()
    reader.finish()
    assert sum(source.counts.read for source in sources) == CHUNKS + FRAMES
    told = sorted((float(start), batch.kind) for batch in found for start in batch.start)
    return [(kind, round(start - told[0][0], 2)) for start, kind in told]


def test_as_fast_as_can_be_gives_the_same_events(tmp_path: Path) -> None:
    folder = record_session(tmp_path / "session")
    assert events(folder, 0.0) == events(folder, 20.0)
