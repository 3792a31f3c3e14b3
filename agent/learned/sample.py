"""One sample that an agent perceived, evoked or knows: as an array, a picture, a sound, or a file."""

import errno
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.answers.files import npy
from sensors.core.errors import ConfigError, NoRoomError, StorageError

SIDE = 256
"""Rows and columns of a picture that is shown or saved, pixels."""
SUFFIXES = {".png": "png", ".wav": "wav", ".npy": "npy"}
"""Endings of the files that a sample can be saved as."""

Rendering = Callable[[str], bytes]
"""Gives a sample as the bytes of a `png` or `wav` file; no bytes where it is silent."""


@dataclass(frozen=True)
class Sample:
    """A sample of one sense.

    Attributes:
        sense: its name.
        array: (*shape) in the stored dtype of the sense; (B, *shape) where several were asked about.
        heard: whether it can be heard.
        rendering: makes its picture and its sound; None for several samples.
    """

    sense: str
    array: NDArray[Any]
    heard: bool
    rendering: Rendering | None = field(default=None, repr=False, compare=False)

    def picture(self) -> NDArray[np.uint8]:
        """As its sense shows it: (256, 256, 3) uint8, red, green, blue."""
        decoded = cv2.imdecode(np.frombuffer(self._file("png"), np.uint8), cv2.IMREAD_COLOR)
        assert decoded is not None  # it was encoded here, or by a run
        return np.ascontiguousarray(decoded[..., ::-1], np.uint8)

    def sound(self) -> NDArray[np.float32]:
        """As a waveform: (samples,) float32 at 16 kHz, -1…1; without samples where it is silent.

        Raises:
            ConfigError: the sense cannot be heard.
        """
        import soundfile

        data = self._file("wav")
        if not data:
            return np.zeros(0, np.float32)
        return np.asarray(soundfile.read(io.BytesIO(data), dtype="float32")[0], np.float32)

    def save(self, path: str | PathLike[str]) -> Path:
        """Write it to a file, which is replaced whole or left as it was.

        Args:
            path: ends in .png (as the sense shows it), .wav (of senses that can be heard) or .npy (the stored array).

        Returns:
            The path.

        Raises:
            ConfigError: another ending, or one that does not suit the sense, or the sound is silent.
            StorageError: the file cannot be written.
        """
        place = Path(path)
        data = self.file(place)
        write_whole(place, data)
        return place

    def file(self, path: Path) -> bytes:
        """The bytes of a file of that name, as of `save`."""
        form = form_of(path)
        data = npy(self.array) if form == "npy" else self._file(form)
        if not data:
            raise ConfigError(f"{path}: what is evoked is silent; nothing is written")
        return data

    def _file(self, form: str) -> bytes:
        if self.rendering is None:
            raise ConfigError(f"{self.sense}: these are {len(self.array)} samples; save them as .npy")
        if form == "wav" and not self.heard:
            raise ConfigError(f"{self.sense}: cannot be heard; save it as .png or .npy")
        return self.rendering(form)


def form_of(path: Path) -> str:
    """`png`, `wav` or `npy`, by the ending of a file's name.

    Raises:
        ConfigError: another ending.
    """
    form = SUFFIXES.get(path.suffix.lower())
    if form is None:
        raise ConfigError(f"{path}: ends in {path.suffix or 'nothing'}; end it in {', '.join(SUFFIXES)}")
    return form


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside its place and rename it, so that a reader sees the old content or the new one.

    Raises:
        StorageError: it cannot be written; what was there stays.
    """
    # A device or a pipe is written as it is: a rename would replace it.
    special = path.exists() and not path.is_file()
    stage = path if special else path.with_name(f".{path.name}.new")
    try:
        with open(stage, "wb") as file:
            file.write(data)
        if stage != path:
            stage.replace(path)
    except OSError as error:
        if stage != path:
            stage.unlink(missing_ok=True)
        if error.errno == errno.ENOSPC:
            raise NoRoomError(f"{path}: no space left on the disk; make room, or name another place") from None
        raise StorageError(f"{path}: cannot be written ({error.strerror}); name another place") from None
