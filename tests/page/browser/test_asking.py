"""Asking in a real browser: drawn, recorded and chosen samples are answered."""

from pathlib import Path

import pytest

from benchmarks.harness.drawn_digits import draw
from tests.page.browser.conftest import Visit, write_tone
from tests.page.browser.standin import StandIn

pytestmark = pytest.mark.slow

RECORD_PLAYED = """() => {
    window.played = [];
    HTMLMediaElement.prototype.play = function () { window.played.push(this.src); return Promise.resolve(); };
}"""


def test_a_drawn_digit_is_answered_and_heard(visit: Visit) -> None:
    page = visit("ask")
    page.evaluate(RECORD_PLAYED)
    draw(page, 3, page.locator(".board canvas").bounding_box())
    page.wait_for_selector(".headline")
    assert page.locator(".nearest li").count() in (0, 5)
    assert page.locator(".evoked img").count() == 3
    page.wait_for_function("() => window.played.length > 0")
    assert "question." in page.evaluate("played[0]") and "as=wav" in page.evaluate("played[0]")
    assert "step" in page.inner_text(".foot")


def test_asking_again_shows_both_answers(visit: Visit) -> None:
    page = visit("ask")
    draw(page, 1, page.locator(".board canvas").bounding_box())
    page.wait_for_selector(".headline")
    page.click("text=Ask again")
    page.wait_for_selector(".progress li")
    assert page.locator(".progress li").count() == 2


def test_an_empty_board_says_so(visit: Visit) -> None:
    page = visit("ask")
    page.click(".controls >> text=Ask")
    page.wait_for_selector(".status >> text=The board is empty.")
    draw(page, 1, page.locator(".board canvas").bounding_box())
    page.click("text=Wipe")
    page.click(".controls >> text=Ask")
    page.wait_for_selector(".status >> text=The board is empty.")


def test_keys_draw(visit: Visit) -> None:
    page = visit("ask")
    page.focus(".board canvas")
    for key in (" ", *["ArrowDown"] * 10, *["ArrowRight"] * 6, " "):
        page.keyboard.press(key)
    page.wait_for_selector(".headline")


def test_a_sound_is_answered_with_a_picture(visit: Visit, tmp_path: Path) -> None:
    write_tone(tmp_path / "tone.wav")
    page = visit("ask")
    page.set_input_files("input[type=file]", tmp_path / "tone.wav")
    page.wait_for_selector(".headline")
    assert "the image that it evokes" in page.inner_text(".answer")


def test_silence_is_told(visit: Visit, tmp_path: Path) -> None:
    write_tone(tmp_path / "silence.wav", seconds=0.0)
    page = visit("ask")
    page.set_input_files("input[type=file]", tmp_path / "silence.wav")
    page.wait_for_selector(".status:has-text('silence')")


def test_a_file_of_another_kind_is_refused_with_a_reason(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("three")
    page = visit("ask")
    page.set_input_files("input[type=file]", tmp_path / "notes.txt")
    page.wait_for_selector(".status:has-text('expected a PNG or JPEG picture, a WAV sound, or an npy file')")


def test_what_the_microphone_hears_is_answered(visit: Visit) -> None:
    page = visit("ask", permissions=["microphone"])
    page.click("text=Record")
    page.wait_for_selector(".headline", timeout=60_000)
    assert "the image that it evokes" in page.inner_text(".answer")


def test_the_camera_looks_until_it_sees_something(visit: Visit) -> None:
    page = visit("ask", permissions=["camera"])
    page.click(".controls >> text=Camera")
    page.wait_for_selector("video")
    # The fake camera shows no card: that is said.
    page.wait_for_selector(".camera .hint:has-text('card')")
    page.click(".controls >> text=Camera")
    assert not page.is_visible("video")


def test_the_last_questions_outlive_the_visit(visit: Visit, run: StandIn) -> None:
    page = visit("ask")
    draw(page, 7, page.locator(".board canvas").bounding_box())
    page.wait_for_selector(".headline")
    other = visit("ask")
    other.wait_for_selector("button.past")
    before = other.locator("button.past").count()
    assert before == len(run.context.questions.all())
    other.locator("button.past").first.click()
    other.wait_for_selector(".headline")
