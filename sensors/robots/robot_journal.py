"""What a robot has perceived and its host has not stored yet, on disk: one checked file for each batch.

A batch is written here before it counts as perceived. It is removed once the host has stored or refused it, or once it
was dropped for want of room. A robot that is killed in between finds the batch at its next start and sends it again
under the ids with which it was perceived; by these ids the host tells what it has already.

A file is written beside its place and renamed, so that a killed process leaves whole files alone. A written file
outlives the death of the process. It outlives a power cut, too, once the kernel has written it back (half a minute), or
at once where the journal was asked to `sync`.

    journal.json               what the folder is, whose, and the generation of its newest start
    GENERATION-NUMBER.batch    a record of `sensors.robots.robot_record`
    damaged/                   batches that cannot be read any more
    lock                       held by the robot that uses the folder
"""

import contextlib
import fcntl
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from sensors.core.errors import StorageError, WireError
from sensors.robots.link import Buffer
from sensors.robots.robot_record import pack, unpack
from sensors.system.paths import place
from sensors.system.places import private_folder, states, writable

VERSION = 1
"""Of the layout on disk; another one is refused."""
ABOUT, LOCK, DAMAGED = "journal.json", "lock", "damaged"
SET_ASIDE = 64
"""Damaged batches that are kept, the newest ones."""
_SUFFIX, _STAGE = ".batch", ".new"
_BATCH = re.compile(r"([0-9]{19})-[0-9]{12}\.batch")


class Kept(NamedTuple):
    """A batch of an earlier start: its file's name, how many events it holds, and its frames."""

    record: str
    events: int
    frames: list[Buffer]


class RobotJournal:
    """The batches of one robot; locked until `close`. The writer bounds their number.

    Args:
        directory: made where it is not there.
        name: of the robot.
        sync: whether `write` returns only when the disk has the batch.
        tell: called with a line for people when the disk takes no more, takes batches again, or gives damaged ones.

    Attributes:
        generation: of this start's events: the clock's milliseconds, but greater than that of any start before.
        damaged: batches that were set aside at this start.
        unread: batches that could not be read at this start, and stay where they are.
        trouble: why the disk does not take batches now; empty: it does.

    Raises:
        StorageError: the folder cannot be made or written, holds something else, is another robot's or version's, or is
            in use.
    """

    def __init__(
        self, directory: Path, name: str, sync: bool = False, tell: Callable[[str], None] = lambda line: None
    ) -> None:
        self.directory, self.name = directory, name
        self.damaged = self.unread = 0
        self.trouble = ""
        self._sync, self._tell = sync, tell
        self._number = 0
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_empty()
            self._lock = self._locked()
        except (OSError, ValueError) as error:
            raise self._unusable(error) from None
        try:
            self.generation = self._begin()
        except OSError as error:
            self.close()
            raise self._unusable(error) from None
        except StorageError:
            self.close()
            raise

    def write(self, frames: Sequence[Buffer]) -> str | None:
        """Keep a batch of this start; its file's name, or None where the disk does not take it."""
        record = f"{self.generation:019d}-{self._number:012d}{_SUFFIX}"
        self._number += 1
        try:
            self._put(record, pack(frames), self._sync)
        except OSError as error:
            self._fail(error)
            return None
        if self.trouble:
            self.trouble = ""
            self._tell(f"journal {self.directory}: is written again")
        return record

    def remove(self, record: str) -> None:
        """Forget a batch. Where the disk refuses, it is sent again after the next start, and the host knows it."""
        try:
            (self.directory / record).unlink(missing_ok=True)
        except OSError as error:
            self._fail(error)

    def restore(self) -> Iterator[Kept]:
        """The batches of earlier starts, oldest first; damaged ones are set aside, counted and told."""
        for path in sorted(self.directory.glob(f"*{_SUFFIX}")):
            if not 0 <= _generation(path) < self.generation:
                continue
            try:
                data = path.read_bytes()
            except OSError as error:
                self.unread += 1
                self._tell(f"{path}: cannot be read ({error.strerror}); it stays there")
                continue
            try:
                batch, frames = unpack(data)
                if batch.source != self.name or batch.generation >= self.generation:
                    raise WireError(f"a batch of {batch.source} ({batch.generation})")
            except WireError as error:
                self._set_aside(path, str(error))
            else:
                yield Kept(path.name, len(batch), frames)

    def close(self) -> None:
        """Let another robot have the folder; what is in it stays. Again is harmless."""
        self._lock.close()

    def _check_empty(self) -> None:
        """Refuse a folder that is used for something else, before anything is put there."""
        names = sorted(path.name for path in self.directory.iterdir())
        if not any(name == ABOUT or _BATCH.fullmatch(name.removesuffix(_STAGE)) for name in names):
            for name in names:
                # A first start that was killed early leaves no more than these.
                if name not in (LOCK, DAMAGED, ABOUT + _STAGE):
                    raise StorageError(
                        f"{self.directory}: holds other files ({name}) and no journal; name a new folder with --journal"
                    )

    def _begin(self) -> int:
        """Check the folder's owner, remove files that a killed process left half written, note this generation."""
        about = self.directory / ABOUT
        newest = max((_generation(path) for path in self.directory.glob(f"*{_SUFFIX}")), default=-1)
        if about.exists():
            newest = max(newest, self._known(about))
        for stage in self.directory.glob(f"*{_STAGE}"):
            # Other files that end so are the user's.
            if stage.stem == ABOUT or _BATCH.fullmatch(stage.stem):
                stage.unlink()
        generation = max(time.time_ns() // 1_000_000, newest + 1)
        fields = {"robot journal": VERSION, "robot": self.name, "generation": generation}
        try:
            self._put(ABOUT, json.dumps(fields).encode() + b"\n", True)
        except OSError as error:
            if not about.exists():
                raise
            # The disk is full: what is in the journal must be sent all the same.
            self._fail(error)
        return generation

    def _known(self, about: Path) -> int:
        """The newest generation that the folder's description tells; -1 where it is damaged.

        Raises:
            StorageError: the folder is another robot's, or of another version.
        """
        try:
            found = json.loads(about.read_bytes())
            version, robot, generation = found["robot journal"], found["robot"], int(found["generation"])
        except (ValueError, KeyError, TypeError):
            self._set_aside(about, "no JSON of a robot's journal")
            return -1
        if version != VERSION:
            raise StorageError(
                f"{self.directory}: a robot's journal of version {version}, this program has {VERSION}; start the "
                "program that wrote it until all is stored, or name another folder with --journal"
            )
        if robot != self.name:
            raise StorageError(
                f"{self.directory}: the journal of the robot {robot}, not of {self.name}; name another folder with "
                "--journal"
            )
        return generation

    def _locked(self) -> IO[str]:
        lock = (self.directory / LOCK).open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            by = lock.read(32).strip()
            lock.close()
            raise StorageError(
                f"{self.directory}: in use by another robot{f' (process {by})' if by else ''}; stop that one, or give "
                "this one another --name or --journal"
            ) from None
        # Whose it is helps people alone, and a full disk must not matter.
        with contextlib.suppress(OSError):
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
        return lock

    def _put(self, name: str, data: bytes, sync: bool) -> None:
        """Write a file beside its place and rename it."""
        stage = self.directory / f"{name}{_STAGE}"
        try:
            with stage.open("wb") as file:
                file.write(data)
                file.flush()
                if sync:
                    os.fsync(file.fileno())
            stage.replace(self.directory / name)
        except OSError:
            with contextlib.suppress(OSError):
                stage.unlink(missing_ok=True)
            raise
        if sync:
            _sync_directory(self.directory)

    def _set_aside(self, path: Path, why: str) -> None:
        self.damaged += path.name.endswith(_SUFFIX)
        folder = self.directory / DAMAGED
        try:
            folder.mkdir(exist_ok=True)
            path.replace(folder / path.name)
            self._tell(f"{path}: damaged ({why}); set aside in {folder}")
            for oldest in sorted(kept for kept in folder.iterdir() if _BATCH.fullmatch(kept.name))[:-SET_ASIDE]:
                oldest.unlink()
                self._tell(f"{oldest}: removed, as {SET_ASIDE} newer damaged ones are kept")
        except OSError as error:
            self._tell(f"{path}: damaged ({why}), and cannot be set aside ({error.strerror})")

    def _fail(self, error: OSError) -> None:
        why = error.strerror or str(error)
        if why != self.trouble:
            self.trouble = why
            self._tell(f"journal {self.directory}: cannot be written ({why}); what comes is kept in memory alone")

    def _unusable(self, error: OSError | ValueError) -> StorageError:
        why = getattr(error, "strerror", None) or error
        return StorageError(
            f"{self.directory}: no journal can be kept there ({why}); name another folder with --journal, or give "
            "--journal none: then what the host has not stored is lost with the robot"
        )


def journal_directory(setting: str | None, name: str, tell: Callable[[str], None] = lambda line: None) -> Path | None:
    """Where a robot keeps its journal.

    Args:
        setting: a folder; `auto`: one of the robot's own in the user's state directory, or where that cannot be
            written, in the private folder for temporary files; None: nowhere.
        name: of the robot.
        tell: called with a line for people where it is a folder for temporary files.

    Raises:
        ConfigError: no folder can have this path.
        StorageError: no usual place can be written.
    """
    if setting is None:
        return None
    if setting != "auto":
        return place(setting, "--journal")
    usual = [base / "reciprocal" / "robots" / name for base in states()]
    for folder in usual:
        # One that is there may hold events: where it cannot be written now, the robot must not start without them.
        if os.path.lexists(folder) or writable(folder):
            return folder
    folder = private_folder() / "state" / "robots" / name
    why = f"{usual[0]} cannot be written" if usual else "there is no home directory"
    tell(f"{why}: the journal is in {folder}, which may be emptied at any start; name a lasting folder with --journal")
    return folder


def _generation(path: Path) -> int:
    """The generation in a batch's name; -1 for any other file, which is left alone."""
    batch = _BATCH.fullmatch(path.name)
    return int(batch[1]) if batch else -1


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
