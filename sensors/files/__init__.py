"""Files that are played as sources of readings. Importing this package registers its own readers."""

from sensors.files import films, lerobot, recordings, ros
from sensors.files.contract import (
    FileReader,
    FileStream,
    OpenFile,
    Part,
    Report,
    reader_of,
    readers,
    register_reader,
)

__all__ = [
    "FileReader",
    "FileStream",
    "OpenFile",
    "Part",
    "Report",
    "films",
    "lerobot",
    "reader_of",
    "readers",
    "recordings",
    "register_reader",
    "ros",
]
