import time
from collections.abc import Generator
from typing import Any

import pytest

import agent.monitors.rounds
from agent.exams.progress import ExamProgress
from agent.monitors.monitor import Findings
from agent.monitors.rounds import Round, Rounds


class Topic:
    """A subject that needs some training, and has an exam whenever it is told so."""

    def __init__(self, name: str, log: list[str], training: int = 0) -> None:
        self.name, self.log, self.left, self.due = name, log, training, True

    @property
    def ready(self) -> bool:
        return not self.left

    def train(self, seconds: float) -> Findings:
        self.left -= 1
        self.log.append(f"train {self.name}")
        return Findings(note=f"{self.name} trained")

    @property
    def trained(self) -> float:
        return 1 / (1 + self.left)

    def examining(self, networks: Any, whole: bool = False) -> Generator[ExamProgress, None, Findings]:
        yield ExamProgress(f"judged {self.name}")
        return self.examine(networks, whole)

    def examine(self, networks: Any, whole: bool = False) -> Findings:
        self.log.append(f"{'final' if whole else 'exam'} {self.name} {networks}")
        return Findings({f"exam/{self.name}": 1.0}, f"{self.name} examined")


class Learner:
    """Publishes versions; what is not newer is none, unless it is wanted anyway."""

    def __init__(self, version: int | None) -> None:
        self.version, self.known, self.calls = version, -1, 0

    def pull(self, anyway: bool) -> int | None:
        self.calls += 1
        if self.version is None or (not anyway and self.version <= self.known):
            return None
        self.known = self.version
        return self.version


@pytest.fixture(autouse=True)
def _restless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent.monitors.rounds, "IDLE", 0.001)


def test_subjects_that_are_always_due_take_turns() -> None:
    log: list[str] = []
    digits, letters = Learner(1), Learner(1)
    rounds = Rounds([Round(Topic("letters", log), letters.pull), Round(Topic("digits", log), digits.pull)])
    for _ in range(4):
        assert rounds.run(0.1).note
        digits.version = letters.version = 1 + (digits.version or 0)
    assert [entry.split()[1] for entry in log] == ["letters", "digits", "letters", "digits"]


def test_exams_that_are_due_come_before_training() -> None:
    log: list[str] = []
    one, two = Topic("one", log, 2), Topic("two", log, 1)
    two.due = False
    rounds = Rounds([Round(one, Learner(1).pull), Round(two, Learner(None).pull)])
    assert not rounds.ready
    notes = [rounds.run(0.1).note for _ in range(5)]
    assert log == ["exam one 1", "train one", "train one", "train two"]
    assert notes[-1] == "" and rounds.ready


def test_a_learner_without_news_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []
    learner = Learner(None)
    rounds = Rounds([Round(Topic("letters", log), learner.pull)])
    for _ in range(5):
        rounds.run(0.1)
    assert learner.calls == 1
    learner.version = 4
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + agent.monitors.rounds.RECALL + 1)
    rounds.run(0.1)
    assert learner.calls == 2 and log == ["exam letters 4"]


def test_the_end_trains_all_judges_and_examines_what_there_is() -> None:
    log: list[str] = []
    learners = Learner(7), Learner(None), Learner(3)
    topics = Topic("letters", log, 1), Topic("nothing", log, 1), Topic("digits", log, 2)
    rounds = Rounds([Round(topic, learner.pull) for topic, learner in zip(topics, learners, strict=True)])
    learners[0].known = 7
    pieces, told = rounds.final(), list[str]()
    try:
        while True:
            told.append(next(pieces).text)
    except StopIteration as end:
        found: Findings = end.value
    trained = [f"judges trained to {share}%" for share in (44, 61, 78, 83)]
    assert told == [trained[0], "judged letters", *trained[1:], "judged digits"], "of all judges together"
    assert log[-1] == "final digits 3" and "final letters 7" in log and rounds.ready
    assert found.figures == {"exam/letters": 1.0, "exam/digits": 1.0}
    assert found.note == "letters examined; digits examined"


def test_the_end_is_worked_on_for_the_time_that_there_is_and_gone_on_with() -> None:
    log: list[str] = []
    rounds = Rounds([Round(Topic("digits", log, 3), Learner(3).pull)])
    told = []
    while (answer := rounds.conclude(0.0))[0]:
        assert not answer[1].figures
        told.append(answer[0].text)
    assert len(told) == 4 and answer[1].figures == {"exam/digits": 1.0}
    assert log == ["train digits"] * 3 + ["final digits 3"], "each piece once"
