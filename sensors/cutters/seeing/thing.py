"""The finder `thing`: what a hand shows to the camera, held still or turned slowly.

What is new before the learned scene, less the hand and the arm that hold it, is the thing. A view begins when the
thing has stayed in one place for `views.hold` seconds. Turning does not end it: every `views.again` seconds its sample
is that of the side that is seen then, under the same number, so words that are said meanwhile are one lesson. It ends
when the thing is gone, moves for longer than `views.resume`, or another one is there.

A sample is a square crop around the thing with a margin. Nothing is kept over a restart, as of any cutter: the scene is
learned anew within a second.
"""

from collections import Counter, deque
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.cutters.seeing.background import Background
from sensors.cutters.seeing.contract import Fit, ViewFinder
from sensors.cutters.seeing.hand import without_hand
from sensors.cutters.views import View, ViewsConfig, is_picture
from sensors.signals.pictures import camera_pixels
from sensors.sources.source import Frame

MARGIN = 0.12
"""Share of the longer side of a thing that its sample shows beyond it on each side."""
PLACE, SIZE = 0.2, 0.35
"""Largest change of a thing's place and of its size while it counts as held: shares of its size."""
UNLIKE = 0.6
"""Distance of the colours (Bhattacharyya, 0…1) from which what is there after a movement is another thing."""
ABSORB = 60.0
"""Seconds after which what stays in one place belongs to the scene."""
_HUES = (12, 6)

Box = tuple[int, int, int, int]


class ThingViews:
    """Frames in, views of things out.

    Args:
        fit: makes a sample of a crop.
        config: when something counts as held up.

    Attributes:
        counts: `views`; `resumed` (the same thing after a movement), `hand` (pictures in which something was new, but
            no thing), `moved` (pictures in which a thing was not in its place), `late` (frames dropped because they
            were older than one seen), `bad` (frames dropped because they are no pictures), `gaps` (times without
            pictures that ended a hold).
    """

    def __init__(self, fit: Fit, config: ViewsConfig | None = None) -> None:
        self.config = config or ViewsConfig()
        self.counts: Counter[str] = Counter()
        self._fit = fit
        self._background = Background(ABSORB)
        self._places: deque[tuple[float, Box]] = deque()
        self._last = -np.inf
        self._late = 0.0
        self._view: View | None = None
        self._looked = -np.inf
        self._held = False  # the view's thing has been there, in its place, up to the last picture
        self._colours: NDArray[np.float32] | None = None

    @property
    def known(self) -> float:
        """No view that is still to come starts before this monotonic second, and a lasting one was there then."""
        if self._view is not None:
            return self._view.end
        return self._places[0][0] if self._places else self._last

    def observe(self, frame: Frame, now: float | None = None) -> list[View]:
        """Reports on the views that this frame begins, confirms or ends, if any.

        Args:
            frame: the next picture.
            now: monotonic second at which it came; None: that at which it was taken.
        """
        if not is_picture(frame.picture):
            self.counts["bad"] += 1
            return []
        if frame.time <= self._last:
            self.counts["late"] += 1
            return []
        changes = self._lose(frame.time)
        self._last = frame.time
        self._late = max(0.0, now - frame.time) if now is not None else 0.0
        picture = camera_pixels(frame.picture, color=True)
        small = self._background.shrink(picture)
        new = self._background.observe(small, frame.time)
        thing = None if new is None else without_hand(small, new)
        if thing is None:
            self.counts["hand"] += new is not None and bool(new.any())
            self._places.clear()
            self._held = False
        elif self._stays(frame.time, thing, picture.shape[1] / small.shape[1]):
            return changes + self._see(frame, picture, small, thing)
        if self._view is not None and frame.time - self._view.end > self.config.resume:
            changes += self._end()
        return changes

    def expire(self, now: float) -> list[View]:
        """The view that is over because no picture came for `unseen` seconds."""
        # Pictures that come late, as those of some cameras do, are not missing before they are later than that.
        now -= self._late
        ended = self._lose(now)
        if now - self._last > self.config.unseen:
            self._last = max(self._last, now - self.config.unseen)
        return ended

    def flush(self) -> list[View]:
        """End of the stream: the view that lasts, if any."""
        self._places.clear()
        return self._end()

    def _lose(self, now: float) -> list[View]:
        if now - self._last <= self.config.unseen or not (self._places or self._view is not None):
            return []
        self.counts["gaps"] += 1
        self._places.clear()
        return self._end()

    def _stays(self, time: float, thing: NDArray[np.uint8], scale: float) -> bool:
        """Take in where the thing is now; whether it has been there for as long as it must."""
        x, y, w, h = (round(v * scale) for v in cv2.boundingRect(thing))
        box = (x, y, w, h)
        if self._places and not _near(self._places[-1][1], box):
            self._places.clear()
        self._places.append((time, box))
        while len(self._places) > 2 and time - self._places[1][0] >= self.config.hold:
            self._places.popleft()
        since, _ = self._places[0]
        if time - since < self.config.hold:
            # A trembling hand, or a thing that is cut in two for a moment, does not end a view.
            self.counts["moved"] += not self._held
            return False
        if not all(_near(before, box) for _, before in self._places):
            self._held = False
            self.counts["moved"] += 1
            return False
        return True

    def _see(
        self, frame: Frame, picture: NDArray[np.uint8], small: NDArray[np.uint8], thing: NDArray[np.uint8]
    ) -> list[View]:
        """The thing is in its place: the view that was there before goes on, or a new one begins."""
        view = self._view
        if view is not None and self._held:
            self._view = view = replace(view, end=frame.time)
            if frame.time - self._looked < self.config.again:
                return []
        box = self._box()
        colours = _colours(small, thing)
        changes: list[View] = []
        if view is not None and not self._held and _unlike(colours, self._colours) > UNLIKE:
            changes, view = self._end(), None
        sample = self._fit(crop(picture, box))
        if view is None:
            view = View(self.counts["views"], self._places[0][0], frame.time, sample, box=box)
            self.counts["views"] += 1
        else:
            self.counts["resumed"] += not self._held
            view = replace(view, end=frame.time, sample=sample, box=box)
        self._view, self._held, self._looked, self._colours = view, True, frame.time, colours
        return [*changes, view]

    def _box(self) -> Box:
        """Where the thing is: the middle of what was found in the last pictures."""
        corners = np.array([(x, y, x + w, y + h) for _, (x, y, w, h) in self._places])
        left, top, right, low = (round(v) for v in np.median(corners[-5:], axis=0))
        return left, top, right - left, low - top

    def _end(self) -> list[View]:
        view, self._view = self._view, None
        self._held, self._looked, self._colours = False, -np.inf, None
        return [] if view is None else [replace(view, lasting=False)]


def crop(picture: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """The square of a picture around a box, with a margin; what is beyond the picture is its edge, repeated.

    Args:
        picture: (H, W, 3) uint8.
        box: left, top, width and height in pixels.
    """
    x, y, w, h = box
    side = max(8, round(max(w, h) * (1 + 2 * MARGIN)))
    height, width = picture.shape[:2]
    # A square that fits is moved inside rather than filled up.
    left, top = x + w // 2 - side // 2, y + h // 2 - side // 2
    left, top = min(max(left, 0), max(width - side, 0)), min(max(top, 0), max(height - side, 0))
    part = picture[top : top + side, left : left + side]
    missing = side - part.shape[0], side - part.shape[1]
    if any(missing):
        down, right = missing
        edges = (down // 2, down - down // 2, right // 2, right - right // 2)
        part = np.asarray(cv2.copyMakeBorder(part, *edges, cv2.BORDER_REPLICATE), np.uint8)
    return np.ascontiguousarray(part, np.uint8)


def _near(one: Box, other: Box) -> bool:
    """Whether two boxes are in one place and of one size, about."""
    size = max(one[2], one[3], other[2], other[3])
    across = abs(one[0] + one[2] / 2 - other[0] - other[2] / 2)
    down = abs(one[1] + one[3] / 2 - other[1] - other[3] / 2)
    grown = max(abs(one[2] - other[2]), abs(one[3] - other[3]))
    return max(across, down) <= PLACE * size and grown <= SIZE * size


def _colours(small: NDArray[np.uint8], thing: NDArray[np.uint8]) -> NDArray[np.float32]:
    hsv = cv2.cvtColor(small, cv2.COLOR_BGR2HSV)
    table = cv2.calcHist([hsv], [0, 1], thing, list(_HUES), [0, 180, 0, 256])
    return np.asarray(cv2.GaussianBlur(table, (3, 3), 0) / max(float(table.sum()), 1.0), np.float32)


def _unlike(one: NDArray[np.float32], other: NDArray[np.float32] | None) -> float:
    return 1.0 if other is None else float(cv2.compareHist(one, other, cv2.HISTCMP_BHATTACHARYYA))


def _make(config: Any, color: bool, fit: Fit) -> ThingViews:
    return ThingViews(fit, config.views)


FINDER = ViewFinder(
    name="thing",
    about="what a hand shows to the camera, held still or turned slowly",
    make=_make,
    color=True,
    lacks={"hand": "something moved, but no thing was seen", "moved": "the thing moved: hold it in one place"},
)
