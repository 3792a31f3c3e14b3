"""Recordings of the names of a folder's concepts, by the embedded synthesiser: each by many voices, one file a voice.

things/image/mug/1.jpg  ->  things/audio/mug/adam_1.wav, …
"""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from sensors.core.errors import DataError, StorageError
from sensors.senses import senses
from sensors.signals.spectrogram import SAMPLE_RATE
from teacher.datasets.core.report import printable
from teacher.datasets.synthesis.espeak import Espeak
from teacher.datasets.synthesis.synthetic import ACCENTS, VOICES, available, missing, record
from teacher.folder.layout import SPOKEN, some
from teacher.folder.names import match
from teacher.folder.scan import scan

TAKES = 20
"""Recordings of each name, each by a voice of its own: the split by speaker tests on voices that are never heard."""
SPEAKERS = VOICES[::2][:TAKES]
"""Voices that say them: every other one in the alphabet."""
SPANS = ((120, 221), (25, 76), (30, 81))
"""Words per minute, pitch and expression: from, up to but without."""


def speak(root: Path) -> list[str]:
    """Say the name of each concept that has no recordings yet, into its folder of sounds.

    The same folder gives the same recordings in a process that has not spoken before.

    Args:
        root: the folder of things.

    Returns:
        Lines for people: what was made, and where.

    Raises:
        DataError: the folder has no known layout or names no thing, or the synthesiser is missing or fails.
        StorageError: the folder cannot be written.
    """
    if not available():
        raise DataError(missing())
    endings = {name: each.endings for name, each in senses().items() if each.load is not None}
    try:
        found = scan(root, endings)
        names = match(root, found.files)
    except DataError as error:
        raise DataError(f"--speak {str(error).removeprefix('--teach ')}") from None
    heard, concept_of = found.files.get(SPOKEN, {}), names.folders.get(SPOKEN, {})
    spoken = {concept_of[folder] for folder, files in heard.items() if files and folder in concept_of}
    silent = [concept for concept in names.concepts if concept not in spoken]
    if not names.concepts:
        raise DataError(
            f"--speak {printable(str(root))}: has no names to say;\nmake a folder for each thing, as in image/mug"
        )
    place = root / ("train" if found.parts else "") / SPOKEN
    if silent:
        _say(place, silent)
    lines = [f"{len(silent):,} names said by {TAKES} voices each: {some(silent, 10)}; in {place}"] if silent else []
    if spoken:
        lines.append(f"{len(spoken):,} concepts have recordings already: {some(sorted(spoken), 10)}")
    return lines


def _say(place: Path, names: list[str]) -> None:
    engine = Espeak()
    rng = np.random.default_rng(0)
    try:
        place.mkdir(parents=True, exist_ok=True)
        for name in names:
            stage = Path(tempfile.mkdtemp(prefix=".speaking-", dir=place))
            try:
                for voice in SPEAKERS:
                    rate, pitch, expression = (int(rng.integers(*span)) for span in SPANS)
                    text = name.replace("_", " ").replace("-", " ")
                    pcm = engine.say(
                        text, f"{rng.choice(ACCENTS)}+{voice}", rate=rate, pitch=pitch, expression=expression
                    )
                    wave = next(record(pcm, np.array([len(pcm)]), engine.rate, rng))
                    soundfile.write(stage / f"{voice}_1.wav", wave, SAMPLE_RATE, subtype="PCM_16")
                stage.chmod(0o755)
                if (place / name).exists():
                    (place / name).rmdir()  # an empty one, as nothing in it can be read
                stage.rename(place / name)
            finally:
                shutil.rmtree(stage, ignore_errors=True)
    except OSError as error:
        raise StorageError(f"--speak {place}: cannot be written ({error.strerror})") from None
    finally:
        engine.close()
