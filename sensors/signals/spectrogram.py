"""Waveforms to log-mel spectrograms, many clips a call, and their stored form.

Frames are centred as librosa's default has it: frame t sees the 93 ms around sample t·HOP, and silence lies
before the first sample and after the last. Only frames that touch the sound are transformed.
"""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.core.errors import DataError
from sensors.core.modalities import modality

SAMPLE_RATE = 16_000
"""Samples a second of every waveform."""
WINDOW = 1488
"""Samples under the Hann window of one frame: 93 ms."""
HOP = 928
"""Samples from one frame to the next: 58 ms."""
N_FFT = 2048
"""Points of the Fourier transform; the windowed frame is padded with zeros to it."""
TOP_DB = 80.0
"""Depth of a spectrogram: values lie in -TOP_DB…0 dB."""

Groups = tuple[tuple[slice, NDArray[np.float32], slice], ...]
_SMALLEST_POWER = 1e-10
_TURN = 96
"""Frames transformed at once: they stay in the processor's cache."""
_SLACK = 32
"""Samples by which a clip may be longer than its frames, so that 96 frames hold 5.57 s."""
_GROUP_COST = 800
# Larger matrix products OpenBLAS spreads over threads, which costs more than it gains at this size, and stalls
# for milliseconds when the other cores are busy.
_LARGEST_PRODUCT = 2**18


def log_mel(waves: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Log-mel spectrograms of clips, each padded with silence or cut to the frames of `audio`.

    Equal to `librosa.power_to_db(librosa.feature.melspectrogram(y, sr=16000, n_fft=2048, win_length=1488,
    hop_length=928, n_mels=bands, center=True), ref=np.max, top_db=80)` within 1e-3 dB, except that a silent clip
    is -80 dB throughout (there it is 0 dB).

    Args:
        waves: N clips at 16 kHz, each (samples,) float32 of any length >= 1, nominally -1…1.

    Returns:
        (N, bands, frames) float32, decibel below the clip's own loudest value, -80…0.

    Raises:
        DataError: names the clip that is empty, not 1-D float32, or holds NaN, infinite or too large samples.
    """
    _, bands, frames = modality("audio").shape
    counts = [_frame_count(i, wave, frames) for i, wave in enumerate(waves)]
    out = np.full((len(counts), bands, frames), -TOP_DB, np.float32)
    if not counts:
        return out
    # A NaN or an overflow anywhere in a clip reaches its loudest value, which is looked at once below.
    with np.errstate(over="ignore", invalid="ignore"):
        db = _decibel(_mel_power(waves, counts, bands))
    ends = np.cumsum(counts)
    loudest = np.maximum.reduceat(db.max(axis=0), (ends - counts).tolist())
    if not np.isfinite(loudest).all():
        i = int(np.flatnonzero(~np.isfinite(loudest))[0])
        cause = "samples too loud to transform" if np.isfinite(waves[i]).all() else "NaN or infinite samples"
        raise DataError(f"clip {i}: {cause}; give a waveform within -1…1")
    # In a very quiet clip the smallest power, that of silence, lies less than 80 dB below the loudest.
    smallest = _decibel(np.zeros(1, np.float32))[0]
    floor = np.maximum(smallest - loudest, np.float32(-TOP_DB))
    db -= np.repeat(loudest, counts)
    np.maximum(db, np.repeat(floor, counts), out=db)
    for i, (end, count) in enumerate(zip(ends, counts, strict=True)):
        if loudest[i] > smallest:
            out[i, :, :count] = db[:, end - count : end]
            out[i, :, count:] = floor[i]
    return out


def longest() -> int:
    """Samples of the longest clip that fits into the frames of `audio`: with 96 frames 89,120, which are 5.57 s."""
    return modality("audio").shape[2] * HOP + _SLACK


def too_long(wave: NDArray[np.float32]) -> bool:
    """Whether `log_mel` would cut the clip."""
    return len(wave) > longest()


def quantise(db: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Decibel to the stored form of `audio`: -80…0 dB in 255 equal steps.

    Args:
        db: (N, bands, frames) as `audio` has them; values outside -80…0 are clipped.

    Returns:
        (N, 1, bands, frames) uint8, at most 0.157 dB off.

    Raises:
        DataError: another shape, or NaN.
    """
    _, bands, frames = modality("audio").shape
    if db.ndim != 3 or db.shape[1:] != (bands, frames):
        raise DataError(f"log-mel: expected shape (N, {bands}, {frames}), got {db.shape}")
    if np.isnan(db).any():
        raise DataError("log-mel: holds NaN")
    steps = np.clip(db, -TOP_DB, 0) * np.float32(255 / TOP_DB) + np.float32(255.5)
    return steps.astype(np.uint8)[:, None]


def dequantise(stored: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Stored `audio` back to decibel: 0 is -80 dB, 255 is 0 dB.

    Args:
        stored: (N, 1, bands, frames) uint8, as `audio` has them.

    Returns:
        (N, bands, frames) float32 decibel.

    Raises:
        DataError: another shape or dtype.
    """
    shape = modality("audio").shape
    if stored.ndim != 4 or stored.shape[1:] != shape or stored.dtype != np.uint8:
        wanted = ", ".join(map(str, shape))
        raise DataError(f"audio: expected (N, {wanted}) uint8, got {stored.shape} {stored.dtype}")
    return stored[:, 0].astype(np.float32) * np.float32(TOP_DB / 255) - np.float32(TOP_DB)


@cache
def mel_filters(bands: int, rate: int = SAMPLE_RATE, points: int = N_FFT) -> NDArray[np.float32]:
    """Triangular mel filters from 0 to rate/2 on Slaney's scale, each of unit area.

    Returns:
        (bands, points // 2 + 1) float32, read-only.
    """
    # Slaney's scale: linear (200/3 Hz a mel) below 1 kHz, logarithmic (27 mels for a factor of 6.4) above.
    top = 15 + 27 * np.log(rate / 2 / 1000) / np.log(6.4)
    mels = np.linspace(0, top, bands + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * np.log(6.4) / 27))
    area = (edges[2:] - edges[:-2])[:, None] / 2
    filters = (triangles(edges, rate, points) / area).astype(np.float32)
    filters.setflags(write=False)
    return filters


def triangles(edges: NDArray[np.float64], rate: int, points: int) -> NDArray[np.float64]:
    """Filters that rise from one edge to 1 at the next and fall to 0 at the one after.

    Args:
        edges: (bands + 2,) rising frequencies, Hz.
        rate: sampling rate, Hz.
        points: of the Fourier transform whose bins are weighted.

    Returns:
        (bands, points // 2 + 1) float64, 0…1.
    """
    bins = np.linspace(0, rate / 2, points // 2 + 1)
    low, centre, high = (edges[k : len(edges) - 2 + k, None] for k in range(3))
    return np.maximum(0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))


def _frame_count(i: int, wave: NDArray[np.float32], most: int) -> int:
    if not isinstance(wave, np.ndarray) or wave.dtype != np.float32 or wave.ndim != 1:
        found = f"{wave.ndim}-D {wave.dtype}" if isinstance(wave, np.ndarray) else type(wave).__name__
        raise DataError(f"clip {i}: expected a 1-D float32 waveform, got {found}")
    if not len(wave):
        raise DataError(f"clip {i}: empty waveform")
    return min(most, (len(wave) + WINDOW // 2 - 1) // HOP + 1)


def _decibel(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Power to decibel, in place."""
    np.log2(np.maximum(power, _SMALLEST_POWER, out=power), out=power)
    power *= np.float32(10 * np.log10(2))
    return power


def _mel_power(waves: Sequence[NDArray[np.float32]], counts: Sequence[int], bands: int) -> NDArray[np.float32]:
    """Mel power of every frame that touches sound, (bands, frames of all clips)."""
    power = np.empty((bands, sum(counts)), np.float32)
    # One clip's frames must fit.
    turn = max(_TURN, *counts)
    bench = _Bench(min(turn, power.shape[1]), _filter_groups(bands, turn))
    done = used = 0
    for wave, count in zip(waves, counts, strict=True):
        if used + count > len(bench.rows):
            bench.transform(power[:, done : done + used])
            done, used = done + used, 0
        _window_into(bench.rows[used : used + count], np.ascontiguousarray(wave))
        used += count
    bench.transform(power[:, done:])
    return power


class _Bench:
    """Buffers of one call and the transform that runs through them.

    The Fourier transform is in float64: in float32, noise 80 dB below a tone comes out 0.007 dB off.
    OpenCV's takes less than half the time of SciPy's; its rows are re0, re1, im1, re2, im2, ….
    """

    def __init__(self, frames: int, groups: "Groups") -> None:
        self.groups = groups
        self.rows = np.zeros((frames, N_FFT))  # windowed frames; the columns from WINDOW on stay zero
        self.spectrum = np.empty((frames, N_FFT))
        self.single = np.empty((frames, N_FFT), np.float32)
        self.real = np.empty((frames, N_FFT // 2 - 1), np.float32)
        self.imaginary = np.empty_like(self.real)

    def transform(self, power: NDArray[np.float32]) -> None:
        """Write the mel power of the first rows into `power` (bands, frames)."""
        n = power.shape[1]
        single, real, imaginary = self.single[:n], self.real[:n], self.imaginary[:n]
        cv2.dft(self.rows[:n], self.spectrum[:n], cv2.DFT_ROWS)
        np.copyto(single, self.spectrum[:n], casting="same_kind")
        cv2.split(single[:, 1:-1].reshape(n, -1, 2), [real, imaginary])
        real *= real
        imaginary *= imaginary
        real += imaginary
        for inside, filters, bands in self.groups:
            np.matmul(filters, real[:, inside].T, out=power[bands])


def _window_into(rows: NDArray[np.float64], wave: NDArray[np.float32]) -> None:
    """Write a clip's windowed frames into the first WINDOW columns of `rows`."""
    window, half = _window(), WINDOW // 2
    whole = max(0, min(len(rows) - 1, (len(wave) - half) // HOP))
    if whole:
        size = wave.itemsize
        view: NDArray[np.float32] = np.ndarray(
            (whole, WINDOW), np.float32, wave, (HOP - half) * size, (HOP * size, size)
        )
        np.multiply(view, window, out=rows[1 : whole + 1, :WINDOW])
    for t in (0, *range(whole + 1, len(rows))):
        start = t * HOP - half
        low, high = max(0, start), min(len(wave), start + WINDOW)
        inside = slice(low - start, high - start)
        rows[t, :WINDOW] = 0
        np.multiply(wave[low:high], window[inside], out=rows[t, inside])


@cache
def _window() -> NDArray[np.float64]:
    phase = 2 * np.pi * np.arange(WINDOW) / WINDOW
    return 0.5 - 0.5 * np.cos(phase)


@cache
def _filter_groups(bands: int, turn: int) -> "Groups":
    """Neighbouring bands grouped so that little is multiplied by the zeros of their triangles.

    Args:
        bands: of the spectrogram.
        turn: most frames that are transformed at once.

    Returns:
        (bins, filters of these bins, bands) of each group; the first and the last bin of the transform, which
        no triangle touches, are left out.
    """
    filters = mel_filters(bands)[:, 1:-1]
    first = [int(np.flatnonzero(band)[0]) for band in filters]
    last = [int(np.flatnonzero(band)[-1]) + 1 for band in filters]
    # Dynamic programming over the last group; narrow groups cost as much as sixteen bands do.
    best: list[tuple[float, list[int]]] = [(0.0, [0])]
    for j in range(1, bands + 1):
        options = []
        for i in range(j):
            bins = last[j - 1] - first[i]
            if bins * (j - i) * turn <= _LARGEST_PRODUCT:
                cost = _GROUP_COST + bins * max(16, j - i)
                options.append((best[i][0] + cost, [*best[i][1], j]))
        best.append(min(options))
    groups = []
    for i, j in pairwise(best[-1][1]):
        inside = slice(first[i], last[j - 1])
        groups.append((inside, np.ascontiguousarray(filters[i:j, inside]), slice(i, j)))
    return tuple(groups)
