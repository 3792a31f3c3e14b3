"""A run is a directory: made or reopened whole, locked while in use, private to its user."""

import contextlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from agent.learned.saved_config import FORMAT, read_config
from runtime.run_folder.own_files import (
    CHECKPOINTS,
    CONFIG,
    LOCK,
    REPLAY,
    SAMPLES,
    SUBFOLDERS,
    TENSORBOARD,
    clear,
    events_in,
    foreign_files,
    holds_nothing,
)
from runtime.run_folder.place import ANOTHER, check_space, claim, claim_first_free, not_empty, storage_errors, taken
from runtime.run_folder.run_lock import take_lock
from runtime.run_folder.same_data import same_again
from runtime.run_folder.secrets import conceal, reveal
from sensors.core.errors import StateError

SPARE_BYTES = 256 * 2**20
"""Room asked for beyond replay and checkpoints: figures and samples."""


class RunDirectory:
    """`config.json`, `metrics.jsonl` and the folders of one run, under an exclusive lock.

    `config.json` is written last: a directory that has it is a whole run and can be resumed, whether anything was
    learned yet or not. One without it was interrupted while it was made, and is taken for empty.

    Attributes:
        path: the directory, absolute.
        fresh: whether this process made the run (false after `resume`).
        saved: what `config.json` holds, with the passwords that it does not hold.
    """

    def __init__(self, path: Path, fresh: bool, made: bool) -> None:
        self.path = path
        self.fresh = fresh
        self.saved: dict[str, Any] = {}
        self._made = made
        self._lock = take_lock(path)

    @classmethod
    def create(cls, path: Path | None, config: Mapping[str, Any], version: str, needed: int = 0, **facts: Any) -> Self:
        """Make a new run, whole or not at all.

        Args:
            path: where; by default `runs/<date-time>`, with a number behind it where another run has that name.
                May exist if it is empty.
            config: the resolved settings, JSON-ready.
            version: the program's version, kept for the record. A resumed run has, beside it, `written_by`: the
                version that resumed it last.
            needed: bytes that replay and checkpoints will want.
            facts: what else `config.json` is to hold.

        Raises:
            StorageError: the place is taken, cannot be written or is too small.
        """
        default = (Path("runs") / time.strftime("%Y-%m-%d_%H-%M-%S")).absolute()
        with storage_errors(path or default, "written", ANOTHER):
            check_space(path or default, needed + SPARE_BYTES)
            path, made = claim_first_free(default) if path is None else claim(path.absolute())
            try:
                run = cls(path, fresh=True, made=made)
            except BaseException:
                if made:
                    with contextlib.suppress(OSError):
                        path.rmdir()
                raise
            try:
                run._fill({"format": FORMAT, "version": version, "config": dict(config), **facts})
            except BaseException:
                run.discard()
                raise
        return run

    def _fill(self, saved: dict[str, Any]) -> None:
        # Looked at once more: until the lock was ours, another process may have made its run here.
        if (self.path / CONFIG).exists():
            self.fresh = False
            raise taken(self.path)
        if any(entry.name != LOCK for entry in self.path.iterdir()):
            if not holds_nothing(self.path):
                self.fresh = False
                raise not_empty(self.path)
            clear(self.path, keep_lock=True)
        self.path.chmod(0o700)
        for name in SUBFOLDERS:
            (self.path / name).mkdir(mode=0o700)
        self.saved = saved
        self.write_config()

    @classmethod
    def resume(cls, path: Path) -> Self:
        """Reopen a run, with or without a checkpoint.

        Raises:
            StateError: no run is there, it has another format, or a part of it is missing.
            StorageError: it is in use, or cannot be read or written.
        """
        path = path.absolute()
        with storage_errors(path, "used", "make it accessible to this user, or resume a copy"):
            try:
                os.stat(path / ".")
            except (FileNotFoundError, NotADirectoryError):
                raise StateError(f"{path}: no such directory; --resume takes the directory of an earlier run") from None
            saved = read_config(path)
            run = cls(path, fresh=False, made=False)
            run.saved = reveal(path, saved)
            try:
                if missing := [name for name in (CHECKPOINTS, REPLAY) if not (path / name).is_dir()]:
                    raise StateError(f"{path}: lacks {', '.join(missing)}; this run cannot be resumed")
                for name in (SAMPLES, TENSORBOARD):
                    (path / name).mkdir(mode=0o700, exist_ok=True)
                for name in SUBFOLDERS:
                    # An unreadable folder must not pass for an empty one.
                    os.listdir(path / name)
                check_space(path, SPARE_BYTES)
            except BaseException:
                run.close()
                raise
        return run

    @property
    def plugins(self) -> list[str]:
        """Paths of the plugins that the run was made with, in their order."""
        section = self.saved["config"].get("run")
        files = section.get("plugins") if isinstance(section, dict) else None
        return files.split(os.pathsep) if isinstance(files, str) else []

    @property
    def checkpoints(self) -> Path:
        """Folder of checkpoints."""
        return self.path / CHECKPOINTS

    @property
    def replay(self) -> Path:
        """Folder of replay's files."""
        return self.path / REPLAY

    @property
    def tensorboard(self) -> Path:
        """Folder of TensorBoard's event files."""
        return self.path / TENSORBOARD

    @property
    def metrics(self) -> Path:
        """The figures, one JSON object a line."""
        return self.path / "metrics.jsonl"

    def record(self, **facts: Any) -> None:
        """Add facts about the run (what data were chosen, …) to `config.json`."""
        self.saved.update(facts)
        self.write_config()

    def record_datasets(self, told: Mapping[str, str]) -> None:
        """Keep what is taught, each as `choice:fingerprint`.

        Args:
            told: by the setting of `data` that chooses it, or by a name with a '/' in it where nothing does.

        A run goes on with the same data or not at all; a subject that it was not taught before may be added.

        Raises:
            StateError: other data than this run had before.
        """
        before = self.saved.get("datasets", {})
        for kind in told:
            # The same data may have been moved.
            if kind in before and told[kind].rpartition(":")[2] != before[kind].rpartition(":")[2]:
                raise StateError(
                    f"{self.path}: was taught {kind} {before[kind]}, but the data are now {told[kind]};\n"
                    f"{same_again(kind, before[kind].rpartition(':')[0], told[kind].rpartition(':')[0])}, "
                    "or start a new run"
                )
        if any(before.get(kind) != choice for kind, choice in told.items()):
            self.record(datasets={**before, **told})

    def write_config(self) -> None:
        """Write `config.json` in one piece.

        Raises:
            StorageError: the directory cannot be written.
        """
        with storage_errors(self.path, "written", ANOTHER):
            shown = conceal(self.path, self.saved)
        self.write(CONFIG, json.dumps(shown, indent=2, allow_nan=False))

    def write(self, name: str, text: str) -> None:
        """Write a small file of the run in one piece.

        Raises:
            StorageError: the directory cannot be written.
        """
        with storage_errors(self.path, "written", ANOTHER):
            stage = self.path / f"{name}.new"
            stage.write_text(text + "\n")
            stage.replace(self.path / name)

    @property
    def events(self) -> int | None:
        """Events that replay holds; None where that cannot be told."""
        return events_in(self.path)

    @property
    def checkpoint_step(self) -> int | None:
        """Step of the newest checkpoint by its name, whole or not; None before the first, or if it cannot be told."""
        try:
            names = os.listdir(self.checkpoints)
        except OSError:  # somebody has removed the run
            return None
        steps = [name.split("-")[1] for name in names if name.startswith("step-")]
        return max((int(step) for step in steps if step.isdecimal()), default=None)

    @property
    def foreign_files(self) -> list[str]:
        """What lies in the directory beside the run's own files, by name."""
        with contextlib.suppress(OSError):
            own = (CHECKPOINTS, SAMPLES)
            return [name for name in foreign_files(self.path) if Path(name).parts[0] not in own]
        return []

    def discard(self) -> bool:
        """Remove a new run that holds nothing, and release the lock; whether it was removed.

        A run that holds an event, a checkpoint, or anything that the program did not make there is kept as it is, and
        can be resumed. So is every run that was resumed.
        """
        removed = False
        if self.fresh and self._lock >= 0 and holds_nothing(self.path):
            with contextlib.suppress(OSError):
                clear(self.path)
                removed = True
        self.close()
        if removed and self._made:
            # Parents such as `runs/` stay: they may have been there, and an empty one harms nobody.
            with contextlib.suppress(OSError):
                self.path.rmdir()
        return removed

    def close(self) -> None:
        """Release the lock; once is enough, twice does no harm."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
