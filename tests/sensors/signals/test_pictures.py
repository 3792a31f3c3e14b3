"""Pictures of every kind that a drawing program or camera writes."""

import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sensors.signals.pictures import PictureError, decode_picture, read_picture
from sensors.system.files import LFS_POINTER

INK = np.zeros((40, 60), bool)
INK[10:30, 20:25] = True


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def clear(ink: int, mode: str, alpha: int = 255) -> Image.Image:
    """Ink of one brightness on nothing; what is under nothing has the ink's own brightness."""
    grey = Image.fromarray(np.full(INK.shape, ink, np.uint8))
    image = grey.convert("RGB" if mode == "RGBA" else "L")
    image.putalpha(Image.fromarray(np.where(INK, alpha, 0).astype(np.uint8)))
    assert image.mode == mode
    return image


def palette(ink: int) -> Image.Image:
    image = Image.fromarray(INK.astype(np.uint8), mode="P")
    image.putpalette([ink, ink, ink] * 2)
    return image


def sixteen(ink: int, channels: int) -> bytes:
    picture = np.full((*INK.shape, channels), 257 * ink, np.uint16)
    picture[..., -1] = np.where(INK, 65_535, 0)
    return bytes(cv2.imencode(".png", picture)[1].tobytes())


def grey16(ink: int) -> bytes:
    values = np.where(INK, 257 * ink, 7).astype(np.uint16)
    return encoded(Image.fromarray(values), transparency=7)


SEEN_THROUGH: dict[str, Callable[[int], bytes]] = {
    "RGBA": lambda ink: encoded(clear(ink, "RGBA")),
    "grey and alpha": lambda ink: encoded(clear(ink, "LA")),
    "16 bit with alpha": lambda ink: sixteen(ink, 4),
    "16 bit grey, one value clear": grey16,
    "palette, one colour clear": lambda ink: encoded(palette(ink), transparency=0),
    "palette, colours half clear": lambda ink: encoded(palette(ink), transparency=bytes([0, 255])),
    "GIF": lambda ink: encoded(palette(ink), "GIF", transparency=0),
    "WebP": lambda ink: encoded(clear(ink, "RGBA"), "WEBP", lossless=True),
    "TIFF": lambda ink: encoded(clear(ink, "RGBA"), "TIFF"),
}


@pytest.mark.parametrize("kind", SEEN_THROUGH)
@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (60, 255), (200, 0), (255, 0)])
def test_ink_on_nothing_is_put_on_paper_that_it_stands_out_from(kind: str, ink: int, paper: int) -> None:
    picture = decode_picture(SEEN_THROUGH[kind](ink))
    assert picture.shape == INK.shape and picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, np.where(INK, ink, paper))


def test_half_clear_ink_is_half_as_dark() -> None:
    assert set(np.unique(decode_picture(encoded(clear(0, "RGBA", alpha=128))))) == {127, 255}
    whole = clear(0, "RGBA")
    whole.putalpha(255)
    assert (decode_picture(encoded(whole)) == 0).all()


RAMP = np.linspace(0, 255, 40 * 60).astype(np.uint8).reshape(40, 60)


def cmyk() -> bytes:
    return encoded(Image.fromarray(RAMP).convert("RGB").convert("CMYK"), "JPEG", quality=100)


@pytest.mark.parametrize(
    ("data", "near"),
    [
        (encoded(Image.fromarray(RAMP)), 0),
        (encoded(Image.fromarray(RAMP).convert("RGB")), 0),
        (encoded(Image.fromarray(RAMP).convert("P")), 0),
        (cv2.imencode(".png", RAMP.astype(np.uint16) * 256 + 99)[1].tobytes(), 0),
        (cv2.imencode(".tiff", RAMP.astype(np.uint16) * 256 + 99)[1].tobytes(), 0),
        (cv2.imencode(".png", np.repeat(RAMP.astype(np.uint16)[..., None] * 256, 3, 2))[1].tobytes(), 0),
        (cv2.imencode(".tiff", RAMP.astype(np.float32) / 255)[1].tobytes(), 0),
        (cv2.imencode(".tiff", np.repeat(RAMP.astype(np.float32)[..., None] / 255, 3, 2))[1].tobytes(), 1),
        (encoded(Image.fromarray(RAMP), "BMP"), 0),
        (encoded(Image.fromarray(RAMP), "PPM"), 0),
        (encoded(Image.fromarray(RAMP), "JPEG", quality=100), 3),
        (cmyk(), 3),
    ],
    ids=["grey", "RGB", "palette", "16 bit", "16 TIFF", "16 RGB", "float", "float RGB", "BMP", "PGM", "JPEG", "CMYK"],
)
def test_pictures_of_every_depth_become_grey_of_8_bits(data: bytes, near: int) -> None:
    picture = decode_picture(data)
    assert picture.dtype == np.uint8 and picture.flags.c_contiguous
    np.testing.assert_allclose(picture.astype(int), RAMP.astype(int), atol=near)


def test_one_bit_is_black_and_white() -> None:
    np.testing.assert_array_equal(decode_picture(encoded(Image.fromarray(INK))), np.where(INK, 255, 0))


def test_colours_are_weighed_as_those_of_a_camera() -> None:
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    assert (decode_picture(encoded(red)) == 76).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(RAMP)
    data = encoded(stored, "PNG", exif=exif)
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    upright = stored.transpose(turns[orientation]) if orientation in turns else stored
    np.testing.assert_array_equal(decode_picture(data), np.asarray(upright))


def test_of_several_pictures_in_a_file_the_first_is_taken() -> None:
    first, second = (Image.new("L", (8, 8), grey) for grey in (40, 200))
    for kind in ("GIF", "PNG", "TIFF", "WEBP"):
        more: dict[str, Any] = {"save_all": True, "append_images": [second]}
        picture = decode_picture(encoded(first, kind, **more, **({"lossless": True} if kind == "WEBP" else {})))
        assert (picture == 40).all()


NOISE: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM", "JPEG2000"])
def test_a_picture_that_is_cut_off_is_damaged_wherever_it_is_cut(kind: str) -> None:
    data = encoded(Image.fromarray(NOISE), kind)
    for share in (0.02, 0.3, 0.5, 0.9, 0.98):
        with pytest.raises(PictureError, match="damaged") as caught:
            decode_picture(data[: int(share * len(data))])
        assert caught.value.reason == "damaged"


def test_a_flipped_bit_in_a_png_is_found_by_its_checksums() -> None:
    data = encoded(Image.fromarray(NOISE))
    rng = np.random.default_rng(0)
    for _ in range(50):
        changed = bytearray(data)
        changed[rng.integers(8, len(data) - 12)] ^= 1 << rng.integers(8)
        with pytest.raises(PictureError):
            decode_picture(bytes(changed))


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (RAMP.astype(np.float32), "floats outside 0…1"),
        (np.full((4, 4), np.nan, np.float32), "floats outside 0…1"),
        (RAMP.astype(np.int32), "32-bit"),
    ],
)
def test_numbers_whose_white_is_not_known_are_refused_with_the_reason(picture: NDArray[Any], message: str) -> None:
    with pytest.raises(PictureError, match=message) as caught:
        decode_picture(cv2.imencode(".tiff", picture)[1].tobytes())
    assert caught.value.reason == "refused"


def test_what_the_system_does_not_give_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "words.png").write_text("no picture at all")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "pointer.png").write_bytes(LFS_POINTER + b"v1\n")
    unreadable = {
        "pipe": "is a FIFO",
        "folder": "is a directory",
        "nowhere": "no such file",
        "pointer": "a Git LFS pointer, .*; run git lfs pull",
    }
    found = {}
    for name in ("empty", "words", *unreadable):
        with pytest.raises(PictureError) as caught:
            read_picture(tmp_path / f"{name}.png")
        found[name] = caught.value.reason
        assert re.match(unreadable.get(name, ""), str(caught.value))
    assert found == {"empty": "empty", "words": "damaged"} | dict.fromkeys(unreadable, "unreadable")
