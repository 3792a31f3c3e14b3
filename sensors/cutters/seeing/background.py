"""What is new before a camera: the scene behind is learned, and what differs from it is the foreground.

The scene is OpenCV's mixture of Gaussians at a sixteenth of the picture's pixels or fewer. Four things are added:

- The picture's light is compared with the scene's where nothing is new, for each colour, as a plane over the picture,
  and evened out. A lamp that is switched, a cloud, or a camera that adjusts itself is not new.
- Where something is new the scene is not learned, so that what is held still does not fade into it. What stays in one
  place for `absorb` seconds belongs to the scene from then on.
- What is new comes in over the edge of the picture. What lights up in its middle, as a lamp's spot does, is scene.
- What was taken away leaves a hole in the scene, which differs from it too. There the scene has an outline that the
  picture lacks. Holes are learned at once.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 160
"""Columns of the small picture; its rows follow from the camera's."""
LEARNING = 0.02
"""Share by which each picture changes the scene."""
FIRST = 12
"""Pictures from which the scene is learned before anything can be new."""
THRESHOLD = 20.0
"""Squared distance from the scene, in variances, beyond which a pixel is new."""
CHANGED = 0.65
"""Share of new pixels beyond which the scene itself is another: the camera was moved, or the light is quite another."""
SMALLEST = 0.002
"""Share of the picture that a new region covers at least."""
WHITE = 250
"""Brightness of a colour from which a camera may have cut it off."""
LOST = 0.5
"""Seconds for which what has entered may be lost from sight."""
_COARSE = (32, 24)
_TERMS = np.stack([np.ones((24, 32)), *np.meshgrid(np.linspace(-1, 1, 32), np.linspace(-1, 1, 24))], axis=-1).astype(
    np.float32
)
"""What the light is made of: the same everywhere, rising across, rising downwards."""


class Background:
    """Pictures in, masks of what is new out.

    Args:
        absorb: seconds after which what stays in one place belongs to the scene.
    """

    def __init__(self, absorb: float) -> None:
        self._absorb = absorb
        self._reset()

    def _reset(self) -> None:
        self._model = cv2.createBackgroundSubtractorMOG2(history=200, varThreshold=THRESHOLD, detectShadows=True)
        self._model.setShadowThreshold(0.6)
        self._model.setVarInit(60)
        self._model.setVarMin(12)
        self._seen = 0
        self._scene: NDArray[np.uint8] | None = None
        self._age: NDArray[np.float32] | None = None
        self._light = np.tile(np.array([1, 0, 0], np.float32), (3, 1))  # of each colour: the middle, across, down
        self._last: float | None = None
        self._changed_since: float | None = None
        self._there: NDArray[np.uint8] | None = None  # what was new in the last picture in which something was
        self._there_at = 0.0

    @property
    def ready(self) -> bool:
        """Whether the scene is known."""
        return self._seen >= FIRST

    def shrink(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The small picture (h, w, 3) uint8 in which all is sought.

        Args:
            picture: (H, W, 3) uint8 BGR.
        """
        rows = max(8, round(SIDE * picture.shape[0] / picture.shape[1]))
        return np.asarray(cv2.resize(picture, (SIDE, rows), interpolation=cv2.INTER_AREA), np.uint8)

    def observe(self, small: NDArray[np.uint8], time: float) -> NDArray[np.uint8] | None:
        """The mask (h, w) uint8 of what is new, 255 where it is; None while the scene is not known.

        Args:
            small: as `shrink` gives it.
            time: monotonic second at which it was taken.
        """
        if self._scene is not None and self._scene.shape != small.shape:
            self._reset()
        passed = 0.0 if self._last is None else min(max(time - self._last, 0.0), 1.0)
        self._last = time
        if self._scene is None or not self.ready:
            self._learn_first(small)
            return None
        even = self._even(small)
        found = np.asarray(self._model.apply(even, learningRate=0), np.uint8)
        mask = clean(np.where(found == 255, 255, 0).astype(np.uint8))
        if self._is_changed(mask, time):
            self._reset()
            self._learn_first(small)
            return None
        mask = self._entered(self._without_holes(mask, even), time)
        self._learn(even, mask, passed)
        return mask

    def _learn_first(self, small: NDArray[np.uint8]) -> None:
        self._seen += 1
        self._model.apply(small, learningRate=1 / self._seen)
        self._scene = np.asarray(self._model.getBackgroundImage(), np.uint8)
        self._age = np.zeros(small.shape[:2], np.float32)

    def _even(self, small: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture in the light of the scene."""
        assert self._scene is not None and self._age is not None
        now = cv2.resize(small, _COARSE, interpolation=cv2.INTER_AREA).astype(np.float32)
        then = cv2.resize(self._scene, _COARSE, interpolation=cv2.INTER_AREA).astype(np.float32)
        known = cv2.resize((self._age > 0).astype(np.float32), _COARSE, interpolation=cv2.INTER_AREA) < 0.1
        for channel in range(3):
            a, b = now[..., channel], then[..., channel]
            usable = known & (a > 15) & (a < 245) & (b > 15) & (b < 245)
            if usable.sum() >= 40:
                self._light[channel] = _plane(b[usable] / a[usable], usable)
        rows, columns = small.shape[:2]
        gain = cv2.resize(_TERMS @ self._light.T, (columns, rows), interpolation=cv2.INTER_LINEAR)
        even = np.asarray(cv2.convertScaleAbs(small * np.clip(gain, 0.3, 3.0)), np.uint8)
        # What is too bright for the camera may be as bright as the scene was.
        return np.where((small >= WHITE) & (self._scene > even), self._scene, even)

    def _is_changed(self, mask: NDArray[np.uint8], time: float) -> bool:
        """Whether nearly all has been new for a second."""
        if np.count_nonzero(mask) < CHANGED * mask.size:
            self._changed_since = None
            return False
        self._changed_since = time if self._changed_since is None else self._changed_since
        return time - self._changed_since > 1.0

    def _without_holes(self, mask: NDArray[np.uint8], even: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The mask without regions whose outline only the scene has; these are learned from now on."""
        assert self._scene is not None and self._age is not None
        count, marks, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        if count == 1:
            return mask
        now, then = _edges(even), _edges(self._scene)
        for i in range(1, count):
            x, y, w, h = (int(v) for v in stats[i, :4])
            part = (slice(max(y - 2, 0), y + h + 2), slice(max(x - 2, 0), x + w + 2))
            region = (marks[part] == i).astype(np.uint8)
            rim = cv2.morphologyEx(region, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).astype(bool)
            if then[part][rim].mean() > 2.0 * now[part][rim].mean() + 8:
                mask[part][region > 0] = 0
                self._age[part][region > 0] = self._absorb
        return mask

    def _entered(self, mask: NDArray[np.uint8], time: float) -> NDArray[np.uint8]:
        """The mask without regions that never touched the picture's edge; these are learned from now on."""
        assert self._age is not None
        count, marks = cv2.connectedComponents(mask, connectivity=8)
        inside = np.zeros(mask.shape, bool)
        inside[2:-2, 2:-2] = True
        if self._there is not None and time - self._there_at <= LOST:
            inside &= ~cv2.dilate(self._there, np.ones((15, 15), np.uint8)).astype(bool)
        came = np.zeros(count, bool)
        came[np.unique(marks[~inside])] = True
        came[0] = False
        entered = np.where(came[marks], 255, 0).astype(np.uint8)
        self._age[(mask > 0) & (entered == 0)] = self._absorb
        if entered.any() or self._there is None:
            self._there, self._there_at = entered, time
        return entered

    def _learn(self, even: NDArray[np.uint8], mask: NDArray[np.uint8], passed: float) -> None:
        """Let the scene follow the picture, but not where something is new."""
        assert self._scene is not None and self._age is not None
        near = cv2.dilate(mask, np.ones((5, 5), np.uint8)) > 0
        self._age = np.where(near | (self._age >= self._absorb), self._age + passed, 0).astype(np.float32)
        kept = near & (self._age < self._absorb)
        learned = np.where(kept[..., None], self._scene, even).astype(np.uint8)
        self._model.apply(learned, learningRate=LEARNING)
        self._scene = np.asarray(self._model.getBackgroundImage(), np.uint8)
        self._age[(self._age >= self._absorb + 3) & ~near] = 0


def clean(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A mask without specks, its gaps closed.

    Args:
        mask: (h, w) uint8, 255 where something is.
    """
    mask = np.asarray(cv2.medianBlur(mask, 5), np.uint8)
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8)), np.uint8)
    _, marks, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= SMALLEST * mask.size
    large[0] = False
    return np.asarray(np.where(large[marks], 255, 0), np.uint8)


def _plane(ratios: NDArray[np.float32], where: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The plane through most of the ratios (n,) of two lights, whatever the others are: (3,) of `_TERMS`."""
    terms = _TERMS[where]
    used = np.abs(ratios - np.median(ratios)) < 0.3
    for _ in range(3):
        weights = np.linalg.lstsq(terms[used], ratios[used], rcond=None)[0]
        off = np.abs(ratios - terms @ weights)
        used = off <= max(0.03, 2.5 * float(np.median(off)))
    return np.asarray(weights, np.float32)


def _edges(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    return np.asarray(cv2.magnitude(across, down), np.float32)
