import time
from pathlib import Path

import pytest

from teacher.config import DataConfig
from teacher.datasets import choose
from teacher.subjects import first_time as module
from teacher.subjects.digits import Digits
from teacher.subjects.first_time import first_time


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RECIPROCAL_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "SAY_EVERY", 0.02)
    return tmp_path


def test_what_is_made_once_is_told_while_it_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    first_time("synthetic", "speaking digits", lambda: time.sleep(0.1))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "speaking digits, once on this machine" and lines[-1].endswith("done in 0 s")
    assert any(line.endswith("s so far") for line in lines[1:-1])


def test_what_was_made_before_is_not_made_again(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made: list[int] = []
    # Another dataset whose name begins in the same way.
    (cache / "prepared/synthetic-letters-0-1.52-abcd").mkdir(parents=True)
    first_time("synthetic", "speaking digits", lambda: made.append(1))
    (cache / "prepared/synthetic-0-1.52-abcd").mkdir()
    first_time("synthetic", "speaking digits", lambda: made.append(2))
    assert made == [1]


def test_a_failure_is_passed_on_without_a_line_that_it_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        first_time("synthetic", "speaking digits", lambda: 1 / 0)
    assert "done" not in capsys.readouterr().err


def test_recorded_speech_is_left_to_the_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(choose, "load_speech", lambda data: asked.append(data.speech))
    for speech in ("fsdd", "synthetic"):
        Digits().prepare(DataConfig(speech=speech))
    assert asked == ["synthetic"]
