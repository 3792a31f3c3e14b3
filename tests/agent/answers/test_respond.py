import io
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from agent.answers import respond
from agent.answers.associations import Associations
from agent.answers.respond import LATEST, Responder
from agent.answers.response import Response, to_sound
from agent.config import AnswerConfig
from replay.buffer import Buffer
from replay.config import ReplayConfig
from replay.reader import Reader
from sensors.core.event import NO_LESSON, EventBatch
from sensors.signals.griffin_lim import write_wav
from sensors.signals.spectrogram import log_mel, quantise
from sensors.sources.speaker import Speaker
from tests.agent.answers.test_associations import networks
from tests.agent.rigs import clips, images
from tests.patience import PATIENCE

FREE = ReplayConfig(samples_per_insert=0.0, capacity=64, capacity_single=64, min_size=1)
AT_ONCE = AnswerConfig(respond=True, every=0.05, keep=3)


class Mouth(Speaker):
    """A speaker that remembers."""

    def __init__(self, works: bool) -> None:
        super().__init__(None)
        self.problem = ""
        self.works = works
        self.heard: list[NDArray[np.float32]] = []

    def play(self, wave: NDArray[np.float32]) -> bool:
        self.heard.append(wave)
        return self.works


@pytest.fixture(scope="module")
def associations() -> Associations:
    it = Associations()
    it.update(networks(4))
    return it


@pytest.fixture
def buffer(tmp_path: Path) -> Iterator[Buffer]:
    (tmp_path / "samples").mkdir()
    with closing(Buffer(tmp_path / "replay", FREE)) as made:
        yield made


def tell(buffer: Buffer, kind: str, first: int, count: int = 1) -> None:
    """New events, their concept being their number."""
    seq = np.arange(first, first + count)
    rng = np.random.default_rng(first)
    make = {"image": images, "audio": clips}
    samples = {name: make[name](seq % 10, rng) for name in kind.split("+")}
    moment = seq.astype(np.float64)
    buffer.insert(EventBatch("rig", 0, seq, moment, moment, np.full(count, NO_LESSON), samples))


def responder(tmp_path: Path, associations: Associations, mouth: Speaker | None = None, **changes: float) -> Responder:
    reader = Reader(tmp_path / "replay")
    return Responder(AT_ONCE.replace(**changes), reader, associations, tmp_path / "samples", mouth)


def run(it: Responder) -> str:
    """Look until a response is given; what is said about it."""
    before, end = it.counts["given"], time.monotonic() + PATIENCE
    while it.counts["given"] == before:
        assert time.monotonic() < end
        note = it.step()
        time.sleep(0.01)
    return note


def test_a_picture_alone_is_answered_by_a_sound_and_a_sound_by_a_picture(
    tmp_path: Path, buffer: Buffer, associations: Associations
) -> None:
    tell(buffer, "image", 0)
    mouth = Mouth(True)
    it = responder(tmp_path, associations, mouth)
    assert it.step() == "", "what was there before is not answered"
    tell(buffer, "audio+image", 100)
    assert it.step() == "", "what is seen and heard together needs no answer"
    tell(buffer, "image", 1)
    assert run(it) == "image perceived, audio evoked (step 4): response-000001-image-evokes-audio"
    tell(buffer, "audio", 2)
    assert run(it) == "", "people are told now and then"
    assert len(mouth.heard) == 1
    samples = tmp_path / "samples"
    wave, rate = soundfile.read(samples / "response-000001-image-evokes-audio.wav", dtype="float32")
    assert rate == 16_000 and 0 < np.abs(wave).max() <= 1 and np.abs(wave - mouth.heard[0]).max() < 1e-3
    assert not (samples / "response-000002-audio-evokes-image.wav").exists()
    shown = cv2.imread(str(samples / "response-000002-audio-evokes-image.png"))
    latest = cv2.imread(str(samples / LATEST))
    assert shown is not None and latest is not None and (shown == latest).all()
    assert it.figures()["answer/given"] == 2


def test_what_comes_faster_than_it_may_be_answered_is_counted(
    tmp_path: Path, buffer: Buffer, associations: Associations
) -> None:
    it = responder(tmp_path, associations, every=3600.0)
    tell(buffer, "image", 0, 5)
    run(it)
    for first in (10, 11, 12):
        tell(buffer, "image", first)
        assert it.step() == ""
    figures = it.figures()
    assert (figures["answer/given"], figures["answer/skipped"]) == (1, 4 + 2), "the last one still waits"


def test_files_are_bounded_and_numbered_on(tmp_path: Path, buffer: Buffer, associations: Associations) -> None:
    for part in range(2):
        it = responder(tmp_path, associations, Mouth(False))
        for n in range(2):
            tell(buffer, "image", 10 * part + n)
            run(it)
    for suffix in ("png", "wav"):
        kept = sorted(p.name.split("-")[1] for p in (tmp_path / "samples").glob(f"response-*.{suffix}"))
        assert kept == ["000002", "000003", "000004"]


def test_a_full_disk_does_not_silence_it(tmp_path: Path, buffer: Buffer, associations: Associations) -> None:
    mouth = Mouth(True)
    it = responder(tmp_path, associations, mouth)
    (tmp_path / "samples").rmdir()
    tell(buffer, "image", 0)
    run(it)
    assert len(mouth.heard) == 1
    assert it.figures()["answer/unwritten"] == 1


def test_it_says_once_that_the_speaker_is_gone_and_that_it_is_back(
    tmp_path: Path, buffer: Buffer, associations: Associations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(respond, "NOTE_EVERY", 0.0)
    mouth = Mouth(False)
    it = responder(tmp_path, associations, mouth)
    mouth.problem = "speaker 'box': unplugged"
    assert it.step() == "speaker 'box': unplugged; sounds go to files only" and it.step() == ""
    mouth.problem = ""
    assert it.step() == "the speaker plays again" and it.step() == ""
    tell(buffer, "image", 0)
    assert run(it)


def test_without_weights_nothing_is_answered(tmp_path: Path, buffer: Buffer) -> None:
    it = responder(tmp_path, Associations())
    tell(buffer, "image", 0)
    assert it.step() == "" and it.figures()["answer/given"] == 0


def test_a_sound_ends_where_it_does(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    word = rng.normal(0, 0.2, 8000).astype(np.float32)
    stored = quantise(log_mel([word]))[0]
    wave = to_sound("audio", stored, 5.5)
    assert wave is not None and 0.4 < len(wave) / 16_000 < 0.8 and abs(wave[-1]) < 1e-6
    short = to_sound("audio", stored, 0.3)
    assert short is not None and len(short) == 4800 and abs(short[-1]) < 1e-6
    assert to_sound("audio", np.zeros((1, 96, 96), np.uint8), 5.5) is None
    write_wav(tmp_path / "word.wav", wave)


def test_a_response_with_several_evoked_shows_them_all() -> None:
    picture = images(np.array([3]), np.random.default_rng(0))[0]
    sound = clips(np.array([3]), np.random.default_rng(0))[0]
    one = Response("image", picture, {"audio": sound}, 5)
    both = Response("image", picture, {"audio": sound, "image": picture}, 5)
    assert one.name == "image-evokes-audio" and both.name == "image-evokes-audio+image"
    assert both.picture().shape[1] > one.picture().shape[1]
    assert io.BytesIO(one.png()).read(4) == b"\x89PNG"
    assert Response("audio", sound, {"image": picture}, 5).sound(5.5) is None
