"""`sensors.remote` as it is, but for its source, which always gives, and for what it perceives: one event a picture."""

import sys
from typing import Any

import numpy as np

from sensors import remote
from sensors.core.event import NO_LESSON, EventBatch
from sensors.robots import robot_program
from sensors.sources.source import Frame

EVERY = 0.05
"""Seconds between two lines of figures."""


class Ticks:
    """A source that gives a picture at each look at it."""

    name, state, timeout = "ticks", "live", 0.0

    def __init__(self) -> None:
        self._looks = 0

    def observe(self, observer: Any) -> None: ...

    def connect(self, warmup: float = 0.0) -> None: ...

    def disconnect(self) -> None:
        self._looks = -1

    def read(self) -> Frame:
        if self._looks < 0 or self._looks % 2:
            self._looks += 1 if self._looks >= 0 else 0
            raise TimeoutError
        self._looks += 1
        return Frame(float(self._looks), np.zeros((2, 2), np.uint8))


class EachPicture:
    """Makes an event of each picture, numbered from 0."""

    def __init__(self, name: str, generation: int, *_: object, **__: object) -> None:
        self._name, self._generation, self._seq = name, generation, 0

    def observe(self, frame: Frame, now: float, source: str) -> list[EventBatch]:
        seq, moment = np.array([self._seq]), np.array([now])
        samples = {"image": np.full((1, 1, 32, 32), self._seq % 251, np.uint8)}
        self._seq += 1
        return [EventBatch(self._name, self._generation, seq, moment, moment, np.array([NO_LESSON]), samples)]

    def advance(self, now: float) -> list[EventBatch]:
        return []

    flush = advance


if __name__ == "__main__":
    robot_program.FIGURES = EVERY
    stand_ins: dict[str, Any] = {"Perception": EachPicture, "_sources": lambda *_: [Ticks()]}
    for name, stand_in in stand_ins.items():
        setattr(robot_program, name, stand_in)
    sys.exit(remote.main())
