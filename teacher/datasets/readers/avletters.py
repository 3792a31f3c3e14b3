"""AV-Letters: ten speakers say A to Z three times; lips as MATLAB files, speech as HTK's MFCC files.

Of each utterance one contiguous window of 480 ms is taken, 12 lip frames of 40 ms and 24 speech frames of 20 ms,
centred where the smoothed energy of the speech peaks, and moved inwards where it would leave the film. Speech
frames that the file lacks (it has one fewer than two for each lip frame, in three utterances several fewer) repeat
the file's last one; a film shorter than the window repeats its last frame.

Nothing is kept in the cache: reading and preparing all 780 utterances takes about as long as checking an entry.
"""

import io
import struct
import unicodedata
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import io as matlab
from scipy import ndimage

from sensors.core.errors import DataError
from sensors.core.modalities import modality
from sensors.signals.lips import FRAMES as FILM_FRAMES
from sensors.signals.lips import HEIGHT, WIDTH
from sensors.signals.mfcc import FRAMES as SPEECH_FRAMES
from sensors.signals.mfcc import VALUES
from sensors.system.files import read_regular
from teacher.datasets.core.report import LoadReport
from teacher.datasets.core.samples import Bytes
from teacher.datasets.core.utterances import LETTERS, Utterances, make_utterances, store_lips
from teacher.datasets.readers.avletters_files import FIX, NAME, corpus, find, missing

__all__ = ["corpus", "cut_out", "find", "load", "missing", "read_lips", "read_speech"]

COMPLETE = 780
PERIOD = 200_000
"""HTK's unit is 100 ns: a speech frame every 20 ms."""
KIND = 6 + 0o100 + 0o400
"""HTK's MFCC with energy and deltas."""
ENERGY = 12
"""Where in a speech frame the energy is, after 12 cepstral coefficients."""
SMOOTHING = 3.0
"""Deviation of the Gaussian that smooths energy, in speech frames."""
MOST_BYTES = 4 << 20
"""Largest file read; the corpus' largest has 0.2 MB."""
MOST_UNPACKED = 64 << 20
"""Largest part of a file that is unpacked."""
MOST_FRAMES = 800
"""Longest film read, 32 s; the corpus' longest has 40 frames."""

_COMPRESSED = 15
"""The kind of MATLAB's elements that are packed with zlib."""
_HEADER = struct.Struct(">iihh")


def load(root: Path | None) -> Utterances:
    """Load every utterance, in the order of letters, repetitions and speakers.

    Args:
        root: directory with datasets.

    Raises:
        DataError: no corpus, an utterance without its lips or speech, or a file that is damaged, too large or of
            another kind.
    """
    found = corpus(root)
    names = sorted(found.lips)
    speech, lips, cut, padded = [], [], 0, 0
    for name in names:
        film, frames = read_lips(found.lips[name]), read_speech(found.speech[name])
        heard, difference, lacking = cut_out(film, frames)
        cut += int((np.abs(difference) > 127 / 255).sum())
        padded = max(padded, lacking)
        speech.append(heard)
        lips.append(store_lips(difference))
    parts = [m for name in names if (m := NAME.fullmatch(name))]
    notes = [] if len(names) == COMPLETE else [f"{len(names)} of the original's {COMPLETE}"]
    notes.append(f"at most {padded} speech frames repeat an utterance's last one")
    if cut:
        notes.append(f"{cut / (len(names) * FILM_FRAMES * HEIGHT * WIDTH):.1e} of the lip pixels saturate")
    notes += filter(None, [LoadReport.of(len(names), found.left).line, found.note])
    return make_utterances(
        "avletters",
        np.stack(speech),
        np.stack(lips),
        np.array([LETTERS.index(m["letter"].upper()) for m in parts], np.int64),
        [unicodedata.normalize("NFC", m["speaker"]) for m in parts],
        np.array([int(m["repetition"]) for m in parts], np.int64),
        notes=tuple(notes),
    )


def cut_out(film: Bytes, frames: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32], int]:
    """The window of one utterance.

    Args:
        film: (T, 60, 80) uint8 brightness, a frame every 40 ms.
        frames: (F, 26) float32, a speech frame every 20 ms from the same moment on.

    Returns:
        Speech (24, 26) float32; lips (12, 60, 80) float32, difference from the film's mean frame in fractions of full
        brightness; how many speech frames the window lacked, 0 or below: none.
    """
    first = place_window(frames[:, ENERGY], len(film))
    heard, shown = window(frames, 2 * first, SPEECH_FRAMES), window(film, first, FILM_FRAMES)
    difference = (shown - film.mean(0, dtype=np.float32)) / np.float32(255)
    return heard, difference, 2 * first + SPEECH_FRAMES - len(frames)


def place_window(energy: NDArray[np.float32], film_frames: int) -> int:
    """The lip frame at which the window starts.

    Args:
        energy: (F,) log energy of the speech frames, F >= 1.
        film_frames: length of the film, T >= 1.

    Returns:
        0…max(0, T - 12), such that the window's middle is as near as that allows to where smoothed energy peaks.
    """
    peak = int(ndimage.gaussian_filter1d(energy.astype(np.float64), SMOOTHING, mode="nearest").argmax())
    first = round((peak - (SPEECH_FRAMES - 1) / 2) / 2)
    return min(max(first, 0), max(film_frames - FILM_FRAMES, 0))


def window(frames: NDArray[np.generic], first: int, count: int) -> NDArray[np.float32]:
    """Frames `first`…`first + count - 1` as float32; those past the last one repeat the last one."""
    return np.asarray(frames[np.minimum(np.arange(first, first + count), len(frames) - 1)], np.float32)


def read_lips(path: Path) -> Bytes:
    """One film.

    Returns:
        (T, 60, 80) uint8 brightness, T >= 1.

    Raises:
        DataError: unreadable, larger than `MOST_BYTES`, no MATLAB file, damaged, or `vid` is no film of 60×80 bytes.
    """
    data = _read(path)
    try:
        # What the header declares is checked before anything of that size is made or unpacked.
        shapes = {name: shape for name, shape, _ in matlab.whosmat(io.BytesIO(data))}
        shape = shapes.get("vid", ())
        if len(shape) != 2 or shape[0] != HEIGHT * WIDTH or not 1 <= shape[1] <= MOST_FRAMES:
            raise DataError(f"{path}: vid is {_shape(shape)}, expected {HEIGHT * WIDTH}×(1…{MOST_FRAMES}); {FIX}")
        _check_packed(path, data)
        content = matlab.loadmat(io.BytesIO(data), variable_names=["vid", "siz"])
        film = np.asarray(content["vid"])
        stated = np.asarray(content.get("siz", (HEIGHT, WIDTH, shape[1]))).ravel().tolist()
    except DataError:
        raise
    except Exception as error:  # scipy raises whatever a damaged file happens to trip over
        raise DataError(f"{path}: no MATLAB file, or damaged ({error}); {FIX}") from None
    if film.dtype.kind not in "uif" or not ((film >= 0) & (film <= 255) & (film == np.floor(film))).all():
        raise DataError(f"{path}: vid holds other values than whole numbers 0…255; {FIX}")
    if stated != [HEIGHT, WIDTH, shape[1]]:
        raise DataError(f"{path}: siz says {stated}, vid holds {[HEIGHT, WIDTH, shape[1]]}; {FIX}")
    # MATLAB's columns are frames, and within a frame the columns of the picture.
    return np.ascontiguousarray(film.T.reshape(-1, WIDTH, HEIGHT).swapaxes(1, 2).astype(np.uint8))


def read_speech(path: Path) -> NDArray[np.float32]:
    """One HTK file of MFCC.

    Returns:
        (F, 26) float32, F >= 1: 12 coefficients, log energy, their 13 deltas.

    Raises:
        DataError: unreadable, larger than `MOST_BYTES`, a header of another kind, truncated, or not finite.
    """
    data = _read(path)
    if len(data) < _HEADER.size:
        raise DataError(f"{path}: truncated, {len(data)} bytes are no HTK file; {FIX}")
    frames, period, size, kind = _HEADER.unpack_from(data)
    if (period, size, kind) != (PERIOD, 4 * VALUES, KIND):
        expected = f"{PERIOD}, {4 * VALUES}, {KIND}"
        raise DataError(f"{path}: header says period, bytes, kind {period}, {size}, {kind}, not {expected}; {FIX}")
    if frames < 1 or len(data) - _HEADER.size != frames * size:
        raise DataError(f"{path}: {len(data) - _HEADER.size:,} bytes for {frames} frames of {size}; {FIX}")
    values = np.frombuffer(data, ">f4", offset=_HEADER.size).reshape(frames, -1).astype(np.float32)
    form = modality("speech")
    if not (np.isfinite(values).all() and form.low <= values.min() and values.max() <= form.high):
        raise DataError(f"{path}: holds values that are not finite or beyond {form.low:g}…{form.high:g}; {FIX}")
    return values


def _check_packed(path: Path, data: bytes) -> None:
    """Compare the checksums of what is packed: scipy reads no further than it needs, and so leaves them out."""
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    if order is None:
        return  # MATLAB's version 4, which packs nothing
    at = 128
    while at + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, at)
        unpacker = zlib.decompressobj()
        if (
            kind == _COMPRESSED
            and len(unpacker.decompress(data[at + 8 : at + 8 + size], MOST_UNPACKED)) == MOST_UNPACKED
        ):
            raise DataError(f"{path}: unpacks to more than {MOST_UNPACKED >> 20} MiB, no file of this corpus; {FIX}")
        if kind == _COMPRESSED and not unpacker.eof:
            raise ValueError("the packed data end early")
        at += 8 + size
    if at != len(data):
        raise ValueError(f"{len(data):,} bytes, expected {at:,}")


def _read(path: Path) -> bytes:
    return read_regular(path, MOST_BYTES, f"no file of this corpus; {FIX}")


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "missing"
