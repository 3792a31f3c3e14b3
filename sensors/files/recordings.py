"""Recordings that `--record` wrote, as files among others: in a folder, and as fast as they are perceived."""

from collections.abc import Generator, Sequence
from pathlib import Path

from sensors.core.errors import DataError, SourceError
from sensors.core.percept import Reading
from sensors.files.contract import FileReader, FileStream, OpenFile, Part, Report, register_reader
from sensors.signals.pictures import camera_pixels
from sensors.signals.readings import Chunk, Frame, Values
from sensors.sources.loop import AT_ITS_END
from sensors.sources.recording import Recording, is_recording


class RecordingReader(FileReader):
    """Directories that a `Recorder` wrote."""

    name = "recording"
    about = "recordings that --record wrote"

    def owns(self, path: Path) -> bool:
        """By the file that makes a directory a recording."""
        return is_recording(path)

    def parts(self, path: Path) -> Sequence[Part]:
        """The recording itself."""
        return [Part(path.name, lambda: RecordedSession(path))]


class RecordedSession(OpenFile):
    """A recording, on the clock of the machine that recorded it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            recording = Recording(path)
            firsts = {name: next(recording.samples(name), None) for name in recording.names}
        except DataError as error:
            raise SourceError(str(error)) from None
        self.begin = recording.origin
        kinds = recording.kinds
        self.streams = tuple(
            FileStream(name, _form(first), None, kinds[name], recording.declared(name), kind=kinds[name])
            for name, first in firsts.items()
            if first is not None
        )

    def play(self, stream: str, report: Report, color: bool = False) -> Generator[Reading, None, str]:
        """What one source gave, with its recorded times; see `OpenFile.play`."""
        recording = Recording(self._path)

        def damaged(text: str) -> None:
            report.lose("damaged")
            report.remark(text)

        recording.on_damage = damaged
        for reading in recording.samples(stream):
            if isinstance(reading, Frame) and (reading.picture.ndim == 3) != color:
                reading = Frame(reading.time, camera_pixels(reading.picture, color))
            yield reading
        if missing := recording.missing(stream):
            report.lose("missing", missing)
        return recording.ending(stream).removeprefix(f"{AT_ITS_END}: ")


def _form(reading: Reading) -> type[Chunk] | type[Frame] | type[Values]:
    return next(form for form in (Chunk, Frame, Values) if isinstance(reading, form))


register_reader(RecordingReader())
