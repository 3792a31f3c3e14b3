"""What is installed: one package that holds the rooms, takes no other names, and works beside others of these names."""

import importlib.util
import os
import site
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.version import Version

from sensors.system.rooms import ROOMS
from teacher.datasets.synthesis.synthetic import available
from tests.foreign import foreign_modules, ros_path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGE = ROOT / "runtime" / "package"
QUICK = (
    *("--teacher", "simulated", "--teach", "digits", "--images", "digits", "--speech", "synthetic"),
    *("--steps", "5", "--set", "run.dashboard=false"),
    *("--set", "monitor.judge_steps=6"),
)


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"loaded_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(*command: str, cwd: Path, path: list[Path], **more: Any) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path))}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, **more)


def test_every_room_has_its_place_in_the_wheel() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    rooms = {p.parent.name for p in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert rooms == set(ROOMS)
    assert wheel["sources"] == {room: f"reciprocal/rooms/{room}" for room in rooms}
    assert set(wheel["include"]) == {f"/{room}" for room in rooms}
    assert (ROOT / wheel["hooks"]["custom"]["path"]).is_file()


def test_the_package_names_the_same_rooms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", sys.meta_path[:])
    package = load(PACKAGE / "reciprocal" / "__init__.py")
    assert package.ROOMS == ROOMS and package.HOME == ROOT


def test_importing_the_package_finds_the_rooms_and_leaves_other_names_alone(tmp_path: Path) -> None:
    program = "import reciprocal, sensors.core.event, agent, launch; print(sensors.core.event.__file__, launch.ORIGIN)"
    here, ros = foreign_modules(tmp_path / "here"), ros_path(tmp_path / "ros")
    done = run(sys.executable, "-P", "-c", program, cwd=here, path=[ros, PACKAGE])
    assert done.stdout.split() == [str(ROOT / "sensors" / "core" / "event.py"), "ROS"], done.stderr


@pytest.mark.parametrize(("command", "entry"), [("reciprocal", "main"), ("reciprocal-robot", "robot")])
def test_the_commands_run_beside_a_package_launch(command: str, entry: str, tmp_path: Path) -> None:
    assert PROJECT["project"]["scripts"][command] == f"reciprocal.__main__:{entry}"
    program = f"import sys; from reciprocal.__main__ import {entry}; sys.exit({entry}())"
    here, ros = foreign_modules(tmp_path / "here"), ros_path(tmp_path / "ros")
    done = run(sys.executable, "-P", "-c", program, "--bogus", cwd=here, path=[ros, PACKAGE])
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    assert "--bogus" in done.stderr


def test_bounds_that_shut_out_a_release_are_told() -> None:
    bounds = load(ROOT / ".ci" / "bounds.py")
    text = """
[project]
dependencies = [
    "free>=1",
    "torch>=2.6,<2.14",
    "opencv>=4,<5",  # 5 has no cascade
]
[project.optional-dependencies]
more = ["away<2", "torch>=2.6,<2.14"]
"""
    newest = {"torch": Version("2.15.0"), "opencv": Version("4.14.0.94"), "away": None}
    assert bounds.report(text, newest.__getitem__) == [
        "warning: torch<2.14,>=2.6 shuts out 2.15.0",
        "opencv<5,>=4: lets in the newest, 4.14.0.94",
        "away<2: the index does not answer",
    ]
    newest["opencv"] = Version("5.0")
    assert "warning: opencv<5,>=4 shuts out 5.0 (5 has no cascade)" in bounds.report(text, newest.__getitem__)


def test_the_index_is_asked_and_may_be_away(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = load(ROOT / ".ci" / "bounds.py")

    def answer(text: str) -> None:
        done = subprocess.CompletedProcess([], 0, text, "")
        monkeypatch.setattr(bounds.subprocess, "run", lambda *_, **__: done)

    answer("torch (2.15.0)\nAvailable versions: 2.16.0rc1, 2.15.0, 2.13.0+cpu, 2.13.0, odd\n")
    assert bounds.newest("torch") == Version("2.15.0")
    answer("")
    assert bounds.newest("torch") is None


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a wheel of this tree, an sdist, and in `again` the wheel that is built from the sdist."""
    pytest.importorskip("pip", reason="pip is not installed: nothing to build with")
    folder = tmp_path_factory.mktemp("built")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    tools = folder / "tools"
    requires = PROJECT["build-system"]["requires"]
    subprocess.run([*pip, "install", "--target", str(tools), *requires], check=True, capture_output=True)
    environment = os.environ | {"PYTHONPATH": str(tools)}
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)], cwd=ROOT, env=environment, check=True
    )
    (sdist,) = folder.glob("*.tar.gz")
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder / "again"), str(sdist)],
        env=environment,
        check=True,
        capture_output=True,
    )
    return folder


@pytest.mark.slow
def test_a_wheel_takes_no_name_but_its_own(built: Path) -> None:
    (wheel,), (again,) = built.glob("*.whl"), built.glob("again/*.whl")
    assert wheel.read_bytes() == again.read_bytes()
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"reciprocal"}
    rooms = {f"reciprocal/rooms/{path.relative_to(ROOT)}" for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    rooms = {name for name in rooms if "/runtime/package/" not in name} | {"reciprocal/rooms/launch.py"}
    modules = {name for name in names if name.endswith(".py")}
    assert modules == rooms | {"reciprocal/__init__.py", "reciprocal/__main__.py"}


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.skipif(not available(), reason="espeakng-loader is not installed: no embedded speech")
def test_an_installed_wheel_learns_beside_modules_of_the_rooms_names(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    prefix = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(prefix)], check=True)
    (packages,) = prefix.glob("lib/python*/site-packages")
    # A package of the same name as a room was there before, and is there after.
    (packages / "sensors").mkdir()
    (packages / "sensors" / "__init__.py").write_text("ORIGIN = 'another'\n")
    pip = [sys.executable, "-m", "pip", "--python", str(prefix / "bin" / "python"), "-q"]
    subprocess.run([*pip, "install", "--no-deps", str(wheel)], check=True, capture_output=True)
    # The libraries are those of this environment.
    (packages / "libraries.pth").write_text("\n".join(p for p in sys.path if p.endswith("site-packages")))
    assert site.getsitepackages()[0] in (packages / "libraries.pth").read_text()

    here, ros = foreign_modules(tmp_path / "here"), ros_path(tmp_path / "ros")
    reciprocal = str(prefix / "bin" / "reciprocal")
    done = run(reciprocal, *QUICK, "--run-dir", str(tmp_path / "run"), cwd=here, path=[ros], timeout=200)
    assert done.returncode == 0, done.stderr
    assert "stopped at step 5 " in done.stdout + done.stderr
    assert not [name for name in ROOMS if (packages / name).exists() and name != "sensors"]

    subprocess.run([*pip, "uninstall", "-y", "reciprocal"], check=True, capture_output=True)
    assert not (packages / "reciprocal").exists()
    assert (packages / "sensors" / "__init__.py").read_text() == "ORIGIN = 'another'\n"
