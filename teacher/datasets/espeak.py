"""The espeak-ng speech synthesiser, driven in-process through ctypes.

espeak-ng (GPL-3) comes with the optional package `espeakng-loader`. Its engine keeps state between
utterances: repeating a text gives slightly different samples, while a whole sequence is the same in any fresh
process on one kind of machine.
"""

import ctypes
from ctypes import POINTER, c_char_p, c_int, c_long, c_short, c_size_t, c_uint, c_void_p
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.errors import DataError

# Values of the library's public header.
_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_UTF8 = 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_CALLBACK = ctypes.CFUNCTYPE(c_int, POINTER(c_short), c_int, c_void_p)
_FIX = "pip install 'reciprocal[speech]'"


class Espeak:
    """One engine; one a process, used from one thread.

    Attributes:
        rate: samples per second of what `say` returns.

    Raises:
        DataError: the library is not installed or does not start.
    """

    def __init__(self) -> None:
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
        self.rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, 0, data.encode(), _DONT_EXIT))
        if self.rate <= 0:
            raise DataError(f"synthetic speech: espeak-ng does not start with its data at {data}; {_FIX}")
        # Left alone, the engine seeds the noise of its breathing voices with the time of day.
        self._library.espeak_ng_SetRandSeed(1)
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
        data = text.encode() + b"\0"
        status = self._library.espeak_Synth(data, len(data), 0, 0, 0, _UTF8, None, None)
        if status != 0 or not self._pieces:
            raise DataError(f"synthetic speech: espeak-ng failed on {text!r} (status {status})")
        return np.concatenate(self._pieces)

    def close(self) -> None:
        """Free the engine."""
        self._library.espeak_Terminate()

    def _receive(self, wave: Any, count: int, events: int | None) -> int:
        if wave and count > 0:
            self._pieces.append(np.ctypeslib.as_array(wave, (count,)).copy())
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
