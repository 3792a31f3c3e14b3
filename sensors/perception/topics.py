"""What `--list-topics` prints: the streams of files, how fast they come, and which senses are perceived in them."""

from pathlib import Path

from sensors.core.errors import SourceError
from sensors.files.contract import FileStream, fits
from sensors.files.playlist import parts_of
from sensors.perception.streams import perceivable, streams
from sensors.signals.readings import Values

MOST = 100
"""Parts whose streams are listed."""


def list_topics(path: Path) -> list[str]:
    """The streams of a file or folder, a line each; parts that have the same ones share their lines.

    Raises:
        SourceError: nothing there can be played.
    """
    parts = parts_of(path)
    groups: dict[tuple[str, ...], list[str]] = {}
    for part in parts[:MOST]:
        try:
            file = part.open()
        except SourceError as error:
            lines = [f"cannot be read: {error}"]
        else:
            lines = _lines(file.streams)
            file.close()
        groups.setdefault(tuple(lines), []).append(part.name)
    told = []
    for shared, names in groups.items():
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        told += [f"{', '.join(names[:3])}{more}:", *(f"  {line}" for line in shared)]
    if len(parts) > MOST:
        told.append(f"and {len(parts) - MOST} parts that were not looked at")
    return told


def _lines(found: tuple[FileStream, ...]) -> list[str]:
    rows = [(s.name, _rate(s), s.about, _use(s)) for s in found]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    return [
        "  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[3]]).rstrip()
        for row in rows
    ] or ["no streams"]


def _rate(stream: FileStream) -> str:
    rate = (
        "? Hz"
        if stream.rate is None
        else f"{stream.rate:g} Hz"
        if stream.rate < 1000
        else f"{stream.rate / 1000:g} kHz"
    )
    return rate if stream.count is None else f"{rate} ({stream.count})"


def _use(stream: FileStream) -> str:
    if stream.refused:
        return f"not read: {stream.refused}"
    fitting = [name for name, each in streams(perceivable()).items() if fits(stream, each.reading)]
    if fitting and issubclass(stream.reading, Values):
        return f"fits {', '.join(f'--topic {name}={stream.name}' for name in fitting)}"
    return f"fits {', '.join(fitting)}" if fitting else f"{stream.reading.kind}: no sense that is loaded"
