"""Where `--record` writes: a folder of the program's own records, or a file of ROS 2 messages, as its name ends."""

import importlib.util
from pathlib import Path

from sensors.core.errors import SourceError
from sensors.files.ros.bag import EXTRA
from sensors.files.ros.reader import LIBRARIES
from sensors.sources.recorder import ABOUT, PICTURES, Recorder, free_directory
from sensors.system.paths import recording_folder


def make_recorder(path: str | Path, limit: int, pictures: float = PICTURES) -> Recorder:
    """A recorder that writes to a place that is free.

    Args:
        path: a folder, or a file whose name ends in `.mcap`.
        limit: bytes of the recording at most.
        pictures: bytes a second of each source's colour pictures.

    Raises:
        SourceError: a recording is there, it cannot be written, or libraries are missing.
    """
    place = Path(path)
    if not is_mcap(place):
        return Recorder(place, limit, pictures)
    check_libraries(place)
    from sensors.files.ros.mcap_store import McapStore

    return Recorder(place, limit, store=McapStore(place, limit, pictures))


def is_mcap(path: Path) -> bool:
    """Whether a recording is meant to be an MCAP file."""
    return recording_folder(path) != path


def taken(path: str | Path) -> bool:
    """Whether a recording is there."""
    place = Path(path)
    return place.exists() if is_mcap(place) else (place / ABOUT).exists()


def free_place(path: str | Path) -> Path:
    """`path`, or where a recording is there, the first of `path-2`, `path-3`, … where none is."""
    place, number = Path(path), 1
    if not is_mcap(place):
        return free_directory(place)
    while taken(place):
        number += 1
        place = Path(path).with_stem(f"{Path(path).stem}-{number}")
    return place


def check_libraries(path: str | Path) -> None:
    """Refuse a recording that is to be an MCAP file where the libraries are missing.

    Raises:
        SourceError: one of them is not installed.
    """
    if not is_mcap(Path(path)):
        return
    if lacking := [name for name in LIBRARIES if importlib.util.find_spec(name) is None]:
        raise SourceError(f"--record {path}: MCAP files need {' and '.join(lacking)}: {EXTRA}")
