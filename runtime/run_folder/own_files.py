"""The program's own files in a run directory: only these are removed with a run that holds nothing."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from replay.stored import LAYOUT, count_events
from sensors.core.errors import UserError

CONFIG = "config.json"
LOCK = "run.lock"
CHECKPOINTS, REPLAY, TENSORBOARD, SAMPLES = "checkpoints", "replay", "tensorboard", "samples"
READERS = "replay/readers"
SUBFOLDERS = (CHECKPOINTS, REPLAY, TENSORBOARD, SAMPLES)
FILES = (
    "config.json*",
    "secrets.json*",
    "actors.json*",
    "starts.log",
    "metrics.jsonl",
    "output.log",
    "sensors.log*",
    "hush",
    LOCK,
    "samples/latest*.png",
    "samples/sheet-*.png",
    "samples/sheet-*.json",
    "samples/lips-*.png",
    "samples/lips-*.gif",
    "samples/*-of-*-evokes-*.wav",
    "samples/question-*.json*",
    "samples/question-*.npz*",
    "tensorboard/events.out.tfevents.*",
    "replay/lock",
    "replay/state.json*",
    "replay/taken.log*",
    "replay/seen.log",
    "replay/readers/*",
    "replay/*/layout.json",
    "replay/*/*.col",
)
"""Patterns of the files that a run without events and checkpoints may consist of."""
WHOLE = ("checkpoints/.stage-*", "replay/.*.new")
"""Folders that are the program's own with all their content: they were unfinished when the run ended."""


def foreign_files(run: Path) -> list[str]:
    """Files and folders in a run directory that the program did not make, or that are worth keeping, by name.

    Raises:
        OSError: the directory cannot be read.
    """
    return [str(path.relative_to(run)) for path, own in _entries(run) if not own]


def events_in(run: Path) -> int | None:
    """Events that a run's replay holds; None where it cannot be read, since it may then hold events nonetheless."""
    try:
        return count_events(run / REPLAY)
    except (UserError, OSError, ValueError):
        return None


def holds_nothing(run: Path) -> bool:
    """Whether a run directory holds no event, no checkpoint, and no file that the program did not make."""
    try:
        return not foreign_files(run) and events_in(run) == 0
    except OSError:
        return False


def clear(run: Path, keep_lock: bool = False) -> None:
    """Remove the files that this program made (all that `foreign_files` does not name).

    The settings go first: a directory without them is no run, and may be used for a new one. The lock goes last.

    Args:
        run: its directory.
        keep_lock: leave the lock, which this process holds.

    Raises:
        OSError: something cannot be removed.
    """
    (run / CONFIG).unlink(missing_ok=True)
    for path, own in list(_entries(run)):
        if not own or path.name == LOCK:
            continue
        if not path.is_dir() or path.is_symlink():
            path.unlink(missing_ok=True)
        elif _matches(path.relative_to(run), WHOLE):
            shutil.rmtree(path)
        else:
            path.rmdir()
    if not keep_lock:
        (run / LOCK).unlink(missing_ok=True)


def _entries(folder: Path, run: Path | None = None) -> Iterator[tuple[Path, bool]]:
    """All files and folders of a run directory, content before its folder, each with whether the program made it."""
    run = folder if run is None else run
    for path in sorted(folder.iterdir()):
        name = path.relative_to(run)
        if not path.is_dir() or path.is_symlink():
            yield path, _matches(name, FILES) and not path.is_symlink()
        elif _matches(name, WHOLE):
            yield path, True
        elif str(name) in (*SUBFOLDERS, READERS) or (name.parent == Path(REPLAY) and (path / LAYOUT).is_file()):
            yield from _entries(path, run)
            yield path, True
        else:
            yield path, False


def _matches(name: Path, patterns: tuple[str, ...]) -> bool:
    return any(len(name.parts) == pattern.count("/") + 1 and name.match(pattern) for pattern in patterns)
