"""What Ray's workers import is ours, wherever the driver was started."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ray import cloudpickle

from runtime.supervisor import imports
from runtime.supervisor.imports import rooms_elsewhere, standing_at_home
from sensors.system.rooms import HOME, ROOMS
from tests.foreign import foreign_modules, ros_path

DRIVER = """
import json, sys
sys.path.insert(0, sys.argv[1])
from runtime.command.environment import prepare_environment
from runtime.config.run_section import RunSection
prepare_environment(None)
from runtime.supervisor.cluster import Cluster
cluster = Cluster(RunSection(dashboard=False, object_store=80, cpus=1), "imports")
cluster.start()
while not cluster.ready(60.0):
    pass
import ray

names = sys.argv[2:]

def origins():
    import importlib
    return {name: importlib.import_module(name).__file__ for name in names}

print(json.dumps(ray.get(ray.remote(num_cpus=0)(origins).remote(), timeout=60)))
cluster.close(5.0)
"""


def test_it_stands_at_home_and_then_where_it_stood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECIPROCAL_CACHE", "cache")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", "~/token")
    with pytest.raises(KeyError), standing_at_home():
        assert Path.cwd() == HOME
        assert os.environ["RECIPROCAL_CACHE"] == str(tmp_path / "cache")
        assert os.environ["RAY_AUTH_TOKEN_PATH"] == "~/token"
        raise KeyError
    assert Path.cwd() == tmp_path


def test_a_folder_that_is_gone_is_no_hindrance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    monkeypatch.setenv("RECIPROCAL_CACHE", "cache")
    gone.rmdir()
    with standing_at_home():
        assert Path.cwd() == HOME
    with pytest.raises(FileNotFoundError):
        Path.cwd()


def test_a_worker_elsewhere_finds_the_rooms_by_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "HOME", tmp_path / "the driver's")
    untyped: Any = cloudpickle
    (tmp_path / "hook").write_bytes(untyped.dumps(rooms_elsewhere()))
    program = (
        "import pickle, sys; pickle.load(open(sys.argv[1], 'rb'))(); assert 'runtime' not in sys.modules;"
        "import sensors, agent; print(sensors.__file__, agent.__file__)"
    )
    # Where the program is installed: the package `reciprocal` is found, after a foreign `sensors`.
    path = [ros_path(tmp_path / "ros"), HOME / "runtime" / "package", *map(Path, sys.path[1:])]
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, str(tmp_path / "hook")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path))},
        cwd=foreign_modules(tmp_path / "here"),
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [str(HOME / room / "__init__.py") for room in ("sensors", "agent")], done.stderr


@pytest.mark.slow
@pytest.mark.ray
def test_workers_import_ours_from_a_folder_with_others(tmp_path: Path) -> None:
    names = [*ROOMS, "random"]
    done = subprocess.run(
        [sys.executable, "-P", "-c", DRIVER, str(HOME), *names],
        env=os.environ | {"PYTHONPATH": str(ros_path(tmp_path / "ros"))},
        cwd=foreign_modules(tmp_path / "here"),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {room: found[room] for room in ROOMS} == {room: str(HOME / room / "__init__.py") for room in ROOMS}
    assert "here" not in found["random"]
