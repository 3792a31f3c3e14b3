"""One TensorBoard event file, written in place without TensorFlow or torch.

TensorBoard opens on its page *Time Series*, which lists tags by the alphabet. What people look for first, exams and
evoked samples, therefore stands under names that come first. The page *Custom Scalars* has curves that belong together
in one diagram.
"""

import contextlib
import errno
import io
import os
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

EXAMS, EVOKED = "(1) exams", "(2) evoked"
"""Groups of tags that TensorBoard shows first."""
DIAGRAMS = {
    "exams": {
        "from one sense to another, and back": r"^exam/[^/]*_to_[^/]*$",
        "judges": r"^judge/.*$",
        "retrieval": r"^retrieval/.*$",
        "without labels": r"^self/.*$",
        "lips": r"^exam/lips_.*$",
    },
    "learning": {
        "losses": r"^loss/.*$",
        "steps a second": r"^learner/steps_per_s$",
        "share of the time": r"^(learner/duty|.*/share)$",
    },
    "events": {
        "events a second": r"^replay/events_per_s$",
        "stored": r"^size/.*$",
        "dropped": r"^dropped/.*$",
    },
}
"""Diagrams of the page Custom Scalars: title -> pattern of the tags in it, by category."""
LAYOUT_TAG = "custom_scalars__config__"
PICTURES, SOUNDS = 3, 12
"""Most pictures and sounds that are taken from a run's samples at one time."""
LARGEST = 4 << 20
"""Bytes of the largest picture or sound that is taken."""
_PNG = b"\x89PNG\r\n\x1a\n"


class EventFile:
    """Scalars, contact sheets and sounds of a run.

    Args:
        folder: of the file; each start of a run has a file of its own.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        now = time.time()
        self._file = (folder / f"events.out.tfevents.{now:.0f}.{os.getpid()}.run").open("ab", buffering=0)
        self._seen: dict[Path, float] = {}
        self._write(Event(wall_time=now, file_version="brain.Event:2"))
        self._write(Event(wall_time=now, summary=_layout()))

    def add(self, values: Mapping[str, float], step: int) -> None:
        """Write scalars of one step."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        shown = {f"{EXAMS}/{key.removeprefix('exam/')}": v for key, v in values.items() if key.startswith("exam/")}
        scalars = [Summary.Value(tag=key, simple_value=float(value)) for key, value in {**values, **shown}.items()]
        self._add(scalars, step)

    def show(self, samples: Path, step: int) -> None:
        """Write the newest contact sheets and sounds of a run that were not written yet.

        Args:
            samples: the run's folder of samples.
            step: that they are of.
        """
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = []
        for path, data in self._new(samples, ("latest*.png", "*/latest*.png"), PICTURES):
            if data.startswith(_PNG):
                width, height = struct.unpack(">II", data[16:24])
                image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=data)
                values.append(Summary.Value(tag=f"{EVOKED}/{_name(samples, path)}", image=image))
        for path, data in self._new(samples, ("*-evokes-*.wav", "*/*-evokes-*.wav"), SOUNDS):
            with contextlib.suppress(struct.error, ZeroDivisionError):
                channels, rate = struct.unpack("<HI", data[22:28])
                audio = Summary.Audio(
                    sample_rate=rate,
                    num_channels=channels,
                    length_frames=(len(data) - 44) // (2 * channels),
                    encoded_audio_string=data,
                    content_type="audio/wav",
                )
                values.append(Summary.Value(tag=f"{EVOKED}/{_name(samples, path)}", audio=audio))
        if values:
            self._add(values, step)

    def _new(self, samples: Path, patterns: tuple[str, ...], most: int) -> list[tuple[Path, bytes]]:
        """The newest files that have come or changed; what cannot be read is passed over."""
        found: list[tuple[float, Path]] = []
        for path in (path for pattern in patterns for path in samples.glob(pattern)):
            with contextlib.suppress(OSError):
                at = path.stat().st_mtime
                if self._seen.get(path) != at and path.stat().st_size <= LARGEST:
                    found.append((at, path))
        read = []
        for at, path in sorted(found)[-most:]:
            with contextlib.suppress(OSError):
                read.append((path, path.read_bytes()))
                self._seen[path] = at
        return read

    def _add(self, values: list[Any], step: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        self._write(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))

    def _write(self, event: Any) -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter

        record = io.BytesIO()
        RecordWriter(record).write(event.SerializeToString())
        append(self._file, record.getvalue())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def append(file: io.RawIOBase, data: bytes) -> None:
    """Write all of `data` at the end of an unbuffered file, or leave the file as it was.

    Raises:
        OSError: not all of it could be written.
    """
    before = file.seek(0, os.SEEK_END)
    left = memoryview(data)
    try:
        while left:
            # A disk that fills up takes a part first and fails after that.
            written = file.write(left)
            if not written:
                raise OSError(errno.EIO, "nothing was written")
            left = left[written:]
    except OSError:
        with contextlib.suppress(OSError):
            file.truncate(before)
        raise


def _name(samples: Path, path: Path) -> str:
    """Name of a sample's tag: its file's, without the step at its end, so that those of later steps follow it."""
    name = path.relative_to(samples).with_suffix("").as_posix()
    head, _, number = name.rpartition("-")
    return (head if number.isdecimal() and len(number) > 4 else name).replace("latest", "contact sheet")


def _layout() -> Any:
    """The summary that tells TensorBoard which curves share a diagram."""
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.plugins.custom_scalar import layout_pb2

    layout = layout_pb2.Layout(
        category=[
            layout_pb2.Category(
                title=title,
                chart=[
                    layout_pb2.Chart(title=name, multiline=layout_pb2.MultilineChartContent(tag=[pattern]))
                    for name, pattern in charts.items()
                ],
            )
            for title, charts in DIAGRAMS.items()
        ]
    )
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="custom_scalars"))
    tensor = TensorProto(dtype=7, string_val=[layout.SerializeToString()])
    return Summary(value=[Summary.Value(tag=LAYOUT_TAG, metadata=metadata, tensor=tensor)])
