"""A card held before the camera to a stored `image`: found, straightened, and brought to the form of samples.

The rule. A card is the best four-cornered region that stands out from what is around it, bright or dark, wholly
inside the picture and at least a thirtieth of it. Its ink is what differs from its paper, the paper's light being a
smooth surface over the card: dark ink on bright paper and bright ink on dark paper give the same sample. Ink that
reaches the card's edge is a finger, a shadow or the edge itself, and is left out. The ink is brought to MNIST's form:
bright on black, its longer side 20 of 28 pixels, centred by its centre of mass, and resized as MNIST is.

In colour the straightened card is the picture, all of it but the edge, as a photograph fills its paper; a card that is
of one colour shows nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.core.modalities import modality
from sensors.signals.frames import fit_picture, mnist_images
from sensors.signals.pictures import camera_pixels

SMALLEST, LARGEST = 1 / 30, 0.95
"""Shares of the picture that a card may cover."""
_SEARCH = 240  # longer side of the picture in which cards are sought, pixels
_LEVELS = 14  # grey levels at which regions are cut out
_CANDIDATES = 6
_SIDE = 112  # longer side of a straightened card, pixels
_EDGE = 0.05  # share of the card cut off at each side: its corners are found to a pixel of the small picture
_FAINTEST = 0.1  # ink that differs less from its paper, as a share of the paper's light, is none
_BOX, _FRAME, _MIDDLE = 20, 28, 14.0
_OUTLINE = 0.15  # ink that counts for the size of what is drawn
_GAIN = 1.15  # gives the mean of MNIST's own pictures when they are printed and seen


@dataclass(frozen=True)
class Card:
    """Where a card is.

    Attributes:
        corners: (4, 2) float32 x and y in pixels of the picture: upper left, upper right, lower right, lower left.
        score: how much it looks like a card, 0…1.
    """

    corners: NDArray[np.float32]
    score: float


def mnist_sample(ink: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Ink (h, w) float32 0…1 as an `image` sample (*shape) uint8 in MNIST's form."""
    sample: NDArray[np.uint8] = mnist_images(mnist_form(ink)[None])[0]
    return sample


def card_image(
    picture: NDArray[np.uint8], form: Callable[[NDArray[np.float32]], NDArray[np.uint8]] = mnist_sample
) -> NDArray[np.uint8] | None:
    """What is drawn on the card in a picture.

    Args:
        picture: (H, W) uint8 grey or (H, W, 3) uint8 BGR, any size.
        form: makes a sample of ink (h, w) float32 0…1.

    Returns:
        (*shape of `image`) uint8, bright ink on black, as `mnist_images` gives it; None without a card, or nothing on
        it.
    """
    picture = camera_pixels(picture, color=False)
    for flat in (False, True):
        for card in find_cards(picture, flat):
            ink = ink_of(straighten(picture, card))
            if ink is not None:
                return form(ink)
    return None


def card_picture(picture: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The card in a picture, in its colours.

    Args:
        picture: (H, W, 3) uint8 BGR or (H, W) uint8 grey, any size.

    Returns:
        (*shape of `image`) uint8, as `fit_picture` gives it; None without a card, or where it is of one colour.
    """
    grey, colours = camera_pixels(picture, color=False), camera_pixels(picture, color=True)
    side = max(_SIDE, round(max(modality("image").shape[1:]) / (1 - 2 * _EDGE)))
    for flat in (False, True):
        for card in find_cards(grey, flat):
            front = straighten(colours, card, side)
            if _is_printed(front):
                return fit_picture(front)
    return None


def find_cards(picture: NDArray[np.uint8], flat: bool = False) -> list[Card]:
    """The regions that may be cards, the likeliest first, at most six.

    Args:
        picture: (H, W) uint8 grey.
        flat: take slow changes of light out first; helps where the light falls off, hides large cards elsewhere.
    """
    scale = min(1.0, _SEARCH / max(picture.shape))
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    small = cv2.GaussianBlur(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), (3, 3), 0)
    if flat:
        coarse = cv2.resize(small, (16, 16), interpolation=cv2.INTER_AREA)
        light = cv2.resize(cv2.GaussianBlur(coarse, (0, 0), 5), size, interpolation=cv2.INTER_LINEAR)
        small = cv2.divide(small, light, scale=128)
    low, high = np.percentile(small, (1, 99))
    found: list[tuple[float, NDArray[np.float32]]] = []
    for level in np.linspace(low, high, _LEVELS + 2)[1:-1]:
        for kind in (cv2.THRESH_BINARY, cv2.THRESH_BINARY_INV):
            _, mask = cv2.threshold(small, float(level), 255, kind)
            contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
            found += [quad for c in contours if (quad := _quad(c, small.shape)) is not None]
    found.sort(key=lambda f: -f[0])
    cards: list[Card] = []
    for fit, corners in found:
        if len(cards) == _CANDIDATES:
            break
        if all(np.abs(corners / scale - c.corners).max() > 0.02 * max(picture.shape) for c in cards):
            cards.append(Card((corners / scale).astype(np.float32), fit))
    return cards


def _quad(contour: NDArray[Any], shape: tuple[int, ...]) -> tuple[float, NDArray[np.float32]] | None:
    """A region's four corners and how well they fit it."""
    whole = shape[0] * shape[1]
    area = cv2.contourArea(contour)
    if not SMALLEST <= area / whole <= LARGEST:
        return None
    x, y, width, height = cv2.boundingRect(contour)
    # What is cut off by the picture's edge is not wholly seen.
    if x == 0 or y == 0 or x + width == shape[1] or y + height == shape[0]:
        return None
    hull = cv2.convexHull(contour)
    length = cv2.arcLength(hull, True)
    for tolerance in (0.02, 0.04, 0.06, 0.08):
        corners = cv2.approxPolyDP(hull, tolerance * length, True)
        if len(corners) <= 4:
            break
    if len(corners) != 4:
        return None
    outside = cv2.contourArea(corners)
    solid = area / cv2.contourArea(hull)
    fit = min(area, outside) / max(area, outside)
    ordered = _order(corners[:, 0].astype(np.float32))
    sides = np.linalg.norm(ordered - np.roll(ordered, -1, axis=0), axis=1)
    # Seen at a slant, opposite sides differ a little; a card is at most twice as long as it is wide.
    even = min(sides[0], sides[2]) / max(sides[0], sides[2]) * min(sides[1], sides[3]) / max(sides[1], sides[3])
    if solid < 0.85 or fit < 0.8 or even < 0.4 or sides.max() > 2.5 * sides.min():
        return None
    return float(solid * fit * np.sqrt(even) * (area / whole) ** 0.25), ordered


def _order(corners: NDArray[np.float32]) -> NDArray[np.float32]:
    """Corners from the upper left one on, clockwise."""
    centre = corners.mean(axis=0)
    around = corners[np.argsort(np.arctan2(*(corners - centre).T[::-1]))]
    ordered: NDArray[np.float32] = np.roll(around, -int(np.argmin(around.sum(axis=1))), axis=0)
    return ordered


def straighten(picture: NDArray[np.uint8], card: Card, side: int = _SIDE) -> NDArray[np.uint8]:
    """The card as seen from the front, its edge cut off.

    Args:
        picture: (H, W) uint8 grey or (H, W, 3) uint8 BGR.
        card: where it is.
        side: of the card that is longer, before its edge is cut off, pixels.

    Returns:
        (h, w) or (h, w, 3) uint8, the longer side nine tenths of `side`.
    """
    corners = card.corners
    sides = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    across, down = (sides[0] + sides[2]) / 2, (sides[1] + sides[3]) / 2
    unit = side / max(across, down)
    width, height = max(16, round(float(across * unit))), max(16, round(float(down * unit)))
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    # Where the picture is finer than the card will be, its noise is averaged rather than sampled.
    blur = 1 / unit / 2
    if blur > 0.6:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), blur), np.uint8)
    front = cv2.warpPerspective(
        picture, cv2.getPerspectiveTransform(corners, target), (width, height), flags=cv2.INTER_LINEAR
    )
    x, y = round(_EDGE * width), round(_EDGE * height)
    return np.ascontiguousarray(front[y : height - y, x : width - x], np.uint8)


def _is_printed(front: NDArray[np.uint8]) -> bool:
    """Whether a straightened card (h, w, 3) shows anything: in some colour it differs from paper in smooth light."""
    for channel in np.moveaxis(cv2.GaussianBlur(front, (5, 5), 0), 2, 0):
        value = channel.astype(np.float32)
        off = value - _paper(value)
        low, high = np.percentile(off, (2, 98))
        if high - low > _FAINTEST * max(16.0, float(np.median(value))) + 1.5 * float(np.median(np.abs(off))):
            return True
    return False


def ink_of(card: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """The ink on a straightened card.

    Args:
        card: (h, w) uint8 grey, bright or dark paper.

    Returns:
        (h, w) float32: 0 is paper, 1 is ink; None for a blank card.
    """
    value = card.astype(np.float32)
    paper = _paper(value)
    best: NDArray[np.float32] | None = None
    most = 0.0
    for sign in (-1, 1):
        # Bright paper is dimmed by as much as its light; bright ink on dark paper has its own.
        light = np.maximum(paper, 16) if sign < 0 else np.float32(255)
        cleaned = _inside(np.asarray(sign * (value - paper) / light, np.float32))
        if cleaned is not None and (total := float(cleaned[0].sum()) * cleaned[1]) > most:
            best, most = cleaned[0], total
    return best


def _paper(value: NDArray[np.float32]) -> NDArray[np.float32]:
    """The light of the paper: a quadratic surface through what is no ink."""
    height, width = value.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1).reshape(-1, 6)[::3]
    flat = value.reshape(-1)[::3]
    use = np.abs(flat - np.median(flat)) < 60
    for _ in range(4):
        weights = np.linalg.lstsq(terms[use], flat[use], rcond=None)[0]
        off = np.abs(flat - terms @ weights)
        use = off < max(6.0, 2.5 * float(np.median(off)))
    full = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1) @ weights
    return np.asarray(full, np.float32)


def _inside(ink: NDArray[np.float32]) -> tuple[NDArray[np.float32], float] | None:
    """Ink scaled to 0…1 without what reaches the edge or is a speck, and its contrast; None where none is left."""
    noise = 1.48 * float(np.median(np.abs(ink - np.median(ink))))
    strongest = float(np.percentile(ink, 99))
    if strongest < max(_FAINTEST, 5 * noise):
        return None
    for _ in range(2):
        mask = (ink > 0.4 * strongest).astype(np.uint8)
        count, marks, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        height, width = ink.shape
        keep = np.zeros(count, bool)
        for i in range(1, count):
            x, y, w, h, area = (int(v) for v in stats[i])
            keep[i] = x > 0 and y > 0 and x + w < width and y + h < height and area >= 0.0015 * ink.size
        if not keep.any():
            return None
        kept = keep[marks]
        # A finger may be darker than the ink: the scale is that of what is kept.
        strongest = float(np.percentile(ink[kept], 80))
    box = cv2.boundingRect(kept.astype(np.uint8))
    share = float(kept.sum()) / ink.size
    if max(box[2] / ink.shape[1], box[3] / ink.shape[0]) < 0.15 or share > 0.5:
        return None
    near = cv2.dilate(kept.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    floor = max(0.12 * strongest, 2 * noise)
    scaled = np.clip((ink - floor) / (strongest - floor), 0, 1) * near
    return np.asarray(scaled, np.float32), strongest


def mnist_form(ink: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Ink as MNIST has it: its longer side 20 pixels, its centre of mass in the middle of 28×28.

    Args:
        ink: (h, w) float32 0…1, not empty.

    Returns:
        (28, 28) uint8.
    """
    x, y, width, height = cv2.boundingRect((ink > _OUTLINE).astype(np.uint8))
    shown = ink[y : y + height, x : x + width]
    unit = _BOX / max(width, height)
    size = max(1, round(width * unit)), max(1, round(height * unit))
    small = cv2.resize(shown, size, interpolation=cv2.INTER_AREA if unit < 1 else cv2.INTER_LINEAR)
    small = np.clip(_GAIN * small, 0, 1)
    mass = float(small.sum())
    rows, columns = np.mgrid[: size[1], : size[0]]
    top = round(_MIDDLE - float((small * rows).sum()) / mass)
    left = round(_MIDDLE - float((small * columns).sum()) / mass)
    top, left = (min(max(at, 0), _FRAME - side) for at, side in ((top, size[1]), (left, size[0])))
    out = np.zeros((_FRAME, _FRAME), np.uint8)
    out[top : top + size[1], left : left + size[0]] = np.round(255 * small).astype(np.uint8)
    return out
