"""Ray shell of a live rig: perceives in a thread of its own and pushes what it finds to replay."""

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import ray
from ray.exceptions import RayError

from sensors.browsers.browsers import Message
from sensors.core.errors import EventError
from sensors.core.state import StateDict
from sensors.live.outbox import Delivery, Outbox
from sensors.live.rig import make_rig
from sensors.live.rig_config import RigConfig
from sensors.live.sensor_log import SensorLog

TICK = 0.01
"""Longest wait inside the sensing thread at once, seconds."""
FETCH = 0.5
"""Seconds in which an answer that is there already must be read."""
CLOSE_WITHIN = 1.2
"""Seconds that the sensing thread has to end, beyond those in which it sends what is left."""
UNSAID = 0.2
"""Seconds in which an actor that is closed unprepared still sends what is left."""


class SensorActor:
    """A `LiveRig` that sends; the supervisor makes it a Ray actor.

    Sensing goes on between two calls, however late the next one comes, and never waits for replay: what replay does
    not take stays in a bounded queue whose oldest batch goes first.

    Args:
        name: of the actor.
        config: `RigConfig` as a dict.
        generation: counts starts; this actor's events have one that the clock makes, which is greater.
        replay: handle whose `insert(batch)` answers `accepted`, `duplicate` and `throttled_ms`.
        kinds: of events that replay has tables for.
        resend: whether events are sent until replay answers that it has them; if not, those that it turns away or does
            not answer are dropped and counted.

    Raises:
        UserError: no such recording or address, or nothing to perceive with.
    """

    def __init__(
        self,
        name: str,
        config: Mapping[str, Any],
        generation: int,
        replay: Any,
        kinds: Sequence[str],
        resend: bool = True,
    ) -> None:
        cv2.setNumThreads(1)
        self._name = name
        settings = RigConfig.from_dict(config)
        # A start that no checkpoint knows of must not take its ids again either; clocks are seldom set back.
        self._rig = make_rig(settings, max(time.time_ns() // 1_000_000, generation), kinds)
        self._outbox = Outbox[Delivery](settings.live.queue, settings.live.queue_mib * 2**20, resend)
        self._replay = replay
        self._log = SensorLog(Path(settings.log)) if settings.log is not None else None
        self._backlog: deque[Delivery] = deque()  # what one step found, of files that wait for the outbox
        self._flying: dict[Any, Delivery] = {}
        self._patience = UNSAID
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._sense, name="sensing", daemon=True)

    def __repr__(self) -> str:
        # Ray asks for it, too, while it reports that the constructor failed.
        if not hasattr(self, "_rig"):
            return "Sensor(starting)"
        return f"Sensor({', '.join(f'{name} {state}' for name, state in self._rig.states.items())})"

    def run(self, seconds: float) -> dict[str, Any]:
        """Let it perceive for `seconds`; begins at the first call, and goes on between calls.

        Returns:
            `totals` since the start (see `LiveRig.figures`, and `outbox/<count>` of `Outbox.counts`), `dropped` events
            by reason, `latencies` (seconds), `waiting` (events that replay has not taken yet), `states` by source,
            `over` (nothing more will come), and `notes`: lines for people.
        """
        if self._error is None and not self._thread.ident:
            self._rig.start()
            self._thread.start()
        elif self._thread.is_alive():
            self._stop.wait(seconds)
        if self._error is not None:
            raise self._error
        return self._report()

    def finish(self, seconds: float) -> dict[str, Any]:
        """Stop perceiving, and send what is under way for `seconds` at most; the rest is counted as `stopped`.

        Returns:
            As `run` does, for the last time.
        """
        self._patience = seconds
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(seconds + CLOSE_WITHIN)
        return self._report()

    def share(self, messages: Sequence[tuple[str, float, bool, bytes | None]]) -> list[tuple[str, str]] | None:
        """Take in what browsers sent to the page; returns at once, beside any other call.

        Args:
            messages: see `sensors.browsers.browsers.Message`.

        Returns:
            Connections, each with a JSON text that it is to be told; None: no browser may share with this run.
        """
        return self._rig.exchange([Message(*message) for message in messages])

    def summary(self) -> list[str]:
        """Printable lines: what is listened to and looked at."""
        return self._rig.describe()

    def state_dict(self) -> StateDict:
        """Which ids and lessons come next."""
        with self._lock:
            return self._rig.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on after a saved state.

        Raises:
            StateError: the state is another's.
        """
        with self._lock:
            self._rig.load_state_dict(state)

    def ping(self) -> str:
        """Answer with the name."""
        return self._name

    def close(self) -> None:
        """Stop perceiving and let go of the devices; `finish` first, or what is under way may be lost."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_WITHIN)
        else:
            self._rig.close()

    def _report(self) -> dict[str, Any]:
        with self._lock:
            totals = self._rig.figures() | {f"outbox/{k}": float(n) for k, n in self._outbox.counts.items()}
            notes = self._rig.take_notes()
            told = {
                "dropped": self._outbox.dropped,
                "latencies": self._outbox.latencies(),
                "waiting": self._outbox.events + sum(delivery.events for delivery in self._backlog),
                "states": self._rig.states,
                "over": self._rig.over and not self._backlog,
            }
        if self._log is not None:
            # Without the lock: a slow disk keeps nobody from perceiving.
            self._log.observe(notes)
            totals["notes/unwritten"] = self._log.unwritten
        return told | {"totals": totals, "notes": [note.text for note in notes]}

    def _sense(self) -> None:
        try:
            while not self._stop.is_set():
                with self._lock:
                    if not self._backlog:
                        self._backlog.extend(self._rig.step(0.0))
                    found = self._fill()
                    self._send()
                # Without the lock, so that a call for figures need not wait.
                if not found:
                    self._wait()
                with self._lock:
                    self._collect()
            self._part()
        except BaseException as error:
            self._error = error
        finally:
            self._rig.close()

    def _fill(self) -> bool:
        """Move what was perceived to the outbox; whether anything was.

        A file waits while the outbox is crowded, so that nothing of it is dropped. Devices cannot wait.
        """
        moved = False
        while self._backlog and not (self._rig.waits and self._outbox.crowded):
            self._outbox.add(self._backlog.popleft())
            moved = True
        return moved

    def _part(self) -> None:
        """Send what is under way, as long as that may take."""
        with self._lock:
            self._backlog.extend(self._rig.flush())
        end = time.monotonic() + self._patience
        while (self._backlog or len(self._outbox)) and time.monotonic() < end:
            with self._lock:
                self._fill()
                self._send()
            time.sleep(TICK / 2)
            with self._lock:
                self._collect()
        with self._lock:
            while self._backlog:
                self._outbox.add(self._backlog.popleft())
            self._outbox.stop()

    def _wait(self) -> None:
        if self._flying:
            ray.wait(list(self._flying), num_returns=1, timeout=TICK)
        else:
            self._stop.wait(TICK)

    def _send(self) -> None:
        now = time.monotonic()
        for delivery in self._outbox.due(now):
            if delivery.sent_at is not None:
                # Sent again: its late answer is not waited for any more, or a silent replay would fill memory.
                self._flying = {answer: flying for answer, flying in self._flying.items() if flying is not delivery}
            self._flying[self._replay.insert.remote(delivery.batch)] = delivery
            self._outbox.sent(delivery, now)

    def _collect(self) -> None:
        """Take the answers that are there."""
        if not self._flying:
            return
        stored = self._outbox.overdue(time.monotonic())
        if stored:
            self._flying = {answer: delivery for answer, delivery in self._flying.items() if delivery not in stored}
        ready, _ = ray.wait(list(self._flying), num_returns=len(self._flying), timeout=0)
        refused: list[Delivery] = []
        for answer in ready:
            delivery = self._flying.pop(answer)
            now = time.monotonic()
            try:
                reply = ray.get(answer, timeout=FETCH)
            except EventError:
                self._outbox.refused(delivery)
                refused.append(delivery)
            except RayError:
                if self._outbox.unanswered(delivery, now):
                    stored.append(delivery)
            else:
                if self._outbox.answered(delivery, reply["accepted"], reply["duplicate"], reply["throttled_ms"], now):
                    stored.append(delivery)
        self._rig.acknowledge(stored)
        self._rig.refuse(refused, "replay")
