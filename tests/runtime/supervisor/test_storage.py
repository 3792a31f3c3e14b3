"""Disks that are full, small or closed, by file systems of the test's own in a mount namespace of its own."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.runtime.supervisor.test_faults import newest, until
from tests.runtime.supervisor.test_supervise import Run, assert_all_agree, checkpoints, figures

ROOM = 1600
"""MiB of the small disk: as much as a run asks for at its start; memory, and taken only while it is filled."""


def mounts() -> bool:
    """Whether this process may mount file systems in a namespace of its own, and memory is plenty."""
    if shutil.which("unshare") is None or psutil.virtual_memory().available < 4 * ROOM * 2**20:
        return False
    tried = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs -o size=1m none /mnt"]
    return subprocess.run(tried, capture_output=True).returncode == 0


needs_mounts = pytest.mark.skipif(not mounts(), reason="needs unshare, the right to mount, and some memory")


def fill_up(folder: Path) -> Path:
    """Take all the room there is."""
    filler = folder / "filler"
    size = shutil.disk_usage(folder).free
    with filler.open("wb") as file:
        while size >= 4096:
            try:
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), size)
            except OSError:
                size //= 2
    return filler


@needs_mounts
@pytest.mark.slow
@pytest.mark.ray
def test_a_full_disk_holds_learning_until_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "disk" / "run"
    path.parent.mkdir()
    mount = f"mount -t tmpfs -o size={ROOM}m none {path.parent}"
    run = Run("--run-dir", str(path), "--set", "run.checkpoint_every=1", before=mount)
    # Its file systems are seen through its process.
    inside = Path(f"/proc/{run.process.pid}/root") / str(path).lstrip("/")
    run.wait_for("first step after")
    until("a checkpoint", lambda: any(inside.glob("checkpoints/step-*")))
    filler = fill_up(inside.parent)
    run.wait_for("cannot be written: disk is full: ")
    run.wait_for("waiting: disk is full: ")
    assert re.search(r"disk is full: \d+ MB needed, \d+ MB free at ", run.text)
    time.sleep(2.0)  # the chunk under way ends
    stood = [path.name for path in inside.glob("checkpoints/step-*")]
    shown = re.findall(r"waiting: disk is full.* \| step (\d+) ", run.text)
    run.wait_for("waiting: disk is full: ")
    time.sleep(6.0)
    later = re.findall(r"waiting: disk is full.* \| step (\d+) ", run.text)
    assert len(later) > len(shown) and len(set(later[-2:])) == 1, "it does not learn meanwhile"
    filler.unlink()
    run.wait_for("can be written again: learning goes on")
    until("another checkpoint", lambda: {p.name for p in inside.glob("checkpoints/step-*")} - {*stood})
    until("it learns on", lambda: newest(inside)["step"] > int(later[-1]))
    assert newest(inside)["learner/held_s"] > 2
    rows = figures(inside)
    assert [row["step"] for row in rows] == sorted(row["step"] for row in rows)
    fill_up(inside.parent)
    run.wait_for("waiting: disk is full: ")
    held = [p.name for p in inside.glob("checkpoints/step-*")]
    time.sleep(1.0)
    began = time.monotonic()
    kept = tmp_path / "kept"
    kept.mkdir()
    shutil.copytree(inside / "checkpoints", kept / "checkpoints", ignore=shutil.ignore_patterns(".stage*"))
    run.process.send_signal(signal.SIGINT)
    code, error = run.end()
    assert time.monotonic() - began < 12 and code == 1
    assert "no checkpoint at the end" in error and "the last one, step-" in error and ", stands" in error
    assert {p.name for p in (kept / "checkpoints").iterdir()} >= {max(held)}


@needs_mounts
@pytest.mark.slow
@pytest.mark.ray
def test_a_directory_that_is_read_only_is_refused_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "disk" / "run"
    path.parent.mkdir()
    mount = f"mount --bind {path.parent} {path.parent} && mount -o remount,ro,bind {path.parent}"
    code, error = Run("--run-dir", str(path), before=mount).end()
    assert code == 2 and "cannot be written (Read-only file system)" in error and error.count("\n") <= 2
    made = Run("--run-dir", str(path), "--steps", "30")
    assert made.end() == (0, "")
    code, error = Run("--resume", str(path), before=mount).end()
    assert code == 2 and "cannot be written (Read-only file system)" in error and error.count("\n") <= 2
    assert assert_all_agree(path) == 30 and len(checkpoints(path)) >= 1


@needs_mounts
@pytest.mark.slow
@pytest.mark.ray
def test_little_shared_memory_is_told_and_does(tmp_path: Path) -> None:
    path = tmp_path / "run"
    run = Run("--run-dir", str(path), "--steps", "60", before="mount -t tmpfs -o size=16m none /dev/shm")
    assert run.end() == (0, "")
    assert "/dev/shm has 16 MiB free, run.object_store=80 MiB does not fit" in run.text
    assert assert_all_agree(path) == 60


def test_a_clock_that_is_set_back_changes_no_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from runtime.reporting.figures import Figures

    (tmp_path / "board").mkdir()
    it = Figures(tmp_path / "metrics.jsonl", tmp_path / "board")
    it.observe({"loss": 1.0}, 1)
    monkeypatch.setattr(time, "time", lambda: 12.0)
    it.observe({"loss": 0.5}, 2)
    it.close()
    again = Figures(tmp_path / "metrics.jsonl", tmp_path / "board")
    assert again.time >= it.time - 1.0
    again.observe({"loss": 0.25}, 3)
    again.close()
    times = [row["time"] for row in figures(tmp_path)]
    assert len(times) == 3 and times == sorted(times)
