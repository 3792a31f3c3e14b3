import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from agent.answers.files import npy, wav
from page.access.refusals import Refused
from page.samples.uploads import NothingTold, read_upload
from sensors.given import LONGEST_SOUND, MOST_PIXELS, MOST_ROWS, Given, loudest_part
from sensors.senses.audio import load
from sensors.signals.cards import card_image
from tests.page.fake import board, jpeg, png, tone

KNOWN = ("audio", "image")


def read(data: bytes, kind: str = "", sense: str | None = None, prepare: str = "ink", cut: str = "auto") -> Given:
    return read_upload(data, kind, KNOWN, sense, prepare, cut)


def why(data: bytes, **options: Any) -> str:
    with pytest.raises((Refused, NothingTold)) as error:
        read(data, **options)
    refused = error.value
    assert isinstance(refused, Refused | NothingTold) and str(refused)
    return refused.reason


def likeness(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def png_of_size(width: int, height: int) -> bytes:
    """A PNG that says it is so large; what follows does not matter."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    data = b"IDAT" + zlib.compress(bytes(64))
    parts = ((chunk, 13), (data, len(data) - 4))
    whole = [struct.pack(">I", size) + part + struct.pack(">I", zlib.crc32(part)) for part, size in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(whole)


@pytest.mark.parametrize("size", [(280, 280), (600, 900), (64, 64)])
@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0), (60, 200)])
def test_a_drawing_is_the_same_sample_on_any_board(size: tuple[int, int], ink: int, paper: int) -> None:
    drawn = cv2.resize(board(ink, paper), (min(size), min(size)), interpolation=cv2.INTER_AREA)
    sample = read(png(np.asarray(drawn, np.uint8))).samples[0]
    assert sample.shape == (1, 32, 32) and sample.dtype == np.uint8
    assert likeness(sample, read(png(board())).samples[0]) > 0.9


def test_a_drawing_is_what_the_camera_sees_of_a_card_with_it() -> None:
    seen = np.full((480, 640, 3), 90, np.uint8)
    seen[100:380, 180:460] = board()
    sample = read(png(board())).samples[0]
    held = card_image(seen)
    assert held is not None and likeness(sample, held) > 0.95
    assert likeness(read(jpeg(seen), prepare="card").samples[0], held) > 0.95


def test_a_drawing_up_to_the_edge_of_the_board_counts() -> None:
    drawn = np.full((280, 280, 3), 255, np.uint8)
    cv2.line(drawn, (140, 0), (140, 279), (0, 0, 0), 16)
    sample = read(png(drawn)).samples[0]
    assert sample.max() > 200 and sample[0, :, :8].max() == 0


def test_a_picture_that_fits_is_the_file_as_folders_are_read() -> None:
    picture = np.zeros((60, 80, 3), np.uint8)
    picture[20:40, 30:50] = (10, 200, 30)
    assert read(png(picture), prepare="fit").samples.shape == (1, 1, 32, 32)


def test_a_transparent_board_is_read() -> None:
    rgba = np.zeros((280, 280, 4), np.uint8)
    rgba[..., 3] = 255 - board()[..., 0]
    assert likeness(read(png(rgba)).samples[0], read(png(board())).samples[0]) > 0.9


def test_what_shows_nothing_says_why() -> None:
    blank = np.full((280, 280, 3), 255, np.uint8)
    assert why(png(blank)) == "empty" and why(png(blank), prepare="fit") == "empty"
    dot = blank.copy()
    dot[140:144, 140:144] = 0
    assert why(png(dot)) == "small"
    assert why(png(blank), prepare="card") == "no_card"
    assert why(wav(np.zeros(16_000, np.float32))) == "silent"
    assert why(wav(tone(loud=0.001))) == "silent"
    assert why(wav(tone(0.02))) == "short"


def test_a_recording_is_the_sample_that_folders_give(tmp_path: Any) -> None:
    data = wav(tone())
    (tmp_path / "a.wav").write_bytes(data)
    found = read(data)
    assert found.sense == "audio" and found.heard == (0.0, 0.5)
    assert (found.samples[0] == load(tmp_path / "a.wav")).all()


def test_the_silence_around_a_word_is_cut_off() -> None:
    wave = tone(0.6, silence=1.0)
    begin, end = loudest_part(wave)
    # Sound is kept for 0.13 s beyond the word's end, which is at sample 25,600.
    assert 15_000 < begin < 16_500 and 25_600 < end <= 27_700
    found = read(wav(wave))
    assert found.heard is not None and 0.9 < found.heard[0] < 1.2 and found.heard[1] < 1.75
    assert read(wav(wave), cut="whole").heard == (0.0, 2.6)


def test_arrays_are_taken_as_they_are() -> None:
    rng = np.random.default_rng(0)
    one = rng.integers(0, 255, (1, 32, 32)).astype(np.uint8)
    assert (read(npy(one)).samples == one[None]).all() and read(npy(one)).sense == "image"
    several = rng.integers(0, 255, (3, 1, 96, 96)).astype(np.uint8)
    assert (read(npy(several)).samples == several).all()
    assert read(npy(several)).sense == "audio"


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((1, 32, 31), np.uint8),
        np.zeros((1, 32, 32), np.float32),
        np.zeros((0, 1, 32, 32), np.uint8),
        np.zeros((MOST_ROWS + 1, 1, 32, 32), np.uint8),
        np.asfortranarray(np.zeros((2, 1, 32, 32), np.uint8)),
    ],
)
def test_other_arrays_are_refused(array: NDArray[Any]) -> None:
    memory = io.BytesIO()
    np.save(memory, array)
    assert why(memory.getvalue()) in ("bad_request", "damaged")


def test_an_array_of_objects_is_never_unpickled() -> None:
    memory = io.BytesIO()
    np.save(memory, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert why(memory.getvalue()) in ("bad_request", "damaged")


def test_a_picture_is_refused_by_its_header_before_it_is_decoded() -> None:
    side = 60_000
    bomb = png_of_size(side, side) + b"\0" * 100
    assert len(bomb) < 200 and why(bomb) == "bomb"
    assert why(png_of_size(MOST_PIXELS // 1000 + 1, 1000)) == "bomb"
    memory = io.BytesIO()
    Image.new("L", (8, 8)).save(memory, "JPEG", progressive=True)
    assert why(memory.getvalue().replace(b"\xff\xda", b"\xff\xda" * 200, 1)) in ("bomb", "damaged")
    huge = bytearray(jpeg(board()))
    at = huge.index(b"\xff\xc0")
    huge[at + 5 : at + 9] = struct.pack(">HH", 65_000, 65_000)
    assert why(bytes(huge)) == "bomb"


def test_a_sound_is_refused_by_its_header_before_it_is_decoded() -> None:
    assert why(wav(np.zeros(round(16_000 * (LONGEST_SOUND + 1)), np.float32))) == "too_long"
    memory = io.BytesIO()
    # Eight bits at 1 kHz are sixteen times as many samples at 16 kHz.
    soundfile.write(memory, np.zeros(1_000 * 31), 1_000, format="WAV", subtype="PCM_U8")
    assert why(memory.getvalue()) == "too_long"
    data = bytearray(wav(tone()))
    data[24:28] = struct.pack("<I", 1)
    assert why(bytes(data)) in ("unsupported", "damaged")


def test_what_is_no_sample_is_refused() -> None:
    assert why(b"") == "bad_request"
    assert why(b"<svg/>") == "unsupported" and why(b"GIF89a" + b"\0" * 50) == "unsupported"
    assert why(b"nonsense", kind="image/png") == "damaged"
    assert why(png(board())[:60]) == "damaged" and why(png(board())[:-20]) == "damaged"
    assert why(jpeg(board())[:40]) == "damaged"
    assert why(wav(tone())[:40]) == "damaged"
    assert why(png(board()), sense="audio") == "bad_request"
    assert why(png(board()), prepare="magic") == "bad_request"
    assert why(wav(tone()), cut="half") == "bad_request"
    with pytest.raises(Refused, match="none reads"):
        read_upload(png(board()), "", ("audio",), None, "ink", "auto")


def test_a_wav_without_its_end_is_read_as_far_as_it_is_whole() -> None:
    data = wav(tone(1.0))
    found = read(data[: len(data) // 2], cut="whole")
    assert found.heard is not None and 0.4 < found.heard[1] < 0.55


WHOLE = [
    png(board(size=(280, 280))[::4, ::4].copy()),
    jpeg(board()[::4, ::4].copy()),
    wav(tone(0.1)),
    npy(np.zeros((1, 32, 32), np.uint8)),
]


@st.composite
def near_misses(draw: st.DrawFn) -> bytes:
    """A whole file with some bytes changed, cut out or put in."""
    data = bytearray(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.one_of(st.integers(0, min(len(data), 80)), st.integers(0, len(data))))
        change = draw(st.binary(max_size=8))
        data[at : at + draw(st.integers(0, 8))] = change
    return bytes(data)


@given(near_misses(), st.sampled_from(["ink", "card", "fit"]))
@settings(max_examples=150)
def test_fuzz_near_misses(data: bytes, prepare: str) -> None:
    """Whatever comes is a sample, is refused, or tells nothing; nothing else is raised."""
    try:
        found = read(data, prepare=prepare)
    except (Refused, NothingTold) as error:
        assert str(error) and error.reason
    else:
        assert found.samples.shape[1:] in ((1, 32, 32), (1, 96, 96)) and found.samples.dtype == np.uint8


@given(
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\0\0\0\0WAVE", b"\x93NUMPY\1\0"]),
    st.binary(max_size=300),
)
@settings(max_examples=100)
def test_fuzz_random_bytes(head: bytes, data: bytes) -> None:
    try:
        read(head + data)
    except (Refused, NothingTold) as error:
        assert str(error)
