"""From a robot to replay through the sensors' shell, which dies in between: nothing acknowledged is lost, or untold."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import ray

from sensors.actor import SensorActor
from sensors.live.rig_config import RigConfig
from sensors.robots.publisher import Publisher
from sensors.robots.remote_config import IngestConfig
from sensors.sources.live_config import SensorsConfig
from tests.patience import PATIENCE
from tests.sensors.robot_rigs import free_port, made, robot
from tests.teacher.scripted import ScriptedReplay

pytestmark = pytest.mark.ray


class Shell:
    """Sensors that hear robots alone, made again at the same address, and a replay that outlives them."""

    def __init__(self, log: Path, *script: tuple[str, float]) -> None:
        kind: Any = ray.remote(ScriptedReplay)
        self.replay = kind.options(num_cpus=0).remote(list(script), str(log))
        ray.get(self.replay.ids.remote())
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self.sensors: SensorActor | None = None

    def start(self) -> None:
        config = RigConfig(
            sensors=SensorsConfig(microphone=None, camera=None), ingest=IngestConfig(listen=self.address)
        ).to_dict()
        self.sensors = SensorActor("sensors", config, 0, self.replay, ["image"])
        self.sensors.run(0.0)

    def die(self) -> None:
        """As when its process ends: nothing is sent or acknowledged any more."""
        assert self.sensors is not None
        self.sensors._patience = 0.0
        self.sensors.close()

    def until(self, done: Callable[[], object], *robots: Publisher) -> dict[str, Any]:
        found: dict[str, Any] = {}
        end = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < end, found
            for one in robots:
                one.run(0.005)
            if self.sensors is not None:
                found = self.sensors.run(0.0)
        return found

    def stored(self) -> list[int]:
        return sorted(seq for _, _, seq in ray.get(self.replay.ids.remote()))


@pytest.fixture
def shell(ray_session: None, tmp_path: Path) -> Iterator[Shell]:
    made_shell = Shell(tmp_path / "log", ("ok", 0.0), ("ok", 0.0), ("sleep", 1.0))
    yield made_shell
    if made_shell.sensors is not None:
        made_shell.sensors.close()
    ray.kill(made_shell.replay)


def test_what_a_robot_is_told_to_be_stored_is_stored_whoever_dies(shell: Shell) -> None:
    shell.start()
    with robot(shell.address) as kitchen:
        for i in range(20):
            kitchen.publish(made(10 * i))
        shell.until(lambda: kitchen.counts.get("acknowledged", 0) >= 2, kitchen)
        shell.die()
        # Replay is amid what it was asked for before; what it has, it may have untold, but never the other way round.
        told = kitchen.counts["acknowledged"]
        assert 0 < told < 40 and kitchen.kept == 40 - told
        assert len(shell.stored()) >= told
        shell.start()
        shell.until(lambda: not kitchen.kept, kitchen)
        assert kitchen.counts["acknowledged"] == 40
        assert kitchen.counts["welcomes"] == 2
    assert shell.stored() == sorted(10 * i + k for i in range(20) for k in range(2))


def test_what_replay_refuses_is_not_told_to_be_stored(ray_session: None, tmp_path: Path) -> None:
    shell = Shell(tmp_path / "log", ("refuse", 0.0), ("ok", 0.0))
    shell.start()
    try:
        with robot(shell.address) as kitchen:
            kitchen.publish(made(0))
            kitchen.publish(made(10))
            shell.until(lambda: not kitchen.kept, kitchen)
            assert (kitchen.counts["refused_replay"], kitchen.counts["acknowledged"]) == (2, 2)
        assert shell.sensors is not None
        found = shell.sensors.run(0.0)
        assert found["dropped"]["refused"] == 2 and found["totals"]["refused/replay"] == 1
        assert found["totals"]["outbox/stored"] == 2
    finally:
        assert shell.sensors is not None
        shell.sensors.close()
        ray.kill(shell.replay)
