"""The registry of modalities: the form of each kind of sample, by name.

A modality says what one stored sample is: its shape, dtype, unit and the meaning of its axes. Stored values are
compact; `scale` turns them into the network's unit (`float32(stored) * scale`), so the learner can dequantise on its
own device. Everything else that is known about a kind of sample is its sense (`sensors/senses/`), which registers the
modality. Settings can change a form (`image.size`), so nothing may keep a modality's shape from before the settings
were applied: ask `modality(name)` where the shape is needed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import EventError

LAYOUTS = ("picture", "spectrogram", "sequence", "film", "label")
"""What the axes of the program's own samples mean: (channel, row, column), (1, band, frame), (frame, value), (frame,
row, column), (number). A plugin may name a layout of its own, for which it registers networks."""


@dataclass(frozen=True)
class Modality:
    """One kind of sample.

    Attributes:
        name: the key in events, tables and networks.
        shape: of one sample, without a batch axis.
        dtype: as stored and sent.
        unit: what a stored value means.
        scale: network value = stored value x scale.
        layout: what the axes mean, as in `LAYOUTS`; networks are chosen by it, never by the name.
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

    def stored(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values in the stored unit, of any shape, as they are stored: clipped to the allowed range and rounded."""
        if self.dtype.kind == "f":
            return np.asarray(np.clip(values, self.low, self.high), self.dtype)
        most = np.iinfo(self.dtype.name).max
        return np.asarray(np.clip(values, 0, most).round(), self.dtype)


_REGISTRY: dict[str, Modality] = {}


def register(modality: Modality) -> Modality:
    """Add a modality; its name must be new, lower-case and free of '+' and '/'.

    Raises:
        ValueError: the name is taken or malformed, or the layout's name is malformed.
    """
    if modality.name in _REGISTRY:
        raise ValueError(f"modality {modality.name!r} is registered already")
    for what, name in (("name", modality.name), ("layout", modality.layout)):
        if not name.isidentifier() or name != name.lower():
            raise ValueError(f"modality {what} {name!r}: use a lower-case identifier")
    _REGISTRY[modality.name] = modality
    return modality


def reform(modality: Modality) -> None:
    """Give a registered modality another form; its place among the modalities stays.

    Raises:
        EventError: no modality of that name is registered.
    """
    _known(modality.name)
    _REGISTRY[modality.name] = modality


def modality(name: str) -> Modality:
    """The form that samples of this name have under the present settings.

    Raises:
        EventError: no such modality.
    """
    return _known(name)


def _known(name: str) -> Modality:
    # The senses' files import what makes their samples, which imports this module: they are loaded at the first use.
    import sensors.senses  # noqa: F401

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


def labelled(kind: str) -> bool:
    """Whether events of `kind` ('audio', 'speech+letter', …) carry a label.

    Raises:
        EventError: an unknown modality.
    """
    return any(modality(name).layout == "label" for name in kind.split("+"))
