"""The sound of a film: mono at 16 kHz, with the times that the film gives it."""

from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from sensors.files.contract import Report
from sensors.files.film_packets import decoded
from sensors.files.film_pictures import declared_end
from sensors.signals.readings import Chunk
from sensors.signals.spectrogram import SAMPLE_RATE

APART = 0.05
"""Seconds by which the times of sound may differ from the count of its samples without that something is missing."""
FOLLOWED = 0.01
"""Share of this difference that each packet makes up for: clocks of phones drift, and some containers round times."""
SHORTEST, LONGEST = SAMPLE_RATE // 50, SAMPLE_RATE // 10
"""Samples of a chunk."""
TOLERANCE = 0.25
"""Seconds by which what a film declares may differ from what comes."""
PREROLL = 0.1
"""Seconds that are decoded before a span: codecs such as AAC need what came before."""
_LOST = 0.02  # seconds of sound that count as one loss


class SoundClock:
    """Sound of any rate in, chunks out, whose times follow those of the film.

    Args:
        report: takes what is missing.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._rate = 0
        self._resampler: Any = None
        self._origin = 0.0  # second of the first sample since the last gap
        self._taken = self._given = 0  # samples into and out of the resampler since then
        self._waiting: list[NDArray[np.float32]] = []
        self._gap = False
        self.end = -float("inf")

    def observe(self, time: float | None, samples: NDArray[np.float32], rate: int) -> Iterator[Chunk]:
        """The chunks that a piece of sound completes.

        Args:
            time: second of its first sample on the film's clock; None: it follows what came before.
            samples: (n,) float32.
            rate: samples a second.
        """
        expected = self._origin + self._taken / self._rate if self._rate else 0.0
        time = expected if time is None else time
        off = time - expected
        if not self._rate or rate != self._rate or off > APART:
            yield from self.flush()
            if self._rate and off > APART:
                self._report.lose("missing", max(round(off / _LOST), 1))
                self._gap = True
            self._rate, self._origin, self._taken, self._given = rate, time, 0, 0
            self._resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32")
        elif off < -APART:
            # Its time has passed already.
            self._report.lose("disordered")
            return
        else:
            self._origin += FOLLOWED * off
        self._taken += len(samples)
        self.end = self._origin + self._taken / self._rate
        yield from self._chunks(self._resampler.resample_chunk(samples), SHORTEST)

    def flush(self) -> Iterator[Chunk]:
        """The chunks of all that came."""
        if self._resampler is not None:
            rest = self._resampler.resample_chunk(np.empty(0, np.float32), last=True)
            self._resampler = None
            yield from self._chunks(rest, 1)

    def _chunks(self, samples: NDArray[np.float32], least: int) -> Iterator[Chunk]:
        self._waiting.append(samples)
        if sum(map(len, self._waiting)) < least:
            return
        joined, self._waiting = np.concatenate(self._waiting), []
        for at in range(0, len(joined), LONGEST):
            piece = joined[at : at + LONGEST]
            yield Chunk(self._origin + self._given / SAMPLE_RATE, piece, self._gap)
            self._given += len(piece)
            self._gap = False


def play_sound(
    container: Any, stream: Any, report: Report, cut: bool | None, span: tuple[float, float] | None = None
) -> Generator[Chunk, None, str]:
    """The sound of one stream; see `OpenFile.play`.

    Args:
        container: PyAV's, open.
        stream: of the container.
        report: takes what is damaged or missing.
        cut: whether the file is known to be cut off.
        span: seconds of the file that are played, the last one without; None: all.
    """
    clock, broken = SoundClock(report), list[str]()
    if span is not None:
        container.seek(round(max(span[0] - PREROLL, 0.0) / stream.time_base), stream=stream)
    for frame in decoded(container, stream, report, broken):
        time, samples = frame.time, mono(frame) if frame.samples else None
        if samples is None:
            continue
        if span is not None and time is not None:
            first, last = (round((each - time) * frame.sample_rate) for each in span)
            if last <= 0:
                break
            samples = samples[max(first, 0) : last]
            time = max(time, span[0])
        if len(samples):
            yield from clock.observe(time, samples, frame.sample_rate)
    yield from clock.flush()
    if span is not None:
        return f"{len(broken)} pieces of sound are damaged" if broken else ""
    declared = declared_end(stream, container)
    short = declared - clock.end if cut and declared and clock.end > -float("inf") else 0.0
    if short > TOLERANCE:
        report.lose("missing", round(short / _LOST))
    if short <= TOLERANCE and not broken and not cut and clock.end > -float("inf"):
        return ""
    begin = float(container.start_time or 0) / 1e6
    told = f"{max(clock.end - begin, 0.0):.1f}" + (
        f" of about {declared - begin:.1f}" if declared and short > 0 else ""
    )
    damaged = f", {len(broken)} pieces damaged" if broken else ""
    return f"ended after {told} s of sound{damaged}" + (": the file is cut off" if cut else "")


def mono(frame: Any) -> NDArray[np.float32]:
    """A decoded piece of sound as (n,) float32, nominally -1…1: the mean of its channels."""
    values = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, frame.layout.nb_channels).T
    if values.dtype == np.uint8:
        values = values.astype(np.float32) / 128 - 1
    elif values.dtype.kind == "i":
        values = values.astype(np.float32) / float(-np.iinfo(values.dtype).min)
    mixed: NDArray[np.float32] = values.mean(axis=0, dtype=np.float32)
    return mixed
