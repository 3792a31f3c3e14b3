"""A listener that was not trained here: pocketsphinx, which tells which of some words was said.

Its acoustic model was trained by its makers on other speech. It is given one word by a grammar, the sound at a peak of
0.5, and a quarter of a second of silence on both sides.
"""

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

import numpy as np

from benchmarks.studies.hearing.played import Wave
from sensors.signals.spectrogram import SAMPLE_RATE

_PEAK = 0.5
_SILENCE = np.zeros(SAMPLE_RATE // 4, np.float32)


def installed() -> bool:
    """Whether pocketsphinx is there."""
    return find_spec("pocketsphinx") is not None


class Listener:
    """Tells the words of a list apart."""

    def __init__(self, words: Sequence[str]) -> None:
        self._decoder = import_module("pocketsphinx").Decoder(lm=None, loglevel="FATAL")
        grammar = f"#JSGF V1.0; grammar words; public <word> = {' | '.join(sorted(set(words)))};"
        self._decoder.add_jsgf_string("words", grammar)
        self._decoder.activate_search("words")

    def hear(self, wave: Wave) -> str | None:
        """The word that was heard in a sound of 16 kHz; None where none was."""
        peak = float(np.abs(wave).max(initial=0))
        sound = np.concatenate([_SILENCE, wave * np.float32(_PEAK / peak) if peak else wave, _SILENCE])
        self._decoder.start_utt()
        self._decoder.process_raw((sound * 32767).astype(np.int16).tobytes(), full_utt=True)
        self._decoder.end_utt()
        told = self._decoder.hyp()
        return None if told is None else str(told.hypstr).split("(")[0] or None
