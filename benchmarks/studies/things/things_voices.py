"""Names of things spoken by the embedded synthesiser in many voices, as sound files in a folder of things.

Voices that validate, and those that test, are never heard in training. The engine repeats itself only as a whole
sequence in a fresh process, so a child process speaks that sequence:

    python -m benchmarks.studies.things.things_voices --out FILE
"""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sensors.signals.griffin_lim import write_wav
from teacher.datasets.core.utterances import LETTERS
from teacher.datasets.synthesis.espeak import Espeak, run_speaker, speaker_main
from teacher.datasets.synthesis.synthetic import ACCENTS, TEST_VOICES, TRAIN_VOICES, record

KINDS = (
    *("Apple", "Asparagus", "Aubergine", "Avocado", "Banana", "Cabbage", "Carrots", "Cucumber", "Garlic", "Ginger"),
    *("Juice", "Kiwi", "Leek", "Lemon", "Lime", "Mango", "Melon", "Milk", "Mushroom", "Nectarine", "Oat-Milk"),
    *("Oatghurt", "Onion", "Orange", "Papaya", "Passion-Fruit", "Peach", "Pear", "Pepper", "Pineapple", "Plum"),
    *("Pomegranate", "Potato", "Red-Beet", "Red-Grapefruit", "Satsumas", "Sour-Cream", "Sour-Milk", "Soy-Milk"),
    *("Soyghurt", "Tomato", "Yoghurt", "Zucchini"),
)
"""The 43 coarse kinds of the Grocery Store Dataset, as its folders are named."""
SPOKEN = (*KINDS, *LETTERS)
"""All that is said: a folder's name with spaces for hyphens, and letters by their names."""
VALIDATION_VOICES = TRAIN_VOICES[3::5]
VOICES = {
    "train": tuple(voice for voice in TRAIN_VOICES if voice not in VALIDATION_VOICES),
    "val": VALIDATION_VOICES,
    "test": TEST_VOICES,
}
TAKES = {"train": 4, "val": 2, "test": 2}
"""Utterances of each name by each voice."""
_SPANS = ((120, 221), (25, 76), (30, 81))
"""Words per minute, pitch and expression: from, up to but without."""


@dataclass(frozen=True)
class ThingTake:
    """One utterance: part, name, its number in that part, and the engine's voice, rate, pitch and expression."""

    part: str
    name: str
    number: str
    voice: str
    rate: int
    pitch: int
    expression: int


def takes(seed: int) -> list[ThingTake]:
    """Everything to speak, in order."""
    rng = np.random.default_rng([seed, 4])
    plan = []
    for part, voices in VOICES.items():
        for variant in voices:
            for name in SPOKEN:
                for k in range(TAKES[part]):
                    voice = f"{rng.choice(ACCENTS)}+{variant}"
                    rate, pitch, expression = (int(rng.integers(*span)) for span in _SPANS)
                    plan.append(ThingTake(part, name, f"{variant}_{k}", voice, rate, pitch, expression))
    return plan


def speak(seed: int, out: Path) -> None:
    """Speak all takes with one fresh engine into an `.npz` of `pcm`, `lengths` and `rate`.

    Raises:
        DataError: the engine is missing or fails.
    """
    engine = Espeak()
    said = [
        engine.say(t.name.replace("-", " "), t.voice, rate=t.rate, pitch=t.pitch, expression=t.expression)
        for t in takes(seed)
    ]
    engine.close()
    np.savez(out, pcm=np.concatenate(said), lengths=np.array([len(s) for s in said]), rate=np.array(engine.rate))


def write_names(root: Path, seed: int = 0) -> None:
    """Write all utterances as `root/<part>/<name>/<voice>_<number>.wav`; nothing where they are there already.

    Raises:
        DataError: the synthesiser is missing or fails.
        StorageError: they cannot be written.
    """
    whole = root / "whole"
    if whole.exists():
        return
    with tempfile.TemporaryDirectory(prefix="reciprocal-") as folder:
        spoken = Path(folder) / "speech.npz"
        run_speaker("benchmarks.studies.things.things_voices", seed, spoken)
        with np.load(spoken, allow_pickle=False) as data:
            pcm, lengths, rate = data["pcm"], data["lengths"], int(data["rate"])
    waves = record(pcm, lengths, rate, np.random.default_rng([seed, 5]))
    for take, wave in zip(takes(seed), waves, strict=True):
        place = root / take.part / take.name
        place.mkdir(parents=True, exist_ok=True)
        write_wav(place / f"{take.number}.wav", wave)
    # Written last: a folder without it was left half done.
    whole.touch()


if __name__ == "__main__":
    sys.exit(speaker_main(speak, "the names of things"))
