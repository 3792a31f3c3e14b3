"""The read loop that every source runs: it opens the device, empties it, notices its silence, and seeks it again.

Two threads a connected source. The *worker* opens the device and reads it; it alone touches it, as libraries of
devices may crash when one thread closes what another reads. The *watcher* only watches the clock: a worker that
fails, or that has been silent for too long, is given up, and after a pause another begins. A worker that is blocked
inside a library cannot be stopped; it closes its device as soon as it comes back, and what it brings is not used.
"""

import math
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from sensors.core.errors import SourceError
from sensors.core.percept import Reading
from sensors.sources.ring import Ring
from sensors.sources.source import Change, Counts, Ended, Observer, Source, SourceState, T

STALL = 1.5
"""Seconds of silence after which a device counts as stalled; with the watcher's own delay it is under 2."""
OPENING = 10.0
"""Seconds that opening a device may take before it is given up."""
FIRST = 3.0
"""How many times as long as for later samples a device may take for its first one: some cameras start slowly."""
PAUSES = (0.5, 10.0)
"""First and longest pause before a device is opened again, seconds; each is twice the one before."""
POLL = 0.1
"""Longest that a worker waits inside a well-behaved device at once, seconds."""
LEFT_BEHIND = 4
"""Workers blocked inside their device at one time; with more, the device is not opened again until one is back."""
AT_ITS_END = "at its end"
"""Why a source that has come to its end is closed, unless its driver says more."""
_HANG = f"{LEFT_BEHIND} attempts hang inside the device; pull it out, or restart"
_FAREWELL = 0.6
_SECONDS = re.compile(r"\d+\.\d+ s\b")

Given = TypeVar("Given", bound=Reading, covariant=True)


class Driver(Protocol[Given]):
    """One opened device: the lowest layer, all that a new kind of source has to bring."""

    def read(self, timeout: float) -> Given | None:
        """The next sample, or None when there was none within about `timeout` seconds.

        Raises:
            Ended: it has come to its end; the message says why it is closed, if not just for that.
            Exception: the device is lost; the message says why.
        """

    def close(self) -> None:
        """Let go of the device; called once, by the thread that read it."""


@dataclass(eq=False)
class _Worker:
    """One attempt at a device, seen from the watcher."""

    given_up: threading.Event = field(default_factory=threading.Event)
    begun: float = field(default_factory=time.monotonic)
    opened: bool = False
    last: float = field(default_factory=time.monotonic)
    samples: int = 0
    ended: str = ""
    error: Exception | None = None
    thread: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        return self.thread is not None and self.thread.is_alive()


class LoopSource(Source[T]):
    """A `Source` made of whatever opens a `Driver`.

    Args:
        name: of the source.
        open: opens the device; raises `SourceError` when there is none or it is busy.
        capacity: unread samples that are kept.
        timeout: longest wait of `read`, seconds.
        stall: seconds of silence that mean a stall; None for a source that may pause as long as it likes.
        pauses: first and longest pause before the device is opened again, seconds.
        patient: wait for the reader rather than drop its oldest unread sample; for what can wait, such as a file.
    """

    def __init__(
        self,
        name: str,
        open: Callable[[], Driver[T]],
        *,
        capacity: int,
        timeout: float = 2.0,
        stall: float | None = STALL,
        pauses: tuple[float, float] = PAUSES,
        patient: bool = False,
    ) -> None:
        self.name, self.timeout = name, timeout
        self._open: Callable[[], Driver[T]] = open
        self._stall, self._pauses, self._patient = stall, pauses, patient
        self._ring: Ring[T] = Ring(capacity)
        self._observers: list[Observer] = []
        self._lock = threading.Condition()
        self._state: SourceState = "closed"
        self._stop = threading.Event()
        self._watcher: threading.Thread | None = None
        self._left_behind: list[_Worker] = []
        self._first: Exception | bool | None = None  # how the first attempt went: the error, or that there was none
        self._why = ""  # the reason of its state, without the seconds in it
        self._well = -math.inf  # when a driver last said so
        self._counted = False  # the loss before the next sample is counted already
        self._was_live = False
        self._reconnects = 0

    def connect(self, warmup: float = 1.0) -> None:
        """Open the device; see `Source.connect`."""
        with self._lock:
            if self._watcher is None or self._stop.is_set():
                self._stop, self._first = threading.Event(), None
                self._ring.end(False)
                before, self._state = self._state, "connecting"
                begun = (self._stop, Change(self.name, before, "connecting", ""))
                self._watcher = threading.Thread(target=self._keep_watch, args=begun, name=self.name, daemon=True)
                self._watcher.start()
            self._lock.wait_for(lambda: self._first is not None, warmup)
            failed = self._first if isinstance(self._first, Exception) else None
        if failed is not None and warmup > 0:
            self.disconnect()
            raise failed if isinstance(failed, SourceError) else SourceError(f"{self.name}: {failed}") from None

    def read(self) -> T:
        """The next unread sample; see `Source.read`."""
        return self._ring.next(self.timeout)

    def async_read(self, timeout: float = 0.2) -> T:
        """The newest unread sample; see `Source.async_read`."""
        return self._ring.newest(timeout)

    def read_latest(self, max_age: float = 0.5) -> T:
        """The newest sample, read or not; see `Source.read_latest`."""
        return self._ring.latest(max_age)

    def disconnect(self) -> None:
        """Close the device; see `Source.disconnect`."""
        with self._lock:
            watcher = self._watcher
            self._stop.set()
            self._lock.notify_all()
        if watcher is not None and watcher is not threading.current_thread():
            watcher.join(_FAREWELL + 0.2)

    @property
    def state(self) -> SourceState:
        """Where it stands now."""
        return self._state

    @property
    def counts(self) -> Counts:
        """A copy of the counts so far."""
        return self._ring.counts(self._reconnects)

    def observe(self, observer: Observer) -> None:
        """Have `observer` called at every change of state."""
        self._observers.append(observer)

    def lose(self, reason: str, count: int = 1) -> None:
        """For drivers, while they are read: what they lost; the gap of their next sample is not counted again."""
        self._ring.lose(reason, count)
        self._counted = True

    def remark(self, text: str) -> None:
        """For drivers, while they are read: what the log should say about them, though the state stays."""
        self._tell(Change(self.name, self._state, self._state, text))

    @property
    def standing(self) -> str:
        """The state, for people; before it was ever connected, that it is about to be."""
        return "opening" if self._watcher is None else self._state

    def well(self) -> None:
        """For drivers, while they are read: the device answers, it only has nothing new yet; that is no silence."""
        self._well = time.monotonic()

    def __str__(self) -> str:
        return f"{self.name} ({self.standing})"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self._state})"

    def _keep_watch(self, stop: threading.Event, begun: Change) -> None:
        self._tell(begun)
        pause, ended = self._pauses[0], ""
        while not stop.is_set() and not ended:
            lost = self._was_live
            worker = self._begin()
            reason = self._watch(worker, stop, lost)
            worker.given_up.set()
            ended = worker.ended
            if not stop.is_set() and not ended:
                self._enter("stalled", reason, stop)
                self._settle(worker.error or True)
            self._part_from(worker)
            if stop.is_set() or ended:
                break
            if worker.samples:
                pause = self._pauses[0]
            stop.wait(pause)
            pause = min(2 * pause, self._pauses[1])
            if self._stuck() >= LEFT_BEHIND and not stop.is_set():
                self._tell(Change(self.name, self._state, self._state, _HANG))
                while self._stuck() >= LEFT_BEHIND and not stop.wait(POLL):
                    pass
        self._enter("closed", ended or "disconnected", stop)

    def _begin(self) -> _Worker:
        worker = _Worker()
        worker.thread = threading.Thread(target=self._work, args=(worker,), name=f"{self.name} reader", daemon=True)
        worker.thread.start()
        return worker

    def _watch(self, worker: _Worker, stop: threading.Event, lost: bool) -> str:
        """Wait until the worker is to be given up; says why."""
        while not stop.is_set():
            with self._lock:
                self._lock.wait_for(lambda: stop.is_set() or not worker.alive or self._news(worker), POLL)
            if self._news(worker):
                self._reconnects += lost
                self._enter("live", "", stop)
                self._settle(True)
            if not worker.alive:
                return str(worker.error or "the device ended")
            now = time.monotonic()
            if (silent := now - max(worker.last, self._well)) > self._patience(worker):
                return f"nothing for {silent:.1f} s"
            if self._stall is not None and now - worker.begun > self._stall and self._state == "connecting":
                lacks = "nothing" if worker.opened else "not open"
                self._enter("stalled", f"{lacks} after {now - worker.begun:.1f} s", stop, opening=True)
        return "disconnected"

    def _patience(self, worker: _Worker) -> float:
        """Seconds of silence after which a worker is given up."""
        if not worker.opened:
            return OPENING
        stall = float("inf") if self._stall is None else self._stall
        return stall if worker.samples else FIRST * stall

    def _news(self, worker: _Worker) -> bool:
        return worker.samples > 0 and self._state != "live"

    def _settle(self, first: Exception | bool) -> None:
        """Let `connect` know how the first attempt went."""
        with self._lock:
            if self._first is None:
                self._first = first
            self._lock.notify_all()

    def _part_from(self, worker: _Worker) -> None:
        assert worker.thread is not None
        worker.thread.join(_FAREWELL)
        self._left_behind.append(worker)

    def _stuck(self) -> int:
        self._left_behind = [w for w in self._left_behind if w.alive]
        return len(self._left_behind)

    def _work(self, worker: _Worker) -> None:
        try:
            driver = self._open()
            try:
                worker.last, worker.opened = time.monotonic(), True
                while not worker.given_up.is_set():
                    if self._patient and not self._ring.room(POLL):
                        continue
                    sample = driver.read(POLL)
                    if sample is not None:
                        self._take(worker, sample)
            finally:
                driver.close()
        except Ended as end:
            worker.ended = str(end) or AT_ITS_END
        except Exception as error:  # whatever the library of a device raises means that the device is lost
            worker.error = error
        with self._lock:
            self._lock.notify_all()

    def _take(self, worker: _Worker, sample: T) -> None:
        counted, self._counted = self._counted, False
        if worker.given_up.is_set():
            self._ring.lose("stale")
            return
        if sample.gap and not counted:
            self._ring.lose("device")
        self._ring.put(sample.after_loss() if self._was_live and not worker.samples else sample)
        worker.last = time.monotonic()
        worker.samples += 1
        self._was_live = True
        if worker.samples == 1:
            with self._lock:
                self._lock.notify_all()

    def _enter(self, state: SourceState, reason: str, stop: threading.Event, opening: bool = False) -> None:
        with self._lock:
            if self._stop is not stop:
                return  # a later connect has begun another loop: this one has no say any more
            before, self._state = self._state, state
            why_before, self._why = self._why, _SECONDS.sub("", reason)
            if state == "closed":
                stop.set()
                self._ring.end()
                self._first = self._first or True
                self._lock.notify_all()
        # A device that stays away for another reason than before is news, too: refused now, and not busy any more.
        if before != state or why_before != self._why:
            self._tell(Change(self.name, before, state, reason, opening))

    def _tell(self, change: Change) -> None:
        for observer in self._observers:
            observer(change)
