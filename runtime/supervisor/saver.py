"""A run's checkpoints: every component's part, gathered beside the work and made visible whole."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError

from agent.checkpoint import newest_checkpoint, read_manifest, write_checkpoint
from runtime.rundir import RunDirectory
from runtime.supervisor.crew import reason, user_error
from sensors.errors import StateError
from sensors.state import State, check_state

STATE_FILE = "run.json"
"""The supervisor's own part of a checkpoint: counters, times and teachers' cursors."""
STATE_KEYS = {"time", "learned", "step", "counters", "cursors", "generations"}


class SaveError(Exception):
    """An actor's part of a checkpoint did not come; older checkpoints are unharmed."""


class Saver:
    """Writes and finds the checkpoints of one run; one at a time.

    Attributes:
        newest: the last whole checkpoint; none before the first.
    """

    def __init__(self, run: RunDirectory) -> None:
        self._folder = run.checkpoints
        self.newest: Path | None = None if run.fresh else newest_checkpoint(run.checkpoints)
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self._busy = threading.Lock()
        self._step = -1

    def load(self) -> State:
        """The supervisor's part of the newest checkpoint, once all parts were found whole.

        Raises:
            StateError: there is none, or it is damaged or of another version.
        """
        if self.newest is None:
            raise StateError(f"{self._folder}: holds no whole checkpoint; this run cannot be resumed")
        read_manifest(self.newest)
        try:
            state: State = json.loads((self.newest / STATE_FILE).read_text())
        except (OSError, ValueError):
            raise StateError(f"{self.newest}: {STATE_FILE} is missing or damaged") from None
        check_state(state, STATE_KEYS, 1, f"{self.newest}/{STATE_FILE}")
        return state

    def save(
        self, learner: Any, replay: Any, step: int, seconds: float, state: Callable[[], State], end: float
    ) -> None:
        """Write one checkpoint; waits for the actors' parts until `end` (monotonic) at most.

        Raises:
            SaveError: an actor failed meanwhile, or took too long.
            StorageError: it cannot be written; older ones are unharmed.
        """

        def write(stage: Path) -> None:
            # Calls of one caller are served in order: the learner saves between two chunks of work.
            parts = [learner.checkpoint.remote(str(stage)), replay.save.remote()]
            try:
                ray.get(parts, timeout=max(end - time.monotonic(), 0.1))
            except GetTimeoutError:
                raise SaveError("an actor took too long to save its part") from None
            except RayError as error:
                cause = getattr(error, "cause", None)
                if isinstance(cause, OSError):
                    raise cause from None
                raise user_error(error) or SaveError(reason(error)) from None
            (stage / STATE_FILE).write_text(json.dumps(state()) + "\n")

        if not self._busy.acquire(timeout=max(end - time.monotonic(), 0.0)):
            raise SaveError("an earlier checkpoint is still being written")
        try:
            self.newest = write_checkpoint(self._folder, step, write, {"time": seconds})
            self._step = step
        finally:
            self._busy.release()

    def has(self, step: int) -> bool:
        """Whether this process wrote its newest checkpoint at `step`."""
        return self._step == step

    def begin(self, *arguments: Any) -> None:
        """`save` beside the work; skipped while one is being written, its error told by `take_error`."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._try, args=arguments, name="checkpoint", daemon=True)
            self._thread.start()

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
