"""From recordings to stored log-mel samples, in bounded pieces."""

import hashlib
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sensors.errors import DataError
from sensors.sound import read_sound
from sensors.spectrogram import LONGEST, SAMPLE_RATE, log_mel, quantise, too_long
from teacher.datasets.samples import Bytes

_PIECE = 128


def prepare_waves(waves: Iterable[NDArray[np.float32]]) -> tuple[Bytes, int]:
    """Turn waveforms into stored samples.

    Args:
        waves: float32 mono, 16 kHz, -1…1, any length but empty.

    Returns:
        (N, 1, 96, 96) uint8 log-mel, and how many clips were cut to 5.57 s.
    """
    parts, cut, stream = [], 0, iter(waves)
    while piece := list(islice(stream, _PIECE)):
        cut += sum(map(too_long, piece))
        parts.append(quantise(log_mel(piece)))
    return (np.concatenate(parts) if parts else np.empty((0, 1, 96, 96), np.uint8)), cut


def prepare_files(paths: Sequence[Path]) -> tuple[Bytes, int]:
    """`prepare_waves` over sound files of any rate.

    Raises:
        DataError: a file is unreadable, empty, or holds values that are not finite.
    """
    return prepare_waves(map(read_sound, paths))


def cut_note(cut: int) -> tuple[str, ...]:
    """A summary's phrase on clips that were cut, or nothing."""
    return (f"{cut} clips longer than {LONGEST / SAMPLE_RATE:.2f} s were cut",) if cut else ()


def files_key(paths: Sequence[Path]) -> str:
    """Hash of names and contents of files, 32 hex digits.

    Raises:
        DataError: a file cannot be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    for path in paths:
        try:
            data = path.read_bytes()
        except OSError as e:
            raise DataError(f"{path}: cannot be read ({e.strerror}); check its permissions") from None
        digest.update(f"{path.parent.name}/{path.name}:{len(data)}:".encode())
        digest.update(data)
    return digest.hexdigest()
