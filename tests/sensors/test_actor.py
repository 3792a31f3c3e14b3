"""The sensors' Ray shell: sensing goes on whatever replay does, and what is lost is counted."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
import soundfile

from sensors.actor import SensorActor
from sensors.core.errors import SourceError
from sensors.live.rig_config import LiveConfig, RigConfig
from sensors.signals.spectrogram import SAMPLE_RATE
from sensors.sources.live_config import SensorsConfig
from tests.patience import PATIENCE, TRIES, quickest, took
from tests.sensors.sessions import CHUNKS, FRAMES, record_session
from tests.teacher.scripted import HELD, ScriptedReplay

pytestmark = pytest.mark.ray
SPEED = 5.0
EVENTS = 4
"""Of the session: two pairs, a word, and the card once it is shown without a word."""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_session(tmp_path_factory.mktemp("recorded") / "session")


class Pair:
    """Sensors in this process, that play a recording, and a scripted replay in another."""

    def __init__(self, session: Path, log: Path) -> None:
        self._session, self._log = str(session), str(log)
        self.go = Path(f"{log}{HELD}")
        self.sensors: SensorActor | None = None
        self.replay: Any = None

    def __call__(
        self,
        *script: tuple[str, float],
        queue: int = 64,
        own_playback: str | None = None,
        source: Path | None = None,
        speed: float = SPEED,
        **options: Any,
    ) -> SensorActor:
        kind: Any = ray.remote(ScriptedReplay)
        self.replay = kind.options(num_cpus=0, **options).remote(list(script), self._log)
        ray.get(self.replay.ids.remote())
        config = RigConfig(
            source=str(source or self._session),
            live=LiveConfig(speed=speed, queue=queue),
            own_playback=own_playback,
        ).to_dict()
        self.sensors = SensorActor("sensors", config, 0, self.replay, ["audio", "image", "audio+image"])
        return self.sensors

    def close(self) -> None:
        self.go.touch()
        if self.sensors is not None:
            self.sensors.close()
            ray.kill(self.replay)


@pytest.fixture
def pair(ray_session: None, session: Path, tmp_path: Path) -> Iterator[Pair]:
    made = Pair(session, tmp_path / "log")
    yield made
    made.close()


def until(sensors: SensorActor, wanted: str, count: float, patience: float = PATIENCE) -> dict[str, Any]:
    """Answers of `run` until a total has come; notes of all of them."""
    notes: list[str] = []
    end = time.monotonic() + patience
    while True:
        found = sensors.run(0.1)
        notes += found["notes"]
        if found["totals"].get(wanted, 0) >= count:
            return found | {"notes": notes}
        assert time.monotonic() < end, found


def test_each_perceived_event_is_stored_once(pair: Pair) -> None:
    sensors = pair()
    assert sensors.ping() == "sensors" and len(sensors.summary()) == 2
    found = until(sensors, "outbox/stored", 3)
    until(sensors, "read/camera", FRAMES)
    found = until(sensors, "read/microphone", CHUNKS)
    stored = ray.get(pair.replay.ids.remote())
    seqs = sorted(seq for _, _, seq in stored)
    assert seqs == list(range(len(seqs))) and len(seqs) >= 3
    assert {name for name, _, _ in stored} == {"host"}
    assert found["totals"]["events/audio+image"] == 2
    assert not any(found["dropped"].values())
    assert 0 < found["latencies"]["latency_p50"] < 2
    assert sensors.state_dict()["seq"] == len(seqs)


def test_a_replay_that_hangs_holds_nothing_up(pair: Pair) -> None:
    sensors = pair(("hold", 0.0))
    sensors.run(0.1)
    found = until(sensors, "read/microphone", CHUNKS)
    assert quickest(lambda: took(lambda: sensors.run(0.1)), 0.6) < 0.6
    assert found["totals"]["outbox/offered"] >= 1 and "outbox/stored" not in found["totals"], "it answers nothing yet"
    pair.go.touch()
    found = until(sensors, "outbox/stored", 3)
    assert not any(found["dropped"].values())


def test_a_replay_that_throttles_costs_the_oldest_and_they_are_counted(pair: Pair) -> None:
    # Where the first answer comes after the last event, replay is not known to throttle when they are dropped.
    for _ in range(TRIES):
        sensors = pair(*[("throttle", 60.0)] * 1000, queue=1)
        until(sensors, "read/microphone", CHUNKS)
        found = until(sensors, "outbox/turned_away", 3)
        assert found["waiting"] <= 1
        lost = found["dropped"]["throttled"] + found["dropped"]["overflow"]
        assert found["totals"]["outbox/offered"] == lost + found["waiting"]
        assert ray.get(pair.replay.ids.remote()) == set()
        if found["dropped"]["throttled"] >= 2:
            break
        pair.close()
    assert found["dropped"]["throttled"] >= 2


def test_a_file_waits_for_a_replay_that_throttles_and_loses_nothing(pair: Pair, tmp_path: Path) -> None:
    pytest.importorskip("av", reason="needs the extra films: pip install -e '.[films]'")
    rng = np.random.default_rng(0)
    room = (0.0005 * rng.standard_normal(40 * SAMPLE_RATE)).astype(np.float32)
    for second in range(1, 40):
        room[second * SAMPLE_RATE :][: SAMPLE_RATE // 2] *= 200
    soundfile.write(tmp_path / "words.wav", room, SAMPLE_RATE)
    sensors = pair(*[("throttle", 20.0)] * 40, queue=2, source=tmp_path / "words.wav", speed=0.0)
    found = until(sensors, "outbox/stored", 38)
    assert not any(found["dropped"].values())
    assert found["totals"]["outbox/turned_away"] == 40


def test_a_replay_that_dies_is_waited_for(pair: Pair) -> None:
    sensors = pair(("ok", 0.0), ("die", 0.0), max_restarts=-1)
    found = until(sensors, "outbox/stored", 3)
    assert found["totals"]["outbox/lost"] >= 1
    assert not any(found["dropped"].values())


def test_a_restart_goes_on_with_ids_of_its_own(pair: Pair) -> None:
    first = pair()
    until(first, "outbox/stored", 2)
    saved = first.state_dict()
    first.close()
    second = pair()
    second.load_state_dict(saved)
    until(second, "outbox/stored", 2)
    generations = {generation for _, generation, _ in ray.get(pair.replay.ids.remote())}
    assert min(generations) > saved["generation"]
    assert min(seq for _, _, seq in ray.get(pair.replay.ids.remote())) == saved["seq"]


def test_events_under_way_at_the_end_are_stored(pair: Pair) -> None:
    sensors = pair()
    until(sensors, "perceived/pairing.audio.came", 1)
    found = sensors.finish(5.0)
    totals = found["totals"]
    assert totals["perceived/pairing.audio.came"] == sum(
        totals.get(f"perceived/pairing.audio.{what}", 0) for what in ("paired", "alone", "broken")
    )
    assert totals["outbox/offered"] == totals["outbox/stored"] == totals["perceived/events"] >= 1
    assert len(ray.get(pair.replay.ids.remote())) == totals["outbox/stored"]
    assert found["waiting"] == 0 and not any(found["dropped"].values())
    assert set(found["states"].values()) == {"closed"}


def test_what_cannot_be_stored_any_more_is_counted(pair: Pair) -> None:
    sensors = pair(("hold", 0.0))
    until(sensors, "outbox/offered", 1)
    began = time.monotonic()
    found = sensors.finish(0.3)
    assert time.monotonic() - began < PATIENCE / 2, "replay would be waited for twice as long"
    assert found["dropped"]["stopped"] == found["totals"]["outbox/offered"] >= 1
    assert found["waiting"] == 0


def test_devices_that_are_gone_at_a_restart_are_waited_for(ray_session: None, tmp_path: Path) -> None:
    settings = SensorsConfig(microphone=None, camera=str(tmp_path / "nowhere.avi"))
    log = tmp_path / "sensors.log"
    sensors = SensorActor("sensors", RigConfig(sensors=settings, log=str(log)).to_dict(), 0, None, ["image"])
    try:
        found = sensors.run(0.1)
        assert found["states"]["camera"] in ("connecting", "stalled")
        end = time.monotonic() + PATIENCE
        while "camera stalled" not in " ".join(found["notes"]):
            assert time.monotonic() < end
            found = sensors.run(0.1)
        assert found["totals"]["notes/unwritten"] == 0
    finally:
        sensors.close()
    text = log.read_text()
    assert "camera connecting" in text and "camera stalled" in text and "nowhere.avi" in text


def test_closing_after_a_fault_is_harmless(pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sensors = pair(own_playback=str(tmp_path / "hush"))
    sensors.run(0.1)

    def broken(seconds: float) -> Any:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(sensors._rig, "step", broken)
    end = time.monotonic() + PATIENCE
    with pytest.raises(RuntimeError, match="no such thing"):
        while time.monotonic() < end:
            sensors.run(0.05)
    sensors.close()
    sensors.close()


def test_mistakes_are_told_in_the_constructor(ray_session: None, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no recording"):
        SensorActor("sensors", RigConfig(source=str(tmp_path)).to_dict(), 0, None, [])
    assert repr(object.__new__(SensorActor)) == "Sensor(starting)"
