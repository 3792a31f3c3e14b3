"""The embedded speech: reproducible, balanced, and test voices that training never heard."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest

from sensors.core.errors import DataError
from teacher.datasets.synthesis import synthetic
from teacher.datasets.synthesis.espeak import Espeak


def test_test_voices_are_never_heard_in_training() -> None:
    plan, train = synthetic.takes(0)
    heard = {t.voice.split("+")[1] for t in plan[:train]}
    examined = {t.voice.split("+")[1] for t in plan[train:]}
    assert len(heard) == 30 and len(examined) == 10 and not heard & examined
    assert len({(t.concept, t.voice, t.rate, t.pitch, t.expression) for t in plan}) > 0.99 * len(plan)


def test_two_fresh_processes_speak_the_same_to_the_last_bit(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from teacher.datasets.synthesis import synthetic as s; plan = s.takes(0)[0][::25];"
        "s.takes = lambda seed: (plan, 120); s.speak(0, pathlib.Path(sys.argv[1]))"
    )
    spoken = []
    for name in ("a.npz", "b.npz"):
        subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], check=True)
        with np.load(tmp_path / name) as data:
            spoken.append((data["pcm"], data["lengths"], int(data["rate"])))
    assert spoken[0][2] == 22050
    assert len(spoken[0][1]) == 140 and np.array_equal(spoken[0][1], spoken[1][1])
    assert np.array_equal(spoken[0][0], spoken[1][0])


def test_the_loaded_speech_is_balanced_and_loud_enough() -> None:
    samples = synthetic.load()
    assert samples.train.shape == (3000, 1, 96, 96) and samples.test.shape == (500, 1, 96, 96)
    assert np.bincount(samples.train_labels).tolist() == [300] * 10
    assert np.bincount(samples.test_labels).tolist() == [50] * 10
    assert (samples.train.reshape(3000, -1).max(axis=1) == 255).all()
    assert len({x.tobytes() for x in samples.train}) == 3000
    # Told apart by nothing but distance to the mean of each digit, far above chance.
    train, test = (x[:, 0, :, :20].reshape(len(x), -1).astype(np.float32) for x in (samples.train, samples.test))
    means = np.stack([train[samples.train_labels == d].mean(axis=0) for d in range(10)])
    nearest = ((test[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == samples.test_labels).mean() > 0.5


def test_another_seed_is_another_plan() -> None:
    assert synthetic.takes(0)[0] == synthetic.takes(0)[0] != synthetic.takes(1)[0]


def test_no_synthesiser_names_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(synthetic, "version", absent)
    with pytest.raises(DataError, match=r"pip install 'reciprocal\[speech\]'"):
        synthetic.load()


def test_a_failing_child_is_an_error_of_one_line(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(DataError, match="synthetic speech: exit code 1"):
        synthetic.load()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(DataError, match="process failed"):
        synthetic.load()
    assert not list(own_cache.glob("prepared/synthetic*"))


def test_an_unknown_voice_is_refused() -> None:
    engine = Espeak()
    with pytest.raises(DataError, match="no voice 'en-us-none\\+m1'"):
        engine.say("one", "en-us-none+m1", rate=170, pitch=50, expression=50)
    engine.close()
