"""Archives of recordings, read to their last byte: damage anywhere is an error and never the archive's end.

`tarfile` takes a damaged header for the end of an archive, and while it streams it leaves out gzip's checksum. Here a
bad header is an error, the archive must end as every tar does, and a packed one is unpacked to its end, where gzip
compares checksum and length.
"""

import gzip
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from tarfile import EOFHeaderError, HeaderError, ReadError  # type: ignore[attr-defined]  # EOFHeaderError has no types
from typing import BinaryIO, Self, cast

from sensors.core.errors import DataError
from sensors.system.files import open_regular, refuse_pointer

_GZIP = b"\x1f\x8b"
_BLOCK = 1 << 20


class _Header(tarfile.TarInfo):
    """A member's header; one that is damaged, cut off or missing is an error, where tarfile would stop reading."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile)
        except EOFHeaderError:
            # A block of zeros, the mark of the end; what must follow it is checked once all members are read.
            raise
        except HeaderError as error:
            raise ReadError(f"at byte {tarfile.offset:,}: {error}") from None


def read_members(path: Path, most_bytes: int, wanted: Callable[[str], bool], fix: str) -> Iterator[tuple[str, bytes]]:
    """The files of a tar archive, packed with gzip or not, in the archive's order.

    Whether the archive is whole is known at its end only: what was read before belongs to a damaged archive if the
    iterator raises.

    Args:
        path: of the archive.
        most_bytes: of one file.
        wanted: whether to read a member, by its name; others are passed over, but checked as well.
        fix: what to do about an archive that cannot be used, to end a message.

    Yields:
        Name and content of each wanted file.

    Raises:
        DataError: the archive cannot be read, is damaged or cut off, or a wanted file is larger than `most_bytes`.
    """
    try:
        with open_regular(path) as file:
            start = file.read(256)
            refuse_pointer(path, start)
            packed = start.startswith(_GZIP)
            file.seek(0)
            if not packed:
                yield from _members(path, file, most_bytes, wanted, fix)
                return
            with gzip.open(file) as unpacked:
                yield from _members(path, cast(BinaryIO, unpacked), most_bytes, wanted, fix)
    except (tarfile.TarError, EOFError, zlib.error, OSError, ValueError, OverflowError) as error:
        raise DataError(f"{path}: damaged archive ({error}); {fix}") from None


def _members(
    path: Path, file: BinaryIO, most_bytes: int, wanted: Callable[[str], bool], fix: str
) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=file, mode="r:", tarinfo=_Header) as archive:
        while (member := archive.next()) is not None:
            if member.isfile() and wanted(member.name):
                if member.size > most_bytes:
                    raise DataError(f"{path}: {member.name} has {member.size:,} bytes, no short clip; {fix}")
                stream = archive.extractfile(member)
                data = stream.read() if stream is not None else b""
                if len(data) != member.size:
                    raise ReadError(f"{member.name} is cut off")
                yield member.name, data
            # tarfile would keep the headers of all members in memory.
            archive.members = []  # type: ignore[attr-defined]
    # Behind the mark of the end, and until gzip has compared its checksum, there are zeros only.
    while block := file.read(_BLOCK):
        if block.strip(b"\0"):
            raise ReadError("data after the archive's end")
