"""Where this user's files may lie when the usual place cannot be written: no home, or one that is somebody else's.

Containers run programs as users without a home (`docker run --user 12345`), or with `/` for one.
"""

import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

from sensors.errors import StorageError

PRIVATE = f"reciprocal-{os.getuid()}"
"""Name of this user's own directory under `TMPDIR`."""
FIX = "name a directory that can be written, with HOME=DIR or TMPDIR=DIR"


def home() -> Path | None:
    """The user's home; none where the system knows of none."""
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


def first_writable(places: Iterable[Path]) -> Path | None:
    """The first directory that can be written, or made; none where there is none. Nothing is made."""
    return next((place for place in places if writable(place)), None)


def writable(place: Path) -> bool:
    """Whether a directory can be written, or made where it is not there yet."""
    try:
        while not place.exists() and not place.is_symlink() and place != place.parent:
            place = place.parent
        return place.is_dir() and os.access(place, os.W_OK | os.X_OK)
    except OSError:
        return False
