"""Prompted sessions: what is said and shown bears its label, in labelled tables and exam sets alone."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.harness.shown import drawing
from sensors.browsers.browsers import Browsers
from sensors.browsers.browsers_config import BrowsersConfig
from sensors.browsers.prompts import Prompt, Prompts, read_prompt
from sensors.browsers.said_letters import lip_film
from sensors.core.errors import WireError
from sensors.core.event import EventBatch
from sensors.core.modalities import modality
from sensors.perception.pairing import Moment
from sensors.perception.perception import Perception, PerceptionConfig, warm_up
from sensors.senses import sense
from sensors.signals.frames import mnist_images
from sensors.signals.lips import FRAMES
from sensors.signals.readings import Frame
from sensors.sources.live_config import SensorsConfig
from tests.sensors.browsers.tab import Tab
from tests.sensors.browsers.test_browsers import NAMES, teach

MOUTH = "sensors.browsers.said_letters.Lips"


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    warm_up(Perception("warm", senses=NAMES))


@pytest.fixture
def making() -> Iterator[Callable[..., Browsers]]:
    made: list[Browsers] = []

    def make(exam: Path | None = None, letters: bool = False) -> Browsers:
        config = BrowsersConfig(exam=None if exam is None else str(exam))
        made.append(Browsers(config, PerceptionConfig(), NAMES, SensorsConfig(), 1, letters=letters))
        return made[-1]

    yield make
    for each in made:
        each.close()


def prompted(browsers: Browsers, **prompt: Any) -> tuple[list[EventBatch], list[dict[str, Any]]]:
    """Events and answers of one prompt, during which a card is shown and something is said."""
    tab = Tab(browsers)
    tab.hello()
    tab.clock()
    assert tab.look()[0]["prompts"] == (["exam"] if prompt["use"] == "exam" else ["letters"])
    tab.text({"type": "prompt", "at": time.monotonic() - tab.lead, **prompt})
    found = teach(browsers, tab)
    tab.text({"type": "prompt_over", "at": time.monotonic() - tab.lead})
    return found, tab.look()


def test_an_exam_set_is_kept_as_a_folder_and_nothing_of_it_is_learned_from(
    making: Callable[..., Browsers], tmp_path: Path
) -> None:
    found, told = prompted(making(tmp_path / "exam"), label="three", use="exam")
    assert found == []
    (kept,) = [one for one in told if one["type"] == "prompted"]
    assert kept["kept"] and kept["label"] == "three" and kept["senses"] == NAMES
    assert not [one for one in told if one["type"] == "pair"]
    files = {path.parent.relative_to(tmp_path / "exam").as_posix(): path for path in (tmp_path / "exam").rglob("*.*")}
    assert sorted(files) == ["audio/three", "image/three"]
    # The folder's own reader makes the samples again.
    load = sense("image").load
    assert load is not None
    picture = load(files["image/three"])
    assert picture.shape == modality("image").shape
    shown = mnist_images(drawing(3)[None])[0]
    assert np.corrcoef(picture.ravel(), shown.ravel())[0, 1] > 0.5
    hear = sense("audio").load
    assert hear is not None and hear(files["audio/three"]).shape == modality("audio").shape


def test_a_letter_is_labelled_speech_with_the_lips_that_the_camera_saw(
    making: Callable[..., Browsers], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Mouth:
        def observe(self, picture: Any) -> Any:
            return np.full((60, 80), int(picture.mean()), np.uint8)

    monkeypatch.setattr(MOUTH, Mouth)
    found, told = prompted(making(letters=True), label="c", use="letters")
    (batch,) = found
    assert batch.kind == "speech+lips+letter" and batch.samples["letter"].tolist() == [[2]]
    assert batch.source == "prompts/anna"
    assert [one["kept"] for one in told if one["type"] == "prompted"] == [True]


def test_lips_are_missing_for_speech_alone_and_without_a_face_nothing_is_kept(
    making: Callable[..., Browsers],
) -> None:
    found, _ = prompted(making(letters=True), label="Z", use="letters", alone=True)
    assert [batch.kind for batch in found] == ["speech+letter"] and found[0].samples["letter"].tolist() == [[25]]
    found, told = prompted(making(letters=True), label="Z", use="letters")
    assert found == []
    answers = [one for one in told if one["type"] == "prompted" and "audio" in one["senses"]]
    assert answers and not any(one["kept"] for one in answers)
    assert all("face" in one["why"] for one in answers)


@pytest.mark.parametrize(
    ("use", "label", "why"),
    [("letters", "eight", "no letter"), ("exam", "a", "--exam DIR"), ("nonsense", "a", "nothing of this kind")],
)
def test_what_cannot_be_kept_is_told_and_taken_for_no_prompt(
    making: Callable[..., Browsers], use: str, label: str, why: str
) -> None:
    browsers = making(letters=True)
    tab = Tab(browsers)
    tab.hello()
    tab.clock()
    tab.text({"type": "prompt", "at": time.monotonic() - tab.lead, "use": use, "label": label})
    (answer,) = [one for one in tab.look() if one["type"] == "prompted"]
    assert not answer["kept"] and why in answer["why"]


@pytest.mark.parametrize("label", ["../up", ".hidden", "a/b", "a\\b"])
def test_a_label_never_leaves_the_exams_folder(making: Callable[..., Browsers], tmp_path: Path, label: str) -> None:
    browsers = making(tmp_path / "exam")
    tab = Tab(browsers)
    tab.hello()
    tab.text({"type": "prompt", "at": 0.0, "use": "exam", "label": label})
    (answer,) = [one for one in tab.look() if one["type"] == "prompted"]
    assert not answer["kept"] and "folder" in answer["why"]


def test_a_moment_belongs_to_the_prompt_in_which_it_began() -> None:
    def at(start: float) -> Moment:
        return Moment(start, start + 0.5, 0, {})

    prompts = Prompts()
    assert prompts.of(at(1.0)) is None
    for label, start in (("a", 2.0), ("b", 4.0)):
        prompts.show(Prompt(label, "exam", False, start))
    prompts.hide(6.0)
    told = [prompts.of(at(start)) for start in (1.0, 1.95, 3.85, 4.0, 5.9, 6.0)]
    assert [one.label if one else None for one in told] == [None, "a", "a", "b", "b", None]


@pytest.mark.parametrize(
    "told",
    [{}, {"label": 3, "use": "exam"}, {"label": "a\n", "use": "exam"}, {"label": "a", "use": "exam", "alone": 1}],
)
def test_a_prompt_is_a_label_and_its_use(told: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        read_prompt({"type": "prompt", **told}, 0.0)


def test_a_film_of_lips_follows_the_speech_between_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mouth:
        def observe(self, picture: Any) -> Any:
            return np.full((60, 80), int(picture[0, 0]), np.uint8) if picture[0, 0] else None

    monkeypatch.setattr(MOUTH, Mouth)
    frames = [Frame(10 + 0.1 * i, np.full((48, 64), 50 + 10 * i, np.uint8)) for i in range(8)]
    film = lip_film(frames, 10.0)
    assert film is not None and film.shape == (FRAMES, 60, 80)
    levels = film[:, 0, 0].astype(int)
    # Brighter by 4 steps each 40 ms, around the film's mean.
    assert np.abs(np.diff(levels) - 4).max() <= 1 and abs(levels.mean() - 128) < 1
    assert lip_film(frames[:2], 10.0) is None
    assert lip_film([Frame(f.time, np.zeros((48, 64), np.uint8)) for f in frames], 10.0) is None
