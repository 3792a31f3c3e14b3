import errno
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from runtime.reporting.run_status import RunStatus
from runtime.run_folder.shortage import SPARE, Shortage, full
from sensors.core.errors import StorageError


def no_room() -> StorageError:
    try:
        raise StorageError("checkpoint of step 3") from OSError(errno.ENOSPC, "No space left on device")
    except StorageError as error:
        return error


def test_what_says_that_there_is_no_room() -> None:
    assert full(no_room()) and full(OSError(errno.EDQUOT, "quota")) and full(OSError(errno.EFBIG, "limit"))
    assert full(StorageError("OSError: [Errno 28] No space left on device")), "from another process, as text"
    assert not full(OSError(errno.EROFS, "Read-only file system")) and not full(None) and not full(ValueError("x"))


def test_it_waits_for_room_and_for_each_thing_that_could_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    free, now = 5_000_000, 100.0

    class Usage:
        def __init__(self) -> None:
            self.free = free

    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage())
    monkeypatch.setattr(time, "monotonic", lambda: now)
    it = Shortage(tmp_path, said.append)
    assert not it and it.waiting == ""
    it.note("checkpoint", no_room(), 200_000_000)
    it.note("figures", no_room())
    it.note("figures", no_room())
    assert it and "checkpoint" in it and len(said) == 2
    assert it.waiting == f"disk is full: {(200e6 + SPARE) / 1e6:.0f} MB needed, 5 MB free at {tmp_path}"
    assert not it.may_try()
    now += 60
    assert not it.may_try(), "still too little"
    free = 300_000_000
    now += 60
    assert it.may_try() and not it.may_try(), "not again at once"
    it.clear("figures")
    assert it and len(said) == 2
    it.clear("checkpoint")
    it.clear("checkpoint")
    assert not it and said[2:] == ["checkpoint can be written again: learning goes on"]


def test_other_reasons_are_told_as_they_are(tmp_path: Path) -> None:
    it = Shortage(tmp_path, lambda line: None)
    it.note("figures", StorageError("metrics.jsonl: Read-only file system"))
    assert it.waiting == "metrics.jsonl: Read-only file system"


def test_time_that_learning_stands_still_is_none_of_learning() -> None:
    status = RunStatus(first_step_at=10.0)
    status.suspend(True, 20.0)
    status.suspend(True, 25.0)
    assert status.learned(90.0) == 10.0
    status.suspend(False, 100.0)
    assert status.learned(101.0) == 11.0 and status.counters.totals["learner/held_s"] == 80.0
    untouched: Any = RunStatus()
    untouched.suspend(False, 5.0)
    assert untouched.suspended_since is None
