"""What a program gives, as the bytes of a PNG, JPEG, WAV or npy file, as the page takes them too."""

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.answers.files import npy
from agent.learned.contract import Given
from sensors.core.errors import EventError
from sensors.given import MOST_BYTES
from sensors.signals.pictures import ENDINGS as PICTURES
from sensors.signals.sound_containers import ENDINGS as SOUNDS
from sensors.signals.spectrogram import SAMPLE_RATE
from sensors.system.files import read_regular

_TAKEN = (b"\x93NUMPY", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF", b"RIFX", b"RF64")
"""How the files begin that are taken as they are."""


def packed(given: Given, sense: str, shape: tuple[int, ...], dtype: str) -> bytes:
    """The bytes of a file with what was given.

    Pictures and sounds in files of other kinds are converted: to PNG and WAV without loss.

    Args:
        given: as `Given` says.
        sense: its name, for messages.
        shape: of a stored sample of the sense.
        dtype: of a stored sample.

    Raises:
        UserError: it cannot be read, or is an array of another form.
    """
    if isinstance(given, np.ndarray):
        return _array(given, sense, shape, dtype)
    if isinstance(given, bytes):
        return given
    path = Path(given)
    data = read_regular(path, MOST_BYTES, "no single sample; cut it")
    ending = path.suffix.lower()
    if data.startswith(_TAKEN) or ending not in (*PICTURES, *SOUNDS):
        return data
    if ending in PICTURES:
        from sensors.signals.pictures import load_picture

        return _png(load_picture(path))
    from sensors.signals.sound import read_sound

    return _wav(read_sound(path))


def _array(array: NDArray[Any], sense: str, shape: tuple[int, ...], dtype: str) -> bytes:
    if str(array.dtype) == dtype and array.shape in (shape, (*array.shape[:1], *shape)):
        return npy(array)
    if array.ndim == 1 and array.dtype.kind == "f":
        return _wav(array.astype(np.float32))
    if array.dtype == np.uint8 and (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)):
        return _png(array if array.ndim == 2 else np.ascontiguousarray(array[..., ::-1]))
    raise EventError(
        f"{sense}: an array of shape {array.shape} and dtype {array.dtype}; give stored samples of shape {shape} and "
        f"dtype {dtype}, a picture (H, W[, 3]) uint8, or a waveform (samples,) float"
    )


def _png(picture: NDArray[np.uint8]) -> bytes:
    """A picture, grey or in OpenCV's order BGR, as a PNG file."""
    return bytes(cv2.imencode(".png", picture)[1].tobytes())


def _wav(wave: NDArray[np.float32]) -> bytes:
    """A waveform at 16 kHz as a WAV file of floats."""
    import soundfile

    memory = io.BytesIO()
    soundfile.write(memory, wave, SAMPLE_RATE, format="WAV", subtype="FLOAT")
    return memory.getvalue()
