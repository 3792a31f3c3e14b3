"""The commands on a saved run: what they write and say, and the exit code of every mistake."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from agent.learner import Learner
from launch import main
from runtime.command.entries.info import exams, last_figures
from tests.agent.learned.saved import learner_of, pairs, save_run
from tests.page.fake import board, fake_run, tone

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def taught() -> Learner:
    return learner_of(pairs(), 6)


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory, taught: Learner) -> Path:
    # By a robot's sensors: nothing with names was taught.
    return save_run(tmp_path_factory.mktemp("known") / "run", taught, pairs(), run__sensors="remote")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory, with a picture and a sound in it."""
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("three.png", board())
    soundfile.write("three.wav", tone(0.5, silence=0.3), 16_000)


def shape_of(file: str) -> tuple[int, ...]:
    picture = cv2.imread(file)
    assert picture is not None
    return tuple(map(int, picture.shape))


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main([str(word) for word in arguments]) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main([str(word) for word in arguments]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("error: ") and shown.err.count("\n") == 1
    return shown.err


def test_a_picture_is_asked_for_its_sound_and_back(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = told(capsys, "ask", saved, "--image", "three.png", "--out", "a.npy")
    assert line == f"three.png evokes audio at step 6: {Path('a.npy').absolute()}\n"
    assert np.load("a.npy").shape == (1, 96, 96)
    line = told(capsys, "ask", saved, "--audio=three.wav", "--out", "b.png")
    assert line.startswith("three.wav (0.") and "evokes image at step 6" in line
    assert shape_of("b.png") == (256, 256, 3)
    told(capsys, "ask", saved, "--image", "three.png", "--target", "audio", "--out", "c.png")
    assert shape_of("c.png") == (256, 256, 3)
    told(capsys, "ask", saved, "--image", "three.png", "--target", "image", "--out", "d.png")
    line = told(capsys, "ask", saved, "--image", "three.png")
    assert "evokes audio at step 6; --out FILE keeps it\nnearest known image: event.audio+image." in line


def test_a_live_run_is_asked_by_its_address(
    tmp_path: Path, taught: Learner, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.agent.learned.test_loaded import networks_of

    with fake_run(tmp_path / "live") as run:
        run.learn(networks_of(taught))
        address = f"http://127.0.0.1:{run.port}/"
        assert "evokes audio at step 6" in told(capsys, "ask", address, "--image", "three.png", "--out", "a.npy")
        assert "leave them out" in refused(capsys, "ask", address, "--image", "three.png", "--step", "2")


def test_what_was_perceived_is_shown_where_nothing_was_taught(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, "show", saved).splitlines()
    assert lines[0].startswith("events of its replay") and lines[1].startswith("12 of 12 at step 6")
    sheet = cv2.imread("run.png")
    assert sheet is not None and sheet.shape[0] > 500
    # Nothing is shown twice: the events of this run are of ten kinds.
    tiles = sheet[34:130, 178:]
    assert len({tiles[:, 102 * n : 102 * n + 90].tobytes() for n in range(10)}) == 10


def test_what_was_taught_is_shown_by_name(tmp_path: Path, taught: Learner, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.teacher.own_things import write_things

    things = tmp_path / "things"
    write_things(things)
    run = save_run(tmp_path / "run", taught, pairs(), run__teach="folder", data__folder=str(things))
    lines = told(capsys, "show", run, "--out", "sheet.png").splitlines()
    assert lines[0] == "test samples of things, by concept" and "sheet.png" in lines[1]


def test_info_tells_of_steps_exams_data_and_settings(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(saved, run)
    figures = [{"time": 60.0, "step": 5, "exam/image_to_audio": 0.5}, {"time": 90.0, "step": 6, "judge/audio": 0.9}]
    (run / "metrics.jsonl").write_text("\n".join(map(json.dumps, figures)) + "\n{torn")
    page = told(capsys, "info", run)
    assert f"run         {run}" in page and "checkpoints step 6" in page
    assert "exam image → audio: 50.00% (judge 90.00%)" in page and "step 6 after 1.5 minutes" in page
    assert "settings    " in page and "data.images" not in page.split("settings")[1]
    assert exams(last_figures(tmp_path / "nothing")) == []


def test_mistakes_have_code_2_and_one_line(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def why(*arguments: object) -> str:
        return refused(capsys, *arguments)

    picture = ("--image", "three.png")
    Path("bad.png").write_bytes(b"\x89PNG\r\n\x1a\nxx")
    Path("text.png").write_text("x")
    soundfile.write("silent.wav", np.zeros(16_000), 16_000)
    assert "no such directory" in why("ask", tmp_path / "none", *picture)
    assert "is no run" in why("ask", tmp_path, *picture) and "is no run" in why("info", tmp_path)
    assert "is damaged" in why("ask", saved, "--image", "bad.png") and "text.png" in why(
        "ask", saved, "--image", "text.png"
    )
    assert "no such file" in why("ask", saved, "--image", "none.png")
    assert "silence" in why("ask", saved, "--audio", "silent.wav")
    assert "ends in .mp3" in why("ask", saved, *picture, "--out", "x.mp3")
    assert "none can be heard" in why("ask", saved, "--audio", "three.wav", "--out", "x.wav")
    assert "there is no folder" in why("ask", saved, *picture, "--out", "none/x.npy")
    assert "the agent knows audio, image" in why("ask", saved, "--smell", "three.png")
    assert "give one sense and a file" in why("ask", saved)
    assert "give one sense and a file" in why("ask", saved, *picture, "--audio", "three.wav")
    assert "end it in .png" in why("show", saved, "--out", "sheet.gif")
    assert "no run answers" in why("ask", "http://127.0.0.1:9", *picture)
    shutil.copytree(saved, "young")
    shutil.rmtree("young/checkpoints")
    assert "no checkpoint yet" in why("ask", "young", *picture) and "no checkpoint yet" in why("show", "young")


def test_a_full_disk_and_a_reader_that_is_gone(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.symlink("/dev/full", "full.npy")
    assert "no space left" in refused(capsys, "ask", saved, "--image", "three.png", "--out", "full.npy")
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, str(ROOT / "launch.py"), "ask", str(saved), "--image", "three.png", "--out", "a.npy"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=120)
    os.close(writing)
    # Nobody reads what is printed; the file is written nonetheless, and nothing is said of it.
    assert (done.returncode, done.stderr) == (0, b"") and Path("a.npy").exists()
