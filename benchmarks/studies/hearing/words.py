"""Recordings of Speech Commands whose speakers were not taught, and where in each its word is heard.

The recordings last a second and are not trimmed: around the word there is the speaker's room, with hum, clicks and
breath. Where the word is heard is told from the clean recording alone, by energy, so that no gate that is measured
takes part in the truth:

1. Sound below 80 Hz is filtered out. Levels are those of 10 ms.
2. The recording's background is the level that its quietest tenth stays below.
3. A level counts where it lies within 25 dB of the loudest one and 8 dB or more above the background. What counts for
   less than 30 ms is a click.
4. The word is the stretch with the most energy, and what follows or precedes it within 0.25 s.

A recording whose loudest 10 ms is less than 20 dB above its background has no such place and is left out.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from benchmarks.studies.hearing.played import FRAME, Clip, Wave, frame_levels
from sensors.signals.sound import read_sound
from sensors.signals.spectrogram import SAMPLE_RATE

FOLDERS = ("speech_commands", "speech_commands_words")
HALVES = ("choose", "report")
"""Speakers on whom settings are chosen, and those on whom they are reported."""
AUDIBLE_DB = 25.0
"""A word is heard down to so many decibel below its loudest 10 ms."""
_FROM_HZ = 80.0
_ABOVE_DB = 8.0
_CLEAR_DB = 20.0
_CLICK = 3
_JOINED = 25


def scan(data: Path, half: str | None = None, digits: bool = False) -> list[Path]:
    """Recordings of the speakers of one half, sorted by name.

    Args:
        data: folder with Speech Commands' folders of words.
        half: `choose`, `report`, or None for both.
        digits: the digits alone.

    Raises:
        SystemExit: there are none.
    """
    folders = FOLDERS[:1] if digits else FOLDERS
    paths = sorted(path for folder in folders for path in (data / folder).glob("*/*_nohash_*.flac"))
    paths = [path for path in paths if half is None or half_of(path) == half]
    if not paths:
        raise SystemExit(
            f"{data}: no recordings of Speech Commands in {' or '.join(folders)}; see docs/reference/data.md"
        )
    return paths


def half_of(path: Path) -> str:
    """The half of the speakers that this recording's speaker belongs to."""
    speaker = path.stem.partition("_nohash_")[0]
    return HALVES[hashlib.sha256(speaker.encode()).digest()[0] % 2]


def choose(paths: Sequence[Path], count: int, seed: int, below: float = AUDIBLE_DB) -> tuple[list[Clip], int]:
    """That many recordings, as many of each word as there are.

    Returns:
        The clips, and how many recordings were left out because their words do not stand out.
    """
    rng = np.random.default_rng(seed)
    by_word: dict[str, list[Path]] = {}
    for path in paths:
        by_word.setdefault(path.parent.name, []).append(path)
    ordered = {word: [many[k] for k in rng.permutation(len(many))] for word, many in by_word.items()}
    clips: list[Clip] = []
    left_out = 0
    while len(clips) < count and any(ordered.values()):
        for word, many in ordered.items():
            if many and len(clips) < count:
                wave = read_sound(many.pop())
                place = audible(wave, below)
                if place is None:
                    left_out += 1
                else:
                    clips.append(Clip(wave - wave.mean(), *place, word))
    return [clips[k] for k in rng.permutation(len(clips))], left_out


def audible(wave: Wave, below: float = AUDIBLE_DB) -> tuple[int, int] | None:
    """First sample of the word and the one after its last; None where it does not stand out.

    Args:
        wave: (n,) float32 at 16 kHz, a clean recording.
        below: decibel below its loudest 10 ms down to which a word is heard.
    """
    filtered = scipy.signal.sosfiltfilt(_highpass(), wave.astype(np.float64))
    level = 10 * np.log10(frame_levels(filtered) + 1e-10)
    background, peak = float(np.percentile(level, 10)), float(level.max())
    if peak - background < _CLEAR_DB:
        return None
    over = level > max(peak - below, background + _ABOVE_DB)
    edges = np.flatnonzero(np.diff(np.r_[0, over.astype(int), 0])).reshape(-1, 2)
    parts = [(int(a), int(b)) for a, b in edges if b - a >= _CLICK]
    if not parts:
        return None
    loudest = max(range(len(parts)), key=lambda k: float((10 ** (level[slice(*parts[k])] / 10)).sum()))
    first, last = parts[loudest]
    for a, b in parts[loudest + 1 :]:
        if a - last > _JOINED:
            break
        last = b
    for a, b in reversed(parts[:loudest]):
        if first - b > _JOINED:
            break
        first = a
    return first * FRAME, last * FRAME


@cache
def _highpass() -> NDArray[np.float64]:
    sections: NDArray[np.float64] = scipy.signal.butter(2, _FROM_HZ, "high", fs=SAMPLE_RATE, output="sos")
    return sections
