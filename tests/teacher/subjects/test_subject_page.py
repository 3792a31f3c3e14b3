"""A subject of somebody's own: the file that the page shows is loaded as a plugin, set, taught and examined."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.command.cli import parse_arguments
from runtime.command.parser import PrintedText
from runtime.config.learning import kinds, learning
from runtime.config.settings import RunConfig
from runtime.config.teaching import check_senses, teachers_of
from runtime.run_folder.parts import kept
from sensors.core.errors import ConfigError
from sensors.plugins import load_plugins
from sensors.senses import configure
from teacher.config import DataConfig
from teacher.machine import Machine
from teacher.subjects import Taught, settings_kind, settings_of, subject

ROOT = Path(__file__).parents[3]


@pytest.fixture
def page(tmp_path: Path, plugins_undone: Callable[[], None]) -> Path:
    """The page's plugin in a file."""
    block = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "howto" / "subjects.md").read_text(), re.DOTALL)
    assert block is not None
    (tmp_path / "bars.py").write_text(block[1])
    return tmp_path / "bars.py"


def machine(config: RunConfig) -> tuple[Taught, Any]:
    """What the page's subject loads, and its machine, as a teacher's actor makes it."""
    one = subject("bars")
    taught = one.load(config.data)
    settings = settings_kind(one).from_dict(settings_of(one, config).to_dict())
    return taught, one.machine(taught, settings, "teacher-bars-0", 1, 0)


def test_its_settings_are_shown_and_set_on_the_command_line(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PrintedText, match=r"\[bars\]\n(.*\n)*  bars\.unheard = 0   \(int, 0…4\)"):
        parse_arguments(["--plugin", str(page), "--help-settings"])
    request = parse_arguments(["--plugin", str(page), "--teach", "bars", "--set", "bars.unheard=2"])
    config = RunConfig.of(request.changes)
    assert config.to_dict()["bars"]["unheard"] == 2 and config.to_dict()["bars"]["lesson_length"] == 4
    assert RunConfig.from_saved(config.to_dict()) == config
    assert config.differences(RunConfig.of({**request.changes, "bars.unheard": "1"})) == ["bars.unheard: 1 -> 2"]
    for setting, told in {
        "bars.unheard=9": r"bars\.unheard=9: outside 0…4",
        "bars.unseen=1": r"unknown setting 'unseen'; known: .*unheard",
        "bars=1": r"expected section\.field=value",
    }.items():
        with pytest.raises(ConfigError, match=told):
            RunConfig.of(parse_arguments(["--plugin", str(page), "--teach", "bars", "--set", setting]).changes)


def test_a_run_with_its_settings_needs_the_plugin(page: Path, plugins_undone: Callable[[], None]) -> None:
    load_plugins([page])
    saved = RunConfig.of({"run.teach": "bars"}).to_dict()
    with pytest.raises(ConfigError, match=r"bars\.?.*unknown setting bogus"):
        RunConfig.from_saved({**saved, "bars": {"bogus": 1}})
    plugins_undone()
    with pytest.raises(ConfigError, match=r"unknown section 'bars'; .* --plugin FILE\.py"):
        RunConfig.from_saved(saved)


def test_it_is_taught_by_its_settings_and_examined(page: Path) -> None:
    load_plugins([page])
    config = RunConfig.of({"run.teach": "bars", "bars.unheard": "2", "bars.warmup_events": "640"})
    configure(config.senses.to_dict())
    subject("bars").check(config.data, settings_of(subject("bars"), config))
    check_senses(config)
    assert learning(config).names == ["smart"] and kinds(config) == ["audio", "image", "audio+image"]
    assert [one.name for one in teachers_of(config.run)] == ["teacher-bars-0"]
    assert set(kept(config)["plugins"]) == {"bars.py"}
    taught, it = machine(config)
    assert isinstance(it, Machine) and taught.name == "bars"
    met: dict[str, set[int]] = {"audio": set(), "image": set()}
    for _ in range(40):
        batch = it.step()
        assert not {"label", "letter"} & set(batch.samples)
        for name, concepts in it.concepts().items():
            met[name] |= set(concepts.tolist())
    assert met == {"audio": {0, 1, 2}, "image": {0, 1, 2, 3, 4}}
    exam = it.exam()
    assert set(exam.parts) == {"audio", "image"} and exam.concepts == taught.concepts
    again = subject("bars").load(DataConfig())
    assert dict(again.choices) == dict(taught.choices)


def test_its_samples_tell_their_concept(page: Path) -> None:
    load_plugins([page])
    for samples in subject("bars").load(DataConfig()).datasets.values():
        known, asked = (part.reshape(len(part), -1).astype(np.float32) for part in (samples.train, samples.test))
        nearest = ((asked[:, None] - known[None]) ** 2).sum(-1).argmin(1)
        assert (samples.train_labels[nearest] == samples.test_labels).mean() > 0.9


def test_warnings_of_a_subject_s_own_pace_follow_its_settings(page: Path) -> None:
    load_plugins([page])
    with pytest.raises(ConfigError, match=r"teachers must wait from \d+ events on"):
        RunConfig.of({"run.teach": "bars", "bars.batch_events": "2048", "learner.min_events": "512"})
    RunConfig.of({"run.teach": "bars", "teacher.batch_events": "2048", "learner.min_events": "512"})
