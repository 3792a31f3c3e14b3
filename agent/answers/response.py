"""One response as people meet it: a picture of what was perceived and what it evoked, and the evoked sound."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.core.modalities import modality as registered
from sensors.senses import sense, senses
from sensors.signals.spectrogram import SAMPLE_RATE

SIDE = 288
"""Pixels of one picture's side."""
FADE = 928
"""Samples over which a sound that is cut fades out."""
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
        """The evoked sound, (samples,) float32 at 16 kHz; None where no sound was evoked, or a silent one.

        Args:
            longest: seconds at which it is cut.
        """
        for name, sample in self.evoked.items():
            if (wave := to_sound(name, sample, longest)) is not None:
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
            sheet[_TOP : _TOP + SIDE, x : x + SIDE] = _tile(name, sample)
        return sheet

    def png(self) -> bytes:
        """The picture as a PNG file."""
        _, encoded = cv2.imencode(".png", self.picture())
        return bytes(encoded.tobytes())


def to_sound(name: str, sample: NDArray[Any], longest: float) -> NDArray[np.float32] | None:
    """A stored sample as a waveform, float32 at 16 kHz; None where its sense cannot be heard or the sound is silent.

    Args:
        name: of the sense.
        sample: (*shape).
        longest: seconds at which it is cut.
    """
    hear = sense(name).hear
    wave = None if hear is None else hear(sample)
    if wave is None or not len(wave):
        return None
    most = round(longest * SAMPLE_RATE)
    if len(wave) > most:
        wave = wave[:most]
        fade = min(FADE, most)
        wave[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return wave


def warm_up() -> None:
    """Make one sound of each kind: libraries that load themselves at their first use would delay the first response."""
    for name, each in senses().items():
        if each.hear is not None:
            form = registered(name)
            loudest = form.high if np.isfinite(form.high) else 1 / form.scale
            each.hear(form.stored(np.full(form.shape, loudest)))


def _tile(name: str, sample: NDArray[Any]) -> NDArray[np.uint8]:
    picture = sense(name).view(sample)
    shrinks = max(picture.shape[:2]) > SIDE
    method = cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=method), np.uint8)
