"""From a stream of pictures to views: what holds still before the camera and is new.

A picture holds still while it stays close to the one that began the hold, light and contrast taken out; a view begins
when it has done so for `hold` seconds and something is there to be seen (`look` gives a sample). A view lasts until the
picture changes for longer than a trembling hand does, or the camera stops; what comes back unchanged within `resume`
seconds is the same view, so a lesson survives a shaken card. A picture that held still and showed nothing in the
meantime means that the thing was taken away or covered: then only what looks nearly the same is the same view, because
a second card may resemble the first. What holds still is looked at again now and then, in case something changed that
is too small to be noticed as movement.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.core.config import Config, setting
from sensors.core.errors import ConfigError
from sensors.sources.source import Frame

Look = Callable[[NDArray[np.uint8]], NDArray[Any] | None]
"""From a picture (H, W) or (H, W, 3) to a sample of a modality, or None where there is nothing to be seen."""

_THUMB = (32, 24)
_FAINTEST = 4.0


@dataclass(frozen=True)
class ViewsConfig(Config):
    """When a picture counts as held up to be seen."""

    hold: float = setting(
        0.25, help="time for which a picture must hold still to be seen", unit="s", low=0.05, high=5.0
    )
    still: float = setting(
        0.005, help="largest difference between two pictures that count as still", low=0.0001, high=1.0
    )
    same: float = setting(0.2, help="largest difference between samples of the same view", low=0.01, high=1.0)
    back: float = setting(
        0.1,
        help="largest difference between samples of the same view if nothing was seen in between",
        low=0.01,
        high=1.0,
    )
    again: float = setting(0.5, help="time after which a still picture is looked at again", unit="s", low=0.05, high=10)
    resume: float = setting(
        1.0, help="longest movement after which a view is still the same", unit="s", low=0.0, high=10.0
    )
    unseen: float = setting(0.5, help="time without a picture after which a view ends", unit="s", low=0.05, high=10.0)

    def check_rate(self, fps: float) -> None:
        """Refuse pictures that come so seldom that nothing is ever seen.

        Raises:
            ConfigError: a picture would come after the one before has been given up.
        """
        if 1.5 / fps > self.unseen:
            raise ConfigError(
                f"sensors.fps={fps:g}: with views.unseen={self.unseen:g} no view would ever last; give an fps of at "
                f"least {1.5 / self.unseen:g}, or a longer unseen"
            )


@dataclass(frozen=True)
class View:
    """Something was held up. Reported when it begins, each time it is looked at again, and when it is over.

    Attributes:
        number: counts views, from 0.
        start: monotonic second at which it began to hold still.
        end: at which it was last seen.
        sample: what `look` made of it.
        lasting: it is still there.
        box: where it was in the picture when the sample was made: left, top, width and height in pixels; None where the
            finder does not tell.
    """

    number: int
    start: float
    end: float
    sample: NDArray[Any]
    lasting: bool = True
    box: tuple[int, int, int, int] | None = None

    @property
    def whole(self) -> bool:
        """True: each look at it sees all of it."""
        return True


class Views:
    """Frames in, views out; holds one thumbnail, one frame's time and one view.

    Args:
        look: from a picture to a sample, or None.
        config: when a picture is seen.

    Attributes:
        counts: `views`; `resumed` (the same view after a movement), `empty` (looks at which there was nothing to be
            seen), `moved` (pictures that ended a hold before it was looked at), `late` (frames dropped because they
            were older than one seen), `bad` (frames dropped because they are no pictures), `gaps` (times without
            pictures that ended a hold).
    """

    def __init__(self, look: Look, config: ViewsConfig | None = None) -> None:
        self.config = config or ViewsConfig()
        self.counts: Counter[str] = Counter()
        self._look = look
        self._anchor: NDArray[np.float32] | None = None
        self._since = self._last = -np.inf
        self._late = 0.0  # how late the last picture came
        self._looked: float | None = None  # when what holds was last looked at
        self._view: View | None = None
        self._held = False  # the view's picture is the one that holds now
        self._gone = False  # since the view was last seen, a picture held still that showed nothing

    @property
    def known(self) -> float:
        """No view that is still to come starts before this monotonic second, and a lasting one was there then."""
        if self._view is not None:
            return self._view.end
        return self._since if self._looked is None else self._last

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
        thumb = _thumbnail(frame.picture)
        if self._anchor is None or difference(thumb, self._anchor) > self.config.still:
            if self._anchor is not None and self._looked is None:
                self.counts["moved"] += 1
            self._anchor, self._since, self._looked, self._held = thumb, frame.time, None, False
        self._last = frame.time
        self._late = max(0.0, now - frame.time) if now is not None else 0.0
        if self._held and self._view is not None:
            self._view = replace(self._view, end=frame.time)
        elif self._view is not None and frame.time - self._view.end > self.config.resume:
            changes += self._end()
        if self._looked is None:
            due = frame.time - self._since >= self.config.hold
        else:
            due = frame.time - self._looked >= self.config.again
        return changes + (self._see(frame) if due else [])

    def expire(self, now: float) -> list[View]:
        """The view that is over because no picture came for `unseen` seconds."""
        # Pictures that come late, as those of some cameras do, are not missing before they are later than that.
        now -= self._late
        ended = self._lose(now)
        if self._anchor is None:
            self._since = max(self._since, now - self.config.unseen)
        return ended

    def flush(self) -> list[View]:
        """End of the stream: the view that lasts, if any."""
        self._anchor, self._since, self._looked = None, self._last, None
        return self._end()

    def _lose(self, now: float) -> list[View]:
        if self._anchor is None or now - self._last <= self.config.unseen:
            return []
        self.counts["gaps"] += 1
        self._anchor, self._since, self._looked = None, self._last, None
        return self._end()

    def _see(self, frame: Frame) -> list[View]:
        """Look at what holds still: nothing, the view that was there before, or a new one."""
        first, self._looked = self._looked is None, frame.time
        sample = self._look(frame.picture)
        if sample is None:
            # A view gets `resume` seconds to come back from under a hand or a glare.
            self.counts["empty"] += 1
            self._held, self._gone = False, True
            return []
        most = min(self.config.same, self.config.back) if self._gone else self.config.same
        if self._view is not None and difference(sample, self._view.sample) <= most:
            self.counts["resumed"] += not self._held
            self._view, self._held, self._gone = replace(self._view, end=frame.time), True, False
            return [self._view]
        ended = self._end()
        start = self._since if first else frame.time
        self._view, self._held = View(self.counts["views"], start, frame.time, sample), True
        self._gone = False
        self.counts["views"] += 1
        return [*ended, self._view]

    def _end(self) -> list[View]:
        view, self._view = self._view, None
        self._held = False
        return [] if view is None else [replace(view, lasting=False)]


def difference(one: NDArray[Any], other: NDArray[Any]) -> float:
    """How different two arrays of one shape look, whatever their light and contrast: 0 is alike, 1 unlike, 2 inverted.

    One less their correlation; two that are without contrast are alike.
    """
    a, b = (x.astype(np.float64).ravel() - x.mean() for x in (one, other))
    sizes = np.linalg.norm(a), np.linalg.norm(b)
    faint = [size < _FAINTEST * np.sqrt(a.size) for size in sizes]
    if any(faint):
        return 0.0 if all(faint) else 1.0
    return float(1 - a @ b / (sizes[0] * sizes[1]))


def is_picture(picture: NDArray[Any]) -> bool:
    """Whether an array is a picture: (H, W) or (H, W, 3) uint8, not empty."""
    colours = picture.ndim == 3 and picture.shape[2] == 3
    return picture.dtype == np.uint8 and picture.size > 0 and (picture.ndim == 2 or colours)


def _thumbnail(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A small grey picture: what is new or moves is seen without colours, too."""
    small = cv2.resize(picture, _THUMB, interpolation=cv2.INTER_AREA)
    return np.asarray(small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.float32)
