"""What is left of a run, and said of it, when it ends before anything was learned."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.learned.saved_config import FORMAT
from replay.buffer import Buffer
from replay.config import ReplayConfig
from runtime import session
from runtime.command.cli import parse_arguments
from runtime.config.settings import RunConfig
from runtime.config.version import version
from runtime.run_folder.rundir import RunDirectory
from runtime.session import run_session
from runtime.supervisor.outcome import Outcome
from sensors.core.errors import ConfigError, DataError, StateError
from sensors.core.modalities import modality
from sensors.system.program import program
from tests.replay.batches import batch_of
from tests.teacher.own_things import write_things


def store(run: RunDirectory, count: int) -> None:
    config = ReplayConfig(capacity=64, capacity_single=64, min_size=4, samples_per_insert=0.0)
    buffer = Buffer(run.replay, config)
    buffer.insert(batch_of(range(count), source="teacher-0"))
    buffer.close()


def interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(address: str | None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "prepare_environment", stop)


def test_ctrl_c_before_anything_was_started_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupted(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        run_session(parse_arguments(["--run-dir", str(tmp_path / "run")]))
    assert list(tmp_path.iterdir()) == []
    assert "no event was stored: the run directory is removed" in capsys.readouterr().out


def test_ctrl_c_says_what_a_resumed_run_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupted(monkeypatch)
    run = RunDirectory.create(tmp_path / "run", {}, "1.0")
    store(run, 12)
    run.close()
    with pytest.raises(KeyboardInterrupt):
        run_session(parse_arguments(["--resume", str(run.path)]))
    assert f"12 events kept; go on with: {program()} --resume {run.path}" in capsys.readouterr().out
    RunDirectory.resume(run.path).close()


def cluster(joined: bool = False, kill: Callable[[], None] = lambda: None) -> Any:
    return SimpleNamespace(kill=kill, joined=joined)


@pytest.mark.parametrize(
    ("events", "checkpoint", "told"),
    [
        (0, False, "nothing was learned and no event was stored: the run directory is removed"),
        (1, False, "there is no checkpoint yet; 1 event kept"),
        (12, True, "the last checkpoint stands"),
    ],
)
def test_a_second_ctrl_c_tells_the_truth(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    events: int,
    checkpoint: bool,
    told: str,
) -> None:
    left: list[int] = []
    monkeypatch.setattr(os, "_exit", left.append)
    run = RunDirectory.create(tmp_path / "run", {}, "1.0")
    if events:
        store(run, events)
    if checkpoint:
        (run.checkpoints / "step-000000000007").mkdir()
    with os.fdopen(os.dup(2), "w") as errors:
        monkeypatch.setattr("sys.stderr", errors)
        session._leave(cluster(), run)
        monkeypatch.undo()
    assert left == [130] and run.path.exists() == bool(events)
    assert capfd.readouterr().err == f"\nstopped at once; {told}\n"
    run.close()


def test_a_second_ctrl_c_removes_nothing_under_a_replay_of_a_joined_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    left: list[int] = []
    monkeypatch.setattr(os, "_exit", left.append)
    run = RunDirectory.create(tmp_path / "run", {}, "1.0")
    session._leave(cluster(joined=True), run)
    assert left == [130] and run.replay.is_dir()
    assert capfd.readouterr().err == "\nstopped at once; there is no checkpoint yet; the run is kept\n"
    run.close()


def test_a_second_ctrl_c_ends_a_run_whose_folder_was_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    left: list[int] = []
    monkeypatch.setattr(os, "_exit", left.append)
    run = RunDirectory.create(tmp_path / "run", {}, "1.0")
    shutil.rmtree(run.path)
    session._leave(cluster(), run)
    assert left == [130] and "stopped at once" in capfd.readouterr().err
    run.close()


def test_a_second_ctrl_c_ends_the_process_whatever_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[int] = []
    monkeypatch.setattr(os, "_exit", left.append)

    def fail() -> None:
        raise RuntimeError("no such process")

    run = RunDirectory.create(tmp_path / "run", {}, "1.0")
    with pytest.raises(RuntimeError):  # a real exit lets nothing through
        session._leave(cluster(kill=fail), run)
    assert left == [130]
    run.close()


@pytest.mark.parametrize(
    ("config", "told"),
    [({"learner": 3}, "learner=3: expected a group of settings"), ({"run": {"minutes": "long"}}, r"run\.minutes")],
)
def test_settings_of_a_wrong_kind_are_named(tmp_path: Path, config: dict[str, object], told: str) -> None:
    run = RunDirectory.create(tmp_path / "run", config, "1.0")
    run.close()
    with pytest.raises(StateError, match=rf"config.json: damaged, or of another version \({told}"):
        run_session(parse_arguments(["--resume", str(run.path)]))
    RunDirectory.resume(run.path).close()


@pytest.mark.parametrize(
    ("arguments", "generation"),
    [
        ([], None),
        (["--minutes", "5", "--set", "replay.samples_per_insert=2"], None),
        (["--seed", "7"], 1),
        (["--set", "teacher.noise=0.1"], 1),
    ],
)
def test_teachers_take_no_ids_again_for_other_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], generation: int | None
) -> None:
    """A run without a checkpoint has no cursors: what is taught anew is the same, or has new ids."""
    interrupted(monkeypatch)
    run = RunDirectory.create(tmp_path / "run", {}, "1.0")
    store(run, 12)
    run.record(datasets={"images": "digits:a"})
    run.close()
    with pytest.raises(KeyboardInterrupt):
        run_session(parse_arguments(["--resume", str(run.path), *arguments]))
    again = RunDirectory.resume(run.path)
    assert again.saved.get("generation") == generation
    again.close()


def test_a_run_of_an_earlier_format_is_resumed_and_then_has_the_present_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that cannot read what the run holds now is told so by its format."""
    interrupted(monkeypatch)
    teacher = {"missing_audio": "three", "missing_image": "", "far_microphone": False}
    run = RunDirectory.create(tmp_path / "run", {"run": {"teach": "both"}, "teacher": teacher}, "1.0")
    store(run, 12)
    run.record(format=1)
    run.close()
    with pytest.raises(KeyboardInterrupt):
        run_session(parse_arguments(["--resume", str(run.path)]))
    again = RunDirectory.resume(run.path)
    config = again.saved["config"]
    assert (again.saved["format"], config["run"]["teach"]) == (FORMAT, "digits+letters")
    assert again.saved["version"] == "1.0" and again.saved["written_by"] == version()
    assert config["teacher"]["missing"] == "audio:three" and not set(teacher) & set(config["teacher"])
    again.close()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            ["--teach", "digits"],
            r"run\.teach: a run with sensors has no teacher;\nleave it out, or give --judges DIR",
        ),
        (["--images", "digits"], r"data\.images: a run with sensors has no teacher;.* --judges DIR"),
        (["--set", "teacher.rate=3"], r"teacher\.rate: a run with sensors has no teacher;\nleave it out$"),
        (["--teachers", "2"], r"run\.teachers: a run with sensors has no teacher"),
        (["--data", "."], r"data\.data: a run with sensors has no teacher"),
    ],
)
def test_a_run_without_a_teacher_names_no_subjects(tmp_path: Path, given: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=re.compile(told, re.DOTALL)):
        run_session(parse_arguments(["--sensors", "live", "--run-dir", str(tmp_path / "run"), *given]))
    assert not (tmp_path / "run").exists()


def test_a_breakdown_is_told_without_the_cameras_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    camera = "rtsp://user:hunter2 'secret@host/live?token=hunter2 secret"
    outcome = Outcome(0, 0.0, None, f"sensors failed at {camera!r}: gone", begun=True)
    cluster = SimpleNamespace(kill=lambda: None, start=lambda: None, close=lambda *_, **__: None)
    monkeypatch.setattr("runtime.supervisor.cluster.Cluster", lambda *_: cluster)
    monkeypatch.setattr("runtime.supervisor.supervise.Supervisor", lambda *_: SimpleNamespace(run=lambda: outcome))
    monkeypatch.setattr(session, "prepare_environment", lambda address: [])
    monkeypatch.setattr(session, "_check_sensors", lambda *_: None)
    arguments = ["--sensors", "live", "--camera", camera, "--microphone", "none", "--run-dir", str(tmp_path / "run")]
    assert run_session(parse_arguments(arguments)) == 1
    out, err = capsys.readouterr()
    assert "sensors failed at" in err and "gone" in err
    assert "hunter2" not in out + err and "secret" not in out + err


def test_the_form_of_samples_stays_what_a_run_was_made_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forms: Callable[..., None]
) -> None:
    interrupted(monkeypatch)
    config = RunConfig().override({"image.size": "64", "image.color": "true"}).to_dict()
    run = RunDirectory.create(tmp_path / "run", config, "1.0")
    store(run, 4)
    run.close()
    with pytest.raises(ConfigError) as caught:
        run_session(parse_arguments(["--resume", str(run.path), "--set", "image.size=96"]))
    assert str(caught.value).splitlines() == [
        "image.size: 64 -> 96: the networks and tables of this run have the old form;",
        "keep the old value, or start a new run",
    ]
    with pytest.raises(KeyboardInterrupt):
        run_session(parse_arguments(["--resume", str(run.path)]))
    assert modality("image").shape == (3, 64, 64)


def test_a_folder_of_things_is_kept_by_its_whole_path_with_the_senses_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupted(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECIPROCAL_CACHE", str(tmp_path / "cache"))
    write_things(tmp_path / "things")
    run, config = session._create(parse_arguments(["--teach", "things", "--run-dir", "run"]))
    assert (config.run.teach, config.data.folder) == ("folder", str(tmp_path / "things"))
    assert config.learner.modalities == "audio,image"
    store(run, 4)
    run.close()
    (tmp_path / "things").rename(tmp_path / "moved")
    with pytest.raises(DataError, match="no such directory"):
        run_session(parse_arguments(["--resume", "run"]))
    with pytest.raises(KeyboardInterrupt):
        run_session(parse_arguments(["--resume", "run", "--teach", "moved"]))
    assert f"changed: data.folder: {tmp_path / 'things'} -> {tmp_path / 'moved'}" in capsys.readouterr().out


def test_a_mistake_is_told_before_a_folder_is_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("prepared")

    monkeypatch.setattr("teacher.folder.load.prepare", never)
    write_things(tmp_path / "things")
    arguments = ["--teach", str(tmp_path / "things"), "--set", "teacher.missing=audio:typo"]
    with pytest.raises(ConfigError, match="no concept 'typo'"):
        run_session(parse_arguments([*arguments, "--run-dir", str(tmp_path / "run")]))
    assert not (tmp_path / "run").exists()
