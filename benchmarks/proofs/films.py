"""Films as senses, held against what is known of them: is every sentence found, and the lips, and when?

    python benchmarks/proofs/films.py --data DIR [--speeds 4,max] [--json]

The films of GRID in `DIR/grid/video` (MPEG-1, a talking face with sound) are played as a folder, as `--sensors` plays
it. Truth is said twice: `align` is where the first word begins and the last one ends, by `DIR/grid/align`; `audible` is
where the level of the sound first and last lies within 25 dB of its loudest 10 ms between the 0.25 s before the one and
after the other. A sentence is found if an utterance covers half of it; its beginning and end are right if they lie
within 60 ms of the truth. Lips are right if the first and the last picture that has lips, of those in the sentence, lie
within 60 ms of its beginning and end. `lag` is the time by which the mouth's opening precedes the sound's level where
both follow each other best; it would show pictures or sound that are late. `same` says whether every speed gave the
same readings as the first, bit for bit, and the same utterances.
"""

import argparse
import hashlib
import itertools
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from sensors.core.event import EventBatch
from sensors.cutters.segmentation import Segmenter, Utterance
from sensors.files.choice import Channel
from sensors.files.file_source import sources_of
from sensors.files.player import PAUSE, Player
from sensors.files.playlist import parts_of
from sensors.perception.perception import Perception
from sensors.perception.source_reader import SourceReader
from sensors.signals.faces import Lips
from sensors.signals.readings import Chunk, Frame
from sensors.signals.spectrogram import SAMPLE_RATE

UNIT = 25_000
"""Of the word times, a second."""
NEAR = 0.06
"""Seconds within which a time is right."""
AUDIBLE_DB, AROUND = 25.0, 0.25
_SILENT = ("sil", "sp")
_RATE = 100  # values a second at which the mouth and the sound are compared
_MOUTH = slice(20, 45), slice(25, 55)  # rows and columns of the lips' picture that open


@dataclass
class PlayedFilm:
    """Stands in the place of perception: keeps what one film after the other gave, and cuts utterances.

    Attributes:
        frames: (second, lips or None) of each picture.
        chunks: all sound.
        utterances: what was cut out of it.
    """

    frames: list[tuple[float, NDArray[np.uint8] | None]] = field(default_factory=list)
    chunks: list[Chunk] = field(default_factory=list)
    utterances: list[Utterance] = field(default_factory=list)
    digest: Any = field(default_factory=hashlib.sha256)
    _segmenter: Segmenter = field(default_factory=Segmenter)
    _lips: Lips = field(default_factory=Lips)

    def observe(self, reading: Any, now: float, source: str = "") -> list[EventBatch]:
        """Take a reading."""
        if isinstance(reading, Chunk):
            self.chunks.append(reading)
            self.utterances += self._segmenter.observe(reading, now)
        else:
            if self.frames and reading.time > self.frames[-1][0] + PAUSE / 2:
                self._lips = Lips()
            self.frames.append((reading.time, self._lips.observe(reading.picture)))
            self.digest.update(reading.picture.tobytes())
        return []

    def advance(self, now: float) -> list[EventBatch]:
        """Let time pass."""
        self.utterances += self._segmenter.expire(now)
        return []

    def flush(self, now: float) -> list[EventBatch]:
        """Decide what is under way."""
        self.utterances += self._segmenter.flush()
        return []


@dataclass(frozen=True)
class Run:
    """What one speed gave.

    Attributes:
        watched: all of it.
        seconds: how long it took.
        dropped: readings that were lost, of whatever reason.
    """

    watched: PlayedFilm
    seconds: float
    dropped: int

    @property
    def begins(self) -> list[float]:
        """Second at which each film begins: that of its first picture."""
        times = [time for time, _ in self.watched.frames]
        return [times[0], *(b for a, b in itertools.pairwise(times) if b - a > PAUSE / 2)]

    def signature(self) -> tuple[Any, ...]:
        """What must be the same at every speed."""
        watched, origin = self.watched, self.begins[0]
        sound = np.concatenate([chunk.samples for chunk in watched.chunks]).tobytes()
        spans = [(round(u.start - origin, 5), round(u.end - origin, 5), u.whole) for u in watched.utterances]
        return watched.digest.hexdigest(), hashlib.sha256(sound).hexdigest(), tuple(spans)


def play(folder: Path, speed: float, slow: float = 0.0) -> Run:
    """Play a folder of films; `slow` is a pause after each turn of the reader, seconds."""
    player = Player(str(folder), parts_of(folder), [Channel("sound", Chunk), Channel("pictures", Frame)], speed)
    sources = sources_of(player)
    watched = PlayedFilm()
    reader = SourceReader(sources, cast(Perception, watched), lambda batch, captured: None, played=True)
    began = time.monotonic()
    for source in sources:
        source.connect(warmup=0)
    while not reader.ended:
        time.sleep(slow if reader.step() else 0.002)
    reader.finish()
    return Run(watched, time.monotonic() - began, sum(sum(s.counts.dropped.values()) for s in sources))


def sentence(align: Path) -> tuple[float, float]:
    """Where the first word begins and the last one ends, seconds."""
    words = [line.split() for line in align.read_text().splitlines() if line.strip()]
    spoken = [(int(begin) / UNIT, int(end) / UNIT) for begin, end, word in words if word not in _SILENT]
    return spoken[0][0], spoken[-1][1]


def audible(sound: NDArray[np.float32], span: tuple[float, float]) -> tuple[float, float]:
    """Where a sentence can be heard, seconds, near the span in which it is said to be."""
    first = max(round((span[0] - AROUND) * SAMPLE_RATE), 0) // 160
    blocks = sound[: len(sound) // 160 * 160].reshape(-1, 160)
    level = np.square(blocks[first : round((span[1] + AROUND) * SAMPLE_RATE) // 160]).mean(axis=1)
    heard = np.flatnonzero(level > level.max() * 10 ** (-AUDIBLE_DB / 10))
    return (first + heard[0]) / 100, (first + heard[-1] + 1) / 100


def lag(run: Run, begin: float, sound: NDArray[np.float32], span: tuple[float, float]) -> float:
    """Seconds by which the mouth's opening precedes the level of the sound, -0.4…0.4, where both agree best."""
    pictures = [(at - begin, lips) for at, lips in run.watched.frames if begin <= at < begin + 3 and lips is not None]
    opening = [-float(lips[_MOUTH].mean()) for _, lips in pictures]
    grid = np.arange(max(span[0] - 0.4, 0.0), span[1] + 0.4, 1 / _RATE)
    mouth = np.interp(grid, [at for at, _ in pictures], opening)
    level = np.sqrt(np.convolve(np.square(sound), np.ones(1600) / 1600, "same"))
    shifts = np.arange(-40, 41)
    heard = [np.interp(grid + shift / _RATE, np.arange(len(level)) / SAMPLE_RATE, level) for shift in shifts]
    return float(shifts[int(np.argmax([np.corrcoef(mouth, each)[0, 1] for each in heard]))]) / _RATE


def judged(run: Run, align: Sequence[Path]) -> dict[str, float]:
    """The figures of one run, given the word times of the films in their order."""
    found: dict[str, list[float]] = {}
    assert len(run.begins) == len(align), "a film is missing"
    for begin, path in zip(run.begins, align, strict=True):
        own = [chunk for chunk in run.watched.chunks if begin - 1 < chunk.start < begin + 4]
        lead = np.zeros(max(round((own[0].start - begin) * SAMPLE_RATE), 0), np.float32)
        sound = np.concatenate([lead, *(chunk.samples for chunk in own)])
        truth = sentence(path)
        heard = audible(sound, truth)
        utterance = max(
            run.watched.utterances,
            key=lambda u: min(u.end - begin, truth[1]) - max(u.start - begin, truth[0]),
        )
        covered = min(utterance.end - begin, truth[1]) - max(utterance.start - begin, truth[0])
        lips = [at - begin for at, seen in run.watched.frames if seen is not None]
        during = [at for at in lips if truth[0] <= at <= truth[1]]
        row = {
            "found": covered >= 0.5 * (truth[1] - truth[0]),
            "whole": utterance.whole,
            "begin": utterance.start - begin - truth[0],
            "end": utterance.end - begin - truth[1],
            "heard_begin": utterance.start - begin - heard[0],
            "heard_end": utterance.end - begin - heard[1],
            "lips": len(during) / max(sum(truth[0] <= at - begin <= truth[1] for at, _ in run.watched.frames), 1),
            "lips_begin": during[0] - truth[0] if during else np.inf,
            "lips_end": during[-1] - truth[1] if during else np.inf,
            "lag": lag(run, begin, sound, truth),
        }
        for name, value in row.items():
            found.setdefault(name, []).append(float(value))
    within = {
        f"{name}_right": np.mean(np.abs(found[name]) <= NEAR) for name in found if name.endswith(("begin", "end"))
    }
    medians = {f"{name}_median_s": np.median(found[name]) for name in found if name.endswith(("begin", "end", "lag"))}
    shares = {name: np.mean(found[name]) for name in ("found", "whole", "lips")}
    return {name: round(float(value), 3) for name, value in (shares | within | medians).items()}


def measure(data: Path, speeds: Sequence[str]) -> dict[str, float]:
    """All rows, printed, and as one flat dict."""
    folder = data / "grid" / "video"
    films = sorted(folder.glob("*.mpg"))
    if not films:
        raise SystemExit(f"{folder}: holds no films of GRID; give the folder that has grid/video and grid/align")
    align = [data / "grid" / "align" / f"{film.stem}.align" for film in films]
    length = sum(2.98 for _ in films) + PAUSE * (len(films) - 1)
    figures: dict[str, float] = {"films": len(films)}
    signatures = []
    print(f"{len(films)} films, {length:.0f} s with the pauses between them")
    print("speed       took lost  found whole   begin ±60 ms  end ±60 ms   audible begin / end  lips  begin / end  lag")
    for speed in (*speeds, "slow reader"):
        factor, slow = (0.0, 0.02) if speed == "slow reader" else (0.0 if speed == "max" else float(speed), 0.0)
        run = play(folder, factor, slow)
        signatures.append(run.signature())
        row = judged(run, align)
        key = speed.replace(" ", "_")
        figures |= {f"{key}_{name}": value for name, value in row.items()}
        figures |= {f"{key}_seconds": round(run.seconds, 2), f"{key}_lost": run.dropped}
        begin, end = (f"{row[f'{at}_right']:.2f} ({row[f'{at}_median_s']:+.3f})" for at in ("begin", "end"))
        heard = f"{row['heard_begin_right']:.2f} / {row['heard_end_right']:.2f}"
        lips = f"{row['lips']:.2f}  {row['lips_begin_right']:.2f} / {row['lips_end_right']:.2f}"
        print(
            f"{speed:11} {run.seconds:5.1f} {run.dropped:4}  {row['found']:5.2f} {row['whole']:5.2f}   {begin}  {end}  "
            f"{heard}          {lips}  {row['lag_median_s']:+.3f}"
        )
    figures["same"] = float(all(each == signatures[0] for each in signatures))
    print(f"same at every speed: {'yes' if figures['same'] else 'no'}")
    return figures


def main() -> None:
    """Measure and print; the last line is JSON on request."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", default=os.environ.get("RECIPROCAL_DATA"), help="folder of real datasets")
    parser.add_argument("--speeds", default="4,max", help="speeds at which they are played (default 4,max)")
    parser.add_argument("--json", action="store_true", help="print one flat JSON object as the last line")
    options = parser.parse_args()
    if not options.data:
        parser.error("name the folder of real datasets with --data DIR or RECIPROCAL_DATA")
    figures = measure(Path(options.data), options.speeds.split(","))
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
