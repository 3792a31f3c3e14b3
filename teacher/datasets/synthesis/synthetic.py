"""Embedded speech: the ten digits spoken by espeak-ng in many voices, rates, pitches and accents.

Voices of the test set are never heard in training. The engine repeats itself only as a whole sequence in a
fresh process, so a child process speaks that sequence: `python -m teacher.datasets.synthesis.synthetic --out FILE`.
"""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import DataError
from sensors.signals.sound import resample
from sensors.signals.spectrogram import SAMPLE_RATE
from teacher.config import CONCEPTS
from teacher.datasets.core.samples import Samples, make_samples
from teacher.datasets.preparation.cache import cached
from teacher.datasets.preparation.clips import cut_note, prepare_waves
from teacher.datasets.synthesis.espeak import Espeak, run_speaker, speaker_main

VOICES = (
    *("adam", "Alex", "Alicia", "Andy", "anika", "Annie", "aunty", "belinda", "benjamin", "caleb", "david"),
    *("edward", "f1", "f2", "f3", "f4", "f5", "grandma", "Hugo", "john", "Lee", "linda", "m1", "m2", "m3", "m4"),
    *("m5", "m6", "m7", "m8", "Mario", "max", "Michael", "norbert", "paul", "quincy", "steph", "travis"),
    *("victor", "zac"),
)
"""The engine's voice variants in alphabetical order."""
TEST_VOICES = VOICES[3::4]
"""Every fourth one: by place in the alphabet, not by how well it is understood."""
TRAIN_VOICES = tuple(v for v in VOICES if v not in TEST_VOICES)
ACCENTS = ("en-us", "en-us-nyc", "en-gb-x-rp", "en-gb-scotland", "en-gb-x-gbcwmd", "en-029")
TRAIN_TAKES, TEST_TAKES = 10, 5
_SPANS = ((120, 221), (25, 76), (30, 81))
"""Words per minute, pitch and expression: from, up to but without."""


@dataclass(frozen=True)
class DigitTake:
    """One utterance to speak: concept number, voice, words per minute, pitch and expression (0…100)."""

    concept: int
    voice: str
    rate: int
    pitch: int
    expression: int


def load(seed: int = 0) -> Samples:
    """Synthesise 3,000 training and 500 test clips; the same for the same seed, in any process.

    Raises:
        DataError: espeakng-loader is not installed or its engine fails.
    """
    if not available():
        raise DataError(missing())
    key = f"{seed}-{version('espeakng-loader')}"
    return cached("synthetic", key, lambda: _prepare(seed), "audio")


def available() -> bool:
    """Whether the synthesiser is installed."""
    try:
        version("espeakng-loader")
    except PackageNotFoundError:
        return False
    return True


def missing() -> str:
    """The missing package and the fix, in one line."""
    return "synthetic: espeakng-loader is not installed; pip install 'reciprocal[speech]'"


def takes(seed: int) -> tuple[list[DigitTake], int]:
    """Everything to speak, in order, and how many of them, from the start, are training."""
    rng = np.random.default_rng([seed, 1])
    plan = []
    for voices, count in ((TRAIN_VOICES, TRAIN_TAKES), (TEST_VOICES, TEST_TAKES)):
        for variant in voices:
            for concept in range(len(CONCEPTS)):
                for _ in range(count):
                    voice = f"{rng.choice(ACCENTS)}+{variant}"
                    rate, pitch, expression = (int(rng.integers(*span)) for span in _SPANS)
                    plan.append(DigitTake(concept, voice, rate, pitch, expression))
    return plan, len(TRAIN_VOICES) * len(CONCEPTS) * TRAIN_TAKES


def speak(seed: int, out: Path) -> None:
    """Speak all takes with one fresh engine into an `.npz` of `pcm`, `lengths` and `rate`.

    Raises:
        DataError: the engine is missing or fails.
    """
    engine = Espeak()
    said = [
        engine.say(CONCEPTS[t.concept], t.voice, rate=t.rate, pitch=t.pitch, expression=t.expression)
        for t in takes(seed)[0]
    ]
    engine.close()
    np.savez(out, pcm=np.concatenate(said), lengths=np.array([len(s) for s in said]), rate=np.array(engine.rate))


def _prepare(seed: int) -> Samples:
    plan, train = takes(seed)
    with tempfile.TemporaryDirectory(prefix="reciprocal-") as folder:
        out = Path(folder) / "speech.npz"
        run_speaker("teacher.datasets.synthesis.synthetic", seed, out)
        with np.load(out, allow_pickle=False) as data:
            pcm, lengths, rate = data["pcm"], data["lengths"], int(data["rate"])
    audio, cut = prepare_waves(record(pcm, lengths, rate, np.random.default_rng([seed, 2])))
    labels = np.array([t.concept for t in plan], np.int64)
    split = f"{len(TRAIN_VOICES)} voices train, {len(TEST_VOICES)} others test"
    return make_samples(
        "synthetic",
        (audio[:train], labels[:train]),
        (audio[train:], labels[train:]),
        split,
        notes=cut_note(cut),
    )


def record(
    pcm: NDArray[np.int16], lengths: NDArray[np.int64], rate: int, rng: np.random.Generator
) -> Iterator[NDArray[np.float32]]:
    """Waves as a microphone might hear them: a late start, a level and a little noise of their own.

    Args:
        pcm: (samples,) int16, one wave after the other.
        lengths: (N,) samples of each.
        rate: sampling rate, Hz.
        rng: chooses starts, levels and noise.

    Yields:
        (samples,) float32 at 16 kHz, -1…1.
    """
    ends = np.cumsum(lengths)
    for start, end in zip(ends - lengths, ends, strict=True):
        wave = resample(pcm[start:end] * np.float32(1 / 32768), rate)
        wave = np.pad(wave, (int(rng.integers(0, SAMPLE_RATE // 8)), 0))
        level = 10 ** (rng.uniform(-12, -1) / 20) / max(float(np.abs(wave).max()), 1e-6)
        floor = level * 10 ** (rng.uniform(-65, -50) / 20)
        noise = rng.standard_normal(len(wave), np.float32) * np.float32(floor)
        yield np.clip(wave * np.float32(level) + noise, -1, 1).astype(np.float32)


if __name__ == "__main__":
    sys.exit(speaker_main(speak, "the embedded digits"))
