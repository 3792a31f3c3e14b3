"""One response as people meet it: a picture of what was perceived and what it evoked, and the evoked sound."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.griffin_lim import invert
from sensors.modalities import AUDIO
from sensors.modalities import modality as registered
from sensors.spectrogram import HOP, SAMPLE_RATE, dequantise

SIDE = 288
"""Pixels of one picture's side."""
QUIET = 45.0
"""Decibel below the loudest frame at which a sound counts as over; what networks draw is never quite silent."""
_GAP, _TOP = 12, 34
_INK, _PAPER = (40, 40, 40), 250


@dataclass(frozen=True)
class Response:
    """What a perceived sample evoked.

    Attributes:
        modality: that was perceived.
        perceived: the stored sample.
        evoked: modality -> stored sample.
        step: learner step of the weights that answered.
    """

    modality: str
    perceived: NDArray[Any]
    evoked: Mapping[str, NDArray[Any]]
    step: int

    @property
    def name(self) -> str:
        """'image-evokes-audio'."""
        return f"{self.modality}-evokes-{'+'.join(self.evoked)}"

    def sound(self, longest: float) -> NDArray[np.float32] | None:
        """The evoked sound, (samples,) float32 at 16 kHz; none where no sound was evoked, or a silent one.

        Args:
            longest: seconds at which it is cut.
        """
        for name, sample in self.evoked.items():
            if registered(name).layout == "spectrogram" and (wave := to_sound(sample, longest)) is not None:
                return wave
        return None

    def picture(self) -> NDArray[np.uint8]:
        """What was perceived beside what it evoked: (height, width, 3) uint8, BGR."""
        shown = {f"{self.modality} perceived": (self.modality, self.perceived)}
        shown |= {f"{name} evoked": (name, sample) for name, sample in self.evoked.items()}
        sheet = np.full((SIDE + _TOP + _GAP, len(shown) * (SIDE + _GAP) + _GAP, 3), _PAPER, np.uint8)
        for column, (title, (name, sample)) in enumerate(shown.items()):
            x = _GAP + column * (SIDE + _GAP)
            cv2.putText(sheet, title, (x, _TOP - 12), cv2.FONT_HERSHEY_SIMPLEX, 0.6, _INK, 1, cv2.LINE_AA)
            sheet[_TOP : _TOP + SIDE, x : x + SIDE] = _tile(sample, registered(name).layout)
        return sheet

    def png(self) -> bytes:
        """The picture as a PNG file."""
        _, encoded = cv2.imencode(".png", self.picture())
        return bytes(encoded.tobytes())


def to_sound(sample: NDArray[np.uint8], longest: float) -> NDArray[np.float32] | None:
    """A stored spectrogram (1, 96, 96) as a waveform that ends where the sound does; none where it is silent.

    Args:
        sample: uint8.
        longest: seconds at which it is cut.
    """
    db = dequantise(sample[None])[0]
    loudness = db.max(axis=0)
    heard = np.flatnonzero(loudness > loudness.max() - QUIET)
    if loudness.max() <= -QUIET or len(heard) == 0:
        return None
    frames = min(max(int(heard[-1]) + 2, 4), int(longest * SAMPLE_RATE / HOP) + 2, db.shape[1])
    wave = invert(np.ascontiguousarray(db[:, :frames]))[: round(longest * SAMPLE_RATE)]
    fade = min(HOP, len(wave))
    wave[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return wave


def warm_up() -> None:
    """Make one sound: libraries that load themselves at their first use would delay the first response."""
    to_sound(np.full(AUDIO.shape, 255, np.uint8), 1.0)


def _tile(sample: NDArray[np.uint8], layout: str) -> NDArray[np.uint8]:
    if layout == "spectrogram":
        # Low pitch at the bottom, time from left to right.
        grown = cv2.resize(np.ascontiguousarray(sample[0, ::-1]), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
        return np.asarray(cv2.applyColorMap(grown, cv2.COLORMAP_MAGMA), np.uint8)
    grown = cv2.resize(sample[0], (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.cvtColor(grown, cv2.COLOR_GRAY2BGR), np.uint8)
