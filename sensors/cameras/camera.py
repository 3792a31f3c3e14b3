"""A camera: a device, a film, a picture sequence or an address on the network, as grey or coloured pictures."""

import contextlib
import re
import time
from pathlib import Path
from typing import Any

import cv2

from sensors.cameras.film import Film, FilmPosition, declared_count, open_capture
from sensors.cameras.film_containers import is_cut_off
from sensors.cameras.sequence import open_sequence, picture_file
from sensors.cameras.snapshots import Snapshots
from sensors.cameras.web import Web, diagnose, unplayable
from sensors.core.errors import DataError, SourceError
from sensors.signals.pictures import camera_pixels
from sensors.sources.live_config import SensorsConfig
from sensors.sources.loop import STALL, Driver, LoopSource
from sensors.sources.source import Frame
from sensors.system.address import NUMBER, file_of, index_of, is_redacted, redact
from sensors.system.files import LFS_POINTER, refuse_pointer

OPEN_TIMEOUT, READ_TIMEOUT = 4000, 1500
"""Milliseconds that FFmpeg may take to open a stream, and to read a picture of it (longer if `stall` is longer)."""
_HTTP = re.compile(r"https?://", re.IGNORECASE)


class Camera(LoopSource[Frame]):
    """Pictures from a camera of this machine, of files, or from the network.

    What is live gives its newest pictures, `fps` of them a second at most, and is sought again when it is lost: a
    device, a stream, and an address that gives one picture at a time, which is asked again and again. What is finite is
    played once at its own pace and ends: films and pictures, as files or from the network. Which of the two an address
    on the network is, is told by what its server answers and by whether FFmpeg finds a length.

    Args:
        address: index or `/dev/videoN`, path of a film or a picture, image sequence (`shot_%03d.png`), or URL (file,
            http, https, rtsp, …).
        name: of the source.
        fps: pictures a second at most.
        delay: how late a device's or stream's pictures come, seconds; taken off their times.
        size: width and height asked of a device, pixels.
        buffer: unread pictures that are kept.
        timeout: longest wait of `read`, seconds.
        stall: silence of the device that means a stall, seconds.
        color: give pictures in colour; without it, grey ones.

    Attributes:
        address: as given, with the password that it may hold; `redact` it before it is shown.
    """

    def __init__(
        self,
        address: str = "0",
        *,
        name: str = "camera",
        fps: float = 15.0,
        delay: float = 0.0,
        size: tuple[int, int] = (640, 480),
        buffer: int = 32,
        timeout: float = 2.0,
        stall: float = STALL,
        color: bool = False,
    ) -> None:
        self.address = address
        self._color = color
        self._fps, self._delay, self._size, self._silence = fps, delay, size, stall
        self._progress = FilmPosition()
        # A file may take as long as it likes.
        patience = stall if file_of(address) is None else None
        super().__init__(name, self._driver, capacity=buffer, timeout=timeout, stall=patience)

    @classmethod
    def from_config(cls, config: SensorsConfig, color: bool = False) -> "Camera":
        """The camera that the settings name.

        Args:
            config: the settings.
            color: give pictures in colour; without it, grey ones.

        Raises:
            SourceError: they say that there is none, or hold an address without its password.
        """
        if config.camera is None:
            raise SourceError("camera: the setting sensors.camera is 'none'; set it to a camera")
        _check_whole(config.camera)
        return cls(
            config.camera,
            fps=config.fps,
            delay=config.camera_delay,
            size=(config.width, config.height),
            buffer=config.picture_buffer,
            timeout=config.read_timeout,
            stall=config.stall,
            color=color,
        )

    def connect(self, warmup: float = 1.0) -> None:
        """Open the camera; see `Source.connect`. A film that was closed begins anew."""
        if self.state == "closed":
            self._progress = FilmPosition()
        super().connect(warmup)

    def __str__(self) -> str:
        return f"{self.name} {redact(self.address)!r} ({self.standing})"

    def _driver(self) -> Driver[Frame]:
        """Open what the address names.

        Raises:
            SourceError: it cannot be opened; says why and what helps.
        """
        _check_whole(self.address)
        if (index := index_of(self.address)) is not None:
            return self._device(index)
        if (path := file_of(self.address)) is not None:
            return self._file(path)
        return self._network()

    def _device(self, index: int) -> "_Live":
        capture = open_capture(index)
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._size[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._size[1])
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        if not capture.isOpened():
            capture.release()
            fix = "plug it in, close what else uses it, or choose another; --list-devices shows what there is"
            raise SourceError(f"camera {self.address!r}: cannot be opened; {fix}")
        return _Live(capture, self._fps, self._delay, self._color)

    def _file(self, address: str) -> Driver[Frame]:
        path, period = Path(address), 1 / self._fps
        if not path.exists() and NUMBER.search(path.name.replace("%%", "")):
            return open_sequence(address, period, self.lose, self.well, self._color)
        _check_file(self.address, path)
        if (pictures := picture_file(path, period, self.lose, self.well, self._color)) is not None:
            return pictures
        capture = open_capture(str(path.absolute()), cv2.CAP_FFMPEG)
        if not capture.isOpened():
            capture.release()
            cut = "is cut off, and what tells how it is played is missing"
            why = cut if is_cut_off(path) else "is no film or picture that can be read"
            fix = "give a film, a picture, or an image sequence such as shot_%03d.png"
            raise SourceError(f"camera {self.address!r}: {why}; {fix}")
        return Film(capture, self._fps, self._progress, self.lose, self.well, path, color=self._color)

    def _network(self) -> Driver[Frame]:
        served = None
        if _HTTP.match(self.address):
            web = Web(self.address)
            served = web.ask()
            if served.picture:
                return Snapshots(web, self._fps, self._delay, self._silence, self.lose, self.well, self._color)
        patience = max(READ_TIMEOUT, round(1000 * self._silence))
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT, cv2.CAP_PROP_READ_TIMEOUT_MSEC, patience]
        capture = open_capture(self.address, cv2.CAP_FFMPEG, limits)
        if not capture.isOpened():
            capture.release()
            why = diagnose(self.address) if served is None else unplayable(served.type)
            raise SourceError(f"camera {redact(self.address)!r}: {why}")
        if declared_count(capture) is not None or (served is not None and served.finite):
            return Film(capture, self._fps, self._progress, self.lose, self.well, color=self._color)
        if served is not None and served.playlist:
            return Film(capture, self._fps, FilmPosition(), self.lose, self.well, endless=True, color=self._color)
        return _Live(capture, self._fps, self._delay, self._color)


class _Live:
    """The driver of what is live: the newest pictures that it gives, some left out where it is faster than asked."""

    def __init__(self, capture: Any, fps: float, delay: float, color: bool) -> None:
        self._capture, self._delay, self._color = capture, delay, color
        self._shortest = 1 / fps
        rate = float(capture.get(cv2.CAP_PROP_FPS))
        self._period = 1 / rate if 0.1 <= rate <= 1000 else self._shortest
        self._due = 0.0

    def read(self, timeout: float) -> Frame | None:
        """The next picture, unless it comes sooner than asked."""
        if not self._capture.grab():
            raise SourceError("the device no longer gives pictures")
        now = time.monotonic()
        # Half a period of tolerance: a camera at just the wanted rate must not lose every other picture to jitter.
        if now < self._due - self._period / 2:
            return None
        self._due = max(self._due + self._shortest, now)
        ok, picture = self._capture.retrieve()
        if not ok or picture is None or not picture.size:
            raise SourceError("the device gave a picture that cannot be decoded")
        return Frame(now - self._delay, camera_pixels(picture, self._color))

    def close(self) -> None:
        """Let go of the device."""
        self._capture.release()


def _check_whole(address: str) -> None:
    """Refuse an address that was copied from where it is shown without its password.

    Raises:
        SourceError: a part is left out.
    """
    if is_redacted(address):
        raise SourceError(f"camera {address!r}: its password is left out; give the whole address with --camera")


def _check_file(address: str, path: Path) -> None:
    """Refuse what is no file that can be read.

    Raises:
        SourceError: says what it is instead.
    """
    if not path.is_absolute() and address.lower().startswith("file:"):
        raise SourceError(f"camera {address!r}: names no file of this machine; write file:///path")
    try:
        with path.open("rb") if path.is_file() else contextlib.nullcontext() as file:
            if file is None:
                what = "is a folder" if path.is_dir() else "is no file" if path.exists() else "no such file"
                fix = "give an index, a film, a picture, shot_%03d.png or a URL"
                raise SourceError(f"camera {address!r}: {what}; {fix}")
            start = file.read(len(LFS_POINTER))
            if not start:
                raise SourceError(f"camera {address!r}: is empty; give another file")
            refuse_pointer(f"camera {address!r}", start)
    except DataError as error:
        raise SourceError(str(error)) from None
    except OSError as error:
        raise SourceError(f"camera {address!r}: cannot be read ({error.strerror}); check its permissions") from None
