"""From recordings to stored log-mel samples, in bounded pieces; what holds no word is left out and told."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sensors.core.modalities import modality
from sensors.signals.sound import LARGEST_FILE, DecodedSound, SoundError, decode
from sensors.signals.spectrogram import SAMPLE_RATE, log_mel, longest, quantise, too_long
from sensors.system.files import read_regular
from teacher.datasets.core.report import LoadReport
from teacher.datasets.core.samples import Bytes

SHORTEST = 0.05
"""Shortest recording that is taken for a word, seconds: less than from one frame of a spectrogram to the next."""
_PIECE = 128


@dataclass(frozen=True)
class Prepared:
    """Recordings as stored samples.

    Attributes:
        audio: (K, *shape of `audio`) uint8 log-mel of those that were taken, in their order.
        kept: (N,) which of all the recordings these are.
        report: how many were taken, and which were left out and why.
        notes: phrases for a summary, on what was taken but not as it was.
    """

    audio: Bytes
    kept: NDArray[np.bool_]
    report: LoadReport
    notes: tuple[str, ...]


def prepare_recordings(recordings: Iterable[tuple[str, bytes]]) -> Prepared:
    """Turn sound files into stored samples.

    Left out is what cannot be read, has no sound in it, or is shorter than 0.05 s. Of a file whose end is missing,
    what is whole is taken, and of channels that cancel each other the loudest; the notes name both.

    Args:
        recordings: name and content of each file.
    """
    kept: list[bool] = []
    left: list[tuple[str, str]] = []
    changed: list[tuple[str, str]] = []

    def waves() -> Iterator[NDArray[np.float32]]:
        for name, data in recordings:
            sound, reason = _usable(data, name)
            kept.append(sound is not None)
            if sound is None:
                left.append((name, reason))
                continue
            if sound.cut:
                changed.append((name, "clips without their end, taken as far as they are whole"))
            if sound.alone is not None:
                changed.append((name, "clips with channels that cancel each other, of which the loudest was taken"))
            yield sound.wave

    audio, cut = prepare_waves(waves())
    notes = tuple(entry.line for entry in LoadReport.of(len(audio), changed).left)
    return Prepared(audio, np.array(kept, np.bool_), LoadReport.of(len(audio), left), cut_note(cut) + notes)


def prepare_files(paths: Sequence[Path]) -> Prepared:
    """`prepare_recordings` of files, named by their paths from the folder that all of them are in.

    Raises:
        DataError: a file is no regular one, or must not be read.
    """
    top = os.path.commonpath([path.parent for path in paths]) if paths else ""
    return prepare_recordings(
        (str(path.relative_to(top)), read_regular(path, LARGEST_FILE, "no clip; remove it")) for path in paths
    )


def prepare_waves(waves: Iterable[NDArray[np.float32]]) -> tuple[Bytes, int]:
    """Turn waveforms into stored samples.

    Args:
        waves: float32 mono, 16 kHz, -1…1, any length but empty.

    Returns:
        (N, *shape of `audio`) uint8 log-mel, and how many clips were cut to its length.
    """
    parts, cut, stream = [], 0, iter(waves)
    while piece := list(islice(stream, _PIECE)):
        cut += sum(map(too_long, piece))
        parts.append(quantise(log_mel(piece)))
    return (np.concatenate(parts) if parts else np.empty((0, *modality("audio").shape), np.uint8)), cut


def cut_note(cut: int) -> tuple[str, ...]:
    """A summary's phrase on clips that were cut, or nothing."""
    return (f"{cut} clips longer than {longest() / SAMPLE_RATE:.2f} s were cut",) if cut else ()


def files_key(paths: Sequence[Path]) -> str:
    """Hash of names and contents of files, 32 hex digits.

    Raises:
        DataError: a file is no regular one, or cannot be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    for path in paths:
        data = read_regular(path)
        digest.update(f"{path.parent.name}/{path.name}:{len(data)}:".encode("utf-8", "surrogateescape"))
        digest.update(data)
    return digest.hexdigest()


def _usable(data: bytes, name: str) -> tuple[DecodedSound | None, str]:
    """What a file holds; None, and why, where it holds no word."""
    try:
        sound = decode(data, name)
    except SoundError as error:
        return None, error.reason
    if sound.silent:
        return None, "silent"
    if len(sound.wave) < SHORTEST * SAMPLE_RATE:
        return None, f"shorter than {SHORTEST:g} s"
    return sound, ""
