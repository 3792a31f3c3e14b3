"""The espeak-ng speech synthesiser, driven in-process through ctypes.

espeak-ng (GPL-3) comes with the optional package `espeakng-loader`. Its engine keeps state between
utterances: repeating a text gives slightly different samples, while a whole sequence is the same in any fresh
process on one kind of machine.
"""

import argparse
import ctypes
import subprocess
import sys
from collections.abc import Callable
from ctypes import POINTER, c_char_p, c_int, c_long, c_short, c_size_t, c_uint, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import DataError, UserError
from sensors.system.rooms import child_process

# Values of the library's public header.
_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_PHONEME_EVENTS = 1
_PHONEME_EVENT = 7
_UTF8 = 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_FIX = "pip install 'reciprocal[speech]'"
_TIMEOUT = 120.0


class _Event(ctypes.Structure):
    """The library's event; its last field is a union, of which phonemes use the text."""

    _fields_ = (
        ("type", c_int),
        ("message", c_uint),
        ("text_position", c_int),
        ("length", c_int),
        ("milliseconds", c_int),
        ("sample", c_int),
        ("user_data", c_void_p),
        ("text", ctypes.c_char * 8),
    )


_CALLBACK = ctypes.CFUNCTYPE(c_int, POINTER(c_short), c_int, POINTER(_Event))


class Espeak:
    """One engine; one a process, used from one thread.

    Args:
        phonemes: whether to note the phonemes of what is said.

    Attributes:
        rate: samples per second of what `say` returns.
        phonemes: of what was said last: start in seconds and mnemonic, in order, pauses (`_…`) included; empty unless
            asked for.

    Raises:
        DataError: the library is not installed or does not start.
    """

    def __init__(self, *, phonemes: bool = False) -> None:
        try:
            import espeakng_loader
        except ImportError:
            raise DataError(f"synthetic speech: espeakng-loader is not installed; {_FIX}") from None
        try:
            self._library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
            data = espeakng_loader.get_data_path()
        except (OSError, RuntimeError) as e:
            raise DataError(f"synthetic speech: espeak-ng cannot be loaded ({e}); {_FIX}") from None
        self._declare()
        options = _DONT_EXIT | (_PHONEME_EVENTS if phonemes else 0)
        self.rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, 0, data.encode(), options))
        if self.rate <= 0:
            raise DataError(f"synthetic speech: espeak-ng does not start with its data at {data}; {_FIX}")
        # By default, the engine seeds the noise of its breathing voices with the time of day.
        self._library.espeak_ng_SetRandSeed(1)
        self.phonemes: list[tuple[float, str]] = []
        self._pieces: list[NDArray[np.int16]] = []
        # Kept on self: the library holds only the pointer.
        self._callback = _CALLBACK(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)

    def say(self, text: str, voice: str, *, rate: int, pitch: int, expression: int) -> NDArray[np.int16]:
        """Speak `text`.

        Args:
            text: any UTF-8 text.
            voice: language and variant, such as `en-us+f3`.
            rate: words per minute, 80…450.
            pitch: 0…100.
            expression: pitch range, 0…100.

        Returns:
            (N,) int16 at `self.rate`.

        Raises:
            DataError: unknown voice, or the engine fails.
        """
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise DataError(f"synthetic speech: espeak-ng has no voice {voice!r}; {_FIX}")
        for parameter, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, expression)):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._pieces.clear()
        self.phonemes = []
        data = text.encode() + b"\0"
        status = self._library.espeak_Synth(data, len(data), 0, 0, 0, _UTF8, None, None)
        if status != 0 or not self._pieces:
            raise DataError(f"synthetic speech: espeak-ng failed on {text!r} (status {status})")
        return np.concatenate(self._pieces)

    def close(self) -> None:
        """Free the engine."""
        self._library.espeak_Terminate()

    def _receive(self, wave: Any, count: int, events: Any) -> int:
        if wave and count > 0:
            self._pieces.append(np.ctypeslib.as_array(wave, (count,)).copy())
        number = 0
        # The list ends with an event of type 0.
        while events and (event := events[number]).type:
            if event.type == _PHONEME_EVENT:
                self.phonemes.append((event.milliseconds / 1000, event.text.decode("utf-8", "replace")))
            number += 1
        return 0

    def _declare(self) -> None:
        e = self._library
        e.espeak_Initialize.argtypes = [c_int, c_int, c_char_p, c_int]
        e.espeak_SetSynthCallback.argtypes = [_CALLBACK]
        e.espeak_SetSynthCallback.restype = None
        e.espeak_SetVoiceByName.argtypes = [c_char_p]
        e.espeak_ng_SetRandSeed.argtypes = [c_long]
        e.espeak_SetParameter.argtypes = [c_int, c_int, c_int]
        e.espeak_Synth.argtypes = [
            c_char_p,
            c_size_t,
            c_uint,
            c_int,
            c_uint,
            c_uint,
            POINTER(c_uint),
            c_void_p,
        ]


def run_speaker(module: str, seed: int, out: Path) -> None:
    """Let a fresh process speak: `python -m module --out OUT --seed SEED`, which writes `out`.

    Raises:
        DataError: it fails, writes nothing or takes longer than two minutes; its own one-line message where it has one.
    """
    speaker = child_process(module, "--out", str(out.absolute()), "--seed", str(seed))
    try:
        done = subprocess.run(**speaker, capture_output=True, text=True, timeout=_TIMEOUT)
    except (OSError, subprocess.TimeoutExpired) as e:
        raise DataError(f"synthetic speech: the synthesiser's process failed ({e})") from None
    if done.returncode != 0 or not out.is_file():
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise DataError(last if last.startswith("synthetic") else f"synthetic speech: {last}")


def speaker_main(speak: Callable[[int, Path], None], what: str) -> int:
    """The command line of such a process; returns its exit code.

    Args:
        speak: given the seed, writes the file.
        what: is spoken, for `--help`.
    """
    parser = argparse.ArgumentParser(description=f"speak {what} into an .npz file")
    parser.add_argument("--out", type=Path, required=True, help="the .npz file to write")
    parser.add_argument("--seed", type=int, default=0, help="chooses rates, pitches and accents")
    args = parser.parse_args()
    try:
        speak(args.seed, args.out)
    except UserError as e:
        print(e, file=sys.stderr)
        return 2
    return 0
