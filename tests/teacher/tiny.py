"""Tiny datasets, on disk and in memory."""

import gzip
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from teacher.config import CONCEPTS
from teacher.datasets import Samples
from teacher.datasets.core.samples import make_samples

MNIST_COUNTS = {"train": 40, "t10k": 20}


def idx(array: NDArray[np.uint8]) -> bytes:
    header = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes()
    return header + array.tobytes()


def write_mnist(folder: Path, packed: bool = True) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for part, count in MNIST_COUNTS.items():
        images = rng.integers(0, 256, (count, 28, 28)).astype(np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        for stem, array in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            data = idx(array)
            (folder / (stem + ".gz" * packed)).write_bytes(gzip.compress(data) if packed else data)


def tone(seconds: float, rate: int, pitch: float) -> NDArray[np.float32]:
    t = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * pitch * t)).astype(np.float32)


def write_fsdd(folder: Path, speakers: tuple[str, ...] = ("ann",)) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, speaker in enumerate(speakers):
        for digit in range(10):
            for index in (0, 4, 5, 49):
                path = folder / f"{digit}_{speaker}_{index}.{'wav' if digit % 2 else 'flac'}"
                soundfile.write(path, tone(0.2, 8000, 200 + 100 * digit + index + 7 * number), 8000)


def write_words(folder: Path, per_word: int, words: tuple[str, ...] = CONCEPTS, per_speaker: int = 1) -> None:
    for number, word in enumerate(words):
        (folder / word).mkdir(parents=True, exist_ok=True)
        for i in range(per_word):
            path = folder / word / f"{i // per_speaker:08x}_nohash_{i % per_speaker}.wav"
            soundfile.write(path, tone(0.1, 16000, 200 + 50 * number + i), 16000)


def toy(name: str, shape: tuple[int, ...], seed: int = 0, jitter: bool = False) -> Samples:
    """Samples whose first value is the concept, 20 a concept for training and 5 for test."""
    rng = np.random.default_rng(seed)

    def part(count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        labels = rng.permutation(np.repeat(np.arange(10), count)).astype(np.int64)
        samples = rng.integers(20, 256, (len(labels), *shape)).astype(np.uint8)
        samples.reshape(len(labels), -1)[:, 0] = labels
        return samples, labels

    return make_samples(name, part(20), part(5), "toy split", jitter=jitter)
