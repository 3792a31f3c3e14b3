from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensors.core.errors import ConfigError, EventError, SourceError
from sensors.core.modalities import modality
from sensors.live.rig import make_rig
from sensors.live.rig_config import RigConfig
from sensors.perception.perception import Perception
from sensors.perception.streams import devices, perceivable, perceived_kinds, played, readings, streams
from sensors.senses import Sense, register_sense, sense
from sensors.signals.readings import Chunk, Frame, Values
from sensors.sources.live_config import SensorsConfig
from sensors.sources.loop import LoopSource
from sensors.sources.recorder import Recorder
from sensors.sources.recording import Recording
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
    assert [source.name for source in devices(streams(["image"]), config)] == ["camera"]
    both = streams(["audio", "image"])
    assert [source.name for source in devices(both, config)] == ["microphone", "camera"]
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
    with pytest.raises(SourceError, match=r"holds only values.*--plugin FILE.py"):
        played(streams(["audio"]), tmp_path / "session")


def add_camera(name: str, *sources: str, names: tuple[str, ...] = (), reading: Any = Frame) -> None:
    """Register a sense that is perceived in pictures as `image` is, from cameras of its own."""

    class Own(LoopSource[Frame]):
        pass

    def devices_of(config: SensorsConfig) -> list[Any]:
        return [Own(source, lambda: None, capacity=1, timeout=1.0, stall=None) for source in sources]  # type: ignore

    stream = sense("image").stream
    assert stream is not None
    register_sense(
        Sense(
            replace(modality("image"), name=name),
            "pictures of another camera",
            sense("image").view,
            stream=replace(stream, sources=devices_of, names=names, reading=reading),
        )
    )


CAMERA = SensorsConfig(microphone=None, camera="0")


def test_each_sense_is_perceived_in_its_own_sources_alone(plugins_undone: Callable[[], None], tmp_path: Path) -> None:
    record_session(tmp_path / "session")
    cards = list(Recording(tmp_path / "session", shift=False).samples("camera"))

    def seen(cameras: dict[str, list[str]]) -> dict[str, int]:
        """Events by kind, of which cameras' pictures come one after the other."""
        perception, found = Perception("robot", 1), Counter[str]()
        blank = Frame(0.0, np.zeros((240, 320), np.uint8))
        for card in cards:
            for camera in cameras["cards"]:
                found.update({b.kind: len(b) for b in perception.observe(card, card.end, camera)})
            for camera in cameras["blank"]:
                found.update(
                    {b.kind: len(b) for b in perception.observe(replace(blank, time=card.begin), card.end, camera)}
                )
        found.update({b.kind: len(b) for b in perception.flush(cards[-1].end)})
        return dict(found)

    add_camera("thermal", "warm", names=("warm",))
    assert [source.name for source in devices(streams(["image", "thermal"]), CAMERA)] == ["camera", "warm"]
    assert seen({"cards": ["camera"], "blank": ["warm"]}) == {"image": 1}
    assert seen({"cards": ["warm"], "blank": ["camera"]}) == {"thermal": 1}
    assert seen({"cards": ["camera", "warm"], "blank": []}) == {"image+thermal": 1}
    # A recording of both is played to each sense as it was recorded.
    with Recorder(tmp_path / "both") as recorder:
        for card in cards[:5]:
            recorder.write("camera", card)
            recorder.write("warm", card)
    assert [source.name for source in played(streams(["image"]), tmp_path / "both")] == ["camera"]
    assert [source.name for source in played(streams(["thermal"]), tmp_path / "both")] == ["warm"]
    plugins_undone()
    with pytest.raises(SourceError, match=r"image would be given the readings of camera and warm mixed; give --plugin"):
        played(streams(["image"]), tmp_path / "both")


def test_readings_that_no_sense_takes_are_counted() -> None:
    perception = Perception("robot", 1)
    assert perception.observe(Values(np.arange(2.0), np.zeros((2, 3))), 2.0, "nose") == []
    assert perception.counts["readings.passed_over"] == 1


@pytest.mark.parametrize(
    ("sources", "names", "told"),
    [
        (["warm"], (), "image: would be given the readings of camera and warm mixed"),
        (["warm"], ("hot",), "thermal: its stream does not take what its own source 'warm' gives"),
        (["camera"], (), "senses image and thermal: each has a source of its own that is called 'camera'"),
    ],
)
def test_sources_that_would_be_mixed_up_are_refused(
    sources: list[str], names: tuple[str, ...], told: str, plugins_undone: None
) -> None:
    add_camera("thermal", *sources, names=names)
    with pytest.raises(SourceError, match=told):
        devices(streams(["image", "thermal"]), CAMERA)


def test_a_sense_may_have_several_sources_that_it_names(plugins_undone: None) -> None:
    add_camera("thermal", "left", "right", names=("left", "right"))
    assert [source.name for source in devices(streams(["thermal"]), CAMERA)] == ["left", "right"]


def test_a_sense_that_steals_the_source_of_another_is_refused(plugins_undone: None) -> None:
    add_camera("thermal", "warm", names=("warm", "camera"))
    with pytest.raises(SourceError, match="image: its stream does not take what its own source 'camera' gives"):
        devices(streams(["image", "thermal"]), CAMERA)


def test_readings_that_could_not_be_told_apart_are_refused_at_registration(plugins_undone: None) -> None:
    class Nameless(Values):
        pass

    class Loud(Values):
        kind = "sound"

    class Warm(Frame):
        kind = "warm"

    class Hot(Values):
        kind = "warm"

    for reading, told in (
        (Nameless, "Nameless, a `kind` of its own"),
        (Loud, "the kind 'sound' of sensors.signals.readings.Chunk; choose another"),
        (dict, "no Chunk, Frame or Values"),
        ("Frame", "no Chunk, Frame or Values"),
    ):
        with pytest.raises(ValueError, match=told):
            add_camera("thermal", "warm", reading=reading)
    add_camera("thermal", "warm", reading=Warm)
    with pytest.raises(ValueError, match=r"'oven': its readings, Hot, have the kind 'warm' of .*Warm"):
        add_camera("oven", "hot", reading=Hot)


def test_a_class_of_pictures_of_ones_own_is_recorded_and_played(plugins_undone: None, tmp_path: Path) -> None:
    class Warm(Frame):
        kind = "warm"

    add_camera("thermal", "warm", reading=Warm)
    assert [source.name for source in devices(streams(["image", "thermal"]), CAMERA)] == ["camera", "warm"]
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4)
    with Recorder(tmp_path / "session") as recorder:
        recorder.write("warm", Warm(1.0, picture))
    (got,) = Recording(tmp_path / "session", readings=[Warm], shift=False).samples("warm")
    assert type(got) is Warm and got.time == 1.0
    np.testing.assert_array_equal(got.picture, picture)
