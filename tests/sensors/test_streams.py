from pathlib import Path

import numpy as np
import pytest

from sensors.errors import ConfigError, EventError, SourceError
from sensors.live_config import SensorsConfig
from sensors.readings import Chunk, Frame, Values
from sensors.recorder import Recorder
from sensors.rig import make_rig
from sensors.rig_config import RigConfig
from sensors.streams import devices, perceivable, perceived_kinds, played, readings, streams
from tests.sensors.sessions import record_session


def test_senses_with_a_stream_are_perceived_in_the_order_of_registration() -> None:
    assert perceivable()[:2] == ["audio", "image"]
    assert list(streams(["image", "audio"])) == ["audio", "image"]
    assert readings(streams(["image", "audio"]).values()) == [Chunk, Frame]
    with pytest.raises(ConfigError, match="lips: sensors do not give it; they give audio, image"):
        streams(["audio", "lips"])
    with pytest.raises(EventError, match="unknown sense 'smell'"):
        streams(["smell"])


def test_the_devices_are_those_of_the_senses_that_are_perceived() -> None:
    config = SensorsConfig(microphone="default", camera="0")
    assert [source.name for source in devices(streams(["image"]).values(), config)] == ["camera"]
    both = list(streams(["audio", "image"]).values())
    assert [source.name for source in devices(both, config)] == ["microphone", "camera"]
    assert [source.name for source in devices([*both, *both], config)] == ["microphone", "camera"]
    assert devices(both, SensorsConfig(microphone=None, camera=None)) == []


def test_events_of_any_of_the_senses_together_have_tables() -> None:
    assert perceived_kinds(["image", "audio"]) == ["audio", "image", "audio+image"]
    assert len(perceived_kinds(["audio", "image", "speech"])) == 7


def test_what_was_recorded_for_a_sense_that_is_not_perceived_is_told(tmp_path: Path) -> None:
    session = record_session(tmp_path / "session")
    rig = make_rig(RigConfig(source=str(session), senses="audio"), 0, ["audio"])
    rig.start()
    rig.close()
    assert list(rig.states) == ["microphone"]
    told = "camera is recorded (pictures) and not played: no sense of this run is perceived in it"
    assert told in [note.text for note in rig.take_notes()]


def test_a_recording_in_which_nothing_is_perceived_says_what_it_holds(tmp_path: Path) -> None:
    with Recorder(tmp_path / "session") as recorder:
        recorder.write("nose", Values(np.arange(2.0), np.zeros((2, 3))))
    with pytest.raises(SourceError, match=r"holds values alone.*--plugin FILE.py"):
        played(streams(["audio"]).values(), tmp_path / "session")
