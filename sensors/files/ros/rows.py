"""Numbers in ROS messages as rows of values: joint states and arrays."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.files.contract import Report
from sensors.signals.readings import Values

ARRAYS = tuple(
    f"std_msgs/msg/{name}MultiArray"
    for name in ("Float32", "Float64", "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
)
"""Types of messages that are an array of numbers."""
JOINTS = ("position", "velocity", "effort")
"""What a `sensor_msgs/JointState` has of each joint; the first is what its topic's own name stands for."""
SPAN = 0.1
"""Longest time that the rows of one reading span, seconds."""


def joint_fields(message: Any) -> list[str]:
    """Which of `JOINTS` a joint state has for all of its joints."""
    return [name for name in JOINTS if len(getattr(message, name)) == len(message.name) > 0]


class RowsDecoder:
    """Messages of one topic in, readings with up to a tenth of a second of rows out.

    All rows have the form of the first. A joint state's values stand in the order of the first one's names.

    Args:
        report: takes what does not fit.
        field: of a joint state; None: the messages are arrays.
    """

    def __init__(self, report: Report, field: str | None) -> None:
        self._report, self._field = report, field
        self._names: list[str] = []
        self._form: tuple[Any, ...] | None = None
        self._times: list[float] = []
        self._rows: list[NDArray[Any]] = []
        self._gap = False

    def take(self, time: float, message: Any, lost: bool) -> Iterator[Values]:
        """The reading that a message completes.

        Args:
            time: second at which it was measured, not before that of the message before.
            message: decoded.
            lost: others were lost before it.
        """
        row = self._array(message) if self._field is None else self._joints(message)
        if row is None or not row.size:
            self._report.lose("refused")
            return
        form = (row.dtype, row.shape)
        if form != (self._form or form):
            self._report.lose("refused")
            return
        self._form = form
        if self._times and (lost or time - self._times[0] >= SPAN):
            yield self._reading()
        self._gap |= lost
        self._times.append(time)
        self._rows.append(row)

    def finish(self) -> Iterator[Values]:
        """The reading that was under way."""
        if self._times:
            yield self._reading()

    def _reading(self) -> Values:
        reading = Values(np.array(self._times, np.float64), np.stack(self._rows), self._gap)
        self._times, self._rows, self._gap = [], [], False
        return reading

    def _joints(self, message: Any) -> NDArray[Any] | None:
        names = list(message.name)
        values = np.asarray(getattr(message, self._field or ""), np.float64)
        if len(values) != len(names) or not np.isfinite(values).all():
            return None
        self._names = self._names or names
        if names == self._names:
            return values
        # Several nodes may publish joint states, each of its own joints.
        own = dict(zip(names, values, strict=True))
        return np.array([own[name] for name in self._names]) if own.keys() == set(self._names) else None

    @staticmethod
    def _array(message: Any) -> NDArray[Any] | None:
        data = np.asarray(message.data)
        if data.dtype.kind == "f" and not np.isfinite(data).all():
            return None
        shape = [int(dimension.size) for dimension in message.layout.dim]
        if message.layout.data_offset:
            data = data[int(message.layout.data_offset) :]
        # Many nodes leave the layout empty, or fill it carelessly.
        return data.reshape(shape) if shape and int(np.prod(shape)) == len(data) else data
