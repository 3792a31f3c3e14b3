"""The package as it is and one file more: a sense of touch, taught, perceived, recorded, sent and examined."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.harness.job import ROOT, Job, latest
from benchmarks.harness.shown import drawing, show
from sensors.core.errors import ConfigError, SampleError
from sensors.core.event import EventBatch
from sensors.core.modalities import modality
from sensors.live.live_rig import LiveRig
from sensors.live.rig import make_rig
from sensors.live.rig_config import LiveConfig, RigConfig
from sensors.perception.perception import Perception, warm_up
from sensors.perception.streams import perceivable, perceived_kinds
from sensors.plugins import load_plugins
from sensors.senses import configure, sense
from sensors.signals.readings import Frame
from sensors.sources.live_config import SensorsConfig
from sensors.sources.recorder import Recorder
from sensors.sources.recording import Recording
from tests.live.test_live_run import QUICK
from tests.patience import PATIENCE
from tests.sensors import robot_rigs as robots
from tests.sensors.speech import chunks, stream

FILE = ROOT / "examples" / "touch.py"
SENSES = ("audio", "image", "touch")
FAST = "three 0.8, nothing 0.3, seven 0.8, nothing 0.3"


@pytest.fixture
def touch(plugins_undone: Callable[[], None], tmp_path: Path) -> Any:
    """The plugin's module, loaded from a folder of its own."""
    path = Path(shutil.copy(FILE, tmp_path / "touch.py"))
    load_plugins([path])
    configure({"touch": {"hand": FAST}})
    return sys.modules["reciprocal_plugin_touch"]


def rows(touch: Any, *script: tuple[str, int], seed: int = 0) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(seed)
    return np.concatenate([touch.felt(thing, count, 0.03, rng) for thing, count in script])


def readings(touch: Any, values: np.ndarray[Any, Any], start: float) -> list[Any]:
    return [
        touch.Felt(start + np.arange(i, i + 10) / 100, values[i : i + 10]) for i in range(0, len(values) // 10 * 10, 10)
    ]


def test_it_is_a_sense_like_any_other(touch: Any) -> None:
    assert perceivable() == list(SENSES)
    form = modality("touch")
    assert (form.shape, form.layout) == ((48, 6), "sequence")
    sample = touch.touch("three", 0.03, np.random.default_rng(0))
    view = sense("touch").view(sample)
    assert view.dtype == np.uint8 and view.ndim == 3 and view.std() > 10
    flaws = sense("touch").flaws
    assert flaws is not None
    worn = flaws.noise(np.stack([sample] * 3), np.array([0.0, 0.1, 0.5]), np.random.default_rng(0))
    off = np.abs(worn - sample).mean(axis=(1, 2))
    assert off[0] == 0 and 0 < off[1] < off[2] and worn.dtype == sample.dtype


def test_things_feel_alike_each_time_and_unlike_each_other(touch: Any) -> None:
    rng = np.random.default_rng(0)
    felt = np.stack([touch.touch(thing, 0.03, rng) for thing in touch.THINGS for _ in range(30)])
    labels = np.repeat(np.arange(10), 30)
    flat, known = felt.reshape(len(felt), -1), np.arange(len(felt)) % 30 < 20
    nearest = ((flat[~known][:, None] - flat[known][None]) ** 2).sum(-1).argmin(1)
    assert (labels[known][nearest] == labels[~known]).mean() > 0.85


def test_touches_are_cut_where_something_is_pressed(touch: Any) -> None:
    cutter, found, marks = touch.Touches(), [], []
    script = (("nothing", 100), ("three", 200), ("nothing", 100), ("seven", 30), ("nothing", 60), ("nine", 150))
    for reading in readings(touch, rows(touch, *script), 10.0):
        found += cutter.observe(reading, reading.end)
        found += cutter.expire(reading.end)
        marks.append(cutter.known)
    found += cutter.flush()
    assert {t.number for t in found} == {0, 1} and cutter.counts["too_short"] == 1
    first = [t for t in found if t.number == 0]
    assert first[0].start == pytest.approx(11.0, abs=0.05) and first[-1].end == pytest.approx(13.0, abs=0.08)
    assert [t.lasting for t in first] == [True] * (len(first) - 1) + [False]
    assert all(t.sample.shape == (48, 6) for t in found) and found[-1].number == 1 and not found[-1].lasting
    assert marks == sorted(marks)


def test_every_sense_is_tried_once_before_its_sources_begin(touch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    class Watched(touch.Touches):  # type: ignore[misc]  # a class that is known at run time alone
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    monkeypatch.setattr(touch, "Touches", Watched)
    about = Perception("rig", senses=SENSES)
    warm_up(about)
    assert [dict(cutter.counts) for cutter in made] == [{}, {"touches": 1, "gaps": 0, "too_short": 0}]
    assert about.counts["events"] == 0, "another one was tried"


def test_a_sense_is_given_nothing_of_senses_that_are_not_perceived(touch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Perception] = []
    observe = Perception.observe

    def watched(self: Perception, *arguments: Any) -> Any:
        seen.append(self)
        return observe(self, *arguments)

    monkeypatch.setattr(Perception, "observe", watched)
    warm_up(Perception("rig", senses=("touch",)))
    assert len(seen) == 10 and seen[0].counts["touch.touches"] == 1 and "readings.passed_over" not in seen[0].counts


def test_rows_that_are_lost_end_a_touch_and_silence_does(touch: Any) -> None:
    pieces = readings(touch, rows(touch, ("three", 120)), 5.0)
    cutter = touch.Touches()
    found = [t for piece in pieces[:8] for t in cutter.observe(piece, piece.end)]
    found += cutter.observe(pieces[9].after_loss(), pieces[9].end)
    assert not found[-1].lasting and cutter.counts["gaps"] == 1
    assert cutter.observe(pieces[2], 6.0) == [] and cutter.counts["late"] == 10
    silent = touch.Touches()
    for piece in pieces[:8]:
        silent.observe(piece, piece.end)
    assert silent.expire(6.0) == []
    (over,) = silent.expire(6.5)
    assert not over.lasting and silent.known == 6.0


def test_sound_picture_and_touch_at_one_time_are_one_event(touch: Any) -> None:
    rng = np.random.default_rng(0)
    # A card that is touched, with two words; then something touched that nobody names or shows; a word alone.
    sound = stream([(2.0, 0.4), (3.0, 0.5), (11.0, 0.4)], 13.0, rng)
    felt = rows(touch, ("nothing", 160), ("three", 300), ("nothing", 240), ("seven", 100), ("nothing", 500))
    shown = [drawing(1) if 1.4 <= n / 15 < 4.4 else None for n in range(13 * 15)]
    items: list[Any] = [*chunks(sound, 100.0), *readings(touch, felt, 100.0)]
    items += [Frame(100.0 + n / 15, show(digit, rng)) for n, digit in enumerate(shown)]
    perception, found = Perception("robot", 1), list[EventBatch]()
    for item in sorted(items, key=lambda item: float(item.end)):
        found += perception.observe(item, item.end) + perception.advance(item.end)
    found += perception.flush(113.0)
    events = [batch.event(i) for batch in found for i in range(len(batch))]
    assert sorted("+".join(event.samples) for event in events) == [
        "audio",
        *["audio+image+touch"] * 2,
        "touch",
    ]
    together = [event for event in events if len(event.samples) == 3]
    assert together[0].lesson == together[1].lesson >= 0
    np.testing.assert_array_equal(together[0].samples["touch"], together[1].samples["touch"])
    assert perception.counts["touch.touches"] == 2 and perception.counts["pairing.touch.alone"] == 1


def perceive(rig: LiveRig, wanted: int) -> list[EventBatch]:
    rig.start()
    found: list[EventBatch] = []
    end = time.monotonic() + PATIENCE
    try:
        while sum(map(len, found)) < wanted and not rig.over:
            assert time.monotonic() < end
            found += [delivery.batch for delivery in rig.step(0.01)]
        found += [delivery.batch for delivery in rig.flush()]
    finally:
        rig.close()
    return found


def test_it_is_felt_live_recorded_and_played_again(touch: Any, tmp_path: Path) -> None:
    kinds = perceived_kinds(SENSES)
    alone = SensorsConfig(microphone=None, camera=None)
    live = RigConfig(sensors=alone, senses=",".join(SENSES), live=LiveConfig(record=str(tmp_path / "session")))
    rig = make_rig(live, 1, kinds)
    before = perceive(rig, 2)
    assert {batch.kind for batch in before} == {"touch"} and list(rig.states) == ["hand"]
    recording = Recording(tmp_path / "session", readings=(touch.Felt,))
    assert recording.kinds == {"hand": "touch"}
    again = perceive(
        make_rig(live.replace(source=str(tmp_path / "session"), live=LiveConfig(speed=20.0)), 2, kinds), 99
    )
    one, two = (np.concatenate([batch.samples["touch"] for batch in found]) for found in (before, again))
    assert len(one) >= 2
    np.testing.assert_array_equal(one, two)


def test_a_robot_sends_what_it_touches(touch: Any, tmp_path: Path) -> None:
    with robots.host() as host:
        command = [sys.executable, "-m", "sensors.remote", "--plugin", str(tmp_path / "touch.py"), "--camera", "none"]
        command += ["--microphone", "none", "--to", host.address, "--name", "kitchen", "--journal", "none"]
        robot = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            found: list[EventBatch] = []
            end = time.monotonic() + PATIENCE
            while not found:
                assert time.monotonic() < end and robot.poll() is None, robot.communicate()
                received = host.run(0.05)
                host.acknowledge(received)
                found += [item.batch for item in received]
        finally:
            robot.kill()
            robot.communicate()
    assert found[0].kind == "touch" and found[0].source == "kitchen"
    assert found[0].samples["touch"].shape[1:] == (48, 6)


def test_it_is_taught_beside_sounds_and_images(touch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from teacher.config import DataConfig, TeacherConfig
    from teacher.datasets import choose
    from teacher.datasets.core.samples import make_samples
    from teacher.subjects import subject

    def small(name: str) -> Any:
        labels, shape = np.repeat(np.arange(10), 3), modality(name).shape
        samples = np.zeros((30, *shape), np.uint8) + (20 * labels).astype(np.uint8).reshape(-1, *[1] * len(shape))
        return lambda data: make_samples(f"small {name}", (samples, labels), (samples, labels), "no split")

    monkeypatch.setattr(choose, "load_images", small("image"))
    monkeypatch.setattr(choose, "load_speech", small("audio"))
    data, settings = DataConfig(), TeacherConfig(style="classroom")
    felt = subject("felt")
    assert felt.senses(data, settings) == SENSES and "+".join(SENSES) in felt.kinds(data, settings)
    assert felt.teachers(2) == ["teacher-felt-0", "teacher-felt-1"]
    taught = felt.load(data)
    assert any(line.startswith("touch: simulated touch: 2,000 training + 400 test") for line in taught.lines)
    machine = felt.machine(taught, settings, "teacher-felt-0", 0, 0)
    batch = machine.step()
    assert batch.kind == "audio+image+touch" and batch.samples["touch"].shape[1:] == (48, 6)
    # What is touched is what is heard: the sound's brightness is its concept, what is felt is nearest to its own kind.
    own, flat = taught.datasets["touch"], batch.samples["touch"].reshape(len(batch), -1)
    distances = ((flat[:, None] - own.test.reshape(len(own.test), -1)[None]) ** 2).sum(-1)
    assert (own.test_labels[distances.argmin(1)] == batch.samples["audio"][:, 0, 0, 0] // 20).mean() > 0.8
    exam = machine.exam()
    assert exam is not None and tuple(exam.parts) == ("image", "audio", "touch")


def test_the_noise_setting_reaches_the_taught_samples(
    touch: Any, forms: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from teacher.config import DataConfig
    from teacher.datasets import choose
    from teacher.datasets.core.samples import make_samples
    from teacher.subjects import subject

    for name, load in (("image", "load_images"), ("audio", "load_speech")):
        labels = np.repeat(np.arange(10), 3)
        part = (np.zeros((30, *modality(name).shape), np.uint8), labels)
        monkeypatch.setattr(choose, load, lambda data, part=part: make_samples("small", part, part, "no split"))
    quiet = subject("felt").load(DataConfig())
    forms(touch={"noise": 0.5})
    noisy = subject("felt").load(DataConfig())
    # The variance of the temperature grows by that of the noise.
    variances = [taught.datasets["touch"].train[:, :, 4].var() for taught in (quiet, noisy)]
    assert variances[1] - variances[0] == pytest.approx(0.5**2, rel=0.2)


def test_files_of_touches_are_read_and_others_refused(touch: Any, tmp_path: Path) -> None:
    load = sense("touch").load
    assert load is not None and sense("touch").endings == (".csv",)
    sample = touch.touch("three", 0.03, np.random.default_rng(0))
    np.savetxt(tmp_path / "three.csv", sample, delimiter=",")
    np.testing.assert_allclose(load(tmp_path / "three.csv"), sample, atol=1e-6)
    np.savetxt(tmp_path / "short.csv", sample[:9], delimiter=",")
    (tmp_path / "words.csv").write_text("three,four\n")
    for name in ("short.csv", "words.csv", "none.csv"):
        with pytest.raises(SampleError):
            load(tmp_path / name)


@pytest.mark.parametrize("hand", ["three", "three x", "three 0.01", "three 2,, four 1"])
def test_a_hand_that_cannot_be_read_is_refused(touch: Any, hand: str) -> None:
    with pytest.raises(ConfigError, match=r"write 'three 2, nothing 1'"):
        touch.TouchConfig(hand=hand)


def record_all(touch: Any, directory: Path) -> Path:
    """Six cards, each said and touched."""
    rng = np.random.default_rng(0)
    felt = rows(touch, *[part for thing in touch.THINGS[:6] for part in (("nothing", 80), (thing, 160))])
    with Recorder(directory) as recorder:
        for chunk in chunks(stream([(1.4 + 2.4 * k, 0.4) for k in range(6)], 15.0, rng), 100.0):
            recorder.write("microphone", chunk)
        for reading in readings(touch, felt, 100.0):
            recorder.write("hand", reading)
        for n in range(15 * 15):
            k, at = divmod(n / 15, 2.4)
            recorder.write("camera", Frame(100.0 + n / 15, show(drawing(int(k)) if k < 6 and at > 0.8 else None, rng)))
    return directory


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(280)
def test_a_session_with_touch_is_played_and_learnt_from(touch: Any, tmp_path: Path) -> None:
    session, run = record_all(touch, tmp_path / "session"), tmp_path / "run"
    few = ("--set", "learner.min_events=2", "--set", "replay.min_size=2", "--set", "live.speed=3")
    arguments = ["--plugin", str(tmp_path / "touch.py"), "--set", f"learner.modalities={','.join(SENSES)}"]
    job = Job(*QUICK, *arguments, "--sensors", str(session), "--run-dir", str(run), *few)
    try:
        job.wait_for(r"hand closed \(at its end\)", 120)
        job.wait_for(r"first step after", 60)
        step = int(job.wait_for(r"learning \| step (\d+)", 30)[1])
        job.wait_for(rf"learning \| step (?!{step} )\d+", 30)
        job.stop()
    finally:
        job.close()
    last = latest(run)
    assert last["events/audio+image+touch"] == last["sensors/events/audio+image+touch"] == 6, last
    assert last["sensors/touch/touches"] == 6
    assert not any(value for key, value in last.items() if key.startswith("dropped/"))


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(280)
def test_touch_is_taught_learnt_as_a_third_sense_examined_and_drawn(touch: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    few = ("--set", "teacher.style=classroom", "--set", "monitor.judge_steps=20", "--steps", "20")
    with Job(*QUICK, "--plugin", str(tmp_path / "touch.py"), "--teach", "felt", "--run-dir", str(run), *few) as job:
        job.wait_for(r"stopped at step \d+", 260)
        assert "touch: simulated touch: 2,000 training + 400 test samples" in job.text
        assert "SMART over audio, image, touch" in job.text
        assert "Traceback" not in job.text, job.text
    last = latest(run)
    assert last["events/audio+image+touch"] > 0
    for direction in ("touch_to_image", "touch_to_audio", "image_to_touch", "audio_to_touch", "touch_to_touch"):
        assert 0 <= last[f"exam/{direction}"] <= 1
    assert (run / "samples" / "latest.png").stat().st_size > 0
    assert list((run / "samples").glob("touch-of-*-evokes-audio-*.wav"))
