"""What is left of a run, and said of it, when it ends before anything was learned."""

import importlib.metadata
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from replay.buffer import Buffer
from replay.config import ReplayConfig
from runtime import session
from runtime.cli import Page, parse_arguments
from runtime.migrate import FORMAT
from runtime.parts import kept
from runtime.rundir import RunDirectory
from runtime.session import run_session
from runtime.settings import RunConfig
from runtime.supervisor.outcome import Outcome
from sensors.core.errors import ConfigError, DataError, StateError, StorageError
from sensors.core.modalities import modality
from sensors.plugins import GROUP
from sensors.senses import senses
from sensors.system.program import program
from tests.replay.batches import batch_of
from tests.sensors.test_plugins import TOUCH
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
    assert "no event was kept: the run directory is removed" in capsys.readouterr().out


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
        (0, False, "nothing was learned and no event was kept: the run directory is removed"),
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
    assert again.saved["version"] == "1.0" and again.saved["written_by"] == session._version()
    assert config["teacher"]["missing"] == "audio:three" and not set(teacher) & set(config["teacher"])
    again.close()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            ["--teach", "digits"],
            r"run\.teach: nothing is taught .*;\nleave it away, or give --judges DIR",
        ),
        (["--images", "digits"], r"data\.images: nothing is taught .* --judges DIR"),
        (["--set", "teacher.rate=3"], r"teacher\.rate: nothing is taught where sensors perceive;\nleave it away$"),
        (["--teachers", "2"], r"run\.teachers: nothing is taught"),
        (["--data", "."], r"data\.data: nothing is taught"),
    ],
)
def test_what_is_taught_is_not_named_where_nothing_teaches(tmp_path: Path, given: list[str], told: str) -> None:
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
        "image.size: 64 -> 96: networks and tables of this run have the old form;",
        "leave it as it is, or start a new run",
    ]
    with pytest.raises(KeyboardInterrupt):
        run_session(parse_arguments(["--resume", str(run.path)]))
    assert modality("image").shape == (3, 64, 64)


def test_a_run_goes_on_with_its_plugins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugins_undone: Callable[[], None]
) -> None:
    interrupted(monkeypatch)
    plugin = tmp_path / "touch.py"
    plugin.write_text(TOUCH)
    request = parse_arguments(["--plugin", str(plugin), "--set", "touch.frames=32"])
    config = RunConfig.of(request.changes).to_dict()
    assert config["run"]["plugins"] == str(plugin) and config["touch"] == {"frames": 32}
    run = RunDirectory.create(tmp_path / "run", config, "1.0")
    store(run, 4)
    run.close()
    plugins_undone()
    assert "touch" not in senses()
    resume = ["--resume", str(tmp_path / "run")]
    with pytest.raises(KeyboardInterrupt):
        run_session(parse_arguments(resume))
    assert modality("touch").shape == (32, 6)
    plugins_undone()
    (tmp_path / "other").mkdir()
    moved = plugin.rename(tmp_path / "other" / "touch.py")
    with pytest.raises(ConfigError, match=r"touch\.py: no such file;\nthe run was made with it: put it back, or give"):
        parse_arguments(resume)
    with pytest.raises(KeyboardInterrupt):
        run_session(parse_arguments([*resume, "--plugin", str(moved)]))
    again = RunDirectory.resume(tmp_path / "run")
    assert again.saved["config"]["run"]["plugins"] == str(moved)
    again.close()


SENSE = """
import numpy as np

from sensors.core.modalities import Modality
from sensors.senses import Sense, register_sense
from sensors.senses.drawing import curves_view

FORM = Modality("NAME", (64, 6), np.dtype(np.float32), "pressure", 1.0, "sequence", -4.0, 4.0)
register_sense(Sense(FORM, "touch", curves_view(-4, 4)))
"""


def run_with_senses(folder: Path, *names: str) -> Path:
    """A run that would perceive with two senses of its own, made by the command line and interrupted."""
    plugins = [folder / f"{name}.py" for name in names]
    for plugin in plugins:
        plugin.write_text(SENSE.replace("NAME", plugin.stem))
    options = [word for plugin in plugins for word in ("--plugin", str(plugin))]
    run, config = session._create(parse_arguments([*options, "--run-dir", str(folder / "run")]))
    run.record(**kept(config, {"senses": dict.fromkeys([*run.saved["senses"], *names], "")}))
    store(run, 4)
    run.close()
    return folder / "run"


def test_a_moved_plugin_keeps_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugins_undone: Callable[[], None]
) -> None:
    interrupted(monkeypatch)
    run = run_with_senses(tmp_path, "first", "second")
    plugins_undone()
    (tmp_path / "new").mkdir()
    moved = (tmp_path / "first.py").rename(tmp_path / "new" / "first.py")
    with pytest.raises(KeyboardInterrupt):
        run_session(parse_arguments(["--resume", str(run), "--plugin", str(moved)]))
    assert list(senses())[-2:] == ["first", "second"]
    again = RunDirectory.resume(run)
    assert again.plugins == [str(moved), str(tmp_path / "second.py")]
    again.close()


def test_another_order_of_senses_is_refused_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugins_undone: Callable[[], None]
) -> None:
    interrupted(monkeypatch)
    path = run_with_senses(tmp_path, "first", "second")
    run = RunDirectory.resume(path)
    names = run.plugins
    run.saved["config"]["run"]["plugins"] = os.pathsep.join(names[::-1])
    run.write_config()
    run.close()
    plugins_undone()
    with pytest.raises(StateError, match=r"senses .*, first, second, this .*, second, first;\nlet"):
        run_session(parse_arguments(["--resume", str(path)]))


def test_a_changed_plugin_is_told_and_another_form_of_its_samples_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    plugins_undone: Callable[[], None],
) -> None:
    interrupted(monkeypatch)
    run = run_with_senses(tmp_path, "first")
    plugin = tmp_path / "first.py"

    def resume() -> list[str]:
        plugins_undone()
        with pytest.raises(KeyboardInterrupt):
            run_session(parse_arguments(["--resume", str(run)]))
        return [line for line in capsys.readouterr().out.splitlines() if line.startswith("changed")]

    assert resume() == []
    plugin.write_text(plugin.read_text() + "# repaired\n")
    assert resume() == ["changed: plugin first.py"]
    assert resume() == []
    plugin.write_text(plugin.read_text().replace('"pressure", 1.0', '"pressure", 2.0'))
    plugins_undone()
    with pytest.raises(StateError, match=r"samples of first were .*scale 1,.* now they are .*scale 2,.*;\nput the"):
        run_session(parse_arguments(["--resume", str(run)]))


def test_a_plugin_of_a_run_is_executed_only_once_the_run_may_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], plugins_undone: Callable[[], None]
) -> None:
    path = run_with_senses(tmp_path, "first")
    plugins_undone()
    plugin, seen = tmp_path / "first.py", tmp_path / "executed"
    plugin.write_text(f"open({str(seen)!r}, 'w').close()\n" + plugin.read_text())
    resume = ["--resume", str(path)]
    with pytest.raises(Page):
        parse_arguments([*resume, "--help-settings"])
    with pytest.raises(ConfigError, match="--bogus"):
        parse_arguments([*resume, "--bogus"])
    run = RunDirectory.resume(path)
    with pytest.raises(StorageError, match="in use by another run"):
        parse_arguments(resume)
    run.record(format=99)
    run.close()
    with pytest.raises(StateError, match="run of format 99"):
        parse_arguments(resume)
    assert not seen.exists()
    run.record(format=FORMAT)
    parse_arguments(resume)
    assert seen.exists()


def test_a_run_asks_for_the_installed_plugins_that_it_was_made_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugins_undone: Callable[[], None]
) -> None:
    interrupted(monkeypatch)
    (tmp_path / "tactile_package.py").write_text(TOUCH)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = [importlib.metadata.EntryPoint("tactile", "tactile_package", GROUP)]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: found if group == GROUP else [])
    run, _ = session._create(parse_arguments(["--run-dir", str(tmp_path / "run")]))
    store(run, 4)
    run.close()
    assert list(run.saved["plugins"]) == ["tactile"]
    plugins_undone()
    with pytest.raises(KeyboardInterrupt):
        run_session(parse_arguments(["--resume", str(run.path)]))
    plugins_undone()
    found.clear()
    with pytest.raises(StateError, match=r"with the plugin tactile, which is not installed now;\ninstall its package"):
        run_session(parse_arguments(["--resume", str(run.path)]))


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
