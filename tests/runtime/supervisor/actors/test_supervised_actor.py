"""The life of one actor: its deadlines, its end, and when it is put down, on a simulated clock."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import ActorUnavailableError

from runtime.config.run_section import RunSection
from runtime.reporting.run_status import RunStatus
from runtime.supervisor.actors.clock import Clock
from runtime.supervisor.actors.starts import Starts
from runtime.supervisor.actors.supervised_actor import Fault, SupervisedActor
from runtime.supervisor.actors.supervision import Supervision

DEAD = Fault("its process died", dead=True)


def shared(clock: Any, folder: Path, notes: list[str] | None = None, **settings: Any) -> Supervision:
    """What actors share, with settings of `run`."""
    section = RunSection(**{"restarts": 3} | settings)
    remark = ([] if notes is None else notes).append
    return Supervision(section, RunStatus(), remark, clock, "here", Starts(folder / "starts.log"))


def test_a_slow_start_is_no_work_so_that_a_crash_loop_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now = [1000.0]
    monkeypatch.setattr("runtime.supervisor.actors.supervised_actor.time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr("ray.get", lambda answer, timeout: answer)

    class Handle:
        class run:
            remote = staticmethod(lambda: "done")

    actor = SupervisedActor("learner", Handle, shared(Clock(), tmp_path), keeps_handle=True)
    alive = []
    for _ in range(4):
        actor.ask("run", expected=1.0, patience=300.0)
        now[0] += 90.0  # it starts, and dies at once
        actor.take_answer()
        alive.append(actor.put_down(DEAD))
    assert alive == [True, True, True, False]
    actor.ask("run", expected=1.0, patience=300.0)
    actor.take_answer()
    now[0] += 90.0  # of good work
    actor.ask("run", expected=1.0, patience=300.0)
    actor.take_answer()
    assert actor.failures == 0


@pytest.mark.parametrize("keeps_handle", [True, False])
def test_a_process_that_is_known_is_killed_here_alone_however_long_it_takes_to_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, keeps_handle: bool
) -> None:
    actor = SupervisedActor("replay", lambda: "handle", shared(Clock(), tmp_path), keeps_handle)
    killed = list[str]()
    monkeypatch.setattr("ray.kill", lambda handle, no_restart: killed.append("by Ray"))

    def kill(patience: float) -> bool:
        killed.append("here")
        return False  # it waits for a disk, and ends after that

    monkeypatch.setattr(actor.process, "kill", kill)
    for known, by in ((True, ["here"]), (False, ["by Ray"])):
        killed.clear()
        monkeypatch.setattr(actor.process, "find", lambda starts, known=known: known)
        actor.put_down(Fault("it hangs"))
        assert killed == by


def test_an_actor_that_keeps_starting_has_one_deadline_in_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now = [0.0]
    clock: Any = lambda: now[0]  # noqa: E731
    comes: list[Any] = [ActorUnavailableError("it is restarting", b"0" * 16)]

    def get(answer: Any, timeout: float) -> Any:
        if isinstance(comes[0], Exception):
            raise comes[0]
        return comes[0]

    monkeypatch.setattr("ray.get", get)
    ping = SimpleNamespace(remote=lambda: "to come")
    actor = SupervisedActor("replay", lambda: SimpleNamespace(ping=ping, stats=ping), shared(clock, tmp_path), True)

    def starts(seconds: float) -> str:
        end = now[0] + seconds
        while now[0] < end and not actor.overdue:
            actor.ask("ping", expected=0.0, patience=25.0)
            now[0] += 0.5
            with pytest.raises(ActorUnavailableError) as told:
                actor.take_answer()
            assert actor.is_still_starting(told.value) and actor.call is None
        return actor.overdue

    assert starts(24.0) == "" and starts(100.0) == "no answer to ping for 26 s"
    assert now[0] == pytest.approx(25.5) and actor.put_down(DEAD) and actor.overdue == ""
    assert starts(24.0) == "", "and as long again once it was made anew"
    comes[0] = "well"
    actor.ask("ping", expected=0.0, patience=25.0)
    actor.take_answer()
    now[0] += 100.0
    assert actor.overdue == "", "it is up"
    actor.ask("stats", expected=1.0, patience=4.0)
    now[0] += 6.0
    assert actor.overdue == "no answer to stats for 6 s"


class Process:
    """A process that does nothing, or is busy, from time 0 on."""

    died = None

    def __init__(self, clock: Any, doing: bool, stopped: bool) -> None:
        self._clock, self._doing, self.stopped = clock, doing, stopped

    def begin(self) -> None: ...

    def inspect(self, silence: float, doubtful: bool) -> None:
        assert doubtful == (silence > 1.0), "its threads are looked at only where it may hang"

    @property
    def idle(self) -> float:
        return 0.0 if self._doing else float(self._clock())


class Heartbeats:
    """Heartbeats that come all the time, or never from time 0 on."""

    error = None

    def __init__(self, clock: Any, come: bool) -> None:
        self._clock, self._come = clock, come

    def begin(self) -> None: ...

    def poll(self, handle: Any) -> None: ...

    @property
    def silence(self) -> float:
        return 0.0 if self._come else float(self._clock())


def observed(
    name: str, supervision: Supervision, doing: bool = False, stopped: bool = False, answers: bool = False
) -> SupervisedActor:
    actor: Any = SupervisedActor(name, lambda: None, supervision)
    actor.started = True
    actor.process = Process(supervision.clock, doing, stopped)
    actor._heartbeats = Heartbeats(supervision.clock, answers)
    return actor  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("what", "seen", "ended", "why"),
    [
        ({"stopped": True}, True, 10.0, "no heartbeat for 10 s, its process is stopped"),
        ({}, True, 10.0, "no heartbeat for 10 s, its process does nothing"),
        # Starved or in an endless loop: the two cannot be told apart, so both are killed in the end.
        ({"doing": True}, False, 60.0, "no heartbeat for 60 s"),
    ],
)
def test_a_starved_process_gets_longer_but_not_for_ever(
    what: dict[str, bool], seen: bool, ended: float, why: str, tmp_path: Path
) -> None:
    now, told = [0.0], list[str]()
    clock: Any = lambda: now[0]  # noqa: E731
    supervision = shared(clock, tmp_path, told, hang_deadline=10.0, call_deadline=60.0)
    silent, well = observed("learner", supervision, **what), observed("replay", supervision, answers=True)
    fault = None
    while fault is None:
        now[0] += 0.25
        for actor in (silent, well):
            actor.observe()
        fault = silent.check([silent, well])
        assert well.check([silent, well]) is None and now[0] <= ended + 0.5
        if now[0] > 5.0:
            noticed = float(supervision.status.values.get("noticed_s/learner", 9.0))
            assert (noticed < 5.0) == seen == bool(told)
    assert now[0] == pytest.approx(ended, abs=0.3) and fault == Fault(why)
