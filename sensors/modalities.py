"""The registry of modalities: named kinds of sample with shape, stored dtype and unit.

A modality is an entry here, never an `if` elsewhere. Stored values are compact; `scale` turns them into the
network's unit (`float32(stored) * scale`), so the learner can dequantise on its own device.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

import numpy as np

from sensors.errors import EventError

LAYOUTS = ("picture", "spectrogram", "sequence", "film", "label")
"""What a sample's axes may mean: (1, row, column), (1, band, frame), (frame, value), (frame, row, column), (number)."""


@dataclass(frozen=True)
class Modality:
    """One kind of sample.

    Attributes:
        name: the key in events, tables and networks.
        shape: of one sample, without a batch axis.
        dtype: as stored and sent.
        unit: what a stored value means.
        scale: network value = stored value x scale.
        layout: what the axes mean, one of `LAYOUTS`; networks are chosen by it, never by the name.
        low: smallest allowed stored value (floats only).
        high: largest allowed stored value (floats only).
    """

    name: str
    shape: tuple[int, ...]
    dtype: "np.dtype[np.generic]"
    unit: str
    scale: float
    layout: str = "picture"
    low: float = -np.inf
    high: float = np.inf

    @property
    def nbytes(self) -> int:
        """Bytes of one stored sample."""
        return prod(self.shape) * self.dtype.itemsize


_REGISTRY: dict[str, Modality] = {}


def register(modality: Modality) -> Modality:
    """Add a modality; its name must be new, lower-case and free of '+' and '/'.

    Raises:
        ValueError: the name is taken or malformed, or the layout is unknown.
    """
    if modality.name in _REGISTRY:
        raise ValueError(f"modality {modality.name!r} is registered already")
    if not modality.name.isidentifier() or modality.name != modality.name.lower():
        raise ValueError(f"modality name {modality.name!r}: use a lower-case identifier")
    if modality.layout not in LAYOUTS:
        raise ValueError(f"modality {modality.name!r}: layout {modality.layout!r}, choose one of {', '.join(LAYOUTS)}")
    _REGISTRY[modality.name] = modality
    return modality


def modality(name: str) -> Modality:
    """Look one up.

    Raises:
        EventError: no such modality.
    """
    try:
        return _REGISTRY[name]
    except KeyError:
        raise EventError(f"unknown modality {name!r}; registered: {', '.join(_REGISTRY)}") from None


def kind_of(names: Iterable[str]) -> str:
    """The kind of event that holds these modalities: names in registry order joined by '+'.

    Raises:
        EventError: an unknown modality, or none at all.
    """
    wanted = set(names)
    for name in wanted:
        modality(name)
    if not wanted:
        raise EventError("samples: an event needs at least one modality")
    return "+".join(n for n in _REGISTRY if n in wanted)


_LOG_MEL = "log-mel, -80…0 dB in 255 steps (mel band, frame)"
AUDIO = register(Modality("audio", (1, 96, 96), np.dtype(np.uint8), _LOG_MEL, 1 / 255, "spectrogram"))
IMAGE = register(Modality("image", (1, 32, 32), np.dtype(np.uint8), "brightness 0…255, bright ink on dark", 1 / 255))
SPEECH = register(
    Modality("speech", (24, 26), np.dtype(np.float32), "MFCC (frame, coefficient)", 1.0, "sequence", -1e4, 1e4)
)
LIPS = register(
    Modality("lips", (12, 60, 80), np.dtype(np.uint8), "brightness 0…255 (frame, row, column)", 1 / 255, "film")
)
AUDIO_FAR = register(Modality("audio_far", (1, 96, 96), np.dtype(np.uint8), _LOG_MEL, 1 / 255, "spectrogram"))
"""What a second microphone, far from the speaker, hears of the same sound."""
LETTER = register(Modality("letter", (1,), np.dtype(np.uint16), "number of the letter said", 1.0, "label"))
"""What an event is of, told beside what it sounds and looks like; nothing that learns without labels may read it."""


def labelled(kind: str) -> bool:
    """Whether events of `kind` ('audio', 'speech+letter', …) carry a label.

    Raises:
        EventError: an unknown modality.
    """
    return any(modality(name).layout == "label" for name in kind.split("+"))
