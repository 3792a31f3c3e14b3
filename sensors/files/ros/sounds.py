"""Sound in ROS messages: `audio_common_msgs` with its `AudioInfo`, and `foxglove_msgs/RawAudio`."""

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

RATES = (1_000, 384_000)
"""Lowest and highest sampling rate that is resampled, Hz."""
MOST_CHANNELS = 64
"""Most channels of sound that are mixed."""
_PCM = ("", "wave", "wav", "raw", "pcm")
_MP3 = "mp3"
_NEEDS_AV = "is MP3, which needs PyAV: pip install 'reciprocal[films]'"
_HEAD = b"RIFF"


class UnreadableSound(Exception):
    """Sound of a form that is not read; says why."""


@dataclass(frozen=True)
class SoundForm:
    """How sound is coded.

    Attributes:
        rate: samples a second.
        channels: of each sample.
        format: of a value, as GStreamer names it: S16LE, F32LE, …; empty where `coding` says all.
        coding: 'pcm' or 'mp3'.
    """

    rate: int
    channels: int
    format: str = "S16LE"
    coding: str = "pcm"

    def __str__(self) -> str:
        what = self.format if self.coding == "pcm" else self.coding.upper()
        return f"{what} {self.rate} Hz {'mono' if self.channels == 1 else f'{self.channels} channels'}"

    @property
    def refused(self) -> str:
        """Why it cannot be read; empty: it can."""
        if not RATES[0] <= self.rate <= RATES[1]:
            return f"a rate of {self.rate} Hz cannot be read"
        if not 1 <= self.channels <= MOST_CHANNELS:
            return f"sound of {self.channels} channels cannot be read"
        if self.coding == _MP3:
            return "" if importlib.util.find_spec("av") else _NEEDS_AV
        if self.coding != "pcm":
            return f"coding {self.coding!r} is none that this program reads; record it as wave"
        try:
            value_type(self.format)
        except UnreadableSound as error:
            return str(error)
        return ""


def form_of_info(info: Any) -> SoundForm:
    """The form that an `audio_common_msgs/AudioInfo` tells."""
    coding = str(info.coding_format).strip().lower()
    return SoundForm(
        int(info.sample_rate),
        int(info.channels),
        str(info.sample_format).strip().upper() or "S16LE",
        "pcm" if coding in _PCM else coding,
    )


def form_of_raw_audio(message: Any) -> SoundForm:
    """The form that a `foxglove_msgs/RawAudio` tells."""
    told = str(message.format).strip().lower()
    return SoundForm(
        int(message.sample_rate),
        int(message.number_of_channels),
        "S16LE" if told == "pcm-s16" else told.upper(),
    )


def value_type(name: str) -> np.dtype[Any]:
    """The type of a value, from GStreamer's name of it.

    Raises:
        UnreadableSound: there is none of this name that is read.
    """
    kind, bits, order = name[:1], name[1:].rstrip("LBE"), name[-2:]
    if name in ("S8", "U8"):
        return np.dtype(f"{'i' if kind == 'S' else 'u'}1")
    letters = {"S": "i", "U": "u", "F": "f"}
    known = ("16", "32") if kind in "SU" else ("32", "64")
    if kind not in letters or bits not in known or order not in ("LE", "BE") or name != f"{kind}{bits}{order}":
        raise UnreadableSound(f"sample format {name!r} is none that this program reads; record it as S16LE or F32LE")
    return np.dtype(f"{'<' if order == 'LE' else '>'}{letters[kind]}{int(bits) // 8}")


class Decoder(Protocol):
    """Bytes of one stream of sound in, samples out."""

    def decode(self, data: bytes) -> Iterator[NDArray[np.float32]]:
        """The samples that these bytes complete: (n, channels) float32, nominally -1…1.

        Raises:
            UnreadableSound: some of the bytes are damaged; what can be read of them was given.
        """


def decoder_of(form: SoundForm) -> Decoder:
    """What decodes sound of a form that is not refused."""
    return _Mp3(form) if form.coding == _MP3 else _Pcm(form)


class _Pcm:
    """Values as they are. A sample may lie in two messages."""

    def __init__(self, form: SoundForm) -> None:
        self._type, self._channels = value_type(form.format), form.channels
        self._rest = b""
        self._begun = False

    def decode(self, data: bytes) -> Iterator[NDArray[np.float32]]:
        if not self._begun and data[:4] == _HEAD:
            # A WAV file was sent in pieces: its head says what AudioInfo says.
            at = data.find(b"data")
            data = data[at + 8 :] if at >= 0 else b""
        self._begun = True
        data = self._rest + data
        size = self._type.itemsize * self._channels
        whole = len(data) // size * size
        self._rest = data[whole:]
        if whole:
            values = np.frombuffer(data[:whole], self._type).reshape(-1, self._channels)
            samples = scaled(values)
            if not np.isfinite(samples).all():
                raise UnreadableSound("holds values that are no numbers")
            yield samples


class _Mp3:
    """MP3, whose frames may lie in two messages."""

    def __init__(self, form: SoundForm) -> None:
        # An optional library.
        import av

        self._form = form
        self._errors = av.error.FFmpegError
        self._codec: Any = av.CodecContext.create("mp3float", "r")
        self._begun = False

    def decode(self, data: bytes) -> Iterator[NDArray[np.float32]]:
        why = ""
        for packet in self._codec.parse(data):
            try:
                frames = self._codec.decode(packet)
            except self._errors as error:
                # Tags come before the first sound of a file.
                why = f"cannot be decoded ({error.strerror})" if self._begun else ""
                continue
            for frame in frames:
                if (frame.sample_rate, frame.layout.nb_channels) != (self._form.rate, self._form.channels):
                    raise UnreadableSound(f"is {frame.sample_rate} Hz, and its AudioInfo says {self._form.rate} Hz")
                self._begun = True
                yield np.ascontiguousarray(frame.to_ndarray().T, np.float32)
        if why:
            raise UnreadableSound(why)


def scaled(values: NDArray[Any]) -> NDArray[np.float32]:
    """Values of any type of sample as float32, nominally -1…1."""
    kind, bits = values.dtype.kind, 8 * values.dtype.itemsize
    if kind == "f":
        return values.astype(np.float32)
    half = float(2 ** (bits - 1))
    middle = half if kind == "u" else 0.0
    # 32 bits lose their last eight, as in any float32.
    return ((values.astype(np.float64) - middle) / half).astype(np.float32)
