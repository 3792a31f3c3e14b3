"""Sentences of GRID as clips, with the times of their words as its makers aligned them."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import soxr

from benchmarks.studies.hearing.played import Clip, Spans, Wave
from sensors.signals.spectrogram import SAMPLE_RATE

_TICKS = 25_000
"""Units of a second in the files of alignments."""
_SILENT = ("sil", "sp")


@dataclass(frozen=True)
class Sentence:
    """One sentence.

    Attributes:
        clip: its sound, and from where to where it is spoken.
        words: (n, 2) seconds in the clip at which its words begin and end, without those that are shorter than 10 ms.
    """

    clip: Clip
    words: Spans


def sentences(data: Path) -> list[Sentence]:
    """All sentences below `grid/` of the folder, sorted by name.

    Raises:
        SystemExit: there are none.
    """
    films = sorted((data / "grid" / "video").glob("*.mpg"))
    if not films:
        raise SystemExit(f"{data / 'grid' / 'video'}: no films of GRID (*.mpg); they are at zenodo.org/records/3625687")
    return [_sentence(film) for film in films]


def _sentence(film: Path) -> Sentence:
    times = []
    for line in (film.parents[1] / "align" / f"{film.stem}.align").read_text().splitlines():
        first, last, word = line.split()
        if word not in _SILENT and int(last) - int(first) > _TICKS / 100:
            times.append((int(first) / _TICKS, int(last) / _TICKS))
    wave, words = _sound(film), np.array(times)
    first, last = (round(SAMPLE_RATE * moment) for moment in (words[0, 0], words[-1, 1]))
    return Sentence(Clip(wave - wave.mean(), first, last, film.stem), words)


def _sound(film: Path) -> Wave:
    """The film's sound, channels averaged, at 16 kHz."""
    av = import_module("av")
    with av.open(str(film)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=stream.rate)
        parts = [part.to_ndarray()[0] for frame in container.decode(stream) for part in resampler.resample(frame)]
        rate = int(stream.rate)
    return np.asarray(soxr.resample(np.concatenate(parts), rate, SAMPLE_RATE), np.float32)
