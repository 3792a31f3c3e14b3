"""The sense `audio`: sound, as log-mel spectrograms of one size for a run."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sensors.core.config import Config, setting
from sensors.core.errors import SampleError
from sensors.core.modalities import Modality
from sensors.senses.audio_stream import STREAM
from sensors.senses.contract import Flaws, Generator, Sense
from sensors.senses.drawing import spectrogram_view
from sensors.signals.flaws import add_noise
from sensors.signals.sound_containers import ENDINGS
from sensors.signals.spectrogram import SAMPLE_RATE, log_mel, quantise, too_long

SIZES = tuple(range(32, 225, 32))
"""Frames and bands that networks can take."""
UNIT = "log-mel, -80…0 dB in 255 steps (mel band, frame)"


@dataclass(frozen=True)
class AudioConfig(Config):
    """What a sound is to the learner."""

    frames: int = setting(
        96, help="length of a spectrogram: frames of 58 ms", unit="frames", choices=SIZES, low=32, high=224
    )
    bands: int = setting(
        96, help="height of a spectrogram: mel bands from 0 to 8 kHz", unit="bands", choices=SIZES, low=32, high=224
    )


def form(modality: Modality, config: AudioConfig) -> Modality:
    """The modality under these settings."""
    return dataclasses.replace(modality, shape=(1, config.bands, config.frames))


def load(path: Path) -> NDArray[np.uint8]:
    """The sound in a file as a sample, padded with silence at its end.

    Raises:
        SampleError: it cannot be read, its end is missing, it is silent, or it is longer than a spectrogram is.
    """
    # A robot reads no files, and need not have the library.
    from sensors.signals.sound import load_sound

    sound = load_sound(path)
    if sound.cut:
        raise SampleError(f"{path}: its end is missing; record it again", "cut off")
    if sound.silent:
        raise SampleError(f"{path}: is silent; remove it or record it again", "silent")
    if too_long(sound.wave):
        seconds = len(sound.wave) / SAMPLE_RATE
        raise SampleError(f"{path}: {seconds:.2f} s of sound; cut it, or give more audio.frames", "too long")
    sample: NDArray[np.uint8] = quantise(log_mel([sound.wave]))[0]
    return sample


def hear(stored: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A stored sample as a waveform that ends where the sound does; without samples where it is silent."""
    from sensors.signals.griffin_lim import hear as inverted

    return inverted(stored)


def wear(
    samples: NDArray[np.uint8], noise: NDArray[np.float64], light: NDArray[np.float64], rng: Generator
) -> NDArray[np.uint8]:
    """A microphone that drifts adds noise."""
    return add_noise(samples, noise, rng)


SENSE = Sense(
    modality=Modality("audio", (1, 96, 96), np.dtype(np.uint8), UNIT, 1 / 255, "spectrogram"),
    about="sound, as log-mel spectrograms",
    view=spectrogram_view,
    hear=hear,
    settings=AudioConfig,
    form=form,
    endings=ENDINGS,
    load=load,
    flaws=Flaws(noise=add_noise, wear=wear),
    stream=STREAM,
    log_mel=True,
)
