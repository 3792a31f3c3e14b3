"""Where this user's files may lie when the usual place cannot be written: no home, or one that is somebody else's.

Containers run programs as users without a home (`docker run --user 12345`), or with `/` for one.
"""

import os
import stat
import tempfile
from pathlib import Path

from sensors.core.errors import ConfigError, StorageError

PRIVATE = f"reciprocal-{os.getuid()}"
"""Name of this user's own directory under `TMPDIR`."""
FIX = "name a directory that can be written, with HOME=DIR or TMPDIR=DIR"


def home() -> Path | None:
    """The user's home; None where the system knows no home."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def private_folder() -> Path:
    """A directory of this user alone under `TMPDIR`, the same for every program that asks.

    Raises:
        StorageError: there is none, or somebody else has taken its name; says what helps.
    """
    try:
        place = Path(tempfile.gettempdir()) / PRIVATE
        place.mkdir(mode=0o700, exist_ok=True)
        found = place.lstat()
    except OSError as error:
        raise StorageError(f"no directory for temporary files can be written ({error.strerror});\n{FIX}") from None
    # Under a directory that all share, somebody else may have been there first, to read or to change what is kept.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise StorageError(f"{place}: is not a directory of this user alone; remove it, or {FIX}")
    return place


def check_link(option: str, path: str | Path | None) -> None:
    """Refuse a path through a broken link, which `ls` lists although its target is missing.

    Args:
        option: by which it was given.
        path: of a file or a directory; None: nothing was given.

    Raises:
        ConfigError: names the link and where it points.
    """
    if path is None:
        return
    whole = Path(os.path.expanduser(path))
    for place in (whole, *whole.parents):
        try:
            if place.is_symlink() and not place.exists():
                raise ConfigError(f"{option} {path}: {place} is a link to {os.readlink(place)}, which is not there")
        except OSError:
            continue


def caches() -> Path:
    """The first place for programs' caches that can be written.

    `XDG_CACHE_HOME`, `~/.cache`, or `cache` in the private folder.

    Raises:
        StorageError: none of them can be written.
    """
    named, at_home = os.environ.get("XDG_CACHE_HOME"), home()
    usual = ([Path(named)] if named else []) + ([at_home / ".cache"] if at_home else [])
    return next((place for place in usual if writable(place)), None) or private_folder() / "cache"


def states() -> list[Path]:
    """The usual places for what programs keep from one start to the next: `XDG_STATE_HOME`, `~/.local/state`."""
    named, at_home = os.environ.get("XDG_STATE_HOME", ""), home()
    # Others than absolute ones are to be ignored, by the XDG Base Directory Specification.
    usual = [Path(named)] if named.startswith("/") else []
    return usual + ([at_home / ".local" / "state"] if at_home else [])


def writable(place: Path) -> bool:
    """Whether a directory can be written, or made where it is not there yet."""
    try:
        while not place.exists() and not place.is_symlink() and place != place.parent:
            place = place.parent
        return place.is_dir() and os.access(place, os.W_OK | os.X_OK)
    except OSError:
        return False
