"""The rig of a live run, on recordings: no hardware, no Ray."""

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.harness.network_camera import MjpegServer
from sensors.core.errors import ConfigError, LinkError, SourceError
from sensors.core.event import NO_LESSON
from sensors.live.live_rig import HOST, NOTES, LiveRig
from sensors.live.outbox import Delivery
from sensors.live.rig import check, make_rig
from sensors.live.rig_config import LiveConfig, RigConfig
from sensors.perception.perception import Perception
from sensors.perception.streams import AnySource
from sensors.robots.ingest import RemoteIngest
from sensors.robots.remote_config import IngestConfig
from sensors.sources.live_config import SensorsConfig
from sensors.sources.own_playback import OwnPlayback
from sensors.sources.recorder import free_directory
from sensors.sources.recording import Recording
from sensors.sources.source import Chunk, Frame
from tests.patience import PATIENCE, quickest, took
from tests.sensors.sessions import CHUNKS, FRAMES, record_session

KINDS = ("audio", "image", "audio+image")
NOBODY = SensorsConfig(microphone=None, camera=None)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_session(tmp_path_factory.mktemp("recorded") / "session")


def run(rig: LiveRig, until: float = PATIENCE) -> list[Delivery]:
    """Everything until all sources are at their end."""
    found: list[Delivery] = []
    end = time.monotonic() + until
    while set(rig.states.values()) != {"closed"} or not found:
        assert time.monotonic() < end
        found += rig.step(0.01)
    for _ in range(5):
        found += rig.step(0.01)
    return found


def test_a_recording_becomes_events_in_time(session: Path) -> None:
    rig = make_rig(RigConfig(source=str(session), live=LiveConfig(speed=5.0)), 7, KINDS)
    began = time.monotonic()
    rig.start()
    try:
        found = run(rig)
    finally:
        rig.close()
    pairs = [p.batch for p in found if p.batch.kind == "audio+image"]
    lone = [p.batch for p in found if p.batch.kind == "audio"]
    starts = np.concatenate([b.start for b in pairs])
    lessons = {int(n) for b in pairs for n in b.lesson}
    assert len(starts) == 2 and len(lessons) == 1 and NO_LESSON not in lessons
    assert float(np.diff(starts)[0]) == pytest.approx(1.0, abs=0.05)
    assert sum(map(len, lone)) == 1
    assert all(p.batch.source == HOST and p.batch.generation == 7 for p in found)
    assert all(began <= p.captured for p in found)
    figures = rig.figures()
    assert (
        figures["events/audio+image"] == 2 and figures["read/microphone"] == CHUNKS and figures["read/camera"] == FRAMES
    )
    notes = [note.text for note in rig.take_notes()]
    for name in ("microphone", "camera"):
        mine = [text for text in notes if text.startswith(name)]
        assert mine == [f"{name} connecting", f"{name} live", f"{name} closed (at its end)"]
    assert rig.take_notes() == []


def played(session: Path, **changes: Any) -> LiveRig:
    recording = Recording(session, speed=10.0)
    sources: list[AnySource] = [*recording.sources(Chunk), *recording.sources(Frame)]
    return LiveRig(sources, Perception(HOST, 0), KINDS, played=True, **changes)


def pairs_of(rig: LiveRig) -> int:
    rig.start()
    try:
        return sum(len(p.batch) for p in run(rig) if p.batch.kind == "audio+image")
    finally:
        rig.close()


def test_a_tape_that_is_late_or_slow_keeps_its_pairs(session: Path) -> None:
    # As after so many seconds of waiting, or of playing slowly: longer than pairing has patience with devices.
    assert pairs_of(played(session, clock=lambda: time.monotonic() + 20.0)) == 2


def test_what_this_machine_says_meanwhile_is_not_on_the_tape(session: Path, tmp_path: Path) -> None:
    playback = OwnPlayback(tmp_path / "hush")
    playback.begin(1000.0)
    assert pairs_of(played(session, playback=playback)) == 2


def test_damage_in_a_recording_is_told_and_what_follows_is_played(tmp_path: Path) -> None:
    path = record_session(tmp_path / "session") / "00-0000.rec"
    content = bytearray(path.read_bytes())
    content[len(content) // 20] ^= 1
    path.write_bytes(content)
    rig = played(tmp_path / "session")
    assert pairs_of(rig) == 2
    figures = rig.figures()
    assert figures["lost/microphone/damaged"] == 1 and figures["read/microphone"] == CHUNKS - 1
    assert [note for note in rig.take_notes() if note.text.startswith("00-0000.rec: ")]


def test_a_played_session_can_be_recorded_again(session: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    live = LiveConfig(speed=20.0, record=str(again))
    rig = make_rig(RigConfig(source=str(session), live=live), 0, KINDS)
    rig.start()
    try:
        run(rig)
    finally:
        rig.close()
    first, second = Recording(session), Recording(again)
    for name in first.names:
        for a, b in zip(first.samples(name), second.samples(name), strict=True):
            if isinstance(a, Frame) and isinstance(b, Frame):
                np.testing.assert_array_equal(a.picture, b.picture)
    assert rig.figures()["recorded"] == CHUNKS + FRAMES
    assert free_directory(again) == tmp_path / "again-2"
    with pytest.raises(SourceError, match="holds a recording already"):
        check(RigConfig(source=str(session), live=live))
    check(RigConfig(source=str(session), live=live), fresh=False)


def test_notes_that_nobody_takes_are_lost_and_counted(session: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = make_rig(RigConfig(source=str(session)), 0, KINDS)
    for number in range(NOTES + 3):
        rig._note(str(number))
    assert rig.figures()["notes/lost"] == 3
    assert [note.text for note in rig.take_notes()] == [str(number) for number in range(3, NOTES + 3)]


def test_a_rig_is_over_when_its_sources_are_and_nobody_else_can_come(session: Path) -> None:
    config = RigConfig(source=str(session), live=LiveConfig(speed=20.0))
    rig = make_rig(config, 7, KINDS)
    assert not rig.over
    rig.start()
    try:
        run(rig)
        assert rig.over
    finally:
        rig.close()
    open_for_robots = make_rig(RigConfig(sensors=NOBODY, ingest=IngestConfig(listen="tcp://127.0.0.1:0")), 7, KINDS)
    open_for_robots.start()
    open_for_robots.step(0.01)
    assert not open_for_robots.over
    open_for_robots.close()


def test_percepts_under_way_at_the_end_become_events(session: Path) -> None:
    """Stopped while the card is still shown and its second word may still find another view."""
    rig = make_rig(RigConfig(source=str(session), live=LiveConfig(speed=1.0)), 0, KINDS)
    rig.start()
    found: list[Delivery] = []
    end = time.monotonic() + PATIENCE
    while rig.figures().get("perceived/pairing.audio.came", 0) < 2:
        assert time.monotonic() < end
        found += rig.step(0.01)
    found += rig.flush()
    assert rig.flush() == []
    figures = rig.figures()
    utterances = sum(len(p.batch) for p in found if "audio" in p.batch.kind)
    assert utterances == figures["perceived/pairing.audio.came"] == 2
    assert sum(len(p.batch) for p in found if p.batch.kind == "audio+image") == 2
    assert set(rig.states.values()) == {"closed"}
    rig.close()


def test_ids_are_never_given_twice(session: Path) -> None:
    rig = make_rig(RigConfig(source=str(session)), 5, KINDS)
    saved = rig.state_dict() | {"seq": 40, "lesson": 9, "generation": 9}
    rig.load_state_dict(saved)
    state = rig.state_dict()
    assert (state["generation"], state["seq"], state["lesson"]) == (10, 40, 9)
    later = make_rig(RigConfig(source=str(session)), 12, KINDS)
    later.load_state_dict(saved)
    assert later.state_dict()["generation"] == 12


def test_without_anything_to_perceive_with_it_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="--microphone, --camera or --listen"):
        check(RigConfig(sensors=NOBODY))
    nowhere = str(tmp_path / "nowhere.avi")

    def look() -> None:
        with pytest.raises(SourceError, match=r"nowhere\.avi"):
            check(RigConfig(sensors=SensorsConfig(microphone=None, camera=nowhere)))

    assert quickest(lambda: took(look), 4.0) < 4.0
    with pytest.raises(SourceError, match="no recording"):
        check(RigConfig(source=str(tmp_path)))


def test_where_robots_are_heard_is_checked_before_anything_starts(tmp_path: Path, session: Path) -> None:
    for listen, keys, message in (
        ("nowhere", None, "expected tcp://host:port"),
        ("tcp://0.0.0.0:5570", None, "--make-keys"),
        ("tcp://127.0.0.1:0", str(tmp_path / "nokeys"), "no key"),
    ):
        for source in ("live", str(session)):
            with pytest.raises(LinkError, match=message):
                check(RigConfig(source=source, sensors=NOBODY, ingest=IngestConfig(listen=listen, keys=keys)))
    with RemoteIngest(IngestConfig(listen="tcp://127.0.0.1:0")) as other:
        taken = IngestConfig(listen=other.address)
        with pytest.raises(LinkError, match="choose another address"):
            check(RigConfig(sensors=NOBODY, ingest=taken))
    check(RigConfig(sensors=NOBODY, ingest=taken))


def test_a_rig_whose_devices_are_gone_seeks_them(tmp_path: Path) -> None:
    """As after a restart: what was there when the run began is pulled out, and is no reason to end it."""
    rig = make_rig(RigConfig(sensors=SensorsConfig(microphone=None, camera=str(tmp_path / "nowhere.avi"))), 0, KINDS)
    rig.start()
    try:
        assert rig.step(0.01) == []
        assert any("nowhere.avi" in note.text for note in rig.take_notes())
        assert rig.states["camera"] in ("connecting", "stalled")
    finally:
        rig.close()
        rig.close()


def test_a_rig_with_robots_waits_for_its_own_devices(tmp_path: Path) -> None:
    sensors = SensorsConfig(microphone=None, camera=str(tmp_path / "nowhere.avi"))
    config = RigConfig(sensors=sensors, ingest=IngestConfig(listen="tcp://127.0.0.1:0"))
    check(config)
    rig = make_rig(config, 0, KINDS)
    rig.start()
    try:
        assert rig.step(0.01) == []
        assert any("nowhere.avi" in note.text for note in rig.take_notes())
        assert rig.states["camera"] in ("connecting", "stalled")
    finally:
        rig.close()


def test_a_lone_camera_that_is_still_opening_is_something_to_perceive_with() -> None:
    server = MjpegServer()
    server.flowing.clear()
    config = RigConfig(sensors=SensorsConfig(microphone=None, camera=server.address))
    check(config)
    rig = make_rig(config, 0, KINDS)
    try:
        threading.Timer(2.0, server.flowing.set).start()
        rig.start()
        end = time.monotonic() + PATIENCE
        while rig.states["camera"] != "live":
            assert time.monotonic() < end
            rig.step(0.01)
    finally:
        rig.close()
        server.close()


def test_settings_survive_a_round_trip() -> None:
    config = RigConfig(sensors=NOBODY, live=LiveConfig(queue=3))
    assert RigConfig.from_dict(config.to_dict()) == config
    with pytest.raises(ConfigError, match="queue"):
        LiveConfig(queue=0)


def test_what_waits_to_be_read_is_no_silence(session: Path) -> None:
    """A machine that is too busy to look for seconds still finds every pair."""
    rig = make_rig(RigConfig(source=str(session), live=LiveConfig(speed=1.0)), 0, KINDS)
    rig.start()
    found: list[Delivery] = []
    try:
        end = time.monotonic() + 30
        while set(rig.states.values()) != {"closed"}:
            assert time.monotonic() < end
            time.sleep(1.7)
            found += rig.step(0.0)
        for _ in range(20):
            found += rig.step(0.0)
    finally:
        rig.close()
    assert sum(len(p.batch) for p in found if p.batch.kind == "audio+image") == 2
    assert rig.figures().get("perceived/audio.gaps", 0) == 0
