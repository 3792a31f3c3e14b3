"""What a film's packets hold, decoded; packets that cannot be are passed over and counted."""

from collections.abc import Iterator
from typing import Any

from sensors.files.contract import Report


def decoded(container: Any, stream: Any, report: Report, broken: list[str]) -> Iterator[Any]:
    """PyAV's frames of one stream, in their order.

    Args:
        container: PyAV's, open.
        stream: of the container.
        report: takes the packets that cannot be decoded, as `damaged`.
        broken: likewise, one text for each.
    """
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError as error:
            # The container itself cannot be read on.
            report.lose("damaged")
            broken.append(str(error.strerror))
            return
        if packet is None:
            return
        try:
            yield from packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError as error:
            report.lose("damaged")
            broken.append(str(error.strerror))
