"""Pictures in ROS messages: `sensor_msgs/Image` of every encoding that is a picture, and compressed ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.signals.pictures import PictureError, camera_pixels, decode_picture
from sensors.signals.records import LARGEST_SIDE

_VIDEO = ("h264", "h265", "hevc", "vp9", "av1")
_DEPTH = "holds distances, not brightness: it is a depth image; choose the colour or grey topic of that camera"
_NO_PICTURE = {"16UC1": _DEPTH, "32FC1": _DEPTH, "32SC1": _DEPTH, "16SC1": _DEPTH, "64FC1": _DEPTH}
# ROS names the first two pixels of the first row and of the second; OpenCV's names of the codes are those of its own.
_BAYER = {
    "rggb": cv2.COLOR_BayerRGGB2BGR,
    "bggr": cv2.COLOR_BayerBGGR2BGR,
    "gbrg": cv2.COLOR_BayerGBRG2BGR,
    "grbg": cv2.COLOR_BayerGRBG2BGR,
}


@dataclass(frozen=True)
class _Layout:
    """How an encoding lays its pixels out.

    Attributes:
        channels: values of a pixel.
        depth: bytes of a value.
        code: OpenCV's conversion to BGR or BGRA; None: it is grey, BGR or BGRA already.
        rows: rows of the data for each row of the picture.
    """

    channels: int
    depth: int = 1
    code: int | None = None
    rows: float = 1.0


_LAYOUTS = {
    **{name: _Layout(1) for name in ("mono8", "8UC1")},
    **{name: _Layout(3) for name in ("bgr8", "8UC3")},
    **{name: _Layout(4) for name in ("bgra8", "8UC4")},
    "rgb8": _Layout(3, code=cv2.COLOR_RGB2BGR),
    "rgba8": _Layout(4, code=cv2.COLOR_RGBA2BGRA),
    "mono16": _Layout(1, 2),
    "bgr16": _Layout(3, 2),
    "bgra16": _Layout(4, 2),
    "rgb16": _Layout(3, 2, cv2.COLOR_RGB2BGR),
    "rgba16": _Layout(4, 2, cv2.COLOR_RGBA2BGRA),
    **{f"bayer_{name}8": _Layout(1, code=code) for name, code in _BAYER.items()},
    **{f"bayer_{name}16": _Layout(1, 2, code) for name, code in _BAYER.items()},
    **{name: _Layout(2, code=cv2.COLOR_YUV2BGR_UYVY) for name in ("yuv422", "uyvy")},
    **{name: _Layout(2, code=cv2.COLOR_YUV2BGR_YUY2) for name in ("yuv422_yuy2", "yuyv")},
    "nv21": _Layout(1, code=cv2.COLOR_YUV2BGR_NV21, rows=1.5),
    "nv12": _Layout(1, code=cv2.COLOR_YUV2BGR_NV12, rows=1.5),
}
"""The encodings that are read, as `sensor_msgs/image_encodings.hpp` names them."""


def image_about(message: Any) -> str:
    """A `sensor_msgs/Image` in a few words."""
    return f"{message.width} × {message.height} {message.encoding}"


def image_refused(message: Any) -> str:
    """Why no picture can be made of a `sensor_msgs/Image`; empty: one can."""
    return _refused(str(message.encoding))


def image_pixels(message: Any, color: bool) -> NDArray[np.uint8]:
    """The picture in a `sensor_msgs/Image`.

    Args:
        message: decoded.
        color: give (H, W, 3) BGR; without it (H, W) grey.

    Raises:
        PictureError: `refused` (its encoding is no picture, or not known), `damaged` (its data are not as long as it
            says) or `empty`.
    """
    if why := image_refused(message):
        raise PictureError("refused", why)
    layout = _LAYOUTS[str(message.encoding)]
    return camera_pixels(_unpacked(message, layout), color)


def compressed_about(message: Any) -> str:
    """A `CompressedImage` in a few words."""
    return str(message.format) or "of no stated format"


def compressed_refused(message: Any) -> str:
    """Why no picture can be made of a `CompressedImage`; empty: one can, unless it is damaged."""
    told = str(message.format).strip()
    before, _, after = (part.strip() for part in told.partition(";"))
    if "compressedDepth" in after or before in _NO_PICTURE:
        return f"format {told!r} {_DEPTH}"
    if told.lower() in _VIDEO:
        return f"format {told!r} is video, of which a message is no whole picture; convert it to JPEG or PNG"
    return ""


def compressed_pixels(message: Any, color: bool) -> NDArray[np.uint8]:
    """The picture in a `sensor_msgs/CompressedImage` or `foxglove_msgs/CompressedImage`: JPEG, PNG, WebP, ….

    Args:
        message: decoded.
        color: give (H, W, 3) BGR; without it (H, W) grey.

    Raises:
        PictureError: there is none that can be taken.
    """
    if why := compressed_refused(message):
        raise PictureError("refused", why)
    # 'bayer_rggb8; png compressed bayer_rggb8': the pixels of the sensor, as a grey picture.
    stored = str(message.format).rpartition("compressed")[2].strip()
    data = message.data.tobytes()
    if stored.startswith("bayer_") and (layout := _LAYOUTS.get(stored)) is not None and layout.code is not None:
        return camera_pixels(_demosaicked(decode_picture(data), layout.code), color)
    return decode_picture(data, color)


def _refused(encoding: str) -> str:
    if encoding in _LAYOUTS:
        return ""
    return f"encoding {encoding!r} {_NO_PICTURE.get(encoding, 'is none that this program reads')}"


def _unpacked(message: Any, layout: _Layout) -> NDArray[Any]:
    """The pixels of an image: grey, BGR or BGRA, uint8 or uint16."""
    height, width, step = int(message.height), int(message.width), int(message.step)
    if not height or not width:
        raise PictureError("empty", "is empty")
    if max(height, width) > LARGEST_SIDE:
        raise PictureError("refused", f"is {width} × {height}, larger than {LARGEST_SIDE} pixels")
    row = width * layout.channels * layout.depth
    step = step or row
    rows = int(height * layout.rows)
    if step < row or (layout.rows != 1 and (height % 2 or width % 2)) or (layout.channels == 2 and width % 2):
        raise PictureError("damaged", f"says that a row of {width} pixels of {message.encoding} has {step} bytes")
    # The last row may lack its padding.
    needed = step * (rows - 1) + row
    data = np.asarray(message.data, np.uint8)
    if len(data) < needed:
        raise PictureError("damaged", f"has {len(data)} bytes and would need {needed}")
    padded = np.zeros(step * rows, np.uint8)
    padded[:needed] = data[:needed]
    pixels: NDArray[Any] = padded.reshape(rows, step)[:, :row]
    if layout.depth == 2:
        # Only bytes were stored: their order is what the message says, whatever this machine's is.
        order = ">u2" if message.is_bigendian else "<u2"
        pixels = np.ascontiguousarray(pixels).view(order).astype(np.uint16)
    if layout.channels > 1:
        pixels = pixels.reshape(rows, width, layout.channels)
    if layout.code is None:
        return pixels
    convert: Callable[[NDArray[Any], int], NDArray[Any]] = (
        _demosaicked if str(message.encoding).startswith("bayer_") else cv2.cvtColor
    )
    return convert(np.ascontiguousarray(pixels), layout.code)


def _demosaicked(mosaic: NDArray[Any], code: int) -> NDArray[Any]:
    """The picture behind a sensor's colour filters, BGR."""
    if min(mosaic.shape[:2]) < 3:
        raise PictureError("refused", "is too small for the colours of its sensor to be told")
    return np.asarray(cv2.cvtColor(mosaic, code))
