"""Files that others made: read whole, but never without a limit."""

from pathlib import Path

from sensors.errors import DataError


def read_capped(path: Path, most: int, otherwise: str) -> bytes:
    """The bytes of a file.

    Args:
        path: of the file.
        most: largest size that is read, bytes.
        otherwise: what a larger file is, and the fix, to end the message.

    Raises:
        DataError: it is larger, or cannot be read.
    """
    try:
        if path.stat().st_size > most:
            raise DataError(f"{path}: larger than {most >> 20} MiB, {otherwise}")
        return path.read_bytes()
    except OSError as e:
        raise DataError(f"{path}: cannot be read ({e.strerror}); check its permissions") from None
