"""Sound files to waveforms: one channel, 16 kHz, float32.

One rule for all kinds of file: what is whole is read; a file whose end is missing is read as far as it is whole and
marked as `cut`; what cannot be read, or is of a kind that does not tell whether it is whole, is refused. Nothing that
is damaged is taken for a whole file.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from sensors.core.errors import DataError, SampleError
from sensors.signals.mixer import cancelled
from sensors.signals.sound_containers import SINGLE, end_missing, repaired, tells_length
from sensors.signals.spectrogram import SAMPLE_RATE
from sensors.system.files import read_regular

LONGEST_FILE = 600.0
"""Longest sound file that is read, seconds."""
LARGEST_FILE = 1 << 30
"""Largest sound file that is read, bytes."""
RATES = (1_000, 384_000)
"""Lowest and highest sampling rate that is resampled, Hz."""
LOUDEST = 1e15
"""Largest sample that is taken; the power of a larger one overflows in a spectrogram."""
SILENCE = 2 / 32_768
"""Largest distance of a recording's samples from each other that counts as silence: two steps of 16 bits."""


class SoundError(SampleError):
    """A sound file that cannot be used."""


@dataclass(frozen=True)
class DecodedSound:
    """What a sound file holds.

    Attributes:
        wave: (samples,) float32, 16 kHz, nominally -1…1.
        cut: its end is missing: it was cut off or damaged, or its recorder never closed it. `wave` is what is whole.
        alone: number of the channel that `wave` is, as the channels cancel each other; None where they are mixed.
        silent: no sound in any channel, or only a constant.
    """

    wave: NDArray[np.float32]
    cut: bool = False
    alone: int | None = None
    silent: bool = False


def read_sound(path: str | Path) -> NDArray[np.float32]:
    """A whole sound file's waveform, as `load_sound` reads it.

    Args:
        path: WAV, FLAC, OGG, MP3, AIFF, AU, CAF or W64, at most 10 minutes.

    Returns:
        (samples,) float32, nominally -1…1.

    Raises:
        DataError: as in `load_sound`, or the end of the file is missing.
    """
    sound = load_sound(path)
    if sound.cut:
        seconds = len(sound.wave) / SAMPLE_RATE
        raise SoundError(
            f"{path}: its end is missing, {seconds:.2f} s of it are there; record it again, or convert what is there",
            "cut off",
        )
    return sound.wave


def load_sound(path: str | Path) -> DecodedSound:
    """What a sound file holds, as `decode` reads it.

    Raises:
        DataError: names the file that is missing, no regular file, or refused by `decode`.
    """
    return decode(read_regular(path, LARGEST_FILE, "no clip; cut it to at most 10 minutes"), str(path))


def decode(data: bytes, name: str) -> DecodedSound:
    """What the bytes of a sound file hold: channels mixed, resampled to 16 kHz.

    The mix is the average of the channels. Where they cancel each other (a balanced cable in a stereo input gives
    the same sound twice, once upside down), it would be silent: then the loudest channel is taken.

    Args:
        data: WAV, FLAC, OGG, MP3, AIFF, AU, CAF or W64, at most 10 minutes.
        name: of the file, for messages.

    Raises:
        SoundError: it is unreadable, empty, too long, holds NaN, infinity or samples above 1e15, is of a kind that does
            not tell whether it is whole, or its end is missing and its coding does not tell what is whole.
    """
    data, cut = repaired(data)
    try:
        with _Forward(io.BytesIO(data)) as file:
            rate, declared, log = int(file.samplerate), int(file.frames), str(file.extra_info)
            kind, coding = str(file.format), str(file.subtype)
        if not RATES[0] <= rate <= RATES[1]:
            raise SoundError(_rate_refused(name, rate), "of a sampling rate that is not read")
        if not tells_length(kind, data):
            told = f"{kind} does not tell whether it is whole; convert it to WAV or FLAC"
            raise SoundError(f"{name}: {told}", "of a kind that does not tell whether it is whole")
        # A FLAC file that came through a pipe does not say how long it is; soundfile gives the largest number then.
        endless = declared > LARGEST_FILE and kind == "FLAC"
        most = round(LONGEST_FILE * rate)
        if declared > most and not endless:
            raise SoundError(
                f"{name}: {declared / rate:.0f} s of sound; cut it to at most {most / rate:.0f} s", "too long"
            )
        channels = _read(data, most if endless else declared)
    except (soundfile.SoundFileError, OSError, ValueError) as error:
        cause = str(getattr(error, "error_string", error)).strip().rstrip(".") or "damaged"
        raise SoundError(f"{name}: cannot be read as sound ({cause}); convert it to WAV or FLAC") from None
    if endless and len(channels) == most:
        raise SoundError(f"{name}: more than {LONGEST_FILE:.0f} s of sound; cut it", "too long")
    cut |= end_missing(kind, data, rate, log, declared, len(channels))
    if cut and not coding.startswith(SINGLE):
        raise SoundError(
            f"{name}: its end is missing, and {coding} cannot be cut; record it again, or convert it", "cut off"
        )
    return _sound(channels, rate, cut, name, len(data))


def _sound(channels: NDArray[np.float32], rate: int, cut: bool, name: str, size: int) -> DecodedSound:
    if not len(channels):
        if cut:
            raise SoundError(f"{name}: cut off before its first sample; remove the file or record it again", "cut off")
        raise SoundError(
            f"{name}: holds no samples by its header, and is {size:,} bytes long; remove the file or record it again",
            "without samples",
        )
    # A comparison with NaN is false.
    if not (np.abs(channels) <= LOUDEST).all():
        raise SoundError(
            f"{name}: holds NaN or infinite samples, or such above {LOUDEST:g}; remove the file or record it again",
            "with NaN, infinite or far too large samples",
        )
    alone = cancelled(channels)
    wave = channels[:, 0] if channels.shape[1] == 1 else channels.mean(axis=1, dtype=np.float32)
    if alone is not None:
        wave = channels[:, alone]
    silent = bool(np.ptp(channels, axis=0).max() <= SILENCE)
    wave = resample(np.ascontiguousarray(wave), rate)
    if not len(wave):
        raise SoundError(f"{name}: shorter than one sample at {SAMPLE_RATE} Hz; remove the file", "too short")
    return DecodedSound(wave, cut, alone, silent)


def resample(wave: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """A waveform at 16 kHz.

    Args:
        wave: (samples,) float32.
        rate: its sampling rate, Hz.

    Returns:
        (samples x 16000 / rate,) float32; the same array when the rate is 16 kHz already.

    Raises:
        DataError: not 1-D float32, or a rate outside 1…384 kHz.
    """
    if wave.ndim != 1 or wave.dtype != np.float32:
        raise DataError(f"waveform: expected 1-D float32, got {wave.ndim}-D {wave.dtype}")
    if not RATES[0] <= rate <= RATES[1]:
        raise DataError(_rate_refused("waveform", rate))
    if rate == SAMPLE_RATE:
        return wave
    return np.asarray(soxr.resample(wave, rate, SAMPLE_RATE), np.float32)


class _Forward(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A sound file that is read from its start only: some kinds cannot seek, and say so only when they are asked to."""

    def seekable(self) -> bool:
        return False


def _read(data: bytes, most: int) -> NDArray[np.float32]:
    """As many samples, up to `most` of each channel, as can be decoded: (samples, channels) float32."""

    def first(count: int) -> NDArray[np.float32]:
        with _Forward(io.BytesIO(data)) as file:
            return np.asarray(file.read(count, dtype="float32", always_2d=True))

    try:
        return first(most)
    except soundfile.SoundFileError:
        pass
    # What was decoded before the error is lost with it: the longest beginning without one is sought, bit by bit.
    whole = first(0)
    step = 1 << most.bit_length()
    while step := step // 2:
        if len(whole) + step <= most:
            try:
                whole = first(len(whole) + step)
            except soundfile.SoundFileError:
                continue
    if not len(whole):
        first(1)
    return whole


def _rate_refused(owner: str, rate: int) -> str:
    low, high = RATES
    return f"{owner}: sampling rate {rate} Hz is outside {low}…{high} Hz; give the true rate"
