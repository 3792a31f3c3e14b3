import heapq
import json
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.harness.shown import drawing, show
from sensors.core.errors import ConfigError, StateError
from sensors.core.event import NO_LESSON, EventBatch
from sensors.cutters.segmentation import SegmentationConfig
from sensors.cutters.views import Views, ViewsConfig
from sensors.live.rig_config import RigConfig
from sensors.perception.pairing import PairingConfig
from sensors.perception.perception import Perception, PerceptionConfig, StreamConfig
from sensors.robots.robot_config import RobotConfig
from sensors.signals.cards import card_image
from sensors.signals.spectrogram import SAMPLE_RATE
from sensors.sources.live_config import SensorsConfig
from sensors.sources.source import Chunk, Frame
from teacher.datasets.preparation.clips import prepare_waves
from tests.sensors.speech import chunks, stream

FPS = 15
T0 = 500.0


def _frames(scenes: list[tuple[float, int | None]], rng: np.random.Generator) -> list[Frame]:
    """Frames of scenes of (seconds, what is drawn on the card)."""
    out: list[Frame] = []
    for seconds, number in scenes:
        for _ in range(round(seconds * FPS)):
            digit = None if number is None else drawing(number)
            out.append(Frame(T0 + len(out) / FPS, show(digit, rng)))
    return out


def _run(perception: Perception, sound: NDArray[np.float32], frames: list[Frame]) -> list[EventBatch]:
    """Both streams as they come: a chunk when its last sample is there, a frame when it is taken."""
    heard: Iterator[tuple[float, int, Chunk | Frame]] = (
        (c.start + len(c.samples) / SAMPLE_RATE, 0, c) for c in chunks(sound, T0)
    )
    seen: Iterator[tuple[float, int, Chunk | Frame]] = ((f.time, 1, f) for f in frames)
    found: list[EventBatch] = []
    now = T0
    for now, _, item in heapq.merge(heard, seen, key=lambda entry: entry[:2]):
        found += perception.observe(item, now)
    return found + perception.flush(now)


def test_sound_and_pictures_become_events_of_three_kinds() -> None:
    rng = np.random.default_rng(0)
    # A card with two words, a card without, a word without, a card with a word.
    words = [(2.0, 0.4), (3.0, 0.5), (9.0, 0.45), (12.5, 0.35)]
    scenes = [(1.5, None), (2.5, 1), (1.5, None), (1.5, 2), (4.5, None), (2.0, 3), (1.0, None)]
    sound = stream(words, 14.5, rng)
    perception = Perception("robot", 3)
    batches = _run(perception, sound, _frames(scenes, rng))
    events = [batch.event(i) for batch in batches for i in range(len(batch))]
    assert all(batch.source == "robot" and batch.generation == 3 for batch in batches)
    assert [event.id.seq for event in events] == list(range(5))
    kinds = ["+".join(event.samples) for event in events]
    assert sorted(kinds) == ["audio", "audio+image", "audio+image", "audio+image", "image"]
    pairs = [event for event in events if len(event.samples) == 2]
    assert [event.start - T0 for event in pairs] == pytest.approx([2.0, 3.0, 12.5], abs=0.06)
    assert pairs[0].lesson == pairs[1].lesson != pairs[2].lesson
    assert all(e.lesson == NO_LESSON for e in events if len(e.samples) == 1)
    np.testing.assert_array_equal(pairs[0].samples["image"], pairs[1].samples["image"])
    counts = perception.counts
    assert counts["events"] == 5 and counts["pairing.audio.paired"] == 3 and counts["pairing.image.alone"] == 1


def test_utterances_are_prepared_as_the_datasets_are() -> None:
    rng = np.random.default_rng(1)
    sound = stream([(1.5, 0.5)], 4.0, rng)
    config = PerceptionConfig(clean=False)
    (batch,) = _run(Perception("p", config=config), sound, [])
    first, last = (round((t - T0) * SAMPLE_RATE) for t in (float(batch.start[0]), float(batch.end[0])))
    last += round(config.segmentation.after * SAMPLE_RATE)
    expected, _ = prepare_waves([sound[first:last]])
    np.testing.assert_array_equal(batch.samples["audio"], expected)


def test_in_a_noisy_room_utterances_look_as_in_a_quiet_one() -> None:
    quiet, noisy = (stream([(1.5, 0.5)], 4.0, np.random.default_rng(1), noise=n) for n in (1e-5, 0.01))
    said = [1.5, 2.0]
    expected, _ = prepare_waves([quiet[round(said[0] * SAMPLE_RATE) : round(said[1] * SAMPLE_RATE)]])
    off = {}
    for clean in (True, False):
        perception = Perception("p", config=PerceptionConfig(clean=clean))
        (batch,) = _run(perception, noisy, [])
        off[clean] = np.abs(batch.samples["audio"][0, 0, :, :8].astype(float) - expected[0, 0, :, :8]).mean()
    assert off[True] < 0.7 * off[False]


def test_without_a_camera_words_are_told_soon() -> None:
    sound = stream([(1.5, 0.5)], 6.0, np.random.default_rng(2))
    perception = Perception("p")
    for chunk in chunks(sound, T0):
        now = chunk.start + 0.02
        if perception.observe(chunk, now) + perception.advance(now):
            break
    assert now - T0 < 2.0 + 1.5


def test_a_pair_is_told_within_a_third_of_a_second_of_the_word() -> None:
    rng = np.random.default_rng(3)
    sound = stream([(2.0, 0.5)], 4.0, rng)
    perception = Perception("p")
    frames = _frames([(4.0, 5)], rng)
    told = None
    for chunk in chunks(sound, T0):
        now = chunk.start + 0.02
        while frames and frames[0].time <= now:
            perception.observe(frames.pop(0), now)
        if told is None and any(batch.kind == "audio+image" for batch in perception.observe(chunk, now)):
            told = now
    assert told is not None and told - T0 < 2.5 + 0.33


@pytest.mark.parametrize("late", [0.0, 0.9])
def test_pictures_that_come_late_are_seen_and_paired_by_their_times(late: float) -> None:
    """As from a camera on the network whose delay is known: its times are right, its pictures come after them."""
    rng = np.random.default_rng(5)
    sound, frames = stream([(1.5, 0.5)], 5.0, rng), _frames([(3.0, 1), (2.0, None)], rng)
    perception = Perception("p")
    found: list[EventBatch] = []
    for chunk in chunks(sound, T0):
        now = chunk.start + 0.02
        found += perception.observe(chunk, now)
        while frames and frames[0].time + late <= now:
            found += perception.observe(frames.pop(0), now)
        found += perception.advance(now)
    assert [batch.kind for batch in found] == ["audio+image"]
    assert perception.counts.get("image.gaps", 0) == 0


def test_settings_with_which_nothing_would_ever_be_perceived_are_refused() -> None:
    for views, pairing in ((ViewsConfig(again=1.3), PairingConfig()), (ViewsConfig(), PairingConfig(lasting=0.4))):
        with pytest.raises(ConfigError, match=r"views\.again=.*pairing\.lasting="):
            PerceptionConfig(views=views, pairing=pairing)
    with pytest.raises(ConfigError, match="at least 1"):
        SegmentationConfig(longest=0.6, pause=1.0)
    with pytest.raises(ConfigError, match=r"stall=0\.2.*at least 0\.4"):
        SensorsConfig(fps=5.0, stall=0.2)
    slow = SensorsConfig(fps=1.0, stall=5.0)
    for kind in (RigConfig, RobotConfig):
        with pytest.raises(ConfigError, match=r"sensors\.fps=1:.* at least 3"):
            kind(sensors=slow)
        assert kind(sensors=slow.replace(camera=None)).sensors.fps == 1.0
        assert kind(sensors=slow, perception=PerceptionConfig(views=ViewsConfig(unseen=2.0)))
    assert RigConfig(source="recorded", sensors=slow)


def test_views_last_at_the_lowest_rate_that_is_allowed() -> None:
    rng = np.random.default_rng(6)
    views = Views(card_image, ViewsConfig(unseen=0.5))
    views.config.check_rate(3.0)
    found = [v for k in range(9) for v in views.observe(Frame(T0 + k / 3, show(drawing(1), rng)))]
    assert found and {v.number for v in found} == {0} and all(v.lasting for v in found)


def test_ids_and_lessons_go_on_after_a_restart() -> None:
    rng = np.random.default_rng(4)
    sound, frames = stream([(1.5, 0.5)], 3.0, rng), _frames([(3.0, 1)], rng)
    first = Perception("robot", 1)
    (before,) = _run(first, sound, frames)
    second = Perception("robot", 0)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    (after,) = _run(second, sound, frames)
    assert (after.generation, after.seq[0]) == (1, before.seq[0] + 1)
    assert after.lesson[0] != before.lesson[0]
    (other,) = _run(Perception("robot", 2), sound, frames)
    assert other.lesson[0] not in (before.lesson[0], after.lesson[0])
    with pytest.raises(StateError, match="belongs to 'robot'"):
        Perception("other").load_state_dict(first.state_dict())
    with pytest.raises(StateError, match="seq=-1"):
        second.load_state_dict({**first.state_dict(), "seq": -1})


def test_settings_survive_a_round_trip() -> None:
    config = PerceptionConfig()
    changed = config.replace(pairing=config.pairing.replace(window=0.8))
    assert PerceptionConfig.from_dict(json.loads(json.dumps(changed.to_dict()))) == changed


def test_starts_that_know_nothing_of_each_other_have_lessons_of_their_own() -> None:
    """A robot keeps no count of its starts: the clock's milliseconds are all that tells them apart."""
    began = 1_764_000_000_000
    numbers = {
        Perception(name, began + start * 7919)._lesson(lesson)
        for name in ("kitchen", "hall", "host")
        for start in range(2000)
        for lesson in range(5)
    }
    assert len(numbers) == 3 * 2000 * 5
    assert all(0 <= number < 2**63 for number in numbers)
    assert Perception("hall", 1)._lesson(NO_LESSON) == NO_LESSON
    # The same start, gone on with, gives the same numbers.
    assert Perception("hall", 1)._lesson(3) == Perception(
        "hall",
        1,
    )._lesson(3)


def test_words_are_parted_where_the_sensors_are_told_to() -> None:
    # Two words with 70 ms between them: no pause that ends an utterance.
    sound = stream([(1.0, 0.35), (1.42, 0.4)], 3.0, np.random.default_rng(0))
    for utterance, events in (("phrase", 1), ("word", 2)):
        config = StreamConfig.of(PerceptionConfig(), SensorsConfig(utterance=utterance))
        perception = Perception("p", config=config, senses=["audio"])
        batches = [batch for chunk in chunks(sound) for batch in perception.observe(chunk, chunk.end)]
        batches += perception.flush(9.0)
        assert sum(len(batch) for batch in batches) == events
    with pytest.raises(ConfigError, match="choose one of phrase, word"):
        SensorsConfig(utterance="sentence")
