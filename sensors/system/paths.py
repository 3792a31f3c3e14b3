"""Files and folders that the user names: one way to read them all, whatever option they come from."""

import os
from pathlib import Path

from sensors.core.errors import ConfigError

NAME_MAX = 255
"""Bytes of one name in a path, on every common file system of Linux."""
PATH_MAX = 4095
"""Bytes of a whole path that the kernel takes."""

MCAP = ".mcap"
"""Ending of the names of recordings that are a file of ROS messages, and not a folder."""


def place(text: str | Path, option: str) -> Path:
    """The absolute path that the user means; `~` is expanded also where the shell does not (`--run-dir=~/x`).

    Args:
        text: as it was given.
        option: that it was given with, for the message.

    Raises:
        ConfigError: no file can have this path.
    """
    given = os.fspath(text)
    if not given:
        raise ConfigError(f"{option}: is empty; name a file or folder")
    try:
        # What the file system gives as bytes outside UTF-8 would end in an error wherever it is printed or sent.
        Path(given).absolute().as_posix().encode()
    except UnicodeEncodeError:
        shown = given.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        raise ConfigError(f"{option} {shown}: the path is not UTF-8; rename the folder, or use another") from None
    if "\0" in given:
        raise ConfigError(f"{option}: a path cannot hold a zero byte")
    try:
        path = Path(given).expanduser().absolute()
    except RuntimeError:
        user = given.partition("/")[0]
        raise ConfigError(f"{option} {given}: the home directory of {user} is not known; give the whole path") from None
    if long := [part for part in path.parts if len(part.encode()) > NAME_MAX]:
        raise ConfigError(f"{option}: the name {long[0][:20]}… is longer than {NAME_MAX} bytes; choose a shorter one")
    if len(str(path).encode()) > PATH_MAX:
        raise ConfigError(f"{option} {str(path)[:20]}…: the path is longer than {PATH_MAX} bytes; choose a shorter one")
    return path


def here() -> Path:
    """The working directory.

    Raises:
        ConfigError: it was removed, or no file can have its path.
    """
    try:
        return place(Path.cwd(), "the working directory")
    except OSError as error:
        raise ConfigError(f"the working directory cannot be used ({error.strerror}); start from another one") from None


def check_readable(folder: Path, option: str, what: str) -> None:
    """Refuse a folder that is not there or cannot be listed.

    Args:
        folder: of the user.
        option: that named it.
        what: the fix, if it is not there.

    Raises:
        ConfigError: says which.
    """
    try:
        with os.scandir(folder) as entries:
            for _ in entries:
                break
        os.stat(folder / ".")  # to list a folder is one permission, to look into it another
    except FileNotFoundError:
        raise ConfigError(f"{option} {folder}: no such directory; {what}") from None
    except NotADirectoryError:
        raise ConfigError(f"{option} {folder}: is no directory; {what}") from None
    except OSError as error:
        raise ConfigError(f"{option} {folder}: cannot be read ({error.strerror}); {what}") from None


def recording_folder(path: Path) -> Path:
    """The folder that a recording is written to: the one that is named, or that of a file."""
    return path.parent if path.suffix.lower() == MCAP else path


def check_writable(folder: Path, option: str) -> None:
    """Refuse a folder that could not be made, or written to.

    Raises:
        ConfigError: names the folder that stands in the way.
    """
    there = folder
    try:
        while not there.exists():
            there = there.parent
    except OSError as error:
        raise ConfigError(f"{option} {folder}: cannot be made ({error.strerror}); name another folder") from None
    if not there.is_dir():
        raise ConfigError(f"{option} {folder}: {there} is no directory; name another folder")
    if not os.access(there, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        raise ConfigError(f"{option} {folder}: no permission to write in {there}; name another folder")
