"""Files that others made: read whole, but never without a limit."""

from pathlib import Path

from sensors.files import read_regular


def read_capped(path: Path, most: int, otherwise: str) -> bytes:
    """The bytes of a file.

    Args:
        path: of the file.
        most: largest size that is read, bytes.
        otherwise: what a larger file is, and the fix, to end the message.

    Raises:
        DataError: it is larger, no regular file, or cannot be read.
    """
    return read_regular(path, most, otherwise)
