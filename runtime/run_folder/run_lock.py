"""The lock of a run's directory: one process uses a run at a time."""

import contextlib
import fcntl
import os
from pathlib import Path

from runtime.run_folder.own_files import LOCK
from sensors.core.errors import StorageError


def take_lock(path: Path) -> int:
    """Take the run's lock; the kernel drops it when this process ends, however it ends.

    Returns:
        The descriptor of the open file; to close it is to release the lock.

    Raises:
        StorageError: another process has the lock.
        OSError: the directory cannot be written.
    """
    handle = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever had the lock may have removed the run meanwhile, and the file with it.
        if not _same_file(handle, path / LOCK):
            raise BlockingIOError
    except BlockingIOError:
        owner = os.read(handle, 32).decode(errors="replace").strip()
        os.close(handle)
        raise StorageError(f"{path}: in use by another run (process {owner or 'unknown'})") from None
    os.ftruncate(handle, 0)
    os.write(handle, str(os.getpid()).encode())
    return handle


def _same_file(handle: int, path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(handle), path.stat())
    return False
