"""A run is made with plugins and goes on with them: moved, changed, installed, in another order."""

import importlib.metadata
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.learned.saved_config import FORMAT
from runtime import session
from runtime.command.cli import parse_arguments
from runtime.command.parser import PrintedText
from runtime.config.settings import RunConfig
from runtime.run_folder.parts import kept
from runtime.run_folder.rundir import RunDirectory
from runtime.session import run_session
from sensors.core.errors import ConfigError, StateError, StorageError
from sensors.core.modalities import modality
from sensors.plugins import GROUP
from sensors.senses import senses
from tests.runtime.test_session import interrupted, store
from tests.sensors.test_plugins import TOUCH


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
    with pytest.raises(PrintedText):
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
