"""Samples as the bytes of files that other programs read: PNG, WAV and npy."""

import io
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.core.modalities import modality
from sensors.senses import sense
from sensors.signals.spectrogram import SAMPLE_RATE


def png(name: str, sample: NDArray[Any], side: int) -> bytes:
    """A stored sample as its sense shows it, as a square picture."""
    picture = sense(name).view(modality(name).stored(sample))
    method = cv2.INTER_AREA if max(picture.shape[:2]) > side else cv2.INTER_NEAREST
    _, data = cv2.imencode(".png", cv2.resize(picture, (side, side), interpolation=method))
    return bytes(data.tobytes())


def wav(wave: NDArray[np.float32]) -> bytes:
    """A waveform (samples,) float32 at 16 kHz as a WAV file of 16 bits."""
    import soundfile

    memory = io.BytesIO()
    soundfile.write(memory, np.clip(wave, -1, 1), SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return memory.getvalue()


def npy(sample: NDArray[Any]) -> bytes:
    """An array as an npy file."""
    memory = io.BytesIO()
    np.lib.format.write_array(memory, np.ascontiguousarray(sample), allow_pickle=False)
    return memory.getvalue()
