"""Voice activity: this project's gate beside webrtcvad and Silero, on words and on sentences, in noise.

    python benchmarks/studies/hearing/activity.py --data DIR [--words 150] [--half report] [--kinds pink] [--json]

Words of Speech Commands (`benchmarks/studies/hearing/words.py` says where they are heard) and sentences of GRID (spoken
from the first word's begin to the last one's end, by its makers' alignment) are played with pauses in noise. `F1` is
that of frames of 10 ms. `R / P`: starts and ends within 50 ms; frames become stretches with the same pause and shortest
length for all gates. Of webrtcvad's four modes the row shows the one with the best F1 on this very sound. Silero has
two rows: at its makers' threshold of 0.5, and at the best of 0.1 to 0.9 on this very sound. This project's gate has its
defaults. `ms/s` is processor time for a second of sound. GRID is left out where PyAV is not installed.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from benchmarks.harness.measured import machine
from benchmarks.studies.hearing.gates import LIBRARIES, Mask, installed, marked, segment, stretches, webrtc
from benchmarks.studies.hearing.played import FRAME, KINDS, Played, Spans, Wave, play
from benchmarks.studies.hearing.scores import boundaries, frame_f1
from benchmarks.studies.hearing.sentences_data import sentences
from benchmarks.studies.hearing.words import HALVES, choose, scan
from sensors.cutters.segmentation import SegmentationConfig
from sensors.signals.spectrogram import SAMPLE_RATE

LEVELS = (30, 20, 10, 5)
T = TypeVar("T")


class Row(NamedTuple):
    """One gate on one sound."""

    gate: str
    f1: float
    recall: float
    precision: float
    ms_per_s: float


def rows(sound: Wave, truth: Spans, config: SegmentationConfig) -> list[Row]:
    """Every gate that is installed on one sound, this project's first."""
    frames = marked(truth, len(sound) // FRAME)
    seconds = len(sound) / SAMPLE_RATE
    _, found, spent = segment(sound, config)
    own = frame_f1(marked(found.spans, len(frames)), frames)
    told = [Row("energy", own, *boundaries(found.spans, truth), 1e3 * spent / seconds)]
    if installed("webrtcvad"):
        masks, spent = _timed(lambda: [webrtc(sound, mode) for mode in range(4)])
        modes = [_row(f"webrtcvad {mode}", mask, frames, truth, config) for mode, mask in enumerate(masks)]
        told.append(max(modes, key=lambda row: row.f1)._replace(ms_per_s=1e3 * spent / 4 / seconds))
    for name, (module, ask) in LIBRARIES.items():
        if installed(module):
            values, spent = _timed(partial(ask, sound))
            usual = _row(name, values > 0.5, frames, truth, config)
            tried = [(t, _row(f"{name} {t:.1f}", values > t, frames, truth, config)) for t in np.arange(1, 10) / 10]
            best = max(tried, key=lambda each: each[1].f1)[1]
            told += [row._replace(ms_per_s=1e3 * spent / seconds) for row in (usual, best)]
    return told


def _row(name: str, mask: Mask, frames: Mask, truth: Spans, config: SegmentationConfig) -> Row:
    count = min(len(mask), len(frames))
    return Row(name, frame_f1(mask[:count], frames[:count]), *boundaries(stretches(mask, config).spans, truth), 0.0)


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    before = time.process_time()
    done = work()
    return done, time.process_time() - before


def measure(
    data: Path,
    words: int,
    seed: int,
    half: str = "report",
    kinds: Sequence[str] = ("pink",),
    levels: Sequence[int] = LEVELS,
) -> dict[str, float]:
    """All rows, printed, and as one flat dict."""
    clips, _ = choose(scan(data, half), words, seed)
    sets: dict[str, Played] = {"words": play(clips, seed)}
    if installed("av") and (data / "grid").exists():
        sets["grid"] = play([each.clip for each in sentences(data)], seed)
    figures: dict[str, float] = {}
    print("sound  noise    dB  gate              F1     R / P           ms/s")
    for what, played in sets.items():
        for kind in kinds:
            for level in levels:
                sound = played.with_noise(kind, level, seed + 1)
                for row in rows(sound, played.audible, SegmentationConfig()):
                    print(
                        f"{what:6} {kind:6} {level:4}  {row.gate:16} {row.f1:.3f}  "
                        f"{row.recall:.3f} / {row.precision:.3f}  {row.ms_per_s:6.2f}",
                        flush=True,
                    )
                    key = f"{what}_{kind}_{level}_{row.gate.replace(' ', '_')}"
                    figures |= {
                        f"{key}_f1": round(row.f1, 3),
                        f"{key}_recall": round(row.recall, 3),
                        f"{key}_precision": round(row.precision, 3),
                    }
    return figures


def main() -> None:
    """Measure and print; the last line is JSON on request."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", default=os.environ.get("RECIPROCAL_DATA"), help="folder of real datasets")
    parser.add_argument("--words", type=int, default=150, help="recordings of words (default 150)")
    parser.add_argument("--half", choices=HALVES, default="report", help="which speakers (default report)")
    parser.add_argument("--kinds", default="pink", help=f"kinds of noise, by commas: {', '.join(KINDS)} (default pink)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice, the pauses and the noise (default 0)")
    parser.add_argument("--json", action="store_true", help="print one flat JSON object as the last line")
    options = parser.parse_args()
    if not options.data:
        parser.error("name the folder of real datasets with --data DIR or RECIPROCAL_DATA")
    figures = measure(Path(options.data), options.words, options.seed, options.half, options.kinds.split(","))
    if options.json:
        print(json.dumps({**figures, **machine(), "seed": options.seed, "half": options.half}))


if __name__ == "__main__":
    main()
