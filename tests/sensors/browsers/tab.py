"""A page in a browser, as the sensors see it: a clock of its own, sound and pictures with their numbers."""

import json
import time
from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.browsers.browsers import Browsers, Message
from sensors.browsers.messages import VERSION, Picture, Sound, pack

RATE = 16_000
PIECE = 640


_posts: "WeakKeyDictionary[Browsers, dict[str, list[dict[str, Any]]]]" = WeakKeyDictionary()


class Tab:
    """One tab; times are given as monotonic seconds of this machine.

    Args:
        browsers: where it shares.
        name: that it gives itself.
        share: its connection.
        session: of its page.
        lead: seconds by which this machine's clock leads the browser's.
    """

    def __init__(
        self, browsers: Browsers, name: str = "anna", share: str = "s1", session: str = "p1", lead: float = 1000.0
    ) -> None:
        self.browsers, self.name, self.share, self.session, self.lead = browsers, name, share, session, lead
        # What one exchange brings is for all tabs.
        self._post = _posts.setdefault(browsers, {})
        self.samples = self.pictures = 0

    def hello(self, **changes: Any) -> None:
        told = {"type": "hello", "version": VERSION, "name": self.name, "session": self.session} | changes
        self.text(told)

    def clock(self, times: int = 6, way: float = 0.004) -> None:
        for _ in range(times):
            now = time.monotonic()
            theirs = now - self.lead
            self.text(
                {
                    "type": "clock",
                    "sent": theirs - way,
                    "received": now,
                    "answered": now,
                    "returned": theirs + way,
                }
            )

    def text(self, told: dict[str, Any]) -> None:
        self._send(True, json.dumps(told).encode())

    def sound(self, samples: NDArray[np.float32], at: float, lost: int = 0) -> None:
        """A piece of sound, before which so many samples were lost."""
        self.samples += lost
        message = Sound(at - self.lead, self.samples, RATE, samples)
        self.samples += len(samples)
        self._send(False, pack(message))

    def picture(self, picture: NDArray[np.uint8], at: float, lost: int = 0) -> None:
        self.pictures += lost
        self.data(jpeg(picture), at)

    def data(self, data: bytes, at: float) -> None:
        message = Picture(at - self.lead, self.pictures, data)
        self.pictures += 1
        self._send(False, pack(message))

    def close(self) -> None:
        self._exchange(Message(self.share, time.monotonic(), True, None))

    def look(self) -> list[dict[str, Any]]:
        """What it was told since the last look."""
        self._exchange()
        return self._post.pop(self.share, [])

    def _send(self, text: bool, data: bytes) -> None:
        self._exchange(Message(self.share, time.monotonic(), text, data))

    def _exchange(self, *messages: Message) -> None:
        for share, text in self.browsers.exchange(messages):
            self._post.setdefault(share, []).append(json.loads(text))


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def pieces(sound: NDArray[np.float32]) -> Iterator[tuple[float, NDArray[np.float32]]]:
    """Second and samples of each piece."""
    for first in range(0, len(sound), PIECE):
        yield first / RATE, sound[first : first + PIECE]
