"""What a run perceived, held against the script that was played to it."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.stage import Line
from replay.storage import Storage
from sensors.frames import mnist_images

TOLERANCE = 0.35
"""Seconds by which sound may come later than it was played: pipes and buffers of a busy machine."""
NEAR = 15.0
"""Seconds within which cards are told apart."""
MARGIN = 0.1
"""Difference between correlations that slant and noise of the camera may make.

Of MNIST's digits shown within `NEAR` of each other one pair in 220 correlates beyond 0.8: no more wrong pairs than
that can pass for right ones.
"""


@dataclass(frozen=True)
class Verdict:
    """How a run fared.

    Attributes:
        due: lines with card and voice, outside the given outages.
        pairs: events of both.
        right: of these, those whose sound is a line's by time and whose picture is that line's card.
        found: lines due of which there is a right pair.
        alone: events of one modality.
        wrong: why pairs are not right.
    """

    due: int
    pairs: int
    right: int
    found: int
    alone: int
    wrong: list[str]


def judge(replay: Path, lines: list[Line], began: float, outages: list[tuple[float, float]] | None = None) -> Verdict:
    """Hold the tables of a run against the script.

    Args:
        replay: directory of the tables.
        lines: the script.
        began: monotonic second of its beginning.
        outages: when a sensor was away, seconds of the script; lines that touch one are not due.
    """
    storage = Storage(replay / "audio+image", writable=False)
    slots = storage.live()
    meta, pictures = storage.meta[slots], np.array(storage.samples["image"][slots])
    shown = {i: mnist_images(line.card[None])[0] for i, line in enumerate(lines) if line.card is not None}
    wrong: list[str] = []
    matched: Counter[int] = Counter()
    for row, picture in zip(meta, pictures, strict=True):
        start, end = float(row["start"]) - began, float(row["end"]) - began
        said = _said(lines, start, end)
        # What could be mistaken for each other are cards shown one after another; two thin ones look much alike.
        near = [i for i in shown if abs(lines[i].start - start) < NEAR]
        alike = {i: _alike(shown[i], picture) for i in near}
        looks = max(near, key=lambda i: alike[i])
        if said in alike and alike[said] >= alike[looks] - MARGIN:
            looks = said
        if said is None:
            wrong.append(f"{start:.2f}…{end:.2f}: nobody said anything, card of {lines[looks].start:.2f}")
        elif looks != said:
            wrong.append(f"{start:.2f}…{end:.2f}: line of {lines[said].start:.2f}, card of {lines[looks].start:.2f}")
        else:
            matched[said] += 1
    due = [
        i
        for i, line in enumerate(lines)
        if line.card is not None
        and line.voice is not None
        and not any(line.start < late and early < line.end for early, late in outages or [])
    ]
    alone = sum(
        int(Storage(replay / kind, writable=False).live().sum())
        for kind in ("audio", "image")
        if (replay / kind).is_dir()
    )
    return Verdict(len(due), len(meta), sum(matched.values()), sum(matched[i] > 0 for i in due), alone, wrong)


def _said(lines: list[Line], start: float, end: float) -> int | None:
    """The line whose recording this stretch of sound lies in."""
    for i, line in enumerate(lines):
        if line.voice is not None and start >= line.said - 0.1 and end <= line.heard + TOLERANCE:
            return i
    return None


def _alike(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.corrcoef(one.ravel().astype(float), other.ravel().astype(float))[0, 1])
