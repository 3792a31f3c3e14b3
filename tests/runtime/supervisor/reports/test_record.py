from types import SimpleNamespace
from typing import Any

from runtime.reporting.run_status import RunStatus
from runtime.supervisor.reports.record import FINAL, STARTING, doing


def roles(**started: bool) -> dict[str, Any]:
    return {name: SimpleNamespace(actor=SimpleNamespace(started=up)) for name, up in started.items()}


def test_until_the_first_step_the_phase_names_the_awaited_actor() -> None:
    status = RunStatus()
    starting = roles(replay=True, learner=False, sensors=False, monitor=False)
    assert doing(STARTING, status, "", starting) == "starting actors: learner, sensors"
    up = roles(replay=True, learner=True, sensors=True, monitor=False, agent=False)
    assert doing(STARTING, status, "", up) == "waiting for the first step"
    status.waiting = "replay holds 3 of 16 audio events"
    assert doing(STARTING, status, "", up) == "waiting for events: replay holds 3 of 16 audio events"


def test_learning_and_the_final_exam_say_what_they_are_at() -> None:
    status = RunStatus()
    assert doing("learning", status, "", {}) == "learning"
    status.waiting = "replay holds no events yet"
    assert doing("learning", status, "", {}) == "waiting: replay holds no events yet"
    assert doing("learning", status, "disk is full", {}) == "waiting: disk is full"
    assert doing(FINAL, status, "", {}) == FINAL
    status.examined = "judged 4,000 of 10,000, 40 s"
    assert doing(FINAL, status, "", {}) == "final exam: judged 4,000 of 10,000, 40 s"
    assert doing("stopping", status, "", {}) == "stopping"
