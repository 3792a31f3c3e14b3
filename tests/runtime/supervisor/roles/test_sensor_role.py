import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.harness.shown import drawing, show
from benchmarks.proofs.sensor_rates import PAIRS
from runtime.config.run_section import RunSection
from runtime.reporting.phrases import perceiving
from runtime.reporting.run_status import RunStatus
from runtime.supervisor.reports.metrics import metric_of
from runtime.supervisor.roles.replay_role import ReplayRole
from runtime.supervisor.roles.sensor_role import SensorRole
from sensors.live.outbox import Delivery, Outbox
from sensors.live.rig import make_rig
from sensors.live.rig_config import LiveConfig, RigConfig
from sensors.sources.recorder import Recorder
from sensors.sources.source import Frame
from tests.patience import PATIENCE
from tests.sensors.speech import chunks, stream

ANSWER: dict[str, Any] = {
    "totals": {
        "events/audio+image": 3,
        "read/camera": 40,
        "stalls/camera": 1,
        "reconnects/camera": 2,
        "lost/camera/overflow": 2,
        "refused/damaged": 4,
        "perceived/audio.utterances": 5,
        "perceived/pairing.audio.paired": 2,
        "outbox/stored": 3.0,
    },
    "dropped": {"throttled": 1, "unanswered": 0},
    "latencies": {"latency_p50": 0.02, "latency_p99": 0.05},
    "waiting": 0,
    "states": {"camera": "stalled", "microphone": "live"},
    "notes": ["camera stalled (nothing for 1.6 s)"],
}


def role() -> tuple[SensorRole, RunStatus, list[str]]:
    actor: Any = SimpleNamespace(name="sensors", started=True, keeps_handle=False)
    status, notes = RunStatus(), list[str]()
    return SensorRole(actor, status, RunSection(), {"version": 1}, notes.append), status, notes


def test_it_takes_up_its_cursor_before_it_perceives() -> None:
    made, _, _ = role()
    asked = [made.next(0.0) for _ in range(2)]
    assert [ask.method for ask in asked if ask] == ["load_state_dict", "summary"]
    methods = {ask.method for _ in range(3) if (ask := made.next(time.monotonic()))}
    assert methods == {"state_dict", "run"}


def test_what_it_hears_becomes_figures_and_notes() -> None:
    made, status, notes = role()
    made.on_answer("run", ANSWER, 0.0)
    v = status.values
    assert notes == ["camera stalled (nothing for 1.6 s)"]
    assert (v["sensors/audio/utterances"], v["sensors/events/audio+image"], v["sensors/stored"]) == (5, 3, 3)
    assert v[PAIRS] == 3, "the benchmark of sensors' rates reads it"
    assert (v["dropped/throttled"], v["dropped/unanswered"]) == (1, 0)
    assert (v["sensor/camera"], v["sensor_live/camera"], v["sensor_live/microphone"]) == ("stalled", 0.0, 1.0)
    assert (v["sensor_read/camera"], v["sensor_stalls/camera"], v["sensor_reconnects/camera"]) == (40, 1, 2)
    assert (v["sensor_lost/camera/overflow"], v["sensor_lost/refused/damaged"]) == (2, 4)
    assert v["sensors/latency_p99"] == 0.05
    assert all(metric_of(key) for key in v if not key.startswith("sensor/"))


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pairs, a word alone, a card alone; and six words, and one that runs on, of which sound is lost."""
    directory, rng = tmp_path_factory.mktemp("interrupted") / "session", np.random.default_rng(0)
    words = [(1.2, 0.4), (2.2, 0.5), (5.4, 0.4), *((7.0 + k, 0.6) for k in range(6)), (14.0, 8.0)]
    with Recorder(directory) as recorder:
        for chunk in chunks(stream(words, 24, rng), 100.0):
            at = chunk.start - 100.0
            if not 7.0 <= at < 13.0 or at % 1 < 0.3 or at % 1 >= 0.4:
                recorder.write("microphone", chunk)
        for n in range(24 * 15):
            at = n / 15
            digit = drawing(1) if 0.5 <= at < 3.5 else drawing(3) if 7.0 <= at < 13.0 else None
            recorder.write("camera", Frame(100.0 + at, show(digit, rng)))
    return directory


@pytest.mark.parametrize("queue", [256, 2])
def test_pairs_only_heard_and_only_seen_are_all_that_is_stored_or_dropped(interrupted: Path, queue: int) -> None:
    made, status, _ = role()
    kinds = ["audio", "image", "audio+image"]
    rig = make_rig(RigConfig(source=str(interrupted), live=LiveConfig(speed=8.0)), 1, kinds)
    outbox, tables = Outbox[Delivery](queue, 2**26), Counter[str]()
    rig.start()
    end = time.monotonic() + PATIENCE
    while set(rig.states.values()) != {"closed"}:
        assert time.monotonic() < end
        for percept in rig.step(0.01):
            outbox.add(percept)
    for percept in rig.flush():
        outbox.add(percept)
    rig.close()
    while due := outbox.due(0.0):
        for percept in due:
            outbox.sent(percept, 0.0)
            tables[percept.batch.kind] += len(percept.batch)
            outbox.answered(percept, len(percept.batch), 0, 0.0, 0.0)
    totals = rig.figures() | {f"outbox/{name}": float(n) for name, n in outbox.counts.items()}
    made.on_answer("run", ANSWER | {"totals": totals, "dropped": outbox.dropped}, 0.0)
    v = {key: float(value) for key, value in status.values.items() if not isinstance(value, str)}
    assert rig.figures()["perceived/audio.gaps"] >= 6 and v["sensors/pairing/audio.broken"] >= 6
    perceived = [v[f"sensors/events/{kind}"] for kind in ("audio+image", "audio", "image")]
    assert sum(perceived) == sum(tables.values()) + sum(v[f"dropped/{reason}"] for reason in outbox.dropped)
    assert f"{perceived[1]:.0f} audio only ({v['sensors/pairing/audio.broken']:.0f} incomplete)" in perceiving(v)
    if queue == 256:
        assert perceived == [tables[kind] for kind in ("audio+image", "audio", "image")]
        assert perceived[0] == 2 and perceived[1] > v["sensors/pairing/audio.broken"]
    else:
        assert v["dropped/overflow"] > 0


def test_totals_go_on_after_a_restart() -> None:
    made, status, _ = role()
    made.on_answer("run", ANSWER, 0.0)
    again = ANSWER | {"totals": {"events/audio+image": 2}, "dropped": {"throttled": 0}}
    made.on_answer("run", again, 1.0)
    assert status.values["sensors/events/audio+image"] == 5
    assert status.values["dropped/throttled"] == 1


def accounts(status: RunStatus, room: str, ends: tuple[str, ...]) -> tuple[float, float]:
    """Events offered, and those of which it is known what became of them."""
    totals = status.counters.totals
    dropped = sum(total for key, total in totals.items() if key.startswith(f"{room}/dropped/"))
    offered = totals.get(f"{room}/offered", totals.get(f"{room}/outbox/offered", 0.0))
    return offered, dropped + sum(totals[end] for end in ends)


def test_what_dead_sensors_held_is_counted_as_dropped() -> None:
    made, status, _ = role()
    first = ANSWER | {"totals": {"outbox/offered": 5, "outbox/stored": 2, "outbox/repeated": 0}, "waiting": 2}
    made.on_answer("run", first | {"dropped": {"throttled": 1}}, 0.0)
    made.on_restart()
    # As many as the dead one had stored: its successor's own all the same.
    again = {"outbox/offered": 7, "outbox/stored": 6, "outbox/repeated": 1}
    made.on_answer("run", ANSWER | {"totals": again, "dropped": {"throttled": 0}}, 1.0)
    assert status.values["dropped/died"] == 2 and status.values["sensors/stored"] == 8
    assert accounts(status, "sensed", ("sensed/outbox/stored", "sensed/outbox/repeated")) == (12, 12)


def test_its_last_words_are_heard_like_all_others() -> None:
    made, status, _ = role()
    made.on_answer("finish", ANSWER | {"dropped": {"stopped": 2}}, 0.0)
    assert status.values["sensors/events/audio+image"] == 3 and status.values["dropped/stopped"] == 2


def test_events_that_replay_refused_are_not_overwritten_by_its_own_count_of_batches() -> None:
    made, status, _ = role()
    actor: Any = SimpleNamespace(name="replay", started=True, keeps_handle=True)
    replay = ReplayRole(actor, status, RunSection(), print)
    made.on_answer("run", ANSWER | {"dropped": {"refused": 40}}, 0.0)
    replay.on_answer("ping", {"refused": 1}, 0.0)
    replay.on_answer("stats", {}, 0.0)
    assert (status.values["dropped/refused"], status.values["dropped/malformed"]) == (40, 1)


def test_nothing_more_comes_when_sources_have_ended_and_replay_has_all() -> None:
    made, status, _ = role()
    seen = []
    for over, waiting in ((False, 0), (True, 3), (True, 0)):
        made.on_answer("run", ANSWER | {"over": over, "waiting": waiting}, 0.0)
        seen.append(status.over)
    assert seen == [False, False, True]
    made.on_restart()  # it begins its sources anew
    assert not status.over
