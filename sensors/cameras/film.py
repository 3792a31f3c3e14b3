"""A film, of a file or of the network: its pictures at the film's own pace, once, and what of it did not come.

What a film declares is compared with what came. Pictures that cannot be decoded are passed over where FFmpeg can go on.
A film of the network whose connection breaks is opened anew and goes on where it was.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import cv2

from sensors.cameras.film_containers import is_cut_off
from sensors.cameras.sequence import Lose
from sensors.core.errors import SourceError
from sensors.signals.pictures import camera_pixels
from sensors.sources.loop import AT_ITS_END
from sensors.sources.source import Ended, Frame

MOST_UNDECODABLE = 300
"""After so many failures in a row the film is at its end: more than there usually are between two key frames."""
TOLERANCE = 2, 0.02
"""Pictures, and share of the film, by which what it declares may differ: containers often tell a length alone."""


@dataclass
class FilmPosition:
    """How far a film was played; kept while it is opened anew.

    Attributes:
        passed: pictures that FFmpeg found.
        given: those of them that were given.
        failed: failures to find or decode one, with pictures after them.
        position: where the newest picture stands in the film, seconds.
    """

    passed: int = 0
    given: int = 0
    failed: int = 0
    position: float = 0.0


class Film:
    """The driver of a film.

    Args:
        capture: OpenCV's, open.
        fps: pictures a second where the film does not tell.
        progress: how far it was played before; goes on counting.
        lose: takes what is lost.
        idle: called while the next picture is not due yet.
        file: of the film; None where it is read from the network.
        endless: it is live after all, but comes in pieces (HLS), each faster than its pace.
        color: give pictures in colour; without it, grey ones.
    """

    def __init__(
        self,
        capture: Any,
        fps: float,
        progress: FilmPosition,
        lose: Lose,
        idle: Callable[[], None],
        file: Path | None = None,
        endless: bool = False,
        color: bool = False,
    ) -> None:
        self._color = color
        self._capture, self._progress = capture, progress
        self._lose, self._idle, self._file, self._endless = lose, idle, file, endless
        rate = float(capture.get(cv2.CAP_PROP_FPS))
        # Some files claim an absurd rate.
        self._period = 1 / rate if 0.1 <= rate <= 1000 else 1 / fps
        self._declared = declared_count(capture)
        self._skip = self._resumed_at = progress.passed
        self._failing = 0
        self._origin: float | None = None  # what FFmpeg says of the first picture's position, seconds
        self._began: float | None = None
        self._waiting: float | None = None  # position of the picture that is decoded but not due yet

    def read(self, timeout: float) -> Frame | None:
        """The next picture, when it is due.

        Raises:
            Ended: the film is over; says what did not come.
            SourceError: the connection broke, or what is endless ended.
        """
        if self._waiting is None:
            self._waiting = self._advance(timeout)
            if self._waiting is None:
                return None
        now = time.monotonic()
        if self._began is None:
            self._began = now - self._waiting
        due = self._began + self._waiting
        if due - now > timeout:
            time.sleep(timeout)
            self._idle()
            return None
        time.sleep(max(due - now, 0.0))
        progress = self._progress
        progress.passed += 1
        progress.position, self._waiting = self._waiting, None
        ok, picture = self._capture.retrieve()
        if not ok or picture is None or not picture.size:
            self._damaged(1)
            return None
        progress.given += 1
        return Frame(due, camera_pixels(picture, self._color))

    def close(self) -> None:
        """Let go of the film."""
        self._capture.release()

    def _advance(self, timeout: float) -> float | None:
        """Decode the next picture; its position in the film, seconds, or None when there was none in time."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if not self._capture.grab():
                self._failing += 1
                if self._failing >= MOST_UNDECODABLE:
                    self._finish()
                continue
            position = self._position()
            if self._skip:
                # Played before the connection broke.
                self._skip -= 1
                self._failing = 0
                self._idle()
                continue
            self._damaged(self._failing)
            self._failing = 0
            return position
        return None

    def _damaged(self, count: int) -> None:
        if count:
            self._progress.failed += count
            self._lose("damaged", count)

    def _position(self) -> float:
        told = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
        if self._origin is None:
            self._origin = told
        before = self._progress.position
        position = told - self._origin
        first = self._progress.passed == 0 or self._skip > 0
        # Some films do not tell, or tell of a time that runs backwards.
        return position if first or position > before else before + self._period

    def _finish(self) -> NoReturn:
        if self._endless:
            raise SourceError("the stream no longer gives pictures")
        progress, declared = self._progress, self._declared
        if declared is None:
            if self._skip:
                raise Ended(f"ended after {progress.given} pictures")
            self._end(progress.failed, 0, "")
        short = declared - progress.given
        pictures, share = TOLERANCE
        unplayed = declared * self._period - (progress.position + self._period)
        early = short > max(pictures, share * declared) and unplayed > max(pictures, share * declared) * self._period
        # Opened anew, a film that is itself cut off ends where it did before.
        if early and self._file is None and (progress.passed > self._resumed_at or self._skip > pictures):
            raise SourceError(f"broke off after {progress.given} of about {declared} pictures")
        cut = is_cut_off(self._file) if self._file is not None else None
        if early and cut is False and not progress.failed:
            # The file is whole, nothing was damaged: MP4 counts pictures that an edit has taken away, Matroska's length
            # is that of its longest sound or film.
            raise Ended(f"{AT_ITS_END}: {progress.given} pictures; it declares about {declared}")
        missing = min(short, round(unplayed / self._period)) if early else 0
        damaged = max(short - missing, progress.failed) if progress.failed else 0
        self._end(damaged, missing, ": the file is cut off" if cut else "")

    def _end(self, damaged: int, missing: int, why: str) -> NoReturn:
        progress = self._progress
        # Of the damaged ones those that FFmpeg told of are counted already.
        for reason, count in (("damaged", damaged - progress.failed), ("missing", missing)):
            if count:
                self._lose(reason, count)
        total = "" if self._declared is None else f" of about {self._declared}"
        told = f"{progress.given}{total} pictures" + (f", {damaged} damaged" if damaged else "")
        if missing:
            raise Ended(f"ended after {told}{why}")
        raise Ended(f"{AT_ITS_END}: {told}" if damaged else "")


def declared_count(capture: Any) -> int | None:
    """How many pictures a film declares, exactly or from its length; None where it declares neither."""
    count = float(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    return round(count) if 0 < count < 1e9 else None


def open_capture(address: str | int, *more: Any) -> Any:
    """OpenCV's capture of a file, a device or an address; it may turn out not to be open."""
    # What cannot be opened is said once, by our own errors, and with no password in it.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2.VideoCapture(address, *more)
