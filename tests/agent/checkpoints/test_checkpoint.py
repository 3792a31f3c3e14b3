import errno
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from agent.checkpoints.checkpoint import (
    list_checkpoints,
    load_state,
    newest_checkpoint,
    read_manifest,
    save_state,
    write_checkpoint,
)
from agent.checkpoints.tensor_file import write_tensors
from sensors.core.errors import DamageError, StateError, StorageError

ROOT = Path(__file__).parents[3]
STATE = {
    "version": 1,
    "steps": 2**70,
    "turn": None,
    "net": {"w": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(3)},
}


def put(stage: Path) -> None:
    save_state(stage, "learner", STATE)


def test_a_saved_checkpoint_is_read_back(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path, 12, put, {"data": "bars"})
    manifest = read_manifest(checkpoint)
    assert manifest["step"] == 12 and manifest["data"] == "bars"
    state = load_state(checkpoint, "learner")
    assert torch.equal(state["net"]["w"], torch.arange(6.0).reshape(2, 3))
    assert state["net"]["b"].shape == () and state["steps"] == 2**70 and state["turn"] is None


def test_the_newest_three_stay(tmp_path: Path) -> None:
    for step in (5, 40, 300, 2000):
        write_checkpoint(tmp_path, step, put, {})
    assert [int(p.name[5:]) for p in list_checkpoints(tmp_path)] == [40, 300, 2000]
    assert newest_checkpoint(tmp_path) == tmp_path / "step-000000002000"


def test_a_new_checkpoint_stays_beside_one_with_a_later_name(tmp_path: Path) -> None:
    for step in (500, 600, 700):
        write_checkpoint(tmp_path, step, put, {})
    for step in (5, 6):
        assert read_manifest(write_checkpoint(tmp_path, step, put, {}))["step"] == step
        assert len(list_checkpoints(tmp_path)) == 3


def test_the_same_step_again_stands_beside_the_older_one_until_that_goes(tmp_path: Path) -> None:
    for count in range(1, 6):
        newest = write_checkpoint(tmp_path, 5, put, {"round": count})
        assert newest_checkpoint(tmp_path) == newest
        assert read_manifest(newest)["round"] == count
    assert len(list(tmp_path.iterdir())) == 3
    assert newest_checkpoint(write_checkpoint(tmp_path, 6, put, {}).parent) == tmp_path / "step-000000000006"


def test_the_step_that_the_writer_tells_names_the_checkpoint(tmp_path: Path) -> None:
    def write(stage: Path) -> int:
        put(stage)
        return 9

    checkpoint = write_checkpoint(tmp_path, 7, write, {})
    assert checkpoint.name == "step-000000000009" and read_manifest(checkpoint)["step"] == 9


def test_a_failed_writing_leaves_the_older_one_and_no_rest(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, 5, put, {})

    def fail(stage: Path) -> None:
        put(stage)
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match=r"No space left.*unharmed"):
        write_checkpoint(tmp_path, 6, fail, {})
    assert [p.name for p in tmp_path.iterdir()] == ["step-000000000005"]
    read_manifest(tmp_path / "step-000000000005")


def test_an_error_with_a_traceback_for_its_text_is_told_by_its_last_line(tmp_path: Path) -> None:
    def fail(stage: Path) -> None:
        raise OSError("Traceback:\n  File x\nOSError: the disk is gone\n")

    with pytest.raises(StorageError, match="OSError: the disk is gone; older") as told:
        write_checkpoint(tmp_path, 1, fail, {})
    assert "Traceback" not in str(told.value)


FULL = """
import resource, signal, sys
from pathlib import Path
import torch
from agent.checkpoints.checkpoint import save_state, write_checkpoint
from sensors.core.errors import StorageError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_checkpoint(Path(sys.argv[1]), 6, lambda stage: save_state(stage, "learner", {"w": torch.zeros(10**6)}), {})
except StorageError as error:
    print(error)
"""


def test_no_room_for_the_tensors_is_told_in_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "step 6" in done.stdout and "unharmed" in done.stdout and done.stdout.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_crashed_writing_is_not_seen_and_swept_by_the_next(tmp_path: Path) -> None:
    (tmp_path / ".stage-99").mkdir()
    put(tmp_path / ".stage-99")
    assert newest_checkpoint(tmp_path) is None
    write_checkpoint(tmp_path, 7, put, {})
    assert [p.name for p in tmp_path.iterdir()] == ["step-000000000007"]


def writing(directory: Path, kills: int, seed: int) -> None:
    """A writer of checkpoint after checkpoint, killed again and again at random moments; tells what was left."""
    torch.set_num_threads(1)  # a child that is forked has none of its parent's others, and would wait for them
    write_checkpoint(directory, 0, put_much, {})  # which is slower than all later ones
    begun = time.monotonic()
    write_checkpoint(directory, 1, put_much, {})
    # Disks differ: most kills fall into a later checkpoint than the first.
    longest = min(max(4 * (time.monotonic() - begun), 0.05), 1.0)
    rng = random.Random(seed)
    done, torn, deaths = 1, 0, 0
    for _ in range(kills):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            step = done
            while True:  # until it is killed
                step += 1
                write_checkpoint(directory, step, put_much, {})
                os.write(writer, step.to_bytes(4, "little"))
        os.close(writer)
        if deaths % 2:  # in a later one than this process's first, however slow the disk and the machine are now
            done = int.from_bytes(os.read(reader, 4), "little")
        time.sleep(rng.uniform(0.0, longest))
        os.kill(child, signal.SIGKILL)
        deaths += os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
        while told := os.read(reader, 4):
            done = int.from_bytes(told, "little")
        os.close(reader)
        torn += any(directory.glob(".stage-*"))
        newest = newest_checkpoint(directory)
        assert newest is not None
        # Each that bears a name is whole; the newest is the last one told, or the one that was being told.
        for checkpoint in list_checkpoints(directory):
            read_manifest(checkpoint)
            step = int(checkpoint.name[5:])
            assert int(load_state(checkpoint, "learner")["w"][-1]) == step
        assert done <= step <= done + 1, (done, step)
        done = step
    assert len(list(directory.iterdir())) <= 6
    print(deaths, torn, done)


def put_much(stage: Path) -> None:
    """Half a megabyte, all of it the number of the step."""
    step = max((int(p.name[5:]) for p in list_checkpoints(stage.parent)), default=-1) + 1
    save_state(stage, "learner", {"w": torch.full((130_000,), step), "turn": "image"})


def test_killed_at_fifty_moments_there_is_always_one_that_loads(tmp_path: Path) -> None:
    program = f"from tests.agent.checkpoints.test_checkpoint import *; writing(Path({str(tmp_path)!r}), 50, 7)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    deaths, torn, written = map(int, done.stdout.split())
    assert deaths == 50
    assert torn >= 10, "most kills must have struck while one was being written"
    assert written >= 10


def test_tensors_that_are_missing_or_unknown_are_named(tmp_path: Path) -> None:
    put(tmp_path)
    write_tensors(tmp_path / "learner.safetensors", {"net/w": torch.zeros(2, 3)})
    with pytest.raises(StateError, match=r"learner lacks tensor net/b"):
        load_state(tmp_path, "learner")
    write_tensors(tmp_path / "learner.safetensors", {n: torch.zeros(1) for n in ("net/w", "net/b", "net/c")})
    with pytest.raises(StateError, match=r"learner has unknown tensors: net/c"):
        load_state(tmp_path, "learner")
    (tmp_path / "learner.json").write_text("[]")
    with pytest.raises(StateError, match=r"learner cannot be read"):
        load_state(tmp_path, "learner")


@pytest.mark.parametrize("name", ["learner.safetensors", "learner.json", "manifest.json"])
def test_a_missing_part_is_named(tmp_path: Path, name: str) -> None:
    checkpoint = write_checkpoint(tmp_path, 1, put, {})
    (checkpoint / name).unlink()
    with pytest.raises(DamageError, match=name):
        read_manifest(checkpoint)


def test_an_extra_part_is_named(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path, 1, put, {})
    shutil.copy(checkpoint / "learner.json", checkpoint / "other.json")
    with pytest.raises(DamageError, match=r"other\.json"):
        read_manifest(checkpoint)


def test_damage_and_other_versions_are_named(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path, 1, put, {})
    path = checkpoint / "learner.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    with pytest.raises(DamageError, match=r"learner\.safetensors is damaged"):
        read_manifest(checkpoint)
    read_manifest(checkpoint, thorough=False)  # as large as it was
    with path.open("ab") as file:
        file.write(b"more")
    with pytest.raises(DamageError, match=r"learner\.safetensors is damaged"):
        read_manifest(checkpoint, thorough=False)
    manifest = json.loads((checkpoint / "manifest.json").read_text())
    (checkpoint / "manifest.json").write_text(json.dumps(manifest | {"version": 9}))
    with pytest.raises(StateError, match="version 9") as told:
        read_manifest(checkpoint)
    assert not isinstance(told.value, DamageError)


@pytest.mark.parametrize(
    "text", ["", '{"version": 1, "par', "[]", "{}", '{"version": 1, "parts": {"learner.json": 7}}']
)
def test_a_torn_manifest_is_damage(tmp_path: Path, text: str) -> None:
    checkpoint = write_checkpoint(tmp_path, 1, put, {})
    (checkpoint / "manifest.json").write_text(text)
    with pytest.raises(DamageError, match=r"manifest\.json cannot be read"):
        read_manifest(checkpoint)


@pytest.mark.parametrize("name", ["learner.json", "manifest.json"])
@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.EMFILE])
def test_what_cannot_be_read_now_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int
) -> None:
    checkpoint = write_checkpoint(tmp_path, 1, put, {})
    real = io.open

    def fail(path: Any, *arguments: Any, **named: Any) -> Any:
        if Path(path).name == name:
            raise OSError(number, os.strerror(number), str(path))
        return real(path, *arguments, **named)

    monkeypatch.setattr(io, "open", fail)  # which `Path.open` calls
    with pytest.raises(StateError, match=rf"{name} cannot be read \({os.strerror(number)}\)") as told:
        read_manifest(checkpoint)
    assert not isinstance(told.value, DamageError)
