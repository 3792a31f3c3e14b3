"""What is held, apart from the hand and the arm that hold it.

An arm comes in over the picture's edge. What it looks like there, bare or in a sleeve, says what else of the foreground
is arm. What has the colour of skin is the hand. What is left is the thing; a hand that holds nothing leaves nothing.
Of a thing that has the colour of skin little is left: there, the part of the foreground that is much wider than the
arm is the thing, if some of it has other colours.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

EDGE = 10
"""Pixels from the picture's edge within which the foreground is taken for the arm, if there is one."""
_BINS = (64, 64)
"""Steps of colour, red against green and yellow against blue."""
ALIKE = 0.1
"""Share of the commonest colour of the arm from which a colour is the arm's."""
LEAST = 0.006
"""Share of the picture that a thing covers at least."""
WIDER = 1.4
"""A part of the foreground that is so many times as wide as the arm may be a thing whatever its colours are."""
STRANGE = 0.15
"""Share of such a part that has neither the arm's colours nor skin's; a hand with spread fingers has less."""
PART = 0.4
"""Share of such a part that was found by its colours, from which these say best where the thing is."""
JOINED = 0.4
"""Share of a thing's largest part that another part of it has at least, where a hand hides what is between them."""
SHARE = 0.06
"""Share of the foreground that a thing covers at least: less than that are the gaps between fingers, or a shadow."""


def without_hand(small: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The mask of the thing alone; None where there is none.

    Args:
        small: (h, w, 3) uint8 BGR.
        mask: (h, w) uint8, 255 where something is new.
    """
    foreground = mask > 0
    total = int(foreground.sum())
    if not total:
        return None
    lab = np.asarray(cv2.cvtColor(cv2.GaussianBlur(small, (3, 3), 0), cv2.COLOR_BGR2LAB), np.uint8)
    border = np.zeros_like(foreground)
    border[-EDGE:], border[:, :EDGE], border[:, -EDGE:] = True, True, True
    seed = foreground & border
    if seed.sum() < 2 * EDGE:
        seed = np.zeros_like(foreground)
    alike = _like_arm(lab, foreground, seed)
    skin = is_skin(lab) & foreground
    arm = _reached(_open(alike | seed), seed) | _open(skin)
    found = _largest(foreground & ~arm, skin)
    if found is not None and np.count_nonzero(found) < max(LEAST * mask.size, SHARE * total):
        found = None
    depth = cv2.distanceTransform(foreground.astype(np.uint8), cv2.DIST_L2, 3)
    half = float(depth[seed].max()) if seed.any() else 0.0
    if found is not None and _is_hand(lab, found > 0, depth, half):
        return None
    wide = _wide(foreground, half)
    if wide is None or (found is not None and np.count_nonzero(found) > PART * np.count_nonzero(wide)):
        return found
    strange = np.count_nonzero((wide > 0) & ~alike & ~skin) / np.count_nonzero(wide)
    return wide if strange > STRANGE else found


def _like_arm(lab: NDArray[np.uint8], foreground: NDArray[np.bool_], seed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which pixels of the foreground have colours of the arm where it comes in."""
    if not seed.any():
        return seed
    colours = [np.ascontiguousarray(lab[..., 1:])]
    table = cv2.calcHist(colours, [0, 1], seed.astype(np.uint8), list(_BINS), [0, 256, 0, 256])
    table = cv2.GaussianBlur(table, (3, 3), 0)
    table = np.minimum(table / max(float(table.max()), 1e-6) / ALIKE, 1.0) * 255
    like = cv2.calcBackProject(colours, [0, 1], table.astype(np.float32), [0, 256, 0, 256], 1)
    return foreground & (like >= 255)


def _wide(foreground: NDArray[np.bool_], half: float) -> NDArray[np.uint8] | None:
    """The largest part of the foreground that is much wider than the arm."""
    across = 2 * round(WIDER * half) + 1
    if not half or across >= min(foreground.shape) / 2:
        return None
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across, across))
    return _largest(cv2.morphologyEx(foreground.astype(np.uint8), cv2.MORPH_OPEN, kernel) > 0)


def is_skin(lab: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a picture (h, w, 3) in OpenCV's Lab of 8 bits has the colour of skin, of any darkness."""
    a, b, light = lab[..., 1].astype(np.int16) - 128, lab[..., 2].astype(np.int16) - 128, lab[..., 0]
    hue = (a > 2) & (b > 2) & (b > 0.5 * a) & (b < 2.7 * a)
    # In dim light all colours are weaker.
    strength = a + b
    return np.asarray(hue & (strength > 0.12 * light) & (strength < 62) & (light > 20))


def _is_hand(lab: NDArray[np.uint8], found: NDArray[np.bool_], depth: NDArray[Any], half: float) -> bool:
    """Whether a part is no wider than the arm and of one warm colour: a hand in light that skin's colour is lost in."""
    if float(depth[found].max()) > 1.25 * half:
        return False
    a, b = (lab[..., channel][found].astype(np.float32) - 128 for channel in (1, 2))
    return bool(a.mean() > -2 and b.mean() > 0 and a.std() + b.std() < 12)


def _open(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0)


def _reached(mask: NDArray[np.bool_], seed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The parts of a mask that touch the seed."""
    _, marks = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    touched = np.zeros(int(marks.max()) + 1, bool)
    touched[np.unique(marks[seed & mask])] = True
    touched[0] = False
    return np.asarray(touched[marks])


def _largest(mask: NDArray[np.bool_], hand: NDArray[np.bool_] | None = None) -> NDArray[np.uint8] | None:
    """The largest part of a mask, its gaps closed, with the other large parts that a hand joins to it."""
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    closed = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    count, marks, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    if count == 1:
        return None
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    chosen = np.zeros(count, bool)
    chosen[int(np.argmax(areas))] = True
    if hand is not None and count > 2:
        _, joined = cv2.connectedComponents(((closed > 0) | hand).astype(np.uint8), connectivity=8)
        home = int(joined[marks == int(np.argmax(areas))][0])
        for i in np.flatnonzero(areas >= JOINED * areas.max()):
            chosen[i] = chosen[i] or int(joined[marks == i][0]) == home
    return np.asarray(np.where(chosen[marks], 255, 0), np.uint8)
