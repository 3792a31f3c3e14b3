"""Ray shell of a simulated teacher: pushes batches to replay, a few unacknowledged at a time."""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import cv2
import ray
from ray.exceptions import RayActorError

from sensors.core.errors import ConfigError
from sensors.core.event import EventBatch
from sensors.core.resend_window import RESEND_AFTER
from sensors.core.state import StateDict
from sensors.live.outbox import Delivery, Outbox
from teacher.config import DataConfig
from teacher.subjects import Cursor, settings_kind, subject

WINDOW = 4
"""Batches on the way to replay at one time."""
WINDOW_UNHEEDED = 16
"""The same, where nothing is sent again."""
DROPPED = ("throttled", "unanswered", "restored")
"""Why events are given up: replay told to wait, or did not answer, and they are not sent again; or the teacher was set
back to a saved cursor, from which it offers them anew."""
COUNTED = {
    "offered": "offered",
    "accepted": "stored",
    "duplicate": "repeated",
    "throttled": "turned_away",
    "lost": "lost",
}
"""Counts of `run` -> those of the outbox."""
_SHORTEST_PAUSE = 0.002


class _Sent(Delivery):
    """A batch of a teacher, and the cursor of its first event."""

    def __init__(self, batch: EventBatch, start: Cursor) -> None:
        super().__init__(batch, time.monotonic())
        self.start = start


class TeacherActor:
    """The Ray shell of a subject's machine: it sends what the machine emits.

    Args:
        name: source name of its events.
        data: `DataConfig` as a dict.
        settings: how it teaches, the section of settings that its subject names, as a dict.
        seed: of this machine alone.
        generation: counts restarts without the saved state.
        replay: handle whose `insert(batch)` answers `accepted`, `duplicate` and `throttled_ms`.
        taught: name of the subject.
        resend: whether a batch is kept until replay answers that it was taken. If not, what replay turns away or does
            not answer is dropped and counted, and a saved cursor stands behind all that was sent.

    Raises:
        DataError: a dataset is missing or damaged.
        ConfigError: a bad setting, or an unknown subject.
    """

    def __init__(
        self,
        name: str,
        data: Mapping[str, Any],
        settings: Mapping[str, Any],
        seed: int,
        generation: int,
        replay: Any,
        taught: str = "digits",
        resend: bool = True,
    ) -> None:
        cv2.setNumThreads(1)
        one = subject(taught)
        loaded = one.load(DataConfig.from_dict(data))
        config = settings_kind(one).from_dict(settings)
        self._machine = one.machine(loaded, config, name, seed, generation)
        self._summary, self._datasets = list(loaded.lines), dict(loaded.choices)
        self._replay = replay
        self._resend = resend
        self._window = WINDOW if resend else WINDOW_UNHEEDED
        self._outbox = Outbox[_Sent](self._window, resend=resend, under_way=self._window, resend_after=RESEND_AFTER)
        self._flying: dict[Any, _Sent] = {}
        # Of the outbox, when `run` last answered: what a call that ended in an error has not told, the next one tells.
        self._told: Counter[str] = Counter()
        self._batches = 0
        self._by_kind: Counter[str] = Counter()
        self._due = time.monotonic()

    def __repr__(self) -> str:
        # Ray asks for it, too, while it reports that the constructor failed.
        return f"Teacher({self._machine.name})" if hasattr(self, "_machine") else "Teacher(starting)"

    def run(self, seconds: float) -> dict[str, Any]:
        """Teach for `seconds`; a batch that replay turned away stays and is sent again.

        Returns:
            Counts of this run: `offered` (events sent for the first time), `accepted`, `duplicate`,
            `throttled` (answers that turned a batch away), `lost` (sendings without an answer), `batches`
            (acknowledged), `by_kind` (events accepted or duplicate, by kind), `dropped` (events, by reason), `held`
            (events without a final answer now), `waiting_s` (time neither sending nor making batches) and
            `replay_alive`. Over all runs of one teacher offered = accepted + duplicate + dropped + held.
        """
        waiting, alive = 0.0, True
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            alive = self._collect() and alive
            self._send(now)
            before = time.monotonic()
            pause = self._pause(before, end)
            if pause > 0:
                self._wait(pause)
                waiting += time.monotonic() - before
        alive = self._collect() and alive
        return self._report() | {"waiting_s": waiting, "replay_alive": alive}

    def exam(self) -> dict[str, Any]:
        """The subject's exam set as a dict of arrays; `ExamSet.from_dict` reads it.

        Raises:
            ConfigError: the subject has none: its examiners read the data themselves.
        """
        exam = self._machine.exam()
        if exam is None:
            raise ConfigError(
                f"{self._machine.name}: has no exam set; the examiners of its subject read the data themselves"
            )
        return exam.to_dict()

    def summary(self) -> list[str]:
        """Printable lines: what is shown and what is played, and where embedded data stand in for missing ones."""
        return list(self._summary)

    def datasets(self) -> dict[str, str]:
        """The taught data, by the setting of `data` that chooses them, each as `choice:fingerprint`."""
        return dict(self._datasets)

    def state_dict(self) -> StateDict:
        """Cursor of the oldest unacknowledged batch: what follows is taught again, under the same ids."""
        start = next((sent.start for sent in self._outbox), None) if self._resend else None
        return self._machine.state_dict(start)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved cursor; forgets what is on its way.

        Raises:
            StateError: the state is not this teacher's.
        """
        self._machine.load_state_dict(state)
        self._outbox.stop("restored")
        self._flying.clear()

    def ping(self) -> str:
        """Answer with the name."""
        return self._machine.name

    def close(self) -> None:
        """Forget what is on its way; the saved cursor covers it."""
        self._outbox.stop("restored")
        self._flying.clear()

    def _report(self) -> dict[str, Any]:
        """Counts since it was last called."""
        new = self._outbox.counts.copy()
        new.subtract(self._told)
        self._told = self._outbox.counts.copy()
        batches, by_kind = self._batches, self._by_kind
        self._batches, self._by_kind = 0, Counter()
        return {
            **{name: new[counted] for name, counted in COUNTED.items()},
            "batches": batches,
            "by_kind": dict(by_kind),
            "dropped": {reason: new[reason] for reason in DROPPED},
            "held": self._outbox.events,
        }

    def _collect(self) -> bool:
        """Take the answers that are there; False where replay turned out dead."""
        alive, now = True, time.monotonic()
        late = self._outbox.overdue(now)
        self._flying = {answer: sent for answer, sent in self._flying.items() if sent not in late}
        ready = ray.wait(list(self._flying), num_returns=len(self._flying), timeout=0)[0] if self._flying else []
        for answer in ready:
            sent = self._flying.pop(answer)
            try:
                reply = ray.get(answer, timeout=RESEND_AFTER)
            except RayActorError:
                alive = False
                if self._outbox.unanswered(sent, now):
                    self._hold_up(sent)
                continue
            except Exception:
                # The caller hears of it, and the batch is not lost.
                self._outbox.recall(sent)
                raise
            throttled_ms = reply["throttled_ms"]
            given_up = self._outbox.answered(sent, reply["accepted"], reply["duplicate"], throttled_ms, now)
            if throttled_ms <= 0:
                self._batches += 1
                self._by_kind[sent.batch.kind] += reply["accepted"] + reply["duplicate"]
            elif given_up:
                self._hold_up(sent)
        return alive

    def _hold_up(self, sent: _Sent) -> None:
        """What follows a batch that was given up waits as long as that one would have waited."""
        self._due = max(self._due, sent.not_before)

    def _send(self, now: float) -> None:
        """Send what may go again, oldest first, then new batches while the window and the pace allow."""
        for sent in self._outbox.due(now):
            if sent.sent_at is not None:
                # The late answer of the earlier sending is not waited for.
                self._flying = {answer: other for answer, other in self._flying.items() if other is not sent}
            self._dispatch(sent)
        # One batch turned away holds up the later ones, so that they keep their order.
        while self._turned_away() is None and len(self._outbox) < self._window and self._due <= time.monotonic():
            start = self._machine.cursor
            sent = _Sent(self._machine.step(), start)
            self._outbox.add(sent)
            self._dispatch(sent)
            if rate := self._machine.rate:
                # A teacher held up catches up by a second at most.
                self._due = max(self._due, time.monotonic() - 1.0) + len(sent.batch) / rate

    def _dispatch(self, sent: _Sent) -> None:
        self._flying[self._replay.insert.remote(sent.batch)] = sent
        self._outbox.sent(sent, time.monotonic())

    def _turned_away(self) -> _Sent | None:
        """The oldest batch that was turned away and is not sent again yet."""
        return next((sent for sent in self._outbox if sent.sent_at is None), None)

    def _pause(self, now: float, end: float) -> float:
        """Seconds until something can be done, at most until `end`."""
        if (waiting := self._turned_away()) is not None:
            until = waiting.not_before - now
        elif len(self._outbox) < self._window:
            until = self._due - now
        else:
            until = RESEND_AFTER
        return min(max(until, 0.0), end - now)

    def _wait(self, pause: float) -> None:
        if self._flying and self._turned_away() is None:
            ray.wait(list(self._flying), num_returns=1, timeout=pause)
        else:
            time.sleep(max(pause, _SHORTEST_PAUSE))
