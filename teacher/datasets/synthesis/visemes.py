"""How a mouth moves while it says phonemes: a pose for each, and the way between them over time.

Many phonemes share a pose: nobody sees whether a mouth says P or B. A consonant that leaves the lips free, such as K,
takes most of its pose from the vowel beside it, as mouths do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sensors.core.errors import DataError

OPENING, WIDTH, ROUNDING, TEETH, TONGUE, TUCK = range(6)
"""Columns of a pose: lips apart 0…1; corners drawn in (-1) or out (1); lips pushed forward 0…1; how much of the upper
teeth and of the tongue shows 0…1; lower lip under the upper teeth 0…1."""
STEP = 0.005
"""Seconds between the points at which a movement is worked out."""
_ONSET, _RELEASE = 0.12, 0.16
"""Seconds from rest to the first pose, and from the last one back to rest."""
_SHORTEST = 0.07
"""Seconds that the last phoneme lasts at least: the engine lets some end where they start."""


@dataclass(frozen=True)
class Viseme:
    """The poses that a phoneme passes through, evenly spread, and how much of them neighbours leave (1: all)."""

    poses: tuple[tuple[float, float, float, float, float, float], ...]
    firm: float = 1.0

    @property
    def vowel(self) -> bool:
        """Whether lips are shaped by it alone and nothing presses them."""
        return self.firm == 1.0 and self.poses[0][OPENING] >= 0.15


_I, _E = (0.28, 0.9, 0.0, 0.8, 0.2, 0.0), (0.6, 0.4, 0.0, 0.6, 0.3, 0.0)
_A, _U = (1.0, 0.0, 0.0, 0.5, 0.4, 0.0), (0.16, -1.0, 1.0, 0.0, 0.0, 0.0)
_O, _J = (0.55, -0.6, 0.7, 0.2, 0.2, 0.0), (0.22, 0.5, 0.1, 0.6, 0.3, 0.0)
_BILABIAL = Viseme(((0.0, 0.0, 0.1, 0.0, 0.0, 0.0),) * 2)
_LABIODENTAL = Viseme(((0.12, 0.2, 0.0, 0.7, 0.0, 1.0),) * 2)
_ALVEOLAR_FRICATIVE = Viseme(((0.2, 0.4, 0.0, 1.0, 0.1, 0.0),) * 2, firm=0.8)
_ALVEOLAR = Viseme(((0.32, 0.2, 0.0, 0.7, 0.7, 0.0),), firm=0.55)
_VELAR = Viseme(((0.35, 0.0, 0.0, 0.4, 0.3, 0.0),), firm=0.3)
_POSTALVEOLAR = Viseme(((0.32, -0.5, 0.8, 0.9, 0.1, 0.0),) * 2, firm=0.85)
_VISEMES = {
    **dict.fromkeys(("p", "b", "m"), _BILABIAL),
    **dict.fromkeys(("f", "v"), _LABIODENTAL),
    **dict.fromkeys(("s", "z"), _ALVEOLAR_FRICATIVE),
    **dict.fromkeys(("t", "d", "n"), _ALVEOLAR),
    **dict.fromkeys(("k", "g"), _VELAR),
    **dict.fromkeys(("tS", "dZ"), _POSTALVEOLAR),
    "l": Viseme(((0.45, 0.2, 0.0, 0.6, 1.0, 0.0),) * 2, firm=0.7),
    "r": Viseme(((0.35, -0.5, 0.6, 0.3, 0.2, 0.0),), firm=0.7),
    "w": Viseme(((0.1, -1.0, 1.0, 0.0, 0.0, 0.0),) * 2),
    "j": Viseme((_J,), firm=0.6),
    **dict.fromkeys(("i:", "I"), Viseme((_I, _I))),
    "E": Viseme((_E, _E)),
    "V": Viseme(((0.7, 0.1, 0.0, 0.5, 0.3, 0.0),)),
    **dict.fromkeys(("@", "@L"), Viseme(((0.4, 0.1, 0.0, 0.5, 0.6, 0.0),))),
    **dict.fromkeys(("u:", "U"), Viseme((_U, _U))),
    **dict.fromkeys(("A:", "A@"), Viseme((_A, (0.85, -0.1, 0.1, 0.4, 0.4, 0.0)))),
    "eI": Viseme((_E, _I)),
    **dict.fromkeys(("aI", "aI2"), Viseme((_A, _I))),
    "oU": Viseme((_O, _U)),
}
_REST = np.zeros(6)


def movement(
    phonemes: Sequence[tuple[float, str]], end: float, times: NDArray[np.float64], lag: float = 0.03
) -> NDArray[np.float32]:
    """Poses over time of a mouth that is closed, says `phonemes`, and closes again.

    Args:
        phonemes: start in seconds and the synthesiser's mnemonic, in order, at least one.
        end: when the last one ends, in seconds.
        times: (T,) in seconds, when to look.
        lag: deviation in seconds of the Gaussian that makes movements smooth; lips that lag reach less.

    Returns:
        (T, 6) float32, columns as above.

    Raises:
        DataError: no phonemes, or a phoneme of which no pose is known.
    """
    if not phonemes:
        raise DataError("synthetic lips: an utterance without phonemes")
    said = [viseme(name) for _, name in phonemes]
    starts = _spread([start for start, _ in phonemes], end)
    keys: list[tuple[float, NDArray[np.float64]]] = [(starts[0] - _ONSET, _REST)]
    for n, one in enumerate(said):
        beside = _beside(said, n)
        # Poses stand apart from both ends of their phoneme, so that each is on the way to the next.
        places = (np.arange(len(one.poses)) + 0.5) / len(one.poses)
        for place, pose in zip(places, one.poses, strict=True):
            mixed = one.firm * np.array(pose) + (1 - one.firm) * beside
            keys.append((starts[n] + place * (starts[n + 1] - starts[n]), mixed))
    keys.append((starts[-1] + _RELEASE, _REST))
    grid = np.arange(min(times[0], keys[0][0]), max(times[-1], keys[-1][0]) + STEP, STEP)
    poses = np.stack([pose for _, pose in keys])
    path = np.column_stack([np.interp(grid, [time for time, _ in keys], column) for column in poses.T])
    path = ndimage.gaussian_filter1d(path, lag / STEP, axis=0, mode="nearest")
    return np.column_stack([np.interp(times, grid, column) for column in path.T]).astype(np.float32)


def viseme(name: str) -> Viseme:
    """What the mouth does for a mnemonic; stress does not matter.

    Raises:
        DataError: no pose is known.
    """
    try:
        return _VISEMES[name.lstrip("',%=")]
    except KeyError:
        raise DataError(f"synthetic lips: no pose for the phoneme {name!r}") from None


def _spread(starts: Sequence[float], end: float) -> list[float]:
    """Boundaries of phonemes; one that would be too short takes time from the one before."""
    bounds = [*starts, max(end, starts[0] + _SHORTEST)]
    for n in range(len(starts) - 1, 0, -1):
        latest = max(bounds[n + 1] - _SHORTEST, (bounds[n - 1] + bounds[n + 1]) / 2)
        bounds[n] = min(bounds[n], latest)
    return bounds


def _beside(said: Sequence[Viseme], place: int) -> NDArray[np.float64]:
    """The pose of the nearest vowel, which a loose consonant leans on: that after it, else that before it."""
    for other in said[place + 1 :]:
        if other.vowel:
            return np.array(other.poses[0])
    for other in reversed(said[:place]):
        if other.vowel:
            return np.array(other.poses[-1])
    return _REST
