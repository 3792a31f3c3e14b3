"""A run that was made before algorithms had parts of their own goes on: the same step, the same losses, the same turns.

`tests/runs/before-algorithms.tar.xz` is a run directory of that program, with SMART and TDLFT turns, 400 steps long. So
that it stays small, most of its weights and moments were set to zero and the rest to few bits before that same program
wrote them. `before-algorithms.json` is what that program went on with.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import torch

from agent.actor import LearnerActor
from agent.checkpoints.checkpoint import list_checkpoints, newest_checkpoint, save_state
from agent.checkpoints.migrations import migrate_learner, read_parts
from runtime.config.learning import learning, sections
from runtime.config.settings import RunConfig
from runtime.run_folder.rundir import RunDirectory
from sensors.core.errors import StateError

ROOT = Path(__file__).parents[3]
RUNS = ROOT / "tests" / "runs"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The run, unpacked."""
    torch.set_num_threads(1)
    with tarfile.open(RUNS / "before-algorithms.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "before-algorithms"


def settings(run: Path) -> RunConfig:
    found = RunDirectory.resume(run)
    try:
        return RunConfig.from_saved(found.saved["config"])
    finally:
        found.close()


def actor(run: Path, config: RunConfig) -> LearnerActor:
    learns = learning(config)
    return LearnerActor(str(run), config.learner.to_dict(), config.run.seed, None, learns.names, sections(config))


def test_an_old_run_goes_on_where_it_stood(old: Path) -> None:
    config, expected = settings(old), json.loads((RUNS / "before-algorithms.json").read_text())
    assert config.run.learn == "smart+tdlft"
    it = actor(old, config)
    checkpoint = newest_checkpoint(old / "checkpoints")
    assert checkpoint is not None
    it.restore(str(checkpoint))
    assert it.learner.steps == expected["step"] and set(it.learner.algorithms) == {"smart", "tdlft"}
    assert it.learner.algorithms["tdlft"].version == expected["tdlft_turn"]
    for losses in expected["losses"]:
        now = it.learner.step()
        assert now is not None
        # Another processor rounds otherwise.
        assert {name: float(loss) for name, loss in now.items()} == pytest.approx(losses, rel=2e-3)
    # What is saved from here on is of this program, and resumes likewise.
    stage = old / "stage"
    stage.mkdir()
    it.learner.save(stage)
    assert {path.stem for path in stage.iterdir()} == {"learner", "random", "smart", "tdlft"}
    again = actor(old, config)
    again.restore(str(stage))
    assert again.learner.steps == it.learner.steps
    assert {k: float(v) for k, v in (again.learner.step() or {}).items()} == {
        k: float(v) for k, v in (it.learner.step() or {}).items()
    }
    for one in (it, again):
        one.close()


def test_a_run_of_smart_reads_it_and_keeps_the_state_of_tdlft(old: Path) -> None:
    config = settings(old).override({"run.learn": "smart"})
    checkpoint = newest_checkpoint(old / "checkpoints")
    assert checkpoint is not None
    it = actor(old, config)
    it.restore(str(checkpoint))
    assert set(it.learner.algorithms) == {"smart"} and set(it.learner.parts()) == {
        "learner", "random", "smart", "tdlft",
    }  # fmt: skip
    it.close()


def test_a_part_of_today_keeps_its_name(tmp_path: Path) -> None:
    """Only a learner of format 2 called TDLFT's part `letters`."""
    learner: dict[str, Any] = {"version": 3, "steps": 1, "next": "smart", "replay": {}}
    for name, state in (("learner", learner), ("letters", {"version": 1, "w": 1}), ("tdlft", {"version": 1})):
        save_state(tmp_path, name, state)
    parts = read_parts(tmp_path, {})
    assert parts["letters"]["w"] == 1 and "w" not in parts["tdlft"]


def test_networks_that_never_took_a_step_are_made_anew() -> None:
    plain = {"preset": "small", "latent": 8, "turn": None, "turns": {"version": 2}, "augment": {}, "replay": {}}
    state: dict[str, Any] = {"version": 2, "steps": 70, **plain}
    state["smart"] = {"version": 2, "steps": {"audio": 0, "image": 0}}
    assert migrate_learner(state)["algorithms"] == {} and migrate_learner(state)["steps"] == 70
    state["smart"] = {"version": 1, "steps": {"audio": 30, "image": 40}}
    state["turns"] = {"version": 1, "last": {}}
    smart = migrate_learner(state)["algorithms"]["smart"]
    assert smart["steps"] == 70 and smart["smart"]["guided"] == {"audio": {"image": 30}, "image": {"audio": 40}}
    assert smart["turns"] == {"version": 2, "last": {}, "taken": 0, "at": {}, "owed": 0.0}


def test_what_a_later_program_wrote_is_refused_by_name(old: Path) -> None:
    checkpoint = newest_checkpoint(old / "checkpoints")
    assert checkpoint is not None
    told = json.loads((checkpoint / "learner.json").read_text())
    (checkpoint / "learner.json").write_text(json.dumps({**told, "version": 4}))
    it = actor(old, settings(old))
    with pytest.raises(StateError, match="learner: saved by a later version of the program"):
        it.restore(str(checkpoint))
    it.close()
    (checkpoint / "learner.json").unlink()
    (checkpoint / "learner.safetensors").unlink()
    with pytest.raises(StateError, match="learner cannot be read"):
        read_parts(checkpoint, {})


@pytest.mark.slow
def test_an_old_run_is_resumed_from_the_command_line(old: Path) -> None:
    changes = ["--set", "run.dashboard=false", "--set", "monitor.judge_steps=4", "--set", "monitor.exam_samples=20"]
    command = [sys.executable, str(ROOT / "launch.py"), "--resume", str(old), "--steps", "430", *changes]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=os.environ.copy())
    assert done.returncode == 0, done.stderr
    assert "stopped at step 430" in done.stdout
    newest = list_checkpoints(old / "checkpoints")[-1]
    assert newest.name.startswith("step-000000000430") and (newest / "smart.safetensors").is_file()
    shutil.rmtree(old)
