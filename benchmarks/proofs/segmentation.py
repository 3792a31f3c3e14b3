"""Where utterances begin and end: recall and precision of their boundaries in noise, on real recordings.

    python benchmarks/proofs/segmentation.py --data DIR [--words 150] [--seed 0] [--json]

Test recordings of the Free Spoken Digit Dataset, all made equally loud, are played one after the other with pauses of
0.5 to 1.5 s, in white and in pink noise at 20, 10 and 5 dB below the words (50 dB: all but clean). Truth is said
twice: `file` is where the recording begins and ends, as its makers trimmed it; `audible` is where its level first and
last lies within 25 dB of its loudest 10 ms. A boundary is found if an utterance has one within 50 ms. `delay` is from
an utterance's end to its being told. `webrtcvad` is the gate of that library (its four modes, the best one shown),
with the same pause and the same shortest length, where it is installed (what it adds to the ends by itself is not
taken off). The last column asks what all this is for: which share of the words a nearest-neighbour classifier, given
the training recordings as the dataset has them, tells from what was cut out and cleaned; beside it, of the test files
themselves.
"""

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.studies.hearing.gates import GateResult, installed, segment, stretches, webrtc
from benchmarks.studies.hearing.played import FRAME, KINDS, Clip, Played, Wave, frame_levels, play
from benchmarks.studies.hearing.scores import boundaries
from sensors.cutters.cleaning import clean
from sensors.cutters.segmentation import SegmentationConfig, Utterance
from sensors.signals.sound import read_sound
from sensors.signals.spectrogram import SAMPLE_RATE, log_mel
from teacher.datasets.readers import fsdd

AUDIBLE_DB = 25.0
LEVELS = (50, 20, 10, 5)
_COMPARED = 16


def clip_of(path: Path) -> Clip:
    """A recording of the dataset: its word is heard where its level lies within 25 dB of its loudest 10 ms."""
    wave = read_sound(path)
    wave = wave - wave.mean()
    level = frame_levels(wave)
    heard = np.flatnonzero(level > level.max() * 10 ** (-AUDIBLE_DB / 10))
    return Clip(wave, FRAME * int(heard[0]), FRAME * (int(heard[-1]) + 1), path.name[0])


def cleaned(utterance: Utterance) -> Wave:
    """Its sound as perception prepares it."""
    assert utterance.background is not None
    return clean(utterance.samples, utterance.background)


class Neighbour:
    """Tells digits by the nearest training recording; the first second of the spectrogram, by correlation."""

    def __init__(self, paths: list[Path]) -> None:
        self._known = self._prepare([read_sound(path) for path in paths])
        self._digits = np.array([int(path.name[0]) for path in paths])

    def tell(self, waves: list[Wave]) -> NDArray[np.int64]:
        """Digits of clips."""
        if not waves:
            return np.empty(0, np.int64)
        told: NDArray[np.int64] = self._digits[(self._prepare(waves) @ self._known.T).argmax(axis=1)]
        return told

    def _prepare(self, waves: list[Wave]) -> NDArray[np.float32]:
        rows = log_mel(waves)[:, :64, :_COMPARED].reshape(len(waves), -1)
        rows = rows - rows.mean(axis=1, keepdims=True)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def told_right(utterances: list[Utterance], played: Played, neighbour: Neighbour) -> float:
    """Share of the played words whose cut-out sound is told as what it is."""
    told = neighbour.tell([cleaned(u) for u in utterances])
    right = set()
    for utterance, digit in zip(utterances, told, strict=True):
        overlap = np.minimum(played.file[:, 1], utterance.end) - np.maximum(played.file[:, 0], utterance.start)
        if overlap.max() > 0 and played.said[overlap.argmax()] == str(digit):
            right.add(int(overlap.argmax()))
    return len(right) / len(played.said)


def measure(
    data: Path,
    words: int,
    seed: int,
    kinds: Sequence[str] = KINDS,
    levels: Sequence[int] = LEVELS,
    known: int = 1500,
) -> dict[str, float]:
    """All rows, printed, and as one flat dict; the classifier knows `known` training recordings."""
    folder = fsdd.find(data)
    if folder is None:
        raise SystemExit(fsdd.missing(data))
    paths, _, test = fsdd.scan(folder)
    rng = np.random.default_rng(seed)
    chosen = [paths[i] for i in rng.permutation(np.flatnonzero(test))[:words]]
    neighbour = Neighbour([paths[i] for i in rng.permutation(np.flatnonzero(~test))[:known]])
    played, config = play([clip_of(path) for path in chosen], seed), SegmentationConfig()
    of_files = float(
        (
            neighbour.tell([read_sound(path) for path in chosen]) == np.array([int(digit) for digit in played.said])
        ).mean()
    )
    figures: dict[str, float] = {"told_of_files": round(of_files, 3)}
    print(f"{words} words in {len(played.sound) / SAMPLE_RATE:.0f} s; {100 * of_files:.1f} % of the files are told")
    print("noise    dB  gate           file R/P      audible R/P   found  delay p50/p99   told   ms/s")
    for kind in kinds:
        for level in levels:
            sound = played.with_noise(kind, level, seed + 1)
            utterances, found, spent = segment(sound, config)
            told = told_right(utterances, played, neighbour)
            cost = 1e3 * spent / (len(sound) / SAMPLE_RATE)
            key = f"{kind}_{level}"
            figures |= _row(key, kind, level, "energy", found, played, f"{100 * told:5.1f} % {cost:5.2f}")
            figures[f"{key}_told"] = round(told, 3)
            if installed("webrtcvad"):
                modes = [stretches(webrtc(sound, mode), config) for mode in range(4)]
                best = max(range(4), key=lambda m: sum(boundaries(modes[m].spans, played.audible)))
                figures |= _row(f"{key}_webrtc", kind, level, f"webrtcvad {best}", modes[best], played, "")
    return figures


def _row(key: str, kind: str, level: int, gate: str, found: GateResult, played: Played, rest: str) -> dict[str, float]:
    (file_r, file_p), (heard_r, heard_p) = (boundaries(found.spans, t) for t in (played.file, played.audible))
    delays = found.told - found.spans[:, 1] if len(found.told) else np.zeros(1)
    low, high = np.percentile(delays, [50, 99])
    print(
        f"{kind:6} {level:4}  {gate:12} {file_r:6.3f} {file_p:6.3f}   {heard_r:6.3f} {heard_p:6.3f}   "
        f"{len(found.spans):5}   {low:5.3f} {high:5.3f} s  {rest}"
    )
    figures = {"file_recall": file_r, "file_precision": file_p, "recall": heard_r, "precision": heard_p}
    return {f"{key}_{name}": round(value, 3) for name, value in figures.items()} | {
        f"{key}_delay_p99_s": round(float(high), 3)
    }


def main() -> None:
    """Measure and print; the last line is JSON on request."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", default=os.environ.get("RECIPROCAL_DATA"), help="folder of real datasets")
    parser.add_argument("--words", type=int, default=150, help="recordings played (default 150, at most 300)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice, the pauses and the noise (default 0)")
    parser.add_argument("--json", action="store_true", help="print one flat JSON object as the last line")
    options = parser.parse_args()
    if not options.data:
        parser.error("name the folder of real datasets with --data DIR or RECIPROCAL_DATA")
    figures = measure(Path(options.data), options.words, options.seed)
    if options.json:
        print(json.dumps({**figures, "words": options.words, "seed": options.seed}))


if __name__ == "__main__":
    main()
