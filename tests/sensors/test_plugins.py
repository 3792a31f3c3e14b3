"""Plugins: loaded from a file or an installed package, sent to other processes, and refused in two lines."""

import hashlib
import importlib.metadata
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensors.core.errors import UserError
from sensors.core.modalities import kind_of, modality
from sensors.plugins import (
    GROUP,
    apply_setup,
    load_plugins,
    plugins,
    process_setup,
    replaced,
)
from sensors.senses import configure, sense, senses

TOUCH = """
from dataclasses import dataclass, replace

import numpy as np

from sensors.core.config import Config, setting
from sensors.core.modalities import Modality
from sensors.senses import Sense, register_sense
from sensors.senses.drawing import curves_view


@dataclass(frozen=True)
class TouchConfig(Config):
    frames: int = setting(64, help="length of a touch", unit="frames", choices=(32, 64))


FORM = Modality("touch", (64, 6), np.dtype(np.float32), "pressure", 1.0, "sequence", -4.0, 4.0)
register_sense(
    Sense(
        FORM,
        "touch, six values at 100 Hz",
        curves_view(-4, 4),
        settings=TouchConfig,
        form=lambda modality, config: replace(modality, shape=(config.frames, 6)),
    )
)
"""


def written(folder: Path, text: str, name: str = "touch.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_file_adds_a_sense_with_its_settings(tmp_path: Path, plugins_undone: None) -> None:
    path = written(tmp_path, TOUCH)
    assert load_plugins([path]) == [path]
    assert [str(each) for each in plugins()] == ["plugin touch: sense touch"]
    assert modality("touch").shape == (64, 6) and kind_of(["touch", "image"]) == "image+touch"
    configure({"touch": {"frames": 32}})
    assert modality("touch").shape == (32, 6)
    picture = senses()["touch"].view(np.zeros((32, 6), np.float32))
    assert picture.shape == (96, 96, 3)
    load_plugins([path])
    assert len(plugins()) == 1, "what is loaded already is left as it is"


def test_another_process_needs_no_file(tmp_path: Path, plugins_undone: Callable[[], None]) -> None:
    path = written(tmp_path, TOUCH)
    load_plugins([path])
    configure({"touch": {"frames": 32}, "image": {"color": True}})
    setup = process_setup()
    path.unlink()
    plugins_undone()
    assert "touch" not in senses() and modality("image").shape == (1, 32, 32)
    apply_setup(setup)
    assert modality("touch").shape == (32, 6) and modality("image").shape == (3, 32, 32)
    apply_setup(setup)


def test_a_plugin_that_fails_in_another_process_alone_names_the_machine(
    plugins_undone: Callable[[], None],
) -> None:
    text = "import absent_package\n" + TOUCH
    setup = {"plugins": [{"name": "touch", "source": "/elsewhere/touch.py", "text": text}], "senses": {}}
    told = (
        r"^on \S+: --plugin /elsewhere/touch\.py, line 1: ModuleNotFoundError: No module named 'absent_package';\n"
        r"it was loaded where the run was started: install on \S+ what it needs, too$"
    )
    with pytest.raises(UserError, match=told):
        apply_setup(setup)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = (1,\n", r"touch\.py, line 1: '\(' was never closed;"),
        ("\n\nprint(undefined)\n", r"touch\.py, line 3: NameError: name 'undefined' is not defined;"),
        ("import absent_package\n", r"line 1: ModuleNotFoundError: No module named 'absent_package';"),
        (
            "import sensors.pictures\n",
            r"line 1: there is no module sensors\.pictures; import sensors\.signals\.pictures ",
        ),
        ("import sensors.absent\n", r"line 1: ModuleNotFoundError: No module named 'sensors\.absent';"),
        ("raise SystemExit(3)\n", r"line 1: SystemExit: 3;"),
        ("x = 1\n", r"registers nothing;\ncall register_sense"),
        ("import agent.networks.layouts\n", r"registers nothing;"),
        (TOUCH.replace('Modality("touch"', 'Modality("audio"'), r"line \d+: modality 'audio' is registered already;"),
        ("x = '\0'\n", r"touch\.py.*null"),
    ],
)
def test_what_cannot_be_loaded_is_told_in_two_lines(tmp_path: Path, plugins_undone: None, text: str, told: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UserError, match=told) as caught:
        load_plugins([path])
    lines = str(caught.value).splitlines()
    assert len(lines) == 2 and str(path) in lines[0]
    assert plugins() == [] and not any("touch" in name for name in sys.modules if "reciprocal_plugin" in name)


def test_a_place_that_holds_no_plugin_is_told(tmp_path: Path, plugins_undone: None) -> None:
    (tmp_path / "binary.py").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "other").mkdir()
    first, second = written(tmp_path, TOUCH), written(tmp_path / "other", TOUCH)
    for files, told in (
        (["absent.py"], r"absent\.py: no such file;\nput it back"),
        ([tmp_path], "is a directory;"),
        ([tmp_path / "binary.py"], "no text in UTF-8"),
        ([f"a{os.pathsep}b.py"], f"holds '{os.pathsep}'"),
        ([first, second], r"touch\.py is a plugin of the same name;\nrename"),
    ):
        with pytest.raises(UserError, match=told):
            load_plugins(files, "put it back")
    first.write_text(TOUCH + "\n")
    with pytest.raises(UserError, match="has changed since it was loaded"):
        load_plugins([first])


def test_an_installed_package_adds_its_parts(
    tmp_path: Path, plugins_undone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, TOUCH, "tactile_package.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    entry = importlib.metadata.EntryPoint("tactile", "tactile_package", GROUP)
    found: list[Any] = [entry]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: found if group == GROUP else [])
    load_plugins([])
    assert "touch" in senses()
    (sent,) = process_setup()["plugins"]
    assert sent.pop("sha256") == hashlib.sha256(TOUCH.encode()).hexdigest()
    assert sent == {"name": "tactile", "source": "tactile_package", "text": None, "parts": ("sense touch",)}
    found[:] = [importlib.metadata.EntryPoint("broken", "absent_package", GROUP)]
    with pytest.raises(UserError, match=r"installed plugin broken \(absent_package\): ModuleNotFoundError.*\nmend or"):
        load_plugins([])


def installed(monkeypatch: pytest.MonkeyPatch, folder: Path, **modules: str) -> None:
    """Packages that are found in the wrong order, each with an entry point of the package's name."""
    for name, text in modules.items():
        written(folder, text, f"{name}.py")
    monkeypatch.syspath_prepend(str(folder))
    entries = [importlib.metadata.EntryPoint(name, name, GROUP) for name in modules]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: entries if group == GROUP else [])


def test_installed_packages_may_import_each_other(
    tmp_path: Path, plugins_undone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    warmth = TOUCH.replace('"touch"', '"warmth"')
    installed(monkeypatch, tmp_path, tactile_z=warmth, tactile_a="import tactile_z\n" + TOUCH)
    load_plugins([])
    assert [str(each) for each in plugins()] == ["plugin tactile_a: sense touch", "plugin tactile_z: sense warmth"]
    assert list(senses())[-2:] == ["warmth", "touch"]


def test_parts_of_the_program_itself_are_no_parts_of_a_package(
    tmp_path: Path, plugins_undone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(monkeypatch, tmp_path, tactile_b="import examined_room\n" + TOUCH)
    noted = "from sensors.core.registrations import note\nnote('subject', 'digits')\n"
    written(tmp_path, noted, "examined_room.py")
    monkeypatch.setattr("sensors.plugins.ROOMS", ("examined_room",))
    load_plugins([])
    assert [str(each) for each in plugins()] == ["plugin tactile_b: sense touch"]


def test_a_file_may_leave_registering_to_a_package(
    tmp_path: Path, plugins_undone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(monkeypatch, tmp_path)
    written(tmp_path, TOUCH, "tactile_helper.py")
    load_plugins([written(tmp_path, "import tactile_helper\n", "feel.py")])
    assert [str(each) for each in plugins()] == ["plugin feel: sense touch"]


def test_a_file_that_is_given_takes_its_place_in_the_order_of_the_run() -> None:
    assert replaced(["/old/a.py", "/old/b.py"], ["/c.py", "/new/a.py"]) == ["/new/a.py", "/old/b.py", "/c.py"]
    assert replaced([], ["/x/a.py", "/y/a.py"]) == ["/x/a.py", "/y/a.py"], "two of one name are refused later"


@pytest.mark.parametrize("name", ["publisher", "sensors", "replay"])
def test_a_sense_cannot_take_the_name_of_a_section(tmp_path: Path, plugins_undone: None, name: str) -> None:
    path = written(tmp_path, TOUCH.replace('"touch"', f'"{name}"').replace("settings=TouchConfig,", ""))
    with pytest.raises(UserError, match=rf"line \d+: sense '{name}': a section of the settings has this name"):
        load_plugins([path])


def test_the_page_s_own_example_keeps_the_contract(tmp_path: Path, plugins_undone: Callable[[], None]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "howto" / "senses.md").read_text()
    code = page[page.index("```python\n") + len("```python\n") :]
    path = written(tmp_path, code[: code.index("```")])
    load_plugins([path])
    configure({"touch": {"frames": 128}})
    form, each = modality("touch"), sense("touch")
    assert form.shape == (128, 6) and each.flaws is not None
    samples = np.random.default_rng(0).uniform(-4, 4, (3, *form.shape)).astype(np.float32)
    noisy = each.flaws.noise(samples, 0.05, np.random.default_rng(0))
    assert noisy.shape == samples.shape and noisy.dtype == samples.dtype and np.abs(noisy).max() <= 4
    assert 0.3 < (noisy - samples).std() < 0.5, "a twentieth of eight"
    assert each.view(samples[0]).shape == (96, 96, 3)
