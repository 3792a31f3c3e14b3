from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sensors.signals.pictures import PictureError

pytest.importorskip("rosbags", reason="extra 'ros' is not installed")

from sensors.files.ros.pictures import (
    compressed_pixels,
    compressed_refused,
    image_about,
    image_pixels,
    image_refused,
)
from tests.sensors.files.ros.bags import BEGIN, compressed, image

# Blue, green, red; even sizes, as some encodings want them.
SCENE = np.zeros((24, 32, 3), np.uint8)
SCENE[:12, :16] = (200, 40, 20)
SCENE[:12, 16:] = (30, 180, 60)
SCENE[12:, :16] = (10, 50, 220)
SCENE[12:, 16:] = (120, 120, 120)
INNER = [np.s_[3:9, 4:12], np.s_[3:9, 20:28], np.s_[15:21, 4:12], np.s_[15:21, 20:28]]
"""The middles of its four fields: colours that lie between pixels bleed at their borders."""
BAYER = {"rggb": (2, 1, 1, 0), "bggr": (0, 1, 1, 2), "gbrg": (1, 0, 2, 1), "grbg": (1, 2, 0, 1)}
"""Which of BGR each of the first two pixels of the first row and of the second is."""


def mosaic(pattern: str) -> NDArray[np.uint8]:
    raw = np.empty(SCENE.shape[:2], np.uint8)
    for n, channel in enumerate(BAYER[pattern]):
        raw[n // 2 :: 2, n % 2 :: 2] = SCENE[n // 2 :: 2, n % 2 :: 2, channel]
    return raw


def wide(picture: NDArray[np.uint8]) -> NDArray[np.uint16]:
    return picture.astype(np.uint16) * 257


def yuv422(order: str) -> NDArray[np.uint8]:
    """Two pixels are four bytes, in the order that the letters say."""
    blue, green, red = (SCENE[..., n].astype(float) for n in range(3))
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    # That of video, whose greys reach from 16 to 235.
    y = 16 + grey * (219 / 255)
    u, v = 128 + (blue - grey) * (112 / 255 / 0.886), 128 + (red - grey) * (112 / 255 / 0.701)
    planes = {"y": y[:, 0::2], "Y": y[:, 1::2], "u": u[:, 0::2], "v": v[:, 0::2]}
    packed = np.stack([planes[letter] for letter in order], -1)
    return np.clip(np.rint(packed), 0, 255).astype(np.uint8).reshape(24, 64)


def close(picture: NDArray[np.uint8], tolerance: int) -> bool:
    return all(np.abs(picture[at].astype(int) - SCENE[at].astype(int)).max() <= tolerance for at in INNER)


GREY = np.asarray(cv2.cvtColor(SCENE, cv2.COLOR_BGR2GRAY), np.uint8)
OPAQUE = np.full((24, 32, 1), 255, np.uint8)
COLOURED: dict[str, tuple[Callable[[], NDArray[Any]], int]] = {
    "bgr8": (lambda: SCENE, 0),
    "rgb8": (lambda: SCENE[..., ::-1], 0),
    "8UC3": (lambda: SCENE, 0),
    "bgra8": (lambda: np.concatenate([SCENE, OPAQUE], 2), 0),
    "rgba8": (lambda: np.concatenate([SCENE[..., ::-1], OPAQUE], 2), 0),
    "bgr16": (lambda: wide(SCENE), 0),
    "rgb16": (lambda: wide(SCENE[..., ::-1]), 0),
    "rgba16": (lambda: wide(np.concatenate([SCENE[..., ::-1], OPAQUE], 2)), 0),
    **{f"bayer_{pattern}8": (lambda pattern=pattern: mosaic(pattern), 1) for pattern in BAYER},  # type: ignore[misc]
    **{f"bayer_{pattern}16": (lambda pattern=pattern: wide(mosaic(pattern)), 1) for pattern in BAYER},  # type: ignore[misc]
    "yuv422": (lambda: yuv422("uyvY"), 6),
    "uyvy": (lambda: yuv422("uyvY"), 6),
    "yuv422_yuy2": (lambda: yuv422("yuYv"), 6),
    "yuyv": (lambda: yuv422("yuYv"), 6),
}


@pytest.mark.parametrize("encoding", COLOURED)
def test_colours_of_every_encoding_are_right(encoding: str) -> None:
    made, tolerance = COLOURED[encoding]
    message = image(BEGIN, encoding, made(), size=(24, 32))
    assert image_refused(message) == ""
    assert image_about(message) == f"32 × 24 {encoding}"
    picture = image_pixels(message, color=True)
    assert picture.shape == SCENE.shape and picture.dtype == np.uint8
    assert close(picture, tolerance), [picture[at][0, 0] for at in INNER]
    grey = image_pixels(message, color=False)
    assert grey.shape == GREY.shape
    for at in INNER:
        assert abs(int(grey[at][0, 0]) - int(GREY[at][0, 0])) <= max(tolerance, 1)


@pytest.mark.parametrize("encoding", ["nv12", "nv21"])
def test_planes_of_half_the_size_are_read(encoding: str) -> None:
    planar = np.asarray(cv2.cvtColor(SCENE, cv2.COLOR_BGR2YUV_I420), np.uint8)
    chroma = planar[24:].reshape(2, -1)
    both = np.stack(list(chroma if encoding == "nv12" else chroma[::-1]), -1).reshape(12, 32)
    message = image(BEGIN, encoding, np.concatenate([planar[:24], both]), size=(24, 32), step=32)
    assert close(image_pixels(message, color=True), 6)


@pytest.mark.parametrize("encoding", ["mono8", "8UC1", "mono16"])
def test_grey_pictures_are_read(encoding: str) -> None:
    pixels = wide(GREY) if encoding == "mono16" else GREY
    message = image(BEGIN, encoding, pixels)
    assert np.array_equal(image_pixels(message, color=False), GREY)
    assert np.array_equal(image_pixels(message, color=True), np.stack([GREY] * 3, -1))


def test_values_of_two_bytes_stand_in_the_order_that_the_message_says() -> None:
    message = image(BEGIN, "mono16", wide(GREY).astype(">u2"), is_bigendian=1)
    assert np.array_equal(image_pixels(message, color=False), GREY)


def test_rows_may_be_padded_and_the_last_may_lack_it() -> None:
    padded = np.concatenate([SCENE.reshape(24, -1), np.full((24, 7), 99, np.uint8)], 1)
    message = image(BEGIN, "bgr8", padded, size=(24, 32), step=103)
    assert np.array_equal(image_pixels(message, color=True), SCENE)
    message.data = message.data[:-7]
    assert np.array_equal(image_pixels(message, color=True), SCENE)


@pytest.mark.parametrize(
    ("encoding", "why"), [("16UC1", "depth image"), ("32FC1", "depth image"), ("32FC2", "none that"), ("", "none that")]
)
def test_what_is_no_picture_is_refused_by_name(encoding: str, why: str) -> None:
    message = image(BEGIN, encoding, GREY)
    assert why in image_refused(message) and repr(encoding) in image_refused(message)
    with pytest.raises(PictureError) as error:
        image_pixels(message, color=True)
    assert error.value.reason == "refused"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"step": 95}, "damaged"), ({"height": 25}, "damaged"), ({"width": 0}, "empty"), ({"width": 40_000}, "refused")],
)
def test_data_that_are_not_as_long_as_they_say_are_damaged(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(PictureError) as error:
        image_pixels(image(BEGIN, "bgr8", SCENE, **changes), color=True)
    assert error.value.reason == reason


@pytest.mark.parametrize(("ending", "told", "tolerance"), [(".png", "png", 0), (".jpg", "jpeg", 12)])
def test_compressed_pictures_are_read(ending: str, told: str, tolerance: int) -> None:
    data = cv2.imencode(ending, SCENE)[1].tobytes()
    for format in (told, f"bgr8; {told} compressed bgr8", f"rgb8; {told} compressed bgr8"):
        assert close(compressed_pixels(compressed(BEGIN, format, data), color=True), tolerance)
    assert compressed_pixels(compressed(BEGIN, told, data), color=False).shape == (24, 32)


def test_the_pixels_of_a_sensor_may_be_compressed() -> None:
    message = compressed(
        BEGIN, "bayer_rggb8; png compressed bayer_rggb8", cv2.imencode(".png", mosaic("rggb"))[1].tobytes()
    )
    assert close(compressed_pixels(message, color=True), 1)


@pytest.mark.parametrize("format", ["16UC1; compressedDepth png", "16UC1; png compressed ", "h264"])
def test_compressed_depth_and_video_are_refused_by_name(format: str) -> None:
    message = compressed(BEGIN, format, cv2.imencode(".png", GREY)[1].tobytes())
    assert repr(format.strip()) in compressed_refused(message)
    with pytest.raises(PictureError) as error:
        compressed_pixels(message, color=True)
    assert error.value.reason == "refused"


def test_a_torn_picture_is_damaged() -> None:
    data = cv2.imencode(".png", SCENE)[1].tobytes()
    with pytest.raises(PictureError) as error:
        compressed_pixels(compressed(BEGIN, "png", data[:-20]), color=True)
    assert error.value.reason == "damaged"
