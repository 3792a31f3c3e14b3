"""Messages of one topic in, readings out: what plays a topic."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sensors.core.percept import Reading
from sensors.files.contract import Report
from sensors.files.ros.sounds import SoundForm, UnreadableSound, decoder_of, scaled
from sensors.signals.mixer import Mixer
from sensors.signals.pictures import PictureError
from sensors.signals.readings import Chunk, Frame
from sensors.signals.spectrogram import SAMPLE_RATE
from sensors.sources.timed_sound import TimedSound

LONGEST, PIECE = SAMPLE_RATE // 5, SAMPLE_RATE // 10
"""Samples beyond which a chunk is divided, and those of its pieces."""
UNSURE = "/unsure"
"""End of the frame's name in sound of the program's own recorder that may lack something before it."""

Pixels = Callable[[Any, bool], NDArray[np.uint8]]


class Maker(Protocol):
    """What makes readings of the messages of one topic."""

    def take(self, time: float, message: Any, lost: bool) -> Iterator[Reading]:
        """The readings that a message completes.

        Args:
            time: second at which it was measured, not before that of the message before.
            message: decoded.
            lost: the recorder says that something is missing before it.
        """

    def finish(self) -> Iterator[Reading]:
        """The reading that was under way."""


class Pictures:
    """A picture of each message.

    Args:
        pixels: of a message, and whether in colour.
        report: takes what is no picture.
        color: in colour.
    """

    def __init__(self, pixels: Pixels, report: Report, color: bool) -> None:
        self._pixels, self._report, self._color = pixels, report, color

    def take(self, time: float, message: Any, lost: bool) -> Iterator[Reading]:
        """The message's picture; see `Maker`."""
        try:
            picture = self._pixels(message, self._color)
        except PictureError as error:
            self._report.lose(error.reason)
            return
        yield Frame(time, picture)

    def finish(self) -> Iterator[Reading]:
        """Nothing is under way."""
        return iter(())


class Sounds:
    """Sound of any rate as chunks at 16 kHz.

    Args:
        form: of the sound.
        data: the bytes of a message.
        report: takes what is damaged or missing.
        arrival: the messages' times are those at which they were complete, not those of their first samples.
    """

    def __init__(self, form: SoundForm, data: Callable[[Any], bytes], report: Report, arrival: bool) -> None:
        self._data, self._report, self._arrival, self._rate = data, report, arrival, form.rate
        self._decoder = decoder_of(form)
        self._mixer = Mixer()
        self._timed = TimedSound(form.rate, PIECE / SAMPLE_RATE, self._lose)
        self._lost = False

    def take(self, time: float, message: Any, lost: bool) -> Iterator[Reading]:
        """The message's sound; see `Maker`."""
        self._lost |= lost
        blocks, damaged = [], False
        try:
            for block in self._decoder.decode(self._data(message)):
                blocks.append(block)
        except UnreadableSound:
            self._report.lose("damaged")
            damaged = True
        seen = time - self._arrival * sum(map(len, blocks)) / self._rate
        for block in blocks:
            lost, self._lost = self._lost, False
            # What is damaged is counted already; of what the recorder lost, `missing` tells.
            chunk = self._timed.chunk(seen, self._mixer.mix(block), lost, counted=False)
            seen += len(block) / self._rate
            if chunk is not None:
                yield from divided(chunk)
        self._lost |= damaged

    def finish(self) -> Iterator[Reading]:
        """What was left in the resampler."""
        if (chunk := self._timed.finish()) is not None:
            yield from divided(chunk)

    def _lose(self, reason: str, count: int) -> None:
        self._report.lose("missing", count)


class ExactSound:
    """Sound of the program's own recorder, as it was before it was recorded."""

    def take(self, time: float, message: Any, lost: bool) -> Iterator[Reading]:
        """The message's chunk; see `Maker`."""
        samples = scaled(np.frombuffer(message.audio.data.tobytes(), "<f4"))
        if len(samples):
            yield Chunk(time, samples, lost, str(message.header.frame_id).endswith(UNSURE))

    def finish(self) -> Iterator[Reading]:
        """Nothing is under way."""
        return iter(())


def divided(chunk: Chunk) -> Iterator[Chunk]:
    """A chunk as it is, or pieces of a long one."""
    if len(chunk.samples) <= LONGEST:
        yield chunk
        return
    for at in range(0, len(chunk.samples), PIECE):
        piece = chunk.samples[at : at + PIECE]
        yield Chunk(chunk.start + at / SAMPLE_RATE, piece, chunk.gap and not at, chunk.unsure)
