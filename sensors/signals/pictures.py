"""Pictures of files and of cameras, of every kind, as grey or coloured ones of 8 bits.

What is seen through, by an alpha channel or a transparent colour, is put on paper that its ink stands out from: white
paper where the ink, weighted by how opaque it is, is darker than the middle grey, black paper otherwise. Of 16 bits the
upper 8 are kept. Floats are taken from 0 (black) to 1 (white). 32-bit whole numbers are refused: what is white in them
is not agreed upon. Of a file that holds several pictures the first is taken.
"""

import io
import os
from pathlib import Path
from typing import IO, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from sensors.core.errors import DataError, SampleError, SourceError
from sensors.signals.records import LARGEST_SIDE
from sensors.system.files import open_regular, refuse_pointer

ENDINGS = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".avif",
    ".jp2", ".j2k", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".ico", ".pcx", ".sgi",
)  # fmt: skip
"""Endings of the names of picture files that are read, in lower case."""
LARGEST_FILE = 512 * 2**20
"""Most bytes of one picture's file."""
JPEG_AFTER_JPEG = b"\xff\xd9\xff\xd8"
"""Where one JPEG ends and the next begins: bytes that have it are a film of JPEGs, which begins as a picture does."""
Reason = Literal["empty", "damaged", "unreadable", "refused"]
_ORIENTATION = 0x0112
_FILMS = ("FLI", "MPEG")
_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")


class PictureError(Exception):
    """A picture that is not taken.

    Attributes:
        reason: `empty` (no bytes), `damaged` (torn, cut off, or no picture at all), `unreadable` (the system does not
            give it) or `refused` (whole, but of a kind whose brightness is not known).
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason


def load_picture(path: Path) -> NDArray[np.uint8]:
    """The picture in a file, (H, W, 3) uint8 BGR.

    Raises:
        SampleError: there is none that can be taken.
    """
    try:
        return read_picture(path, color=True)
    except PictureError as error:
        raise SampleError(f"{path}: {error}", error.reason) from None


def read_picture(path: Path, color: bool = False) -> NDArray[np.uint8]:
    """The picture in a file: (H, W) uint8 grey, or with `color` (H, W, 3) BGR.

    Raises:
        PictureError: there is none that can be taken.
    """
    return decode_picture(read_bytes(path), color)


def read_bytes(path: Path) -> bytes:
    """The bytes of a picture's file.

    Raises:
        PictureError: it cannot be read, is a pointer of Git LFS, or is far too large.
    """
    try:
        with open_regular(path) as file:
            if os.fstat(file.fileno()).st_size > LARGEST_FILE:
                raise PictureError("refused", f"is larger than {LARGEST_FILE >> 20} MiB")
            data = file.read(LARGEST_FILE)
        refuse_pointer(path, data)
    except DataError as error:
        # The picture's name is shown with what is wrong.
        raise PictureError("unreadable", str(error).removeprefix(f"{path}: ")) from None
    except OSError as error:
        raise PictureError("unreadable", f"cannot be read ({error.strerror})") from None
    return data


def decode_picture(data: bytes, color: bool = False) -> NDArray[np.uint8]:
    """The picture in a file's bytes: (H, W) uint8 grey, or with `color` (H, W, 3) BGR.

    Raises:
        PictureError: there is none that can be taken.
    """
    if not data:
        raise PictureError("empty", "is empty")
    try:
        with open_image(io.BytesIO(data)) as image:
            if getattr(image, "n_frames", 1) == 1:
                # Only this looks at PNG's checksums. It uses the image up.
                image.verify()
        with open_image(io.BytesIO(data)) as image:
            return pixels_of(image, color)
    except UnidentifiedImageError:
        return _decode_rare(data, color)
    except PictureError:
        raise
    except Exception as error:  # whatever a decoder raises means that the picture is damaged
        raise _damaged(error) from None


def open_image(file: Path | IO[bytes]) -> Image.Image:
    """Open a picture with Pillow, which takes some films for pictures, too: these are left out.

    Raises:
        UnidentifiedImageError: it is no picture that Pillow knows.
        Exception: it is damaged.
    """
    Image.init()
    return Image.open(file, formats=[kind for kind in Image.OPEN if kind not in _FILMS])


def pixels_of(image: Image.Image, color: bool = False) -> NDArray[np.uint8]:
    """Pillow's image (its current frame), upright as its EXIF says: (H, W) uint8 grey, or with `color` (H, W, 3) BGR.

    Raises:
        PictureError: it is of a kind, or has values, whose brightness is not known; or it is damaged.
    """
    if max(image.size) > LARGEST_SIDE:
        raise PictureError("refused", f"has more than {LARGEST_SIDE} pixels a side")
    try:
        image.load()
        picture = _values(image, color)
    except PictureError:
        raise
    except Exception as error:  # as above
        raise _damaged(error) from None
    return np.ascontiguousarray(_upright(picture, image))


def grey(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """A camera's picture as (H, W) uint8 grey; see `camera_pixels`."""
    return camera_pixels(picture, color=False)


def camera_pixels(picture: NDArray[Any], color: bool) -> NDArray[np.uint8]:
    """A camera's picture as (H, W) uint8 grey, or with `color` as (H, W, 3) BGR.

    Args:
        picture: (H, W) or (H, W, 1, 3 or 4) in OpenCV's order BGR, uint8; uint16 is scaled down.
        color: keep colours; a grey picture then has three equal channels.

    Raises:
        SourceError: another shape or dtype.
    """
    channels = picture.shape[2] if picture.ndim == 3 else 1
    if picture.dtype not in (np.uint8, np.uint16) or picture.ndim not in (2, 3) or channels not in (1, 3, 4):
        raise SourceError(f"camera: cannot read pictures of shape {picture.shape} and dtype {picture.dtype}")
    if picture.dtype == np.uint16:
        picture = (picture >> 8).astype(np.uint8)
    if channels == 4:
        opaque = _converted(picture, cv2.COLOR_BGRA2BGR if color else cv2.COLOR_BGRA2GRAY)
        return on_paper(opaque, picture[..., 3])
    if channels == 1:
        picture = picture.reshape(picture.shape[:2])
    if color == (channels == 3):
        return np.ascontiguousarray(picture, np.uint8)
    return _converted(picture, cv2.COLOR_GRAY2BGR if color else cv2.COLOR_BGR2GRAY)


def on_paper(picture: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture that is seen through, put on the paper that its ink stands out from.

    Args:
        picture: (H, W) uint8 grey, or (H, W, 3) BGR.
        alpha: (H, W) uint8, 255 where it is opaque.
    """
    cover = alpha.astype(np.uint32)
    opaque = int(cover.sum())
    if opaque == 255 * cover.size:
        return np.ascontiguousarray(picture)
    brightness = picture if picture.ndim == 2 else _converted(picture, cv2.COLOR_BGR2GRAY)
    ink = int((cover * brightness).sum(dtype=np.uint64)) / opaque if opaque else 0.0
    if picture.ndim == 3:
        cover = cover[..., None]
    paper = 255 if ink < 128 else 0
    mixed: NDArray[np.uint8] = ((cover * picture + (255 - cover) * paper + 127) // 255).astype(np.uint8)
    return mixed


def _values(image: Image.Image, color: bool) -> NDArray[np.uint8]:
    grey_only = image.mode in ("F", "L", "1") or image.mode.startswith("I")
    if "transparency" in image.info and image.mode in ("L", "1"):
        grey_only = False
    if grey_only:
        picture = _grey_values(image)
        return _converted(picture, cv2.COLOR_GRAY2BGR) if color else picture
    if image.mode in _ALPHA or "transparency" in image.info:
        rgba = np.asarray(image.convert("RGBA"))
        opaque = _converted(rgba, cv2.COLOR_RGBA2BGR if color else cv2.COLOR_RGBA2GRAY)
        return on_paper(opaque, rgba[..., 3])
    return _converted(np.asarray(image.convert("RGB")), cv2.COLOR_RGB2BGR if color else cv2.COLOR_RGB2GRAY)


def _grey_values(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode == "F":
        return _of_floats(np.asarray(image))
    if image.mode.startswith("I"):
        if image.mode == "I" and image.format not in ("PNG", "PPM"):
            raise PictureError("refused", "holds 32-bit or signed numbers, whose white is not known; convert it")
        values = np.asarray(image)
        picture = (values >> 8).astype(np.uint8)
        clear = image.info.get("transparency")
        return picture if clear is None else on_paper(picture, np.where(values == clear, 0, 255).astype(np.uint8))
    return np.asarray(image.convert("L"))


def _converted(picture: NDArray[Any], colours: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(picture, colours), np.uint8)


def _of_floats(values: NDArray[Any]) -> NDArray[np.uint8]:
    # NaN is neither.
    if not (values.min() >= 0 and values.max() <= 1):
        raise PictureError("refused", "holds floats outside 0…1, whose white is not known; convert it")
    return np.round(255 * values).astype(np.uint8)


def _upright(picture: NDArray[np.uint8], image: Image.Image) -> NDArray[np.uint8]:
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # EXIF that cannot be read turns nothing
        return picture
    if orientation in (5, 6, 7, 8):
        picture = picture.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        picture = picture[:, ::-1]
    if orientation in (3, 4, 7, 8):
        picture = picture[::-1]
    return picture


def _decode_rare(data: bytes, color: bool) -> NDArray[np.uint8]:
    """What Pillow does not know, such as a TIFF of coloured floats; never what OpenCV would decode in part."""
    if data.startswith((b"\x89PNG", b"\xff\xd8")):
        raise PictureError("damaged", "is damaged at its beginning")
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        picture = None
    if picture is None or not picture.size:
        raise PictureError("damaged", "is no picture that can be read, or damaged at its beginning")
    if picture.dtype.kind == "f":
        values = picture if picture.ndim == 2 else picture[..., :3].astype(np.float32)
        if color == (values.ndim == 3):
            return _of_floats(values)
        return _of_floats(cv2.cvtColor(values, cv2.COLOR_GRAY2BGR if color else cv2.COLOR_BGR2GRAY))
    try:
        return camera_pixels(picture, color)
    except SourceError:
        raise PictureError("refused", f"holds {picture.dtype} numbers, whose white is not known; convert it") from None


def _damaged(error: Exception) -> PictureError:
    if isinstance(error, Image.DecompressionBombError):
        return PictureError("refused", "has too many pixels")
    return PictureError("damaged", f"is damaged ({' '.join(str(error).split())[:80]})")
