"""What a run perceived, held against the script that was played to it: by times, by its sounds and by its pictures."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.stage import Line
from replay.storage import Storage
from sensors.core.event import NO_LESSON
from sensors.cutters.segmentation import SegmentationConfig
from sensors.signals.frames import mnist_images
from sensors.signals.spectrogram import HOP, SAMPLE_RATE, TOP_DB, dequantise, log_mel

TOLERANCE = 0.35
"""Seconds by which sound may come later than it was played: pipes and buffers of a busy machine."""
EARLY = 0.1
"""Seconds by which it may seem to come earlier."""
STEP = 0.01
"""Distance of the times at which a sound is sought in what was played, seconds."""
AUDIBLE_DB = 25.0
"""A word is audible where its level lies within so much of its loudest 10 ms; all of that must have been heard."""
KEPT = SegmentationConfig().after
"""Seconds of sound that an event has beyond its end."""
MISSING = 0.06
"""Seconds of it that may be missing at an end: six steps, and more than an utterance was ever seen to lack."""
SOUNDS_ALIKE = 0.95
"""Least correlation of a sound with what was played: whole words have 0.99, with 80 ms cut out of them 0.90."""
DEPTH_DB = 40.0
"""Spectrograms are compared so far down; below lies the noise, which is taken out of what is stored."""
NEAR = 15.0
"""Seconds within which cards are told apart; none is shown for as long."""
MARGIN = 0.1
"""Difference between correlations that slant and noise of the camera may make.

Of MNIST's digits shown within `NEAR` of each other one pair in 220 correlates beyond 0.8: no more wrong pairs than
that can pass for right ones.
"""
TABLES = ("audio", "image", "audio+image")
"""All that live sensors may fill."""
LOCKS = "readers"
"""Folder of empty files beside the tables."""
COLUMNS = ("version", "serial", "source", "generation", "seq", "start", "end", "lesson", "crc", "unused")
"""All that is kept of an event beside its samples; `unused` is 0."""


@dataclass(frozen=True)
class Verdict:
    """How a run fared.

    Attributes:
        due: lines with card and voice, outside the given outages.
        pairs: events of both.
        right: of these, those whose sound is all that is audible of one line's recording, and nothing else, and whose
            picture is that line's card; each line once.
        found: lines due of which there is a right pair.
        alone: events of one modality.
        wrong: why pairs are not right.
        per_minute: events in a minute of the script.
        alike: least correlation of a right pair's sound with the line's.
    """

    due: int
    pairs: int
    right: int
    found: int
    alone: int
    wrong: list[str]
    per_minute: float
    alike: float

    def __str__(self) -> str:
        return (
            f"{self.per_minute:.1f} events a minute, {self.right} of {self.pairs} pairs right, {self.found} of "
            f"{self.due} lines found, {self.alone} events of one modality, sounds alike {self.alike:.3f} at least"
        )


def judge(
    replay: Path, lines: Sequence[Line], began: float, outages: Sequence[tuple[float, float]] | None = None
) -> Verdict:
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
    sounds = dequantise(np.array(storage.samples["audio"][slots]))
    shown = {i: mnist_images(line.card[None])[0] for i, line in enumerate(lines) if line.card is not None}
    wrong: list[str] = []
    matched: Counter[int] = Counter()
    least = 1.0
    for row, sound, picture in zip(meta, sounds, pictures, strict=True):
        start, end = float(row["start"]) - began, float(row["end"]) - began
        said = _said(lines, start, end)
        problem = "nobody said anything"
        if said is not None:
            alike, problem = _heard(lines[said], sound, start, end)
            problem = problem or ("heard before" if matched[said] else "") or _seen(lines, shown, said, start, picture)
        if problem or said is None:
            wrong.append(f"{start:.2f}…{end:.2f}: {problem}")
        else:
            matched[said] += 1
            least = min(least, alike)
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
    minutes = max((line.end for line in lines), default=60.0) / 60
    found, right = sum(matched[i] > 0 for i in due), sum(matched.values())
    return Verdict(len(due), len(meta), right, found, alone, wrong, (len(meta) + alone) / minutes, least)


def labels(replay: Path) -> list[str]:
    """Whatever in a run's tables might be a label, or lead to one: every table, column and value that has no business.

    Args:
        replay: directory of the tables.
    """
    found = []
    for path in sorted(p for p in replay.iterdir() if p.is_dir()):
        if path.name == LOCKS and not any(p.stat().st_size for p in path.iterdir()):
            continue
        if path.name not in TABLES:
            found.append(f"table {path.name}")
            continue
        wanted = {
            "layout.json",
            "counters.col",
            "meta.col",
            "unchecked.col",
            *(f"{kind}.col" for kind in path.name.split("+")),
        }
        found += [f"{path.name}: file {p.name}" for p in sorted(path.iterdir()) if p.name not in wanted]
        layout = json.loads((path / "layout.json").read_text())
        found += [f"{path.name}: column {c[0]}" for c in layout["meta"] if c[0] not in COLUMNS]
        found += [f"{path.name}: sample {m}" for m in layout["samples"] if m not in path.name.split("+")]
        storage = Storage(path, writable=False)
        meta = storage.meta[storage.live()]
        if meta["unused"].any():
            found.append(f"{path.name}: something in a column that is not used")
        # Lessons are numbered as they come: a number that comes back could stand for what was shown.
        for lesson in np.unique(meta["lesson"][meta["lesson"] != NO_LESSON]):
            if np.ptp(meta["start"][meta["lesson"] == lesson]) > NEAR:
                found.append(f"{path.name}: lesson {lesson}, which comes back")
    return found


def _said(lines: Sequence[Line], start: float, end: float) -> int | None:
    """The line whose recording shares most with this stretch of sound."""
    shared = {
        i: min(end, line.heard + TOLERANCE) - max(start, line.said - EARLY)
        for i, line in enumerate(lines)
        if line.voice is not None
    }
    best = max(shared, key=lambda i: shared[i], default=None)
    return best if best is not None and shared[best] > 0 else None


def _heard(line: Line, sound: NDArray[np.float32], start: float, end: float) -> tuple[float, str]:
    """How much a stored sound is like what was played meanwhile, and what is wrong with it."""
    assert line.voice is not None
    room = round((TOLERANCE + EARLY + 0.5) * SAMPLE_RATE)
    played = np.pad(line.voice, room)
    length, alike, begins = round((end - start) * SAMPLE_RATE), -1.0, 0.0
    offsets = np.arange(start - line.said - TOLERANCE, start - line.said + EARLY, STEP)
    firsts = [room + round(offset * SAMPLE_RATE) for offset in offsets]
    pieces = [(o, played[f : f + length]) for o, f in zip(offsets, firsts, strict=True) if 0 <= f < len(played)]
    for (offset, _), other in zip(pieces, log_mel([piece for _, piece in pieces]), strict=True):
        if (r := _sounds_alike(sound, other, length)) > alike:
            alike, begins = r, float(offset)
    level = np.square(line.voice[: len(line.voice) // 160 * 160].reshape(-1, 160)).mean(axis=1)
    audible = np.flatnonzero(level > level.max() * 10 ** (-AUDIBLE_DB / 10))
    late, early = begins - audible[0] / 100, (audible[-1] + 1) / 100 - (begins + end - start + KEPT)
    if max(late, early) > MISSING:
        return alike, f"{max(late, early):.2f} s of the {'beginning' if late > early else 'end'} are missing"
    if alike < SOUNDS_ALIKE:
        return alike, f"another sound than was played (correlation {alike:.2f})"
    return alike, ""


def _sounds_alike(one: NDArray[np.float32], other: NDArray[np.float32], length: int) -> float:
    frames = min(one.shape[1], length // HOP + 2)
    a, b = (np.maximum(s[:, :frames], -DEPTH_DB).ravel() for s in (one, other))
    return float(np.corrcoef(a, b)[0, 1]) if a.std() and b.std() and other.max() > -TOP_DB else 0.0


def _seen(lines: Sequence[Line], shown: dict[int, NDArray[Any]], said: int, start: float, picture: NDArray[Any]) -> str:
    """What is wrong with the picture of a word."""
    # What could be mistaken for each other are cards shown one after another; two thin ones look much alike.
    near = [i for i in shown if abs(lines[i].start - start) < NEAR]
    alike = {i: _look_alike(shown[i], picture) for i in near}
    if not alike:
        return "no card was shown"
    looks = max(near, key=lambda i: alike[i])
    if said in alike and alike[said] >= alike[looks] - MARGIN:
        return ""
    return f"line of {lines[said].start:.2f}, card of {lines[looks].start:.2f}"


def _look_alike(one: NDArray[Any], other: NDArray[Any]) -> float:
    return float(np.corrcoef(one.ravel().astype(float), other.ravel().astype(float))[0, 1])
