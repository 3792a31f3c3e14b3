"""A camera: anything that OpenCV's VideoCapture opens, as grey pictures."""

import os
import re
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.errors import SourceError
from sensors.live_config import SensorsConfig
from sensors.loop import STALL, LoopSource
from sensors.source import Ended, Frame

OPEN_TIMEOUT, READ_TIMEOUT = 4000, 1500
"""Milliseconds that FFmpeg may take to open a stream and to read a picture of it."""
_NODE = re.compile(r"/dev/video(\d+)")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class Camera(LoopSource[Frame]):
    """Pictures from a camera of this machine, a video file, an image sequence or a stream on the network.

    A device or stream gives its newest pictures, `fps` of them at most; a file or sequence is played at its own
    rate and ends.

    Args:
        address: index or `/dev/videoN`, path of a video, image sequence (`shot_%03d.png`) or URL (http, rtsp).
        name: of the source.
        fps: pictures a second at most.
        delay: how late a device's or stream's pictures come, seconds; taken off their times.
        size: width and height asked of a device, pixels.
        buffer: unread pictures that are kept.
        timeout: longest wait of `read`, seconds.
        stall: silence of the device that means a stall, seconds.
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
    ) -> None:
        self.address = address
        super().__init__(
            name,
            lambda: _Capture(address, fps, size, delay),
            capacity=buffer,
            timeout=timeout,
            stall=None if is_file(address) else stall,
        )

    @classmethod
    def from_config(cls, config: SensorsConfig) -> "Camera":
        """The camera that the settings name.

        Raises:
            SourceError: they say that there is none.
        """
        if config.camera is None:
            raise SourceError("camera: the settings say none; set sensors.camera")
        return cls(
            config.camera,
            fps=config.fps,
            delay=config.camera_delay,
            size=(config.width, config.height),
            buffer=config.picture_buffer,
            timeout=config.read_timeout,
            stall=config.stall,
        )

    def __str__(self) -> str:
        return f"{self.name} {self.address!r} ({self.standing})"


def is_file(address: str) -> bool:
    """Whether an address is a path (of a video or an image sequence) and no index, device or URL."""
    return index_of(address) is None and not _URL.match(address)


def index_of(address: str) -> int | None:
    """The index of a device given by it, by `/dev/videoN`, or by a link to that; None for anything else."""
    if address.isdecimal():
        return int(address)
    node = _NODE.fullmatch(os.path.realpath(address)) if address.startswith("/dev/") else None
    return int(node[1]) if node else None


class _Capture:
    """An open VideoCapture, read at its own pace: a device's, a stream's, or the clock for a file."""

    def __init__(self, address: str, fps: float, size: tuple[int, int], delay: float) -> None:
        self._file = is_file(address)
        self._delay = delay
        self._shortest = 1 / fps
        if self._file and "%" not in address and not Path(address).is_file():
            raise SourceError(f"camera {address!r}: no such file; give an index, a video, shot_%03d.png or a URL")
        self._capture = self._open(address, size)
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        # A sequence of images has no rate, and some files claim an absurd one.
        self._period = 1 / rate if 0.1 <= rate <= 1000 else self._shortest
        self._began: float | None = None
        self._count = 0
        self._due = 0.0

    def _open(self, address: str, size: tuple[int, int]) -> Any:
        # What cannot be opened is said once, by the error below.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        if (index := index_of(address)) is not None:
            capture = cv2.VideoCapture(index)
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
            fix = "plug it in, close what else uses it, or choose another; --list-devices shows what there is"
        elif self._file:
            capture = cv2.VideoCapture(address)
            fix = "give a video or an image sequence that OpenCV reads, such as shot_%03d.png"
        else:
            limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_TIMEOUT]
            capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, limits)
            fix = "check that it is being served there"
        if not capture.isOpened():
            capture.release()
            raise SourceError(f"camera {address!r}: cannot be opened; {fix}")
        return capture

    def read(self, timeout: float) -> Frame | None:
        if self._file:
            return self._play(timeout)
        if not self._capture.grab():
            raise SourceError("the device gives no picture any more")
        now = time.monotonic()
        # Half a period of tolerance: a camera at just the wanted rate must not lose every other picture to jitter.
        if now < self._due - self._period / 2:
            return None
        self._due = max(self._due + self._shortest, now)
        return Frame(now - self._delay, self._retrieve())

    def _play(self, timeout: float) -> Frame | None:
        now = time.monotonic()
        if self._began is None:
            self._began = now
        due = self._began + self._count * self._period
        if due - now > timeout:
            time.sleep(timeout)
            return None
        time.sleep(max(due - now, 0.0))
        if not self._capture.grab():
            raise Ended("the file is at its end")
        self._count += 1
        return Frame(due, self._retrieve())

    def _retrieve(self) -> NDArray[np.uint8]:
        ok, picture = self._capture.retrieve()
        if not ok or picture is None or not picture.size:
            raise SourceError("the device gave a picture that cannot be decoded")
        return grey(picture)

    def close(self) -> None:
        self._capture.release()


def grey(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """A camera's picture as (H, W) uint8 grey.

    Args:
        picture: (H, W) or (H, W, 1, 3 or 4) in OpenCV's order BGR, uint8; uint16 is scaled down.

    Raises:
        SourceError: another shape or dtype.
    """
    channels = picture.shape[2] if picture.ndim == 3 else 1
    if picture.dtype not in (np.uint8, np.uint16) or picture.ndim not in (2, 3) or channels not in (1, 3, 4):
        raise SourceError(f"camera: cannot read pictures of shape {picture.shape} and dtype {picture.dtype}")
    if channels > 1:
        picture = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY if channels == 3 else cv2.COLOR_BGRA2GRAY)
    if picture.dtype == np.uint16:
        picture = picture >> 8
    return np.ascontiguousarray(picture.reshape(picture.shape[:2]), np.uint8)
