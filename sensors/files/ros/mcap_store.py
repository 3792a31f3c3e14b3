"""Writes a session as an MCAP file of ROS 2 messages, which Foxglove, rerun and `ros2 bag play` open as it is.

| readings | topic | messages |
|---|---|---|
| pictures | `/SOURCE/image_raw/compressed` | `sensor_msgs/CompressedImage`: grey as PNG, colour as JPEG |
| sound | `/SOURCE/audio_stamped`, `/SOURCE/audio_info` | `audio_common_msgs/AudioDataStamped` of float32 at 16 kHz |
| sound, again | `/SOURCE/audio` | `foxglove_msgs/RawAudio` of 16 bits, for Foxglove's audio panel |
| rows of values | `/SOURCE/KIND` | `std_msgs/…MultiArray`, a message a row |

Times are rounded to nanoseconds, as ROS has them. A message's number counts the readings of its topic, and one number
is left out where the source lost something. Chunks are checked by their sums, and one is written every second: a
process that is killed loses the last second, and what was written before can be read.
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np

from sensors.core.errors import SourceError
from sensors.core.percept import Reading
from sensors.files.ros.definitions import definition, known_types
from sensors.files.ros.makers import UNSURE
from sensors.files.ros.mcap_bag import COPY, KIND, LIBRARY
from sensors.signals.jpeg import JpegBudget
from sensors.signals.readings import Chunk, Frame, Values
from sensors.signals.records import LARGEST_SIDE
from sensors.signals.spectrogram import SAMPLE_RATE
from sensors.sources.segments import MOST_SOURCES, PICTURES

CHUNK = 4 * 2**20
"""Bytes after which a chunk is written, however young it is."""
EVERY = 1.0
"""Seconds after which a chunk is written, however small it is."""
WAITING = 64 * 2**20
"""Most bytes that wait for a disk that does not take them."""
TAIL = 2**20
"""Bytes that are kept free of the limit for the index at the end of the file."""
FORM = "F32LE"
_ARRAYS = {"f4": "Float32", "f8": "Float64", "i1": "Int8", "i2": "Int16", "i4": "Int32", "i8": "Int64"}
_ARRAYS |= {"u1": "UInt8", "u2": "UInt16", "u4": "UInt32", "u8": "UInt64", "f2": "Float32", "b1": "UInt8"}
_NO_NAME = re.compile(r"[^A-Za-z0-9_/]")
_CDR = "cdr"


class Unfit(Exception):
    """A reading that no message holds."""


class _Output:
    """What the library writes to: it never fails, and bytes wait here until the disk takes them."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size = 0  # on the disk
        self.waiting = bytearray()

    def write(self, data: bytes) -> int:
        self.waiting += data
        return len(data)

    def tell(self) -> int:
        return self.size + len(self.waiting)

    def flush(self) -> None:
        """The library's own calls: what waits is written by `drain`."""

    def drain(self) -> bool:
        """Write what waits; whether the disk took it all. What it took of it otherwise is cut off again."""
        try:
            view = memoryview(self.waiting)
            with view:
                done = 0
                while done < len(view):
                    done += self._file.write(view[done:])
        except OSError:
            try:
                self._file.truncate(self.size)
                self._file.seek(self.size)
            except OSError:
                pass
            return False
        self.size += len(self.waiting)
        self.waiting.clear()
        return True

    def close(self) -> None:
        self._file.close()


class McapStore:
    """A store of a `Recorder` that writes one MCAP file.

    Args:
        path: of the file; must not be there yet.
        limit: bytes of the file at most.
        pictures: bytes a second of each source's colour pictures.

    Raises:
        SourceError: the file is there, or cannot be written.
    """

    def __init__(self, path: Path, limit: int, pictures: float = PICTURES) -> None:
        from mcap.writer import CompressionType, Writer

        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._output = _Output(path.open("xb", buffering=0))
        except FileExistsError:
            raise SourceError(f"{path}: is there already; choose another name") from None
        except OSError as error:
            raise SourceError(f"{path}: cannot record there ({error.strerror}); choose another place") from None
        self._limit, self._pictures = limit, pictures
        self._budgets: dict[str, JpegBudget] = {}
        self._writer: Any = Writer(self._output, chunk_size=CHUNK, compression=CompressionType.ZSTD)  # type: ignore[arg-type]
        self._writer.start(profile="ros2", library=LIBRARY)
        self._output.drain()
        # ROS counts from 1970, readings from the start of the machine.
        self._epoch = time.time_ns() - round(time.monotonic() * 1e9)
        self._schemas: dict[str, int] = {}
        self._channels: dict[tuple[str, str], int] = {}
        self._names: dict[str, str] = {}
        self._kinds: dict[str, tuple[str, str]] = {}
        self._numbers: dict[str, int] = {}
        self._open = self._unwritten = 0  # bytes and samples that no chunk on the disk holds
        self._flushed = time.monotonic()

    def store(self, source: str, sample: Reading) -> str:
        """Add a reading; see `Store.store`."""
        if self._output.tell() + self._open + sample.nbytes + TAIL > self._limit:
            return "full"
        if len(self._output.waiting) + self._open > WAITING and not self._flush():
            return "disk"
        if source not in self._names:
            if len(self._names) == MOST_SOURCES:
                return "sources"
            self._names[source] = self._free_name(source)
        form = sample.kind, _form(sample)
        if self._kinds.setdefault(source, form) != form:
            return "unfit"
        try:
            messages = list(self._messages(source, sample))
        except Unfit:
            return "unfit"
        # A number that is left out says that something is missing here.
        number = self._numbers.get(source, 0) + sample.gap
        for name, kind, metadata, when, content in messages:
            number += COPY not in metadata and name != "audio_info"
            self._add(source, name, kind, metadata, when, content, number)
        self._numbers[source] = number
        self._unwritten += 1
        if self._open > CHUNK or time.monotonic() - self._flushed > EVERY:
            self._flush()
        return ""

    def rest(self) -> None:
        """Write what waits; see `Store.rest`."""
        if self._unwritten:
            self._flush()

    def finish(self) -> int:
        """Write the index and close the file; see `Store.finish`."""
        self._writer.finish()
        lost = 0 if self._output.drain() else self._unwritten
        self._output.close()
        return lost

    def _flush(self) -> bool:
        """Write the chunk that is open; whether the disk took it."""
        self._writer.flush()
        self._open, self._flushed = 0, time.monotonic()
        if taken := self._output.drain():
            self._unwritten = 0
        return taken

    def _messages(self, source: str, sample: Reading) -> Iterator[tuple[str, str, dict[str, str], float, Any]]:
        """The messages of a reading: name within its source, type, the channel's metadata, second, content."""
        make = known_types().types
        kind = {KIND: sample.kind}
        frame = self._names[source].lstrip("/")

        def header(when: float, name: str = frame) -> Any:
            return make["std_msgs/msg/Header"](self._stamp(when), name)

        if isinstance(sample, Chunk):
            data = np.frombuffer(np.ascontiguousarray(sample.samples, "<f4").tobytes(), np.uint8)
            info = make["audio_common_msgs/msg/AudioInfo"](1, SAMPLE_RATE, FORM, 32 * SAMPLE_RATE, "wave")
            if (source, "audio_info") not in self._channels:
                yield "audio_info", "audio_common_msgs/msg/AudioInfo", {}, sample.start, info
            audio = make["audio_common_msgs/msg/AudioData"](data)
            stamped = header(sample.start, frame + UNSURE * sample.unsure)
            whole = make["audio_common_msgs/msg/AudioDataStamped"](stamped, audio)
            yield "audio_stamped", "audio_common_msgs/msg/AudioDataStamped", kind, sample.start, whole
            pcm = np.clip(np.rint(sample.samples * 32768.0), -32768, 32767).astype("<i2")
            heard = np.frombuffer(pcm.tobytes(), np.uint8)
            copy = make["foxglove_msgs/msg/RawAudio"](self._stamp(sample.start), heard, "pcm-s16", SAMPLE_RATE, 1)
            yield "audio", "foxglove_msgs/msg/RawAudio", {COPY: "audio_stamped"}, sample.start, copy
        elif isinstance(sample, Frame):
            budget = self._budgets.setdefault(source, JpegBudget(self._pictures))
            form, coded = _coded(sample, budget)
            picture = np.frombuffer(coded, np.uint8)
            seen = make["sensor_msgs/msg/CompressedImage"](header(sample.time), form, picture)
            yield "image_raw/compressed", "sensor_msgs/msg/CompressedImage", kind, sample.time, seen
        elif isinstance(sample, Values):
            if not (form := _form(sample)):
                raise Unfit
            name, topic = f"std_msgs/msg/{form}MultiArray", _topic(sample.kind)
            target = {"Float32": np.float32, "UInt8": np.uint8}.get(form, sample.values.dtype)
            for when, row in zip(sample.times, sample.values.astype(target, copy=False), strict=True):
                layout = make["std_msgs/msg/MultiArrayLayout"](_dimensions(row.shape), 0)
                yield topic, name, kind, float(when), make[name](layout, np.ascontiguousarray(row).ravel())

    def _add(
        self, source: str, name: str, kind: str, metadata: dict[str, str], when: float, content: Any, number: int
    ) -> None:
        channel = self._channels.get((source, name))
        if channel is None:
            if kind not in self._schemas:
                self._schemas[kind] = self._writer.register_schema(kind, "ros2msg", definition(kind))
            topic = f"{self._names[source]}/{name}"
            channel = self._writer.register_channel(topic, _CDR, self._schemas[kind], metadata)
            self._channels[source, name] = channel
        data = bytes(known_types().serialize_cdr(content, kind))
        at = self._epoch + round(when * 1e9)
        self._writer.add_message(channel, at, data, at, number)
        self._open += len(data)

    def _stamp(self, when: float) -> Any:
        at = self._epoch + round(when * 1e9)
        return known_types().types["builtin_interfaces/msg/Time"](at // 10**9, at % 10**9)

    def _free_name(self, source: str) -> str:
        """The name that ROS may have for a source, such as '/robot_2/camera' for 'robot-2/camera'."""
        name = f"/{_topic(source)}"
        taken = set(self._names.values())
        return next(each for each in (name, *(f"{name}_{n}" for n in range(2, MOST_SOURCES + 2))) if each not in taken)


def _topic(name: str) -> str:
    """A name with all that ROS forbids in topics replaced."""
    parts = [part for part in _NO_NAME.sub("_", name).split("/") if part] or ["source"]
    return "/".join(f"_{part}" if part[0].isdigit() else part for part in parts)


def _form(sample: Reading) -> str:
    """What all readings of a source have in common, besides their kind."""
    if not isinstance(sample, Values):
        return ""
    return _ARRAYS.get(sample.values.dtype.str[1:], "")


def _dimensions(shape: tuple[int, ...]) -> list[Any]:
    make = known_types().types["std_msgs/msg/MultiArrayDimension"]
    strides = [int(np.prod(shape[n:])) for n in range(len(shape))]
    return [make("", size, stride) for size, stride in zip(shape, strides, strict=True)]


def _coded(sample: Frame, budget: JpegBudget) -> tuple[str, bytes]:
    """A picture as the program's own records hold it: a grey one as PNG, lossless, one in colour as JPEG."""
    picture = sample.picture
    if picture.dtype != np.uint8 or picture.shape[2:] not in ((), (3,)) or max(picture.shape[:2]) > LARGEST_SIDE:
        raise Unfit
    try:
        if picture.ndim == 3:
            return "jpeg", budget.encode(picture, sample.time)
        return "png", cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
    except (cv2.error, ValueError):
        raise Unfit from None
