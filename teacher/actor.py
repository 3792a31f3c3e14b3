"""Ray shell of a simulated teacher: pushes batches to replay, a few unacknowledged at a time."""

import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import ray
from ray.exceptions import RayActorError

from sensors.core.errors import ConfigError
from sensors.core.event import EventBatch
from sensors.core.state import StateDict
from teacher.config import DataConfig
from teacher.subjects import Cursor, settings_kind, subject

WINDOW = 4
"""Batches on the way to replay at one time."""
WINDOW_UNHEEDED = 16
"""The same, where nothing is sent again."""
ANSWER_TIMEOUT = 10.0
"""Seconds after which an unanswered batch is sent again, or given up; replay tells repeats by their ids."""
DROPPED = ("throttled", "unanswered", "restored")
"""Why events are given up: replay told to wait, or did not answer, and they are not sent again; or the teacher was set
back to a saved cursor, from which it offers them anew."""
_SHORTEST_PAUSE, _DEAD_PAUSE = 0.002, 0.2


@dataclass(eq=False)
class _Sent:
    """One batch that replay has not acknowledged: where it started, its answer to come, when it may go."""

    batch: EventBatch
    start: Cursor
    answer: Any = None
    sent_at: float = 0.0
    not_before: float = 0.0


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
        self._unacknowledged: deque[_Sent] = deque()
        self._forgotten = 0
        self._counts: Counter[str] = Counter()
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
        # Kept from a call that ended in an error, whose answer told nobody of them.
        counts, by_kind = self._counts, self._by_kind
        counts["dropped/restored"] += self._forgotten
        self._forgotten = 0
        waiting, alive = 0.0, True
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            alive = self._collect(counts, by_kind) and alive
            self._send(counts, now)
            before = time.monotonic()
            pause = self._pause(before, end)
            if pause > 0:
                self._wait(pause)
                waiting += time.monotonic() - before
        alive = self._collect(counts, by_kind) and alive
        names = ("offered", "accepted", "duplicate", "throttled", "lost", "batches")
        self._counts, self._by_kind = Counter(), Counter()
        return {
            **{n: counts[n] for n in names},
            "by_kind": dict(by_kind),
            "dropped": {reason: counts[f"dropped/{reason}"] for reason in DROPPED},
            "held": sum(len(sent.batch) for sent in self._unacknowledged),
            "waiting_s": waiting,
            "replay_alive": alive,
        }

    def exam(self) -> dict[str, Any]:
        """The subject's exam set as a dict of arrays; `ExamSet.from_dict` reads it.

        Raises:
            ConfigError: the subject has none: its examiners read the data themselves.
        """
        exam = self._machine.exam()
        if exam is None:
            raise ConfigError(f"{self._machine.name}: teaches what has no exam set; its examiners read the data")
        return exam.to_dict()

    def summary(self) -> list[str]:
        """Printable lines: what is shown and what is played, and where embedded data stand in for missing ones."""
        return list(self._summary)

    def datasets(self) -> dict[str, str]:
        """What is taught, by the setting of `data` that chooses it, each as `choice:fingerprint`."""
        return dict(self._datasets)

    def state_dict(self) -> StateDict:
        """Cursor of the oldest unacknowledged batch: what follows is taught again, under the same ids."""
        start = self._unacknowledged[0].start if self._unacknowledged and self._resend else None
        return self._machine.state_dict(start)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved cursor; forgets what is on its way.

        Raises:
            StateError: the state is not this teacher's.
        """
        self._machine.load_state_dict(state)
        self._forgotten += sum(len(sent.batch) for sent in self._unacknowledged)
        self._unacknowledged.clear()

    def ping(self) -> str:
        """Answer with the name."""
        return self._machine.name

    def close(self) -> None:
        """Forget what is on its way; the saved cursor covers it."""
        self._unacknowledged.clear()

    def _collect(self, counts: Counter[str], by_kind: Counter[str]) -> bool:
        """Take the answers that are there; False where replay turned out dead."""
        alive, now = True, time.monotonic()
        flying = {s.answer: s for s in self._unacknowledged if s.answer is not None}
        ready = ray.wait(list(flying), num_returns=len(flying), timeout=0)[0] if flying else []
        for sent in flying.values():
            if sent.answer not in ready:
                if now - sent.sent_at > ANSWER_TIMEOUT:
                    sent.answer = None
                    counts["lost"] += 1
                    self._give_up(sent, "unanswered", counts)
                continue
            answer, sent.answer = sent.answer, None
            try:
                reply = ray.get(answer, timeout=ANSWER_TIMEOUT)
            except RayActorError:
                sent.not_before = now + _DEAD_PAUSE
                counts["lost"] += 1
                alive = False
                self._give_up(sent, "unanswered", counts)
                continue
            if reply["throttled_ms"] > 0:
                sent.not_before = now + reply["throttled_ms"] / 1000
                counts["throttled"] += 1
                self._give_up(sent, "throttled", counts)
                continue
            self._unacknowledged.remove(sent)
            counts["batches"] += 1
            counts["accepted"] += reply["accepted"]
            counts["duplicate"] += reply["duplicate"]
            by_kind[sent.batch.kind] += reply["accepted"] + reply["duplicate"]
        return alive

    def _give_up(self, sent: _Sent, reason: str, counts: Counter[str]) -> None:
        """Forget a batch that is not sent again; what follows waits as long as it would have waited."""
        if not self._resend:
            self._unacknowledged.remove(sent)
            counts[f"dropped/{reason}"] += len(sent.batch)
            self._due = max(self._due, sent.not_before)

    def _send(self, counts: Counter[str], now: float) -> None:
        """Send what may go again, oldest first, then new batches while the window and the pace allow."""
        for sent in self._unacknowledged:
            if sent.answer is None:
                # One batch turned away holds up the later ones, so that they keep their order.
                if sent.not_before > now:
                    return
                self._dispatch(sent)
        while len(self._unacknowledged) < self._window and self._due <= time.monotonic():
            start = self._machine.cursor
            sent = _Sent(self._machine.step(), start)
            self._unacknowledged.append(sent)
            self._dispatch(sent)
            counts["offered"] += len(sent.batch)
            if rate := self._machine.rate:
                # A teacher held up catches up by a second at most.
                self._due = max(self._due, time.monotonic() - 1.0) + len(sent.batch) / rate

    def _dispatch(self, sent: _Sent) -> None:
        sent.answer = self._replay.insert.remote(sent.batch)
        sent.sent_at = time.monotonic()

    def _pause(self, now: float, end: float) -> float:
        """Seconds until something can be done, at most until `end`."""
        held = [s.not_before - now for s in self._unacknowledged if s.answer is None]
        if held:
            until = held[0]
        elif len(self._unacknowledged) < self._window:
            until = self._due - now
        else:
            until = ANSWER_TIMEOUT
        return min(max(until, 0.0), end - now)

    def _wait(self, pause: float) -> None:
        flying = [s.answer for s in self._unacknowledged if s.answer is not None]
        if flying and not any(s.answer is None for s in self._unacknowledged):
            ray.wait(flying, num_returns=1, timeout=pause)
        else:
            time.sleep(max(pause, _SHORTEST_PAUSE))
