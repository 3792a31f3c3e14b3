"""Pictures of files and of cameras, of every kind, as grey ones.

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

from sensors.errors import DataError, SourceError
from sensors.files import open_regular, refuse_pointer
from sensors.records import LARGEST_SIDE

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
            give it) or `refused` (whole, but of a kind that no grey picture can be made of).
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason


def read_picture(path: Path) -> NDArray[np.uint8]:
    """The picture in a file, (H, W) uint8 grey.

    Raises:
        PictureError: there is none that can be taken.
    """
    return decode_picture(read_bytes(path))


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


def decode_picture(data: bytes) -> NDArray[np.uint8]:
    """The picture in a file's bytes, (H, W) uint8 grey.

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
            return grey_of(image)
    except UnidentifiedImageError:
        return _decode_rare(data)
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


def grey_of(image: Image.Image) -> NDArray[np.uint8]:
    """Pillow's image (its current frame) as (H, W) uint8 grey, upright as its EXIF says.

    Raises:
        PictureError: it is of a kind, or has values, that no grey picture can be made of; or it is damaged.
    """
    if max(image.size) > LARGEST_SIDE:
        raise PictureError("refused", f"has more than {LARGEST_SIDE} pixels a side")
    try:
        image.load()
        picture = _grey_values(image)
    except PictureError:
        raise
    except Exception as error:  # as above
        raise _damaged(error) from None
    return np.ascontiguousarray(_upright(picture, image))


def grey(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """A camera's picture as (H, W) uint8 grey.

    Args:
        picture: (H, W) or (H, W, 1, 3 or 4) in OpenCV's order BGR, uint8; uint16 is scaled down.

    Raises:
        SourceError: another shape or dtype.
    """
    channels = picture.shape[2] if picture.ndim == 3 else 1
    if picture.dtype not in (np.uint8, np.uint16) or picture.ndim not in (2, 3) or channels not in (1, 3, 4):
        raise SourceError(f"camera: cannot read pictures of shape {picture.shape} and dtype {picture.dtype}")
    if picture.dtype == np.uint16:
        picture = (picture >> 8).astype(np.uint8)
    if channels == 4:
        return on_paper(_luma(picture, cv2.COLOR_BGRA2GRAY), picture[..., 3])
    if channels == 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return np.ascontiguousarray(picture.reshape(picture.shape[:2]), np.uint8)


def on_paper(picture: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture that is seen through, put on the paper that its ink stands out from.

    Args:
        picture: (H, W) uint8 grey.
        alpha: (H, W) uint8, 255 where it is opaque.
    """
    cover = alpha.astype(np.uint32)
    opaque = int(cover.sum())
    if opaque == 255 * cover.size:
        return np.ascontiguousarray(picture)
    ink = int((cover * picture).sum(dtype=np.uint64)) / opaque if opaque else 0.0
    paper = 255 if ink < 128 else 0
    mixed: NDArray[np.uint8] = ((cover * picture + (255 - cover) * paper + 127) // 255).astype(np.uint8)
    return mixed


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
    if image.mode in _ALPHA or "transparency" in image.info:
        rgba = np.asarray(image.convert("RGBA"))
        return on_paper(_luma(rgba, cv2.COLOR_RGBA2GRAY), rgba[..., 3])
    if image.mode in ("L", "1"):
        return np.asarray(image.convert("L"))
    return _luma(np.asarray(image.convert("RGB")), cv2.COLOR_RGB2GRAY)


def _luma(picture: NDArray[Any], colours: int) -> NDArray[np.uint8]:
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
        picture = picture.T
    if orientation in (2, 3, 6, 7):
        picture = picture[:, ::-1]
    if orientation in (3, 4, 7, 8):
        picture = picture[::-1]
    return picture


def _decode_rare(data: bytes) -> NDArray[np.uint8]:
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
        values = picture if picture.ndim == 2 else cv2.cvtColor(picture[..., :3].astype(np.float32), cv2.COLOR_BGR2GRAY)
        return _of_floats(values)
    try:
        return grey(picture)
    except SourceError:
        raise PictureError("refused", f"holds {picture.dtype} numbers, whose white is not known; convert it") from None


def _damaged(error: Exception) -> PictureError:
    if isinstance(error, Image.DecompressionBombError):
        return PictureError("refused", "has too many pixels")
    return PictureError("damaged", f"is damaged ({' '.join(str(error).split())[:80]})")
