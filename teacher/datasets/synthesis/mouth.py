"""Drawn mouths: a face of its own for each speaker, filmed while it moves; synthetic throughout.

Everything is drawn at twice the film's size in the speaker's own frame of reference, then turned, shifted and shrunk
as the head moves. What a camera adds, light and noise, comes last.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.signals.lips import HEIGHT
from sensors.signals.lips import WIDTH as WIDE
from teacher.datasets.core.samples import Bytes
from teacher.datasets.synthesis.visemes import OPENING, ROUNDING, TEETH, TONGUE, TUCK, WIDTH

_ZOOM = 2
_MARGIN = 8
"""Pixels of the drawing around the film's frame, so that a moved head shows no border."""
_ABOVE, _BELOW, _BESIDE = 20, 36, 36
"""Pixels around the middle of the drawing that a mouth can take up; the rest is drawn once a film."""
_SHIFT = 4
"""Fractional bits of OpenCV's drawing coordinates."""
_ACROSS = np.linspace(-1, 1, 33)
_ROUND = np.sqrt(1 - _ACROSS**2)

Picture = NDArray[np.float32]


@dataclass(frozen=True)
class Mouth:
    """What tells one speaker's mouth from another's; lengths in pixels of the film, brightness 0…255.

    Attributes:
        half: from the middle to a corner, at rest.
        upper: thickness of the upper lip.
        lower: thickness of the lower lip.
        bow: depth of the dip in the upper lip.
        skin: brightness of the skin.
        lip: brightness of the lips.
        teeth: brightness of the teeth.
        drop: how far the lower lip falls at full opening.
        spread: how far the corners move.
        push: how much lips thicken when pushed forward, a fraction.
        skew: how much more the right half opens than the left, a fraction.
        tilt: of the corners' line, in degrees.
        sag: corners below the middle; negative: above.
        across: place of the middle in the frame, from its centre.
        down: as `across`.
        lag: of the lips behind what is said, in seconds.
        light: slope of brightness across the frame, and down it, as fractions.
        texture: seed of the skin's own pattern.
        beard: how dark the skin around the mouth is, a fraction.
    """

    half: float
    upper: float
    lower: float
    bow: float
    skin: float
    lip: float
    teeth: float
    drop: float
    spread: float
    push: float
    skew: float
    tilt: float
    sag: float
    across: float
    down: float
    lag: float
    light: tuple[float, float]
    texture: int
    beard: float


def make_mouth(rng: np.random.Generator) -> Mouth:
    """A mouth at random."""
    skin = rng.uniform(85, 150)
    return Mouth(
        half=rng.uniform(20, 27),
        upper=rng.uniform(3, 6.5),
        lower=rng.uniform(4.5, 8.5),
        bow=rng.uniform(0.2, 1.6),
        skin=skin,
        lip=skin * rng.uniform(0.62, 0.9),
        teeth=skin * rng.uniform(0.85, 1.2),
        drop=rng.uniform(12, 19),
        spread=rng.uniform(0.1, 0.17),
        push=rng.uniform(0.15, 0.4),
        skew=rng.normal(0, 0.12),
        tilt=rng.normal(0, 2.5),
        sag=rng.normal(0, 1.2),
        across=rng.normal(0, 2.5),
        down=rng.normal(-1, 2.0),
        lag=rng.uniform(0.02, 0.04),
        light=(rng.normal(0, 0.12), rng.normal(0, 0.1)),
        texture=int(rng.integers(2**31)),
        beard=float(rng.choice((0.0, 0.0, 0.0, 0.15, 0.25))),
    )


def film(mouth: Mouth, poses: NDArray[np.float32], rng: np.random.Generator) -> Bytes:
    """Film a mouth that takes `poses`, 40 ms apart.

    Args:
        mouth: whose.
        poses: (T, 6), columns as in `visemes`.
        rng: moves the head, flickers the light and adds the camera's noise.

    Returns:
        (T, 60, 80) uint8 brightness.
    """
    face, shade = _face(mouth), _light(mouth)
    # Heads drift slowly and come back: a sum of two slow waves for each of shift, turn and distance.
    time = np.arange(len(poses)) * 0.04
    waves = [rng.normal(0, s) * np.sin(2 * np.pi * (rng.uniform(0.2, 1.2) * time + rng.random())) for s in _SWAY * 2]
    moved = np.array(waves).reshape(2, len(_SWAY), -1).sum(0)
    still = rng.normal(0, 1, 4) * (0.8, 0.8, 1.0, 0.015)
    flicker = 1 + rng.normal(0, 0.008, len(poses))
    level = rng.uniform(0.93, 1.07)
    drawing, middle = _soften(face), [n // 2 for n in face.shape]
    box = (
        slice(middle[0] - _ZOOM * _ABOVE, middle[0] + _ZOOM * _BELOW),
        slice(middle[1] - _ZOOM * _BESIDE, middle[1] + _ZOOM * _BESIDE),
    )
    frames = np.empty((len(poses), HEIGHT, WIDE), np.float32)
    for frame, pose, (across, down, turn, farther), bright in zip(
        frames, poses, (moved + still[:, None]).T, flicker, strict=True
    ):
        drawing[box] = _draw(mouth, face[box], pose)
        view = _view(mouth.across + across, mouth.down + down, mouth.tilt + turn, 1 + farther)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cv2.warpAffine(drawing, view, (WIDE, HEIGHT), dst=frame, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        np.multiply(frame, shade * np.float32(bright * level), out=frame)
    frames += rng.standard_normal(frames.shape, np.float32) * np.float32(rng.uniform(1.0, 2.5))
    shown: Bytes = np.clip(np.rint(frames), 0, 255).astype(np.uint8)
    return shown


_SWAY = (0.5, 0.5, 0.8, 0.01)
"""Deviations of a head's motion: across and down in pixels, turn in degrees, distance as a fraction."""


def _view(across: float, down: float, turn: float, distance: float) -> NDArray[np.float64]:
    """The map from the film's pixels to the drawing's, (2, 3): a head moved by pixels and degrees, or further away."""
    radians, zoom = np.deg2rad(turn), _ZOOM * distance
    turned = zoom * np.array([[np.cos(radians), np.sin(radians)], [-np.sin(radians), np.cos(radians)]])
    middle, middle_drawn = np.array([WIDE, HEIGHT]) / 2, np.array([WIDE, HEIGHT]) / 2 + _MARGIN
    return np.column_stack([turned, _ZOOM * middle_drawn - turned @ (middle + np.array([across, down]))])


def _draw(mouth: Mouth, face: Picture, pose: NDArray[np.float32]) -> Picture:
    """One frame: what of the face a mouth can take up, (rows, columns) float32 brightness, with the mouth in it."""
    picture = face.copy()
    opening, width, forward = float(np.clip(pose[OPENING], 0, 1.2)), float(pose[WIDTH]), float(pose[ROUNDING])
    teeth, tongue, tuck = (float(np.clip(pose[c], 0, 1)) for c in (TEETH, TONGUE, TUCK))
    half = mouth.half * (1 + mouth.spread * (width - 1.1 * forward) - 0.06 * opening)
    gap = mouth.drop * opening
    rise, fall = 0.28 * gap, 0.72 * gap
    # Pressed lips are thin, pushed ones thick; wide ones are stretched.
    swell = (1 + mouth.push * forward) * (1 - 0.08 * width) * (0.85 + 0.15 * min(opening * 5, 1.0))
    upper, lower = mouth.upper * swell, mouth.lower * swell * (1 - 0.6 * tuck)
    lean = 1 + mouth.skew * _ACROSS
    corner = mouth.sag * _ACROSS**2
    x = _ACROSS * half
    inner = np.clip(1 - (_ACROSS / (0.9 - 0.05 * forward)) ** 2, 0, None) ** (0.7 - 0.2 * forward) * lean
    above = corner - rise * inner
    below = corner + fall * inner
    cupid = mouth.bow * np.exp(-((_ACROSS / 0.16) ** 2)) * (1 - 0.7 * forward)
    top = above - upper * _ROUND**0.8 + cupid
    bottom = below + lower * _ROUND**1.1
    _streak(picture, x, bottom + 2.5, mouth.skin * -0.16, 1.8)
    lips = _mask(picture, x, top, bottom)
    edge = np.where(_rows(picture) < _across(picture, x, (above + below) / 2), np.float32(0.86), np.float32(1.06))
    _blend(picture, lips, np.float32(mouth.lip) * edge)
    _streak(picture, x, (below + bottom) / 2, mouth.skin * 0.2 * (1 - tuck), 1.0)
    hole = _mask(picture, x, above - 0.35, below + 0.35)
    inside = np.full_like(picture, mouth.skin * 0.22)
    # Nothing of them shows through lips that hardly part.
    lit = min(gap / 2.5, 1.0)
    rest = below - (0.25 + 0.45 * tongue) * (below - above)
    _blend(inside, _mask(picture, x * 0.7, rest, below + 1) * np.float32(lit * tongue), np.float32(mouth.lip * 0.75))
    edge_of_teeth = above + min(4.0 * teeth, 0.5 * gap) * _ROUND
    _blend(
        inside, _mask(picture, x * 0.75, above - 1, edge_of_teeth) * np.float32(lit * teeth), np.float32(mouth.teeth)
    )
    _blend(picture, hole, inside)
    return _soften(picture)


def _soften(picture: Picture) -> Picture:
    """As a lens does; without it, shrinking to the film's size would leave steps along edges."""
    return np.asarray(cv2.GaussianBlur(picture, (5, 5), 0.55 * _ZOOM), np.float32)


@lru_cache(maxsize=1)
def _face(mouth: Mouth) -> Picture:
    """Skin with its own pattern, the shadow under the nose, cheeks that turn away, perhaps a beard."""
    rows, columns = (_ZOOM * (size + 2 * _MARGIN) for size in (HEIGHT, WIDE))
    rng = np.random.default_rng(mouth.texture)
    picture = np.full((rows, columns), mouth.skin, np.float32)
    for grain, depth in ((24, 0.035), (5, 0.02), (1.5, 0.03)):
        pattern = _smooth_noise(rng, (rows, columns), grain)
        picture += pattern / pattern.std() * np.float32(mouth.skin * depth)
    y, x = (np.arange(n, dtype=np.float32) / _ZOOM - n / _ZOOM / 2 for n in (rows, columns))
    nose = np.exp(-(((y[:, None] + 30) / 5) ** 2) - (np.abs(x) / rng.uniform(9, 13)) ** 4)
    fold = np.exp(-(((np.abs(x) - mouth.half - 9 - 0.2 * y[:, None]) / 2.5) ** 2))
    chin = np.exp(-(((y[:, None] - 29) / 6) ** 2) - (x / 22) ** 4)
    picture *= (1 - 0.35 * nose - 0.07 * fold - 0.1 * chin) * (1 - 0.2 * (np.abs(x) / 45) ** 3)
    if mouth.beard:
        hair = _smooth_noise(rng, (rows, columns), 0.8)
        around = 1 - np.exp(-((np.hypot(x / 34, y[:, None] / 19)) ** 4))
        picture *= 1 - np.float32(mouth.beard) * around.astype(np.float32) * (1 + hair)
    picture.setflags(write=False)
    return picture


def _smooth_noise(rng: np.random.Generator, shape: tuple[int, int], grain: float) -> Picture:
    return np.asarray(cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0), grain), np.float32)


def _light(mouth: Mouth) -> Picture:
    across, down = mouth.light
    x, y = np.linspace(-1, 1, WIDE), np.linspace(-1, 1, HEIGHT)[:, None]
    return (1 + across * x + down * y).astype(np.float32)


def _mask(picture: Picture, x: NDArray[np.float64], top: NDArray[np.float64], bottom: NDArray[np.float64]) -> Picture:
    """How much of each pixel lies between two curves, 0…1."""
    curve = np.empty((2, len(x), 2))
    curve[:, :, 0] = x
    curve[:, :, 1] = top, bottom
    curve[1] = curve[1, ::-1]
    curve = (curve + np.array([_BESIDE, _ABOVE])) * (_ZOOM << _SHIFT)
    mask = np.zeros(picture.shape, np.float32)
    cv2.fillPoly(mask, [np.rint(curve).astype(np.int32).reshape(-1, 2)], 1.0, cv2.LINE_8, _SHIFT)
    return mask


def _rows(picture: Picture) -> NDArray[np.float64]:
    return np.arange(len(picture))[:, None] / _ZOOM - _ABOVE


def _across(picture: Picture, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    columns = np.arange(picture.shape[1]) / _ZOOM - _BESIDE
    return np.asarray(np.interp(columns, x, y), np.float64)


def _blend(picture: Picture, mask: Picture, colour: Picture | np.float32) -> None:
    picture += mask * (colour - picture)


def _streak(
    picture: Picture, x: NDArray[np.float64], y: NDArray[np.float64], brightness: float, thickness: float
) -> None:
    """A soft streak, light or dark, along the middle half of a curve."""
    middle = slice(len(x) // 4, -(len(x) // 4))
    rise = np.cos(np.linspace(-np.pi / 2, np.pi / 2, len(x[middle]))) * thickness
    mask = _mask(picture, x[middle], y[middle] - rise, y[middle] + rise)
    picture += cv2.blur(mask, (7 * _ZOOM, 2 * _ZOOM)) * np.float32(brightness)
