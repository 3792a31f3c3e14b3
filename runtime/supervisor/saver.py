"""A run's checkpoints: every component's part, gathered beside the work and made visible whole."""

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError

from agent.checkpoints.checkpoint import read_manifest, set_aside, unreadable, write_checkpoint
from runtime.run_folder.rundir import RunDirectory
from runtime.supervisor.actors.actor_errors import reason, user_error
from sensors.core.errors import DamageError, StateError, StorageError
from sensors.core.state import StateDict, check_state

STATE_FILE = "run.json"
"""The supervisor's own part of a checkpoint: counters, times and teachers' cursors."""
STATE_KEYS = {"time", "learned", "step", "counters", "cursors", "generations"}


WRITING = 2.5
"""Seconds that writing is given at least, of those that are left, before a snapshot of the present step is given up."""


class SaveError(Exception):
    """An actor's part of a checkpoint did not come; older checkpoints are unharmed."""


class Saver:
    """Writes and finds the checkpoints of one run; one at a time.

    Attributes:
        newest: the last whole checkpoint; None before the first.
        skipped: checkpoints that were found damaged, why, and where they are now, one line each.
        step: of the last one that this process wrote; -1 before.
        stall_ms: how long the last snapshot held up the learner; None before the first.
    """

    def __init__(self, run: RunDirectory) -> None:
        self._folder = run.checkpoints
        self.newest: Path | None = None
        self.skipped: list[str] = []
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self._busy = threading.Lock()
        self._order = 0
        self.step = -1
        self._took = self._patient_until = 0.0
        self._done = False
        self.stall_ms: float | None = None

    def load(self) -> StateDict | None:
        """The supervisor's part of the newest checkpoint whose parts are all whole; that one becomes `newest`.

        None where no checkpoint was ever written: then the run consists of its events alone.

        Damaged checkpoints are set aside. Newer ones, because later checkpoints of this run have smaller steps and must
        nevertheless count as newer. Older ones, because they would be kept in place of whole ones. Of older ones only
        names and sizes are checked. One whose content alone is damaged may therefore take the place of a whole older
        one, but never that of the newest, because the oldest are removed first.

        Raises:
            StateError: all are damaged, or a newer one may be whole but is of another version or cannot be read; the
                message tells what is wrong with it, and nothing was changed.
            StorageError: a damaged one cannot be set aside.
        """
        damaged: list[tuple[Path, DamageError]] = []
        found: StateDict | None = None
        # Those without a manifest, too: they were whole when they got their names.
        # Listed, not matched by a pattern: a folder that cannot be read must not pass for an empty one.
        try:
            names = sorted((name for name in os.listdir(self._folder) if not name.startswith(".")), reverse=True)
        except OSError as error:
            raise StorageError(f"{self._folder}: cannot be read ({error.strerror})") from None
        for checkpoint in (self._folder / name for name in names if name.startswith("step-")):
            try:
                if found is None:
                    found = _read(checkpoint)
                    self.newest = checkpoint
                else:
                    read_manifest(checkpoint, thorough=False)
            except DamageError as error:
                damaged.append((checkpoint, error))
            except StateError:
                # An older one is in nobody's way.
                if found is None:
                    raise
        if found is None:
            if damaged:
                raise damaged[0][1]
            if not names:
                return None
            raise StateError(f"{self._folder}: holds no whole checkpoint; this run cannot be resumed")
        for checkpoint, why in damaged:
            aside = set_aside(checkpoint)
            self.skipped.append(f"skipped a damaged checkpoint: {why}; it is kept as {aside.name}")
        return found

    def save(
        self, learner: Any, replay: Any, step: int, seconds: float, state: Callable[[int], StateDict], end: float
    ) -> None:
        """Write one checkpoint, named by the step at which the learner saves its part.

        Args:
            learner: handle whose `snapshot` holds its state as of one step, whose `checkpoint` writes that beside
                the learning into a directory, and answers the step, and whose `give_up` lets go of it.
            replay: handle whose `save` writes what replay's files do not hold.
            step: the learner's last known step, for messages.
            seconds: time of the run.
            state: the supervisor's part, given the learner's step.
            end: monotonic time until which the actors' parts are waited for.

        Raises:
            SaveError: an actor failed meanwhile, or took too long.
            StorageError: it cannot be written; older ones are unharmed.
        """
        saved = -1

        def write(stage: Path) -> int:
            nonlocal saved
            copied: int | None = -1
            try:
                kept = replay.save.remote()
                copied = self._snapshot(learner, end)
                begun = time.monotonic()
                parts = [learner.checkpoint.remote(str(stage), copied), kept]
                saved = int(ray.get(parts, timeout=max(end - time.monotonic(), 0.1))[0])
                self._took = time.monotonic() - begun
            except GetTimeoutError:
                raise SaveError("an actor took too long to save its part") from None
            except RayError as error:
                cause = getattr(error, "cause", None)
                if isinstance(cause, OSError):
                    raise cause from None
                if copied is None and isinstance(cause, RuntimeError):
                    raise SaveError("the learner took too long to come to the end of its step") from None
                raise user_error(error) or SaveError(reason(error)) from None
            finally:
                # Also a snapshot that is still to come: otherwise it would be kept for nothing and block later ones.
                learner.give_up.remote(self._order)
            (stage / STATE_FILE).write_text(json.dumps(state(saved)) + "\n")
            return saved

        if not self._busy.acquire(timeout=max(end - time.monotonic(), 0.0)):
            raise SaveError("an earlier checkpoint is still being written")
        try:
            self.newest = write_checkpoint(self._folder, step, write, {"time": seconds})
            self.step = saved
            self._done = True
        finally:
            self._busy.release()

    def _snapshot(self, learner: Any, end: float) -> int | None:
        """The step of a new snapshot; None where the learner's present step takes too long: it holds the last one."""
        self._order += 1
        answer = learner.snapshot.remote(self._order)
        self._patient_until = end - max(WRITING, 1.5 * self._took)
        while not ray.wait([answer], timeout=0.1)[0]:
            if time.monotonic() > self._patient_until:
                return None
        told = ray.get(answer, timeout=max(end - time.monotonic(), 0.1))
        if told is None:
            raise SaveError("an earlier checkpoint is still being written")
        self.stall_ms = float(told["stall_ms"])
        return int(told["step"])

    def has(self, step: int) -> bool:
        """Whether this process wrote its newest checkpoint at `step`."""
        return self.step == step

    def begin(self, *arguments: Any) -> None:
        """`save` beside the work; skipped while one is being written, its error told by `take_error`."""
        if not self.busy:
            self._thread = threading.Thread(target=self._try, args=arguments, name="checkpoint", daemon=True)
            self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether a checkpoint is being written beside the work."""
        return self._thread is not None and self._thread.is_alive()

    def hurry(self) -> None:
        """Let a checkpoint under way be of the learner's last step: its present one is not waited for any more."""
        self._patient_until = 0.0

    def take_done(self) -> bool:
        """Whether a checkpoint was written since this was last asked."""
        done, self._done = self._done, False
        return done

    @property
    def size(self) -> int:
        """Bytes of the newest checkpoint; 0 before the first."""
        return 0 if self.newest is None else sum(part.stat().st_size for part in self.newest.iterdir())

    def take_error(self) -> Exception | None:
        """Why the last checkpoint failed, told once."""
        error, self._error = self._error, None
        return error

    def join(self, end: float) -> None:
        """Wait for a checkpoint under way until `end` (monotonic) at most."""
        if self._thread is not None:
            self._thread.join(max(end - time.monotonic(), 0.0))

    def _try(self, *arguments: Any) -> None:
        try:
            self.save(*arguments)
        except Exception as error:
            self._error = error


def _read(checkpoint: Path) -> StateDict:
    read_manifest(checkpoint)
    try:
        state: StateDict = json.loads((checkpoint / STATE_FILE).read_text())
    except (FileNotFoundError, ValueError):
        raise DamageError(f"{checkpoint}: {STATE_FILE} is missing or damaged") from None
    except OSError as error:
        raise unreadable(checkpoint, STATE_FILE, error) from error
    check_state(state, STATE_KEYS, 1, f"{checkpoint}/{STATE_FILE}")
    return state
