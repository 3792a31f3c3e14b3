import io

import numpy as np
import pytest
from PIL import Image
from PIL.GifImagePlugin import GifImageFile

from agent.exams.lip_sheet import (
    CONTRAST,
    FRAME_MS,
    RIGHT,
    SIDE,
    WRONG,
    Shown,
    draw_film,
    draw_lips,
    encode_gif,
    encode_png,
    one_each,
)
from sensors.signals.lips import GREY


@pytest.fixture
def shown() -> Shown:
    rng = np.random.default_rng(0)
    real = rng.integers(GREY - 40, GREY + 40, (3, 12, 60, 80), np.uint8)
    imagined = np.full_like(real, GREY)
    imagined[1, 4] = GREY + 20
    return Shown(("A", "B", "Z"), np.array([False, False, True]), real, imagined, ("A", "B", "B"), ("A", "Z", "Z"))


def test_the_first_utterance_of_each_letter_is_shown() -> None:
    assert one_each(np.array([2, 0, 2, 5, 0])).tolist() == [1, 0, 3]


def test_the_sheet_has_real_lips_above_imagined_ones(shown: Shown) -> None:
    sheet = draw_lips(shown, "a title")
    assert sheet.dtype == np.uint8 and sheet.shape[1] > 2 * 12 * 80
    found = [(y, x) for y in range(sheet.shape[0] - 60) for x in (6 + SIDE,) if (sheet[y : y + 60, x] != 255).all()]
    top, left = found[0]
    first = sheet[top : top + 60, left : left + 12 * 80].reshape(60, 12, 80).swapaxes(0, 1)
    difference = shown.real[0].astype(float) - GREY
    expected = GREY + difference * CONTRAST / np.sqrt((difference**2).mean())
    assert np.abs(first - expected.clip(0, 251)).max() < 0.6
    below = sheet[top + 62 : top + 122, left : left + 12 * 80]
    assert (below == GREY).all()


def test_faint_clips_are_drawn_as_strong_as_others_but_stillness_is_not() -> None:
    rng = np.random.default_rng(1)
    strong = GREY + 40 * np.sign(rng.normal(size=(1, 12, 60, 80)))
    faint, still = GREY + (strong - GREY) / 8, GREY + (strong - GREY) / 40
    clips = [clip.astype(np.uint8) for clip in (strong, faint, still)]
    films = [draw_film(Shown("A", np.array([False]), clip, clip))[3][18:70, 10:80].astype(float) for clip in clips]
    assert np.array_equal(films[0], films[1])
    assert (films[2] - GREY).std() == pytest.approx((films[0] - GREY).std() / 3)


def test_verdicts_are_green_where_the_letter_said_is_read_and_else_red(shown: Shown) -> None:
    film = draw_film(shown)
    assert len(film) == 12
    beside = [film[0][16 + line * 66 + 30, 92 * n + 6 - 1] for n in range(3) for line in range(2)]
    assert beside == [RIGHT, RIGHT, RIGHT, WRONG, WRONG, RIGHT]
    plain = draw_film(Shown(shown.names, shown.unseen, shown.real, shown.imagined))
    assert not np.isin(plain[0], (RIGHT, WRONG)).any()
    assert not np.isin(draw_lips(Shown(shown.names, shown.unseen, shown.real, shown.imagined), "t"), (RIGHT,)).any()


def test_files_show_what_was_drawn(shown: Shown) -> None:
    film = draw_film(shown)
    with GifImageFile(io.BytesIO(encode_gif(film))) as gif:
        assert (gif.n_frames, gif.info["duration"], gif.info["loop"]) == (12, FRAME_MS, 0)
        for number in range(12):
            gif.seek(number)
            grey = np.asarray(gif.convert("RGB"))
            with Image.open(io.BytesIO(encode_png(film[number]))) as png:
                assert np.array_equal(grey, np.asarray(png.convert("RGB")))
    assert tuple(grey[46, 92 * 2 + 5]) == (210, 50, 50)
    assert tuple(grey[46, 92 * 1 + 40]) == (film[11][46, 92 + 40],) * 3
