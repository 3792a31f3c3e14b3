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
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sensors.cutters.cleaning import clean
from sensors.cutters.segmentation import SegmentationConfig, Segmenter, Utterance
from sensors.signals.sound import read_sound
from sensors.signals.spectrogram import SAMPLE_RATE, log_mel
from sensors.sources.source import Chunk
from teacher.datasets.readers import fsdd

Wave = NDArray[np.float32]
Spans = NDArray[np.float64]
NEAR = 0.05
AUDIBLE_DB = 25.0
KINDS = ("white", "pink")
LEVELS = (50, 20, 10, 5)
_CHUNK = 320
_LOUDNESS = 0.05
_COMPARED = 16


@dataclass(frozen=True)
class Played:
    """Words one after the other: the sound, their (start, end) seconds by both truths, and what was said."""

    sound: Wave
    file: Spans
    audible: Spans
    digits: NDArray[np.int64]


@dataclass(frozen=True)
class GateResult:
    """What a gate made of it: (start, end) seconds, and when each was told."""

    spans: Spans
    told: NDArray[np.float64]


def play(paths: list[Path], seed: int) -> Played:
    """Equally loud words with pauses between them; the first second and a half is silent."""
    rng = np.random.default_rng(seed)
    parts: list[Wave] = [np.zeros(3 * SAMPLE_RATE // 2, np.float32)]
    at, file, audible = len(parts[0]), [], []
    for path in paths:
        wave = read_sound(path)
        wave = wave - wave.mean()
        level = np.square(wave[: len(wave) // 160 * 160].reshape(-1, 160)).mean(axis=1)
        heard = np.flatnonzero(level > level.max() * 10 ** (-AUDIBLE_DB / 10))
        file.append((at, at + len(wave)))
        audible.append((at + 160 * heard[0], at + 160 * (heard[-1] + 1)))
        pause = np.zeros(int(rng.uniform(0.5, 1.5) * SAMPLE_RATE), np.float32)
        parts += [wave * np.float32(_LOUDNESS / np.sqrt(level[heard].mean())), pause]
        at += len(wave) + len(pause)
    digits = np.array([int(path.name[0]) for path in paths])
    return Played(np.concatenate(parts), np.array(file) / SAMPLE_RATE, np.array(audible) / SAMPLE_RATE, digits)


def noise(kind: str, samples: int, seed: int) -> Wave:
    """White or pink (-3 dB an octave above 50 Hz) noise of unit power."""
    white = np.random.default_rng(seed).standard_normal(samples, np.float32)
    if kind == "white":
        return white
    spectrum = np.fft.rfft(white)
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(samples, 1 / SAMPLE_RATE), 50))
    pink = np.fft.irfft(spectrum, samples)
    return np.asarray(pink / pink.std(), np.float32)


def segment(sound: Wave, config: SegmentationConfig) -> tuple[list[Utterance], GateResult, float]:
    """Utterances of this project's gate, their times, and the seconds of processor time it took."""
    segmenter, utterances, told = Segmenter(config), [], []
    before = time.process_time()
    for first in range(0, len(sound), _CHUNK):
        piece = sound[first : first + _CHUNK]
        for utterance in segmenter.observe(Chunk(first / SAMPLE_RATE, piece)):
            utterances.append(utterance)
            told.append((first + len(piece)) / SAMPLE_RATE)
    spent = time.process_time() - before
    spans = np.array([(u.start, u.end) for u in utterances]).reshape(-1, 2)
    return utterances, GateResult(spans, np.array(told)), spent


def webrtc(sound: Wave, mode: int, config: SegmentationConfig) -> GateResult:
    """The other gate: voiced 10 ms frames, the same pause and shortest length."""
    gate = import_module("webrtcvad").Vad(mode)
    pieces = np.clip(sound * 32768, -32768, 32767).astype(np.int16)
    pieces = pieces[: len(pieces) // 160 * 160].reshape(-1, 160)
    voiced = np.flatnonzero([gate.is_speech(piece.tobytes(), SAMPLE_RATE) for piece in pieces])
    if not len(voiced):
        return GateResult(np.empty((0, 2)), np.empty(0))
    breaks = np.flatnonzero(np.diff(voiced) * 0.01 > config.pause)
    spans = np.column_stack([voiced[np.r_[0, breaks + 1]], voiced[np.r_[breaks, len(voiced) - 1]] + 1]) * 0.01
    spans = spans[spans[:, 1] - spans[:, 0] >= config.shortest]
    return GateResult(spans, spans[:, 1] + config.pause)


def boundaries(found: Spans, truth: Spans) -> tuple[float, float]:
    """Recall and precision of starts and ends within 50 ms, each found one counting once."""
    hits = 0
    for side in (0, 1):
        free = list(found[:, side])
        for moment in truth[:, side]:
            near = min(free, key=lambda other: abs(other - moment), default=np.inf)
            if abs(near - moment) <= NEAR:
                free.remove(near)
                hits += 1
    return hits / (2 * len(truth)), hits / max(1, 2 * len(found))


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
        if overlap.max() > 0 and played.digits[overlap.argmax()] == digit:
            right.add(int(overlap.argmax()))
    return len(right) / len(played.digits)


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
    played, config = play(chosen, seed), SegmentationConfig()
    of_files = float((neighbour.tell([read_sound(path) for path in chosen]) == played.digits).mean())
    figures: dict[str, float] = {"told_of_files": round(of_files, 3)}
    print(f"{words} words in {len(played.sound) / SAMPLE_RATE:.0f} s; {100 * of_files:.1f} % of the files are told")
    print("noise    dB  gate           file R/P      audible R/P   found  delay p50/p99   told   ms/s")
    for kind in kinds:
        for level in levels:
            hiss = noise(kind, len(played.sound), seed + 1) * np.float32(_LOUDNESS * 10 ** (-level / 20))
            sound = played.sound + hiss
            utterances, found, spent = segment(sound, config)
            told = told_right(utterances, played, neighbour)
            cost = 1e3 * spent / (len(sound) / SAMPLE_RATE)
            key = f"{kind}_{level}"
            figures |= _row(key, kind, level, "energy", found, played, f"{100 * told:5.1f} % {cost:5.2f}")
            figures[f"{key}_told"] = round(told, 3)
            if find_spec("webrtcvad"):
                modes = [webrtc(sound, mode, config) for mode in range(4)]
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
