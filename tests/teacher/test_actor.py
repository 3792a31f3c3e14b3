"""The Ray shell: nothing offered is lost, whatever replay answers."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray

from sensors.core.errors import ConfigError, StateError
from teacher import actor as shell
from teacher.actor import TeacherActor
from teacher.config import LettersConfig, TeacherConfig
from teacher.datasets import ExamSet, letters
from tests.patience import PATIENCE, quickest, took
from tests.teacher.scripted import HELD, ScriptedReplay
from tests.teacher.spelled_toy import toy_letters
from tests.teacher.tiny import write_fsdd, write_mnist

pytestmark = pytest.mark.ray
# Slow enough that a run of a second is a few dozen batches.
TEACHER = TeacherConfig(style="classroom", single_share=0.3, batch_events=16, rate=1600).to_dict()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("data")
    write_mnist(root)
    write_fsdd(root)
    return {"data": str(root)}


class Pair:
    """A teacher in this process and a scripted replay in another."""

    def __init__(self, data: dict[str, Any], log: Path) -> None:
        self._data, self._log = data, str(log)
        self.go = Path(f"{log}{HELD}")
        self._handles: list[Any] = []

    def __call__(
        self, *script: tuple[str, float], resend: bool = True, rate: float = 1600.0, **options: Any
    ) -> tuple[TeacherActor, Any]:
        kind: Any = ray.remote(ScriptedReplay)
        replay = kind.options(num_cpus=0, **options).remote(list(script), self._log)
        ray.get(replay.ids.remote())
        self._handles.append(replay)
        return TeacherActor("teacher-0", self._data, TEACHER | {"rate": rate}, 3, 0, replay, resend=resend), replay

    def close(self) -> None:
        self.go.touch()
        for handle in self._handles:
            ray.kill(handle)


@pytest.fixture
def pair(ray_session: None, data: dict[str, Any], tmp_path: Path) -> Iterator[Pair]:
    made = Pair(data, tmp_path / "log")
    yield made
    made.close()


def settle(teacher: TeacherActor, met: Callable[[Counter[str]], object] = lambda total: True) -> Counter[str]:
    """Totals of two runs, and of as many more as it takes until `met`."""
    total: Counter[str] = Counter()
    end, runs = time.monotonic() + PATIENCE, 0
    while runs < 2 or not met(total):
        assert time.monotonic() < end, total
        runs += 1
        counts = teacher.run(0.4)
        total.update({name: value for name, value in counts.items() if isinstance(value, int | float)})
        total.update({f"by_kind/{kind}": count for kind, count in counts["by_kind"].items()})
    return total


def at_pace(teacher: TeacherActor, seconds: float, least: float, most: float) -> Counter[str]:
    """Totals of runs until one offered `least` to `most` events a second: a busy machine may hold up some."""
    total: Counter[str] = Counter()
    end = time.monotonic() + PATIENCE / 2
    while time.monotonic() < end:
        begun = time.monotonic()
        counts = teacher.run(seconds)
        pace = counts["offered"] / (time.monotonic() - begun)
        total.update({name: value for name, value in counts.items() if isinstance(value, int | float)})
        total.update({f"by_kind/{kind}": count for kind, count in counts["by_kind"].items()})
        if least < pace < most:
            return total
    pytest.fail(f"{pace:.0f} events/s in the last run, {total}")


def kinds(total: Counter[str]) -> dict[str, int]:
    """Events accepted or duplicate, by kind."""
    return {name.removeprefix("by_kind/"): n for name, n in total.items() if name.startswith("by_kind/")}


def stored(replay: Any) -> list[int]:
    return sorted(seq for _, _, seq in ray.get(replay.ids.remote()))


def check_accounts(teacher: TeacherActor, replay: Any, total: Counter[str]) -> None:
    """Every event offered is stored or still held, and what is stored has no gap before the cursor."""
    first_held = teacher.state_dict()["seq"]
    seqs = stored(replay)
    assert set(range(first_held)) <= set(seqs)
    assert total["offered"] > 0 and total["offered"] % 16 == 0
    held = total["offered"] - total["accepted"] - total["duplicate"]
    assert 0 <= held <= shell.WINDOW * 16


def test_events_arrive_at_the_asked_pace_and_are_counted(pair: Pair) -> None:
    teacher, replay = pair(rate=400.0)
    assert repr(teacher) == "Teacher(teacher-0)"
    counts = at_pace(teacher, 1.0, 250, 450)
    assert counts["duplicate"] == counts["throttled"] == counts["lost"] == 0 and counts["replay_alive"]
    assert sum(kinds(counts).values()) == counts["accepted"] == counts["batches"] * 16
    assert set(kinds(counts)) <= {"audio", "image", "audio+image"}
    check_accounts(teacher, replay, counts)


def test_a_throttled_batch_waits_and_comes_again_in_order(pair: Pair) -> None:
    teacher, replay = pair(("ok", 0), ("throttle", 150.0), ("throttle", 150.0))
    begun, spent = time.monotonic(), time.process_time()
    total = settle(teacher, lambda total: total["throttled"] == 2)
    assert total["throttled"] == 2 and total["waiting_s"] > 0.15
    assert time.process_time() - spent < 0.8 * (time.monotonic() - begun)
    total += settle(teacher)
    check_accounts(teacher, replay, total)
    assert total["duplicate"] == 0


def test_throttled_throughout_offers_no_more_than_the_window(pair: Pair) -> None:
    teacher, replay = pair(*[("throttle", 50.0)] * 500)
    total = settle(teacher, lambda total: total["offered"] >= shell.WINDOW * 16)
    assert total["offered"] == shell.WINDOW * 16 and total["accepted"] == 0
    assert teacher.state_dict()["seq"] == 0
    assert stored(replay) == []


def test_the_cursor_stays_at_the_oldest_unacknowledged_batch(pair: Pair, data: dict[str, Any]) -> None:
    # While the first is slow, the rest of the window is sent; then the second is turned away.
    teacher, replay = pair(("sleep", 0.2), ("throttle", 600_000.0))
    settle(teacher, lambda total: total["accepted"] and total["throttled"])
    state = teacher.state_dict()
    assert state["seq"] == 16
    second = TeacherActor("teacher-0", data, TEACHER, 9, 7, replay)
    second.load_state_dict(state)
    total = settle(second, lambda total: total["duplicate"] > 0)
    # What the first one sent beyond its cursor comes again under the same ids and is a duplicate.
    assert total["duplicate"] > 0
    assert set(range(second.state_dict()["seq"])) <= set(stored(replay))
    assert {(s, g) for s, g, _ in ray.get(replay.ids.remote())} == {("teacher-0", 0)}
    with pytest.raises(StateError):
        second.load_state_dict({**state, "name": "teacher-1"})


def test_a_restarted_replay_gets_what_it_missed(pair: Pair, tmp_path: Path) -> None:
    teacher, replay = pair(("ok", 0), ("ok", 0), ("die", 0), max_restarts=1, max_task_retries=0)
    deadline, lost = time.monotonic() + 2 * PATIENCE, 0
    while True:
        counts = teacher.run(0.5)
        lost += counts["lost"]
        if lost and counts["accepted"] and counts["replay_alive"]:
            break
        assert time.monotonic() < deadline
    assert (tmp_path / "log").exists()
    # The new one starts empty: from the first batch it had not acknowledged there is no gap.
    seqs = stored(replay)
    assert seqs == list(range(seqs[0], seqs[-1] + 1))


def test_a_dead_replay_is_reported_and_costs_little(pair: Pair) -> None:
    teacher, replay = pair()
    ray.kill(replay)
    begun, spent = time.monotonic(), time.process_time()
    alive, offered = True, 0
    while alive:
        assert time.monotonic() - begun < PATIENCE
        counts = teacher.run(0.4)
        alive, offered = counts["replay_alive"], offered + counts["offered"]
    offered += teacher.run(0.4)["offered"]
    assert offered == shell.WINDOW * 16
    assert time.process_time() - spent < 0.75 * (time.monotonic() - begun)
    assert teacher.state_dict()["seq"] == 0


def test_without_resending_refused_batches_are_counted_and_the_cursor_passes_them(pair: Pair) -> None:
    script = [("ok", 0.0), ("throttle", 50.0), ("ok", 0.0), ("die", 0.0)]
    teacher, replay = pair(*script, resend=False, max_restarts=1, max_task_retries=0)
    total: Counter[str] = Counter()
    deadline = time.monotonic() + 2 * PATIENCE
    while total["accepted"] < 200 or total["unanswered"] == 0:
        counts = teacher.run(0.2)
        total.update({name: counts[name] for name in ("offered", "accepted", "duplicate", "throttled", "lost")})
        total.update({f"dropped/{reason}": n for reason, n in counts["dropped"].items()})
        total["unanswered"] = total["dropped/unanswered"]
        # At any time, and exactly.
        gone = total["dropped/throttled"] + total["dropped/unanswered"]
        assert total["offered"] == total["accepted"] + total["duplicate"] + gone + counts["held"]
        assert counts["held"] <= shell.WINDOW_UNHEEDED * 16
        assert time.monotonic() < deadline
    while counts["held"]:  # what is answered is heard, and nothing more is sent
        counts = teacher.run(0.0)
        total["accepted"] += counts["accepted"]
        assert time.monotonic() < deadline
    assert total["dropped/throttled"] >= 16 and total["duplicate"] == 0
    assert teacher.state_dict()["seq"] == total["offered"]
    # The one that died had stored one batch or two.
    assert 0 < total["accepted"] - len(stored(replay)) <= 32


def test_what_was_on_its_way_is_counted_when_a_teacher_is_set_back(pair: Pair) -> None:
    teacher, _ = pair(*[("throttle", 60_000.0)] * 500)
    state = teacher.state_dict()
    counts = teacher.run(0.3)
    assert counts["held"] == counts["offered"] > 0 and not any(counts["dropped"].values())
    teacher.load_state_dict(state)
    assert teacher.run(0.01)["dropped"]["restored"] == counts["held"]


def test_replays_own_error_reaches_the_caller_and_loses_nothing(pair: Pair) -> None:
    teacher, replay = pair(("ok", 0), ("fail", 0))
    with pytest.raises(ValueError, match="disk is full"):
        settle(teacher, lambda total: False)
    settle(teacher)
    assert set(range(teacher.state_dict()["seq"])) <= set(stored(replay))


def test_an_answer_that_does_not_come_is_asked_for_again(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "RESEND_AFTER", 0.2)
    teacher, replay = pair(("hold", 0.0))
    # Each run ends in time, though nothing is answered.
    assert quickest(lambda: took(lambda: teacher.run(0.5)), 0.8) < 0.8
    total = settle(teacher, lambda total: total["lost"] > 0)
    assert total["lost"] > 0 and total["accepted"] == 0
    pair.go.touch()
    total = settle(teacher, lambda total: total["duplicate"] > 0)
    assert total["duplicate"] > 0
    assert set(range(teacher.state_dict()["seq"])) <= set(stored(replay))


def test_as_an_actor_it_tells_what_it_teaches_and_gives_its_exam(
    ray_session: None, data: dict[str, Any], session_cache: Path
) -> None:
    kind: Any = ray.remote(TeacherActor)
    options = {"num_cpus": 0, "runtime_env": {"env_vars": {"RECIPROCAL_CACHE": str(session_cache)}}}
    teacher = kind.options(**options).remote("teacher-0", data, TEACHER, 3, 0, None)
    assert ray.get(teacher.ping.remote(), timeout=60) == "teacher-0"
    lines = ray.get(teacher.summary.remote())
    assert lines[0].startswith("images: mnist: 40 training") and lines[1].startswith("speech: fsdd:")
    exam = ExamSet.from_dict(ray.get(teacher.exam.remote()))
    assert exam.parts["image"].samples.shape == (20, 1, 32, 32) and len(exam.parts["audio"]) == 20
    assert np.bincount(exam.parts["image"].labels).tolist() == [2] * 10
    ray.get(teacher.close.remote())
    ray.kill(teacher)


def test_told_its_subject_it_teaches_letters(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = toy_letters()
    monkeypatch.setattr(letters, "load_letters", lambda config: corpus)
    _, replay = pair()
    settings = LettersConfig(rate=160.0, pairs_first=16).to_dict()
    teacher = TeacherActor("teacher-letters", {}, settings, 3, 0, replay, "letters")
    counts = at_pace(teacher, 0.8, 100, 250)
    assert set(kinds(counts)) == {"speech+lips+letter", "speech+letter"}
    assert sum(kinds(counts).values()) == counts["accepted"]
    assert teacher.summary() == [f"letters: {corpus.summary}"]
    assert teacher.datasets() == {"letters": f"toy:{corpus.utterances.fingerprint}"}
    state = teacher.state_dict()
    again = TeacherActor("teacher-letters", {}, settings, 9, 7, replay, "letters")
    again.load_state_dict(state)
    assert set(again.state_dict().items()) == set(state.items())
    with pytest.raises(ConfigError, match="no exam set"):
        teacher.exam()
    with pytest.raises(ConfigError, match="no subject 'music'"):
        TeacherActor("teacher-music", {}, settings, 3, 0, replay, "music")
