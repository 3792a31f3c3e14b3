"""Films and sound files, as a phone or camera records them: pictures and sound on the file's own clock, by PyAV."""

import importlib.util
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from sensors.cameras.film_containers import is_cut_off
from sensors.core.errors import DataError, SourceError
from sensors.core.percept import Reading
from sensors.files.contract import FileReader, FileStream, OpenFile, Part, Report, register_reader
from sensors.signals.readings import Chunk, Frame
from sensors.system.files import open_regular, refuse_pointer

FILMS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".avi", ".3gp", ".ts", ".mts", ".wmv", ".flv")
"""Endings of films."""
SOUNDS = (".wav", ".flac", ".mp3", ".m4a", ".aac", ".ogg", ".opus", ".oga")
"""Endings of files that hold sound alone."""
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpeg,mpegts,avi,wav,w64,flac,mp3,aac,ogg,asf,flv,mpegvideo"
"""Containers that are read: no playlists, which lead to other files and into the network."""
_HEAD = 512


class FilmReader(FileReader):
    """Films, with and without sound, and sound files."""

    name = "film"
    about = "films and sound files (MP4, MOV, MKV, WebM, MPEG, AVI, WAV, FLAC, MP3, …)"

    def owns(self, path: Path) -> bool:
        """By the ending of its name."""
        return path.suffix.lower() in (*FILMS, *SOUNDS) and path.is_file()

    def parts(self, path: Path) -> Sequence[Part]:
        """The film itself."""
        if importlib.util.find_spec("av") is None:
            raise SourceError(
                f"{path}: films are read by PyAV, which is not installed: pip install 'reciprocal[films]'"
            )
        return [Part(path.name, lambda: FilmFile(path))]


class FilmFile(OpenFile):
    """A film that was found to be one.

    Args:
        path: of its file.

    Raises:
        SourceError: it is no film, or damaged so that nothing of it can be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with open_film(path) as container:
            self.begin = start_of(container)
            pictures = _numbered("pictures", Frame, container, "video")
            sounds = _numbered("sound", Chunk, container, "audio")
        self._places = {stream.name: (stream.reading, place) for stream, place in (*pictures, *sounds)}
        self.streams = tuple(stream for stream, _ in (*pictures, *sounds))

    def play(self, stream: str, report: Report, color: bool = False) -> Generator[Reading, None, str]:
        """Its pictures, or its sound; see `OpenFile.play`."""
        from sensors.files.film_pictures import play_pictures
        from sensors.files.film_sound import play_sound

        reading, place = self._places[stream]
        with open_film(self._path) as container:
            own = container.streams[place]
            cut = is_cut_off(self._path)
            if reading is Chunk:
                return (yield from play_sound(container, own, report, cut))
            return (yield from play_pictures(container, own, report, color, cut))


def open_film(path: Path) -> Any:
    """PyAV's container of a file; to be closed.

    Raises:
        SourceError: it cannot be read; says why.
    """
    import av

    try:
        with open_regular(path) as file:
            head = file.read(_HEAD)
            refuse_pointer(path, head)
    except DataError as error:
        raise SourceError(str(error)) from None
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}); check the disk, or copy it anew") from None
    if not head:
        raise SourceError(f"{path}: is empty; copy it anew")
    options = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
    try:
        return av.open(f"file:{path}", options=options, metadata_errors="replace")
    except av.error.FFmpegError as error:
        if is_cut_off(path):
            raise SourceError(
                f"{path}: the film is cut off, and with its end its index is missing; copy it anew"
            ) from None
        raise SourceError(
            f"{path}: no film, or damaged ({error.strerror}); convert it to MP4, or copy it anew"
        ) from None


def start_of(container: Any) -> float:
    """Second of a film's clock at which it begins."""
    return 0.0 if container.start_time is None else float(container.start_time) / 1e6


def _numbered(name: str, reading: type[Chunk] | type[Frame], container: Any, kind: str) -> list[tuple[FileStream, int]]:
    """The streams of one kind with their numbers in the file, first the one that players would play."""
    best = container.streams.best(kind)
    own = sorted((s for s in container.streams if s.type == kind), key=lambda s: (best is None or s != best, s.index))
    found = []
    for count, stream in enumerate(own, 1):
        told = name if count == 1 else f"{name}-{count}"
        found.append((_described(told, reading, stream), stream.index))
    return found


def _described(name: str, reading: type[Chunk] | type[Frame], stream: Any) -> FileStream:
    context = stream.codec_context
    if context is None:
        return FileStream(name, reading, None, "a codec without a name", refused="its codec is not known")
    if reading is Chunk:
        rate = float(context.sample_rate) or None
        return FileStream(
            name, reading, rate, f"{context.layout.name} {context.name}", refused="" if rate else "damaged"
        )
    rate = float(stream.average_rate) if stream.average_rate else None
    about = f"{context.width} × {context.height} {context.name}"
    refused = "a cover, no film" if stream.disposition & type(stream.disposition).attached_pic else ""
    return FileStream(name, reading, rate, about, stream.frames or None, refused)


register_reader(FilmReader())
