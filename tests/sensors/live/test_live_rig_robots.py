"""The rig of a live run hears robots: no hardware, no Ray."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensors.core import modalities
from sensors.core.event import EventBatch
from sensors.live.live_rig import LiveRig
from sensors.live.outbox import Delivery
from sensors.live.rig import make_rig
from sensors.live.rig_config import RigConfig
from sensors.robots.publisher import Publisher
from sensors.robots.remote_config import IngestConfig, PublisherConfig
from sensors.sources.live_config import SensorsConfig
from sensors.sources.source import Change
from tests.patience import PATIENCE
from tests.sensors.batches import fields

KINDS = ("audio", "image", "audio+image")
NOBODY = SensorsConfig(microphone=None, camera=None)


@pytest.fixture
def host() -> Iterator[tuple[LiveRig, Publisher]]:
    """A rig that hears robots alone, and a robot."""
    config = RigConfig(sensors=NOBODY, ingest=IngestConfig(listen="tcp://127.0.0.1:0"))
    rig = make_rig(config, 0, KINDS)
    rig.start()
    assert rig._ingest is not None
    with Publisher(PublisherConfig(to=rig._ingest.address), "kitchen", 2) as robot:
        yield rig, robot
    rig.close()


def hear(rig: LiveRig, robot: Publisher, wanted: int) -> list[Delivery]:
    found: list[Delivery] = []
    end = time.monotonic() + PATIENCE
    while len(found) < wanted:
        assert time.monotonic() < end
        robot.run(0.01)
        found += rig.step(0.01)
    return found


@pytest.mark.parametrize(
    ("kind", "lacks", "change", "told"),
    [
        ("image", "image", {}, ("sense", "unknown modality 'image'", "--plugin FILE.py", "same --plugin")),
        ("image", "", {"size": 96}, ("form", "image: expected '|u1'", "same settings", "same settings")),
        ("speech", "", {}, ("kind", "its events of speech are refused", "learner.modalities", "learner.modalities")),
    ],
)
def test_events_that_a_run_cannot_take_are_told_on_both_sides_with_what_helps(
    kind: str,
    lacks: str,
    change: dict[str, Any],
    told: tuple[str, str, str, str],
    host: tuple[LiveRig, Publisher],
    plugins_undone: None,
    forms: Callable[..., None],
) -> None:
    rig, robot = host
    changes: list[Change] = []
    robot.observe(changes.append)
    for serial in (0, 10):
        f = fields(kind, 2) | {"source": "kitchen"}
        robot.publish(EventBatch(**f | {"seq": np.arange(serial, serial + 2)}))
    # The batches are packed: from now on this process is the host, which knows other senses than the robot.
    if lacks:
        del modalities._REGISTRY[lacks]
    if change:
        forms(image=change)
    reason, why, advice, robots_advice = told
    end = time.monotonic() + PATIENCE
    while robot.kept:
        assert time.monotonic() < end
        robot.run(0.01)
        rig.step(0.01)
    rig.step(0.01)
    assert robot.counts[f"refused_{reason}"] == 4 and rig.figures()[f"refused/{reason}"] == 2
    notes = [note.text for note in rig.take_notes() if note.text.startswith("robot/kitchen: ")]
    assert len(notes) == 1 and why in notes[0] and advice in notes[0]
    said = [one.reason for one in changes if one.reason.startswith("events are refused")]
    assert len(said) == 1 and robots_advice in said[0]


def test_robots_are_heard_and_acknowledged_when_it_is_stored(host: tuple[LiveRig, Publisher]) -> None:
    rig, robot = host
    robot.publish(EventBatch(**fields("audio+image", 3) | {"source": "kitchen"}))
    found = hear(rig, robot, 1)
    assert found[0].batch.source == "kitchen" and len(found[0].batch) == 3
    for _ in range(10):
        robot.run(0.01)
        rig.step(0.01)
    assert robot.kept == 3
    rig.acknowledge(found)
    end = time.monotonic() + PATIENCE
    # States are looked at twice a second.
    while robot.kept or not rig.states:
        assert time.monotonic() < end
        robot.run(0.01)
        rig.step(0.01)
    assert rig.states == {"robot/kitchen": "live"}
    assert "robot/kitchen live" in [note.text for note in rig.take_notes()]


def test_robots_bring_no_labels_and_are_told_so(host: tuple[LiveRig, Publisher]) -> None:
    rig, robot = host
    robot.publish(EventBatch(**fields("speech+letter", 2) | {"source": "kitchen"}))
    robot.publish(EventBatch(**fields("image", 1) | {"source": "kitchen"}))
    found = hear(rig, robot, 1)
    assert [p.batch.kind for p in found] == ["image"]
    assert rig.figures()["refused/kind"] == 1
    rig.refuse(found, "replay")
    settle(rig, robot)
    # Nothing is told to be stored that was thrown away.
    assert robot.counts["refused_kind"] == 2 and robot.counts["refused_replay"] == 1
    assert "acknowledged" not in robot.counts
    assert rig.figures()["refused/replay"] == 1


def settle(rig: LiveRig, robot: Publisher) -> None:
    end = time.monotonic() + PATIENCE
    while robot.kept:
        assert time.monotonic() < end
        robot.run(0.01)
        rig.step(0.01)


def test_a_robot_called_camera_is_not_this_machines_camera(tmp_path: Path) -> None:
    sensors = SensorsConfig(microphone=None, camera=str(tmp_path / "nowhere.avi"))
    rig = make_rig(RigConfig(sensors=sensors, ingest=IngestConfig(listen="tcp://127.0.0.1:0")), 0, KINDS)
    rig.start()
    try:
        assert rig._ingest is not None
        with Publisher(PublisherConfig(to=rig._ingest.address), "camera", 2) as robot:
            end = time.monotonic() + PATIENCE
            while rig.states.get("robot/camera") != "live":
                assert time.monotonic() < end
                robot.run(0.01)
                rig.step(0.01)
            assert rig.states["camera"] in ("connecting", "stalled")
            figures = rig.figures()
            assert figures["stalls/robot/camera"] == 0 and figures["stalls/camera"] >= 1
    finally:
        rig.close()
