"""The pictures of a film, upright, with the times that the film gives them."""

from collections.abc import Generator
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.files.contract import Report
from sensors.files.film_packets import decoded
from sensors.signals.pictures import camera_pixels
from sensors.signals.readings import Frame

TOLERANCE = 2, 0.02
"""Pictures, and share of the film, by which what it declares may differ from what comes."""
_USUAL = 1 / 25


def play_pictures(
    container: Any,
    stream: Any,
    report: Report,
    color: bool,
    cut: bool | None,
    span: tuple[float, float] | None = None,
) -> Generator[Frame, None, str]:
    """The pictures of one stream; see `OpenFile.play`.

    Args:
        container: PyAV's, open.
        stream: of the container.
        report: takes what is damaged or missing.
        color: give them in colour.
        cut: whether the file is known to be cut off.
        span: seconds of the file that are played, the last one without; None: all.
    """
    # A second thread halves the time that H.264 takes.
    stream.thread_type, stream.codec_context.thread_count = "AUTO", 2
    period = float(1 / stream.average_rate) if stream.average_rate else _USUAL
    begin, until = (-float("inf"), float("inf")) if span is None else (each - period / 2 for each in span)
    if span is not None:
        container.seek(round(span[0] / stream.time_base), stream=stream)
    given, last, broken = 0, -float("inf"), list[str]()
    for frame in decoded(container, stream, report, broken):
        if frame.is_corrupt:
            report.lose("damaged")
            broken.append("damaged")
            continue
        time = frame.time if frame.time is not None else last + period if given else 0.0
        if time < begin:
            continue
        if time >= until:
            return ""
        if time <= last:
            report.lose("disordered")
            continue
        last = time
        given += 1
        yield Frame(float(time), camera_pixels(_upright(frame, stream.sample_aspect_ratio), color))
    if span is not None:
        return f"{len(broken)} pictures are damaged" if broken else ""
    missing = _missing(stream, container, last + period, period) if given else 0
    told = f"{given} pictures"
    if missing:
        told = f"{given} of about {given + missing + len(broken)} pictures"
    if missing and cut:
        report.lose("missing", missing)
    parts = [told] + ([f"{len(broken)} damaged"] if broken else [])
    why = ": the file is cut off" if cut else ""
    return f"ended after {', '.join(parts)}{why}" if missing or broken or cut or not given else ""


def _missing(stream: Any, container: Any, end: float, period: float) -> int:
    """How many pictures there would still be up to the end that a film declares.

    That is not sure of a file that is whole: what it declares may be the end of its sound, or before an edit.
    """
    declared = declared_end(stream, container)
    if declared is None:
        return 0
    short = declared - end
    pictures, share = TOLERANCE
    return round(short / period) if short > max(pictures * period, share * declared) else 0


def declared_end(stream: Any, container: Any) -> float | None:
    """Second of the film's clock at which a stream ends, as the film says; None: it does not say."""
    if stream.duration is not None and stream.time_base is not None:
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base)
    if container.duration is not None:
        return float(((container.start_time or 0) + container.duration) / 1e6)
    return None


def _upright(frame: Any, aspect: Fraction | None) -> NDArray[np.uint8]:
    """A decoded picture as BGR, as it is to be looked at: with square pixels, turned as the camera was."""
    size = {}
    if aspect and aspect != 1:
        size = {"width": max(round(frame.width * aspect), 1), "height": frame.height}
    picture: NDArray[np.uint8] = frame.to_ndarray(format="bgr24", **size)
    if turns := round(frame.rotation / 90) % 4:
        picture = np.ascontiguousarray(np.rot90(picture, turns))
    return picture
