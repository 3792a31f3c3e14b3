"""How `audio` is perceived live: a microphone, cut into utterances."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.cutters.cleaning import clean
from sensors.cutters.segmentation import Segmenter, Utterance
from sensors.senses.contract import Stream
from sensors.signals.readings import Chunk
from sensors.signals.spectrogram import SAMPLE_RATE, log_mel, longest, quantise
from sensors.sources.live_config import SensorsConfig
from sensors.sources.source import Source


def _sources(config: SensorsConfig) -> list[Source[Any]]:
    if config.microphone is None:
        return []
    # Each kind of device brings a library of its own.
    from sensors.sources.microphone import Microphone

    return [Microphone.from_config(config)]


def _cutter(config: Any) -> Segmenter:
    """What cuts sound into utterances, none longer than a spectrogram is."""
    segmentation = config.segmentation
    segmentation = segmentation.replace(longest=min(segmentation.longest, longest() / SAMPLE_RATE))
    return Segmenter(segmentation, words=config.sensors.utterance == "word")


def _samples(percepts: Sequence[Utterance], config: Any) -> NDArray[np.uint8]:
    """Utterances as spectrograms, without the room's noise where the settings ask for that."""
    return quantise(log_mel([_sound(utterance, config) for utterance in percepts]))


def _sound(utterance: Utterance, config: Any) -> NDArray[np.float32]:
    if not config.clean or utterance.background is None:
        return utterance.samples
    return clean(utterance.samples, utterance.background)


def _file(utterance: Utterance, config: Any) -> tuple[str, bytes]:
    """An utterance as a sound file."""
    # A robot writes no files, and need not have the library.
    import soundfile

    data = io.BytesIO()
    soundfile.write(data, _sound(utterance, config), SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return ".wav", data.getvalue()


def _warm_up() -> list[Chunk]:
    """Two seconds of a quiet room, in which something loud is heard for half a second."""
    rng = np.random.default_rng(0)
    sound = 0.001 * rng.standard_normal(2 * SAMPLE_RATE, np.float32)
    sound[SAMPLE_RATE // 2 : SAMPLE_RATE] += 0.2 * rng.standard_normal(SAMPLE_RATE // 2, np.float32)
    count = SAMPLE_RATE // 20
    return [Chunk(at / SAMPLE_RATE, sound[at : at + count]) for at in range(0, len(sound), count)]


STREAM = Stream(
    reading=Chunk,
    sources=_sources,
    cutter=_cutter,
    samples=_samples,
    warm_up=_warm_up,
    file=_file,
    misses={
        "too_quiet": "too quiet: speak louder, or nearer to the microphone",
        "too_short": "too short",
        "too_long": "too long: pause between what is said",
    },
)
