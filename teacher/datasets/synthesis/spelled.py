"""Embedded letters: A to Z spelled by espeak-ng, and a drawn mouth that moves as its phonemes do; all synthetic.

Each speaker is one voice with one accent and one mouth, and says every letter once. Voices and mouths of the test
part are never met in training. From sound and film on, utterances are prepared exactly as AV-Letters are.

The engine repeats itself only as a whole sequence in a fresh process, so a child process speaks that sequence:
`python -m teacher.datasets.synthesis.spelled --out FILE`.
"""

import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import DataError
from sensors.signals.lips import FRAMES as FILM_FRAMES
from sensors.signals.mfcc import STEP, speech_frames
from sensors.signals.sound import resample
from sensors.signals.spectrogram import SAMPLE_RATE
from teacher.datasets.core.utterances import LETTERS, Utterances, make_utterances, store_lips
from teacher.datasets.preparation.cache import form_of, kept
from teacher.datasets.readers.avletters import cut_out
from teacher.datasets.synthesis.espeak import Espeak, run_speaker, speaker_main
from teacher.datasets.synthesis.mouth import film, make_mouth
from teacher.datasets.synthesis.synthetic import TEST_VOICES, TRAIN_VOICES, available, missing
from teacher.datasets.synthesis.visemes import WIDTH, movement

NAME = "synthetic-letters"
TRAIN_SPEAKERS, TEST_SPEAKERS = TRAIN_VOICES[:24], TEST_VOICES
"""Voices by their names; as many train as AV-Letters has training utterances of one letter in a fold."""
ACCENTS = ("en-us", "en-us-nyc")
"""Accents that name all letters alike; others say zed."""
_SPANS = ((160, 211), (25, 76), (30, 81))
"""Words per minute, pitch and expression: from, up to but without."""
_LEAD, _TAIL = (0.16, 0.4), (0.24, 0.4)
"""Seconds of film before the voice starts and after it ends: from, to."""
_LEVEL, _FLOOR = (-12, -1), (-75, -60)
"""Decibels: the voice's peak below full scale, and noise below that peak: from, to."""
_FRAME = 2 * STEP
"""Samples of sound under one frame of film."""
_FORM = form_of(Utterances, ("speech", "stored_lips", "letters", "speakers", "repetitions"))


@dataclass(frozen=True)
class LetterTake:
    """One letter to spell: its number, its speaker, the engine's voice, words per minute, pitch, expression (0…100)."""

    letter: int
    speaker: str
    voice: str
    rate: int
    pitch: int
    expression: int


@dataclass(frozen=True)
class Spoken:
    """What the engine said: 16-bit samples, and the phonemes with their starts and the end of the last in seconds."""

    pcm: NDArray[np.int16]
    phonemes: tuple[tuple[float, str], ...]
    end: float


def load(seed: int = 0) -> Utterances:
    """Spell and draw 884 utterances, 26 letters by 34 speakers; the same for the same seed, in any process.

    Raises:
        DataError: espeakng-loader is not installed or its engine fails.
    """
    if not available():
        raise DataError(missing())
    return kept(NAME, f"{seed}-{version('espeakng-loader')}", lambda: _prepare(seed), _FORM)


def takes(seed: int) -> list[LetterTake]:
    """Everything to speak, in order: all letters of a speaker, training speakers first."""
    rng = np.random.default_rng([seed, 1])
    plan = []
    for speaker in (*TRAIN_SPEAKERS, *TEST_SPEAKERS):
        voice = f"{rng.choice(ACCENTS)}+{speaker}"
        for letter in range(len(LETTERS)):
            rate, pitch, expression = (int(rng.integers(*span)) for span in _SPANS)
            plan.append(LetterTake(letter, speaker, voice, rate, pitch, expression))
    return plan


def speak(seed: int, out: Path) -> None:
    """Spell all takes with one fresh engine into an `.npz` that `_hear` reads.

    Raises:
        DataError: the engine is missing or fails.
    """
    engine = Espeak(phonemes=True)
    said, starts, names, counts, ends = [], [], [], [], []
    for take in takes(seed):
        pcm = engine.say(LETTERS[take.letter], take.voice, rate=take.rate, pitch=take.pitch, expression=take.expression)
        # Pauses, whose names begin with '_', follow what is said; the first tells where it ends.
        count = next((n for n, (_, name) in enumerate(engine.phonemes) if name.startswith("_")), len(engine.phonemes))
        end = engine.phonemes[count][0] if count < len(engine.phonemes) else len(pcm) / engine.rate
        said.append(pcm)
        starts += [start for start, _ in engine.phonemes[:count]]
        names += [name for _, name in engine.phonemes[:count]]
        counts.append(count)
        ends.append(end)
    engine.close()
    np.savez(
        out,
        pcm=np.concatenate(said),
        lengths=np.array([len(s) for s in said]),
        rate=np.array(engine.rate),
        starts=np.array(starts),
        names=np.array(names),
        counts=np.array(counts),
        ends=np.array(ends),
    )


def record(
    spoken: Spoken, rate: int, lead: float, tail: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Sound and film start together: the wave as a microphone hears it, and when the film's frames are taken.

    Args:
        spoken: what is said.
        rate: samples per second of it.
        lead: seconds before it starts.
        tail: least seconds after it ends.
        rng: level and noise.

    Returns:
        (samples,) float32 at 16 kHz, twelve frames of film long or more and cut where one ends; (T,) seconds, the
        middle of each film frame as counted from the start of what is said.
    """
    voice = resample(spoken.pcm * np.float32(1 / 32768), rate)
    frames = max(FILM_FRAMES, int(np.ceil((lead + spoken.end + tail) * SAMPLE_RATE / _FRAME)))
    wave = np.zeros(frames * _FRAME, np.float32)
    start = round(lead * SAMPLE_RATE)
    heard = voice[: len(wave) - start]
    wave[start : start + len(heard)] = heard
    level = 10 ** (rng.uniform(*_LEVEL) / 20) / max(float(np.abs(wave).max()), 1e-6)
    floor = level * 10 ** (rng.uniform(*_FLOOR) / 20)
    noise = rng.standard_normal(len(wave), np.float32) * np.float32(floor)
    wave = np.clip(wave * np.float32(level) + noise, -1, 1).astype(np.float32)
    return wave, (np.arange(frames) + 0.5) * _FRAME / SAMPLE_RATE - lead


def _prepare(seed: int) -> Utterances:
    plan = takes(seed)
    with tempfile.TemporaryDirectory(prefix="reciprocal-") as folder:
        out = Path(folder) / "letters.npz"
        run_speaker("teacher.datasets.synthesis.spelled", seed, out)
        said, rate = _hear(out)
    mouths = {
        s: make_mouth(np.random.default_rng([seed, 2, n])) for n, s in enumerate((*TRAIN_SPEAKERS, *TEST_SPEAKERS))
    }
    speech, lips = [], []
    for number, (take, spoken) in enumerate(zip(plan, said, strict=True)):
        rng = np.random.default_rng([seed, 3, number])
        wave, times = record(spoken, rate, rng.uniform(*_LEAD), rng.uniform(*_TAIL), rng)
        mouth = mouths[take.speaker]
        poses = movement(spoken.phonemes, spoken.end, times + rng.normal(0, 0.01), mouth.lag)
        poses *= _effort(rng)
        heard, difference, _ = cut_out(film(mouth, poses, rng), speech_frames([wave])[0])
        speech.append(heard)
        lips.append(store_lips(difference))
    return make_utterances(
        NAME,
        np.stack(speech),
        np.stack(lips),
        np.array([t.letter for t in plan], np.int64),
        [t.speaker for t in plan],
        np.ones(len(plan), np.int64),
        notes=("spelled by espeak-ng, lips drawn",),
    )


def _effort(rng: np.random.Generator) -> NDArray[np.float32]:
    """How much of each column of a pose this utterance reaches: nobody says a letter twice alike."""
    effort = np.exp(rng.normal(0, 0.15, 6))
    effort[WIDTH] = np.exp(rng.normal(0, 0.1))
    return effort.astype(np.float32)


def _hear(path: Path) -> tuple[list[Spoken], int]:
    with np.load(path, allow_pickle=False) as data:
        pcm, lengths, rate = data["pcm"], data["lengths"], int(data["rate"])
        starts, names, counts, ends = (data[k] for k in ("starts", "names", "counts", "ends"))
    waves = np.split(pcm, np.cumsum(lengths)[:-1])
    phonemes = list(zip(starts.tolist(), names.tolist(), strict=True))
    bounds = [0, *np.cumsum(counts).tolist()]
    return [
        Spoken(wave, tuple(phonemes[first:last]), float(end))
        for wave, first, last, end in zip(waves, bounds[:-1], bounds[1:], ends, strict=True)
    ], rate


if __name__ == "__main__":
    sys.exit(speaker_main(speak, "the embedded letters"))
