"""Log-mel spectrograms: this project's batched ones against librosa's, clip by clip, on one thread each.

    python benchmarks/speed/logmel.py [--data DIR] [--clips 256] [--json]

Real clips are Speech Commands and Free Spoken Digit recordings under DIR (or RECIPROCAL_DATA). Without them,
decaying noise of one second stands in. Full-length clips (5.57 s, no padding to skip) are measured beside them.
librosa is warmed up first, and both take turns, so that a busy machine slows both.
"""

import argparse
import json
import os
import platform
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import cv2
import librosa
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from sensors.signals.sound import read_sound
from sensors.signals.spectrogram import HOP, N_FFT, SAMPLE_RATE, TOP_DB, WINDOW, log_mel

Waves = list[NDArray[np.float32]]
BANDS, FRAMES = 96, 96
CLIP = (FRAMES - 1) * HOP + WINDOW // 2
"""Samples that 96 frames see."""
ROUNDS = 5


@dataclass(frozen=True)
class Timing:
    """What one set of clips gave: milliseconds a clip (best of five rounds) and the largest difference, dB."""

    ours_ms: float
    librosa_ms: float
    error_db: float

    @property
    def speedup(self) -> float:
        """Times faster than librosa."""
        return self.librosa_ms / self.ours_ms


def reference(wave: NDArray[np.float32]) -> NDArray[np.float32]:
    """What librosa makes one clip, padded or cut to 96 frames."""
    padded = librosa.util.fix_length(wave, size=CLIP)
    power = librosa.feature.melspectrogram(
        y=padded, sr=SAMPLE_RATE, n_fft=N_FFT, win_length=WINDOW, hop_length=HOP, n_mels=BANDS, center=True
    )
    return np.asarray(librosa.power_to_db(power, ref=np.max, top_db=TOP_DB), np.float32)


def compare(waves: Waves) -> Timing:
    """Time both on the same clips, in turns."""
    sample = waves[:: max(1, len(waves) // 32)]
    theirs = np.stack([reference(wave) for wave in sample])
    error = float(np.abs(log_mel(sample) - theirs).max())
    ours_s, librosa_s = [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        log_mel(waves)
        middle = time.perf_counter()
        for wave in sample:
            reference(wave)
        ours_s.append((middle - start) / len(waves))
        librosa_s.append((time.perf_counter() - middle) / len(sample))
    return Timing(1e3 * min(ours_s), 1e3 * min(librosa_s), error)


def real_clips(folder: Path, count: int) -> Waves:
    """Recordings spread evenly over both datasets; empty where there are none."""
    paths = [*sorted(folder.glob("speech_commands/*/*_nohash_*")), *sorted(folder.glob("fsdd/recordings/*_*"))]
    return [read_sound(path) for path in paths[:: max(1, len(paths) // count)][:count]]


def noise(samples: int, count: int) -> Waves:
    """Decaying noise that stands in for speech."""
    rng = np.random.default_rng(0)
    fade = 0.1 * np.exp(-np.linspace(0, 4, samples))
    return [(rng.standard_normal(samples) * fade).astype(np.float32) for _ in range(count)]


def main() -> None:
    """Measure and print; the last line is JSON on request."""
    parser = argparse.ArgumentParser(description="log-mel: batched against librosa clip by clip, one thread each")
    parser.add_argument("--data", default=os.environ.get("RECIPROCAL_DATA"), help="folder of real datasets")
    parser.add_argument("--clips", type=int, default=256, help="clips a set (default 256)")
    parser.add_argument("--json", action="store_true", help="print one flat JSON object as the last line")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    threadpool_limits(1)
    real = real_clips(Path(options.data), options.clips) if options.data else []
    clips = real or noise(SAMPLE_RATE, options.clips)
    kind = "real recordings" if real else "synthetic, 1 s"
    usual, full = compare(clips), compare(noise(CLIP, options.clips))
    seconds = float(np.mean([len(wave) for wave in clips])) / SAMPLE_RATE
    print(f"{platform.machine()}, {os.cpu_count()} cores, one thread used; librosa {version('librosa')}")
    for name, length, f in ((kind, seconds, usual), ("full length", CLIP / SAMPLE_RATE, full)):
        print(
            f"{name:>16} ({len(clips)} clips of {length:.2f} s): {f.ours_ms:.3f} ms a clip, librosa "
            f"{f.librosa_ms:.3f} ms: {f.speedup:.1f} x; largest difference {f.error_db:.1e} dB"
        )
    if options.json:
        figures = {
            "speedup_vs_librosa": round(usual.speedup, 2),
            "max_abs_error_db": max(usual.error_db, full.error_db),
            "speedup_full_length": round(full.speedup, 2),
            "ms_per_clip": round(usual.ours_ms, 4),
            "ms_per_clip_full_length": round(full.ours_ms, 4),
            "librosa_ms_per_clip": round(usual.librosa_ms, 4),
            "clips": kind,
            "mean_clip_s": round(seconds, 3),
            "threads": 1,
        }
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
