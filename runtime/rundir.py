"""A run is a directory: made or reopened whole, locked while in use, private to its user."""

import contextlib
import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from runtime.secrets import conceal, reveal
from sensors.errors import StateError, StorageError

FORMAT = 1
"""Version of a run directory's layout; a run of another one is not resumed."""
SUBFOLDERS = ("checkpoints", "replay", "tensorboard", "samples")
SPARE_BYTES = 256 * 2**20
"""Room asked for beyond replay and checkpoints: figures and samples."""


class RunDirectory:
    """`config.json`, `metrics.jsonl` and the folders of one run, under an exclusive lock.

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
        self._lock = _lock(path)

    @classmethod
    def create(cls, path: Path | None, config: Mapping[str, Any], version: str, needed: int = 0) -> Self:
        """Make a new run.

        Args:
            path: where; `runs/<date-time>` by default. May exist if it is empty.
            config: the resolved settings, JSON-ready.
            version: the program's version, kept for the record.
            needed: bytes that replay and checkpoints will want.

        Raises:
            StorageError: the place is taken, cannot be written or is too small.
        """
        path = (path or Path("runs") / time.strftime("%Y-%m-%d_%H-%M-%S")).absolute()
        if path.is_file():
            raise StorageError(f"{path}: is a file, expected a directory for the run")
        with _storage_errors(path):
            if (path / "config.json").exists():
                raise StorageError(f"{path}: already holds a run; continue it with --resume or name another --run-dir")
            made = not path.exists()
            if not made and any(path.iterdir()):
                raise StorageError(f"{path}: is not empty; name an empty or new directory with --run-dir")
            check_space(path, needed + SPARE_BYTES)
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.chmod(0o700)
            run = cls(path, fresh=True, made=made)
            try:
                for name in SUBFOLDERS:
                    (path / name).mkdir(mode=0o700)
                run.saved = {"format": FORMAT, "version": version, "config": dict(config)}
                run.write_config()
            except BaseException:
                run.discard()
                raise
        return run

    @classmethod
    def resume(cls, path: Path) -> Self:
        """Reopen a run.

        Raises:
            StateError: no run is there, it has another format, or a part of it is missing.
            StorageError: it is in use or cannot be written.
        """
        path = path.absolute()
        if not path.is_dir():
            raise StateError(f"{path}: no such directory; --resume takes the directory of an earlier run")
        try:
            saved = json.loads((path / "config.json").read_text())
            found = saved["format"]
            config = saved["config"]
        except FileNotFoundError:
            raise StateError(f"{path}: is no run (it has no config.json)") from None
        except (ValueError, KeyError, TypeError):
            raise StateError(f"{path}/config.json: damaged; this run cannot be resumed") from None
        except OSError as error:
            raise StorageError(f"{path}/config.json: {error.strerror}") from None
        if found != FORMAT:
            raise StateError(f"{path}: run of format {found!r}, this program reads format {FORMAT}")
        with _storage_errors(path):
            # First of all: a run that has just begun in another process lacks its checkpoints yet.
            run = cls(path, fresh=False, made=False)
            run.saved = reveal(path, saved)
            try:
                if missing := [name for name in SUBFOLDERS if not (path / name).is_dir()]:
                    raise StateError(f"{path}: lacks {', '.join(missing)}; this run cannot be resumed")
                if not isinstance(config, dict) or not any((path / "checkpoints").iterdir()):
                    raise StateError(f"{path}/checkpoints: is empty; there is nothing to resume, start a new run")
                check_space(path, SPARE_BYTES)
            except BaseException:
                run.close()
                raise
        return run

    @property
    def checkpoints(self) -> Path:
        """Folder of checkpoints."""
        return self.path / "checkpoints"

    @property
    def replay(self) -> Path:
        """Folder of replay's files."""
        return self.path / "replay"

    @property
    def tensorboard(self) -> Path:
        """Folder of TensorBoard's event files."""
        return self.path / "tensorboard"

    @property
    def metrics(self) -> Path:
        """The figures, one JSON object a line."""
        return self.path / "metrics.jsonl"

    def record(self, **facts: Any) -> None:
        """Add facts about the run (what data were chosen, …) to `config.json`."""
        self.saved.update(facts)
        self.write_config()

    def record_datasets(self, told: Mapping[str, str]) -> None:
        """Keep what is taught: `images`, `speech` and `letters`, those that there are, as `name:fingerprint`.

        A run goes on with the same data or not at all; a subject that it was not taught before may be added.

        Raises:
            StateError: other data than this run had before.
        """
        before = self.saved.get("datasets", {})
        for kind in told:
            if kind in before and told[kind] != before[kind]:
                raise StateError(
                    f"{self.path}: was taught {kind} {before[kind]}, found now {told[kind]};\n"
                    f"give the same --{kind} and --data as before, or start a new run"
                )
        if set(told) - set(before):
            self.record(datasets={**before, **told})

    def write_config(self) -> None:
        """Write `config.json` in one piece.

        Raises:
            StorageError: the directory cannot be written.
        """
        with _storage_errors(self.path):
            shown = conceal(self.path, self.saved)
        self.write("config.json", json.dumps(shown, indent=2))

    def write(self, name: str, text: str) -> None:
        """Write a small file of the run in one piece.

        Raises:
            StorageError: the directory cannot be written.
        """
        with _storage_errors(self.path):
            stage = self.path / f"{name}.new"
            stage.write_text(text + "\n")
            stage.replace(self.path / name)

    def discard(self) -> None:
        """Remove what a fresh run made, for a start that failed; a resumed run is only released."""
        if self.fresh:
            for entry in self.path.iterdir():
                if entry.is_dir():
                    shutil.rmtree(entry, ignore_errors=True)
                else:
                    entry.unlink(missing_ok=True)
        self.close()
        if self._made:
            # Parents such as `runs/` stay: they may have been there, and an empty one harms nobody.
            with contextlib.suppress(OSError):
                self.path.rmdir()

    def close(self) -> None:
        """Release the lock; once is enough, twice does no harm."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def check_space(path: Path, needed: int) -> None:
    """Refuse a place with less free space than `needed` bytes.

    Raises:
        StorageError: says how much is free and how much is wanted.
    """
    there = path
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    if free < needed:
        raise StorageError(
            f"{path}: {free / 2**20:.0f} MiB free, this run wants {needed / 2**20:.0f} MiB;\n"
            "make room, name another --run-dir, or lower replay's capacities with --set"
        )


def _lock(path: Path) -> int:
    """Take the run's lock; the kernel drops it when this process ends, however it ends."""
    handle = os.open(path / "run.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(handle, 32).decode(errors="replace").strip()
        os.close(handle)
        raise StorageError(f"{path}: in use by another run (process {owner or 'unknown'})") from None
    os.ftruncate(handle, 0)
    os.write(handle, str(os.getpid()).encode())
    return handle


@contextlib.contextmanager
def _storage_errors(path: Path) -> Any:
    try:
        yield
    except OSError as error:
        fix = "no space left" if error.errno == errno.ENOSPC else f"cannot be written ({error.strerror})"
        raise StorageError(f"{path}: {fix}; name another directory with --run-dir") from error
