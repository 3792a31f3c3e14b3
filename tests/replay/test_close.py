"""Closing: nobody else may have the directory while a thread of the old owner still writes in it."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from replay import buffer as room
from replay import sweep
from replay.buffer import Buffer, InsertResult
from replay.config import DISK, MEMORY, ReplayConfig
from replay.table import Table
from sensors.core.errors import StorageError
from tests.replay.batches import batch_of

CONFIG = ReplayConfig(ack=DISK, samples_per_insert=0.0, capacity_single=1_000, min_size=1)


class SlowDisk:
    """`os.fdatasync` that stands still from `stand` until `go`."""

    def __init__(self) -> None:
        self.entered, self.go, self.stand = threading.Event(), threading.Event(), threading.Event()
        self._real: Callable[[int], None] = os.fdatasync

    def flush(self, descriptor: int) -> None:
        if self.stand.is_set() and threading.current_thread() is not threading.main_thread():
            self.entered.set()
            assert self.go.wait(30.0)
        self._real(descriptor)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowDisk]:
    it = SlowDisk()
    monkeypatch.setattr(os, "fdatasync", it.flush)
    yield it
    it.go.set()


def started(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_close_waits_for_a_running_flush_and_refuses_new_calls(tmp_path: Path, disk: SlowDisk) -> None:
    buffer, answers = Buffer(tmp_path, CONFIG), list[InsertResult]()
    buffer.insert(batch_of(range(8)))
    disk.stand.set()
    writer = started(lambda: answers.append(buffer.insert(batch_of(range(8, 16)))))
    assert disk.entered.wait(30.0)
    closer = started(buffer.close)
    time.sleep(0.3)
    assert closer.is_alive() and answers == []
    with pytest.raises(StorageError, match="in use"):
        Buffer(tmp_path, CONFIG)
    for late in (lambda: buffer.insert(batch_of(range(16, 24))), buffer.save, lambda: buffer.reserve(["audio"])):
        with pytest.raises(StorageError, match="closed"):
            late()
    disk.go.set()
    for thread in (writer, closer):
        thread.join(30.0)
        assert not thread.is_alive()
    assert answers == [InsertResult(8, 0)]
    again = Buffer(tmp_path, CONFIG)
    assert again.insert(batch_of(range(24))) == InsertResult(8, 16)
    again.close()
    again.close()


def test_who_never_comes_back_from_the_disk_keeps_the_directory(
    tmp_path: Path, disk: SlowDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "CLOSE_PATIENCE", 0.1)
    buffer = Buffer(tmp_path, CONFIG)
    buffer.reserve(["image"])
    disk.stand.set()
    writer = started(lambda: buffer.insert(batch_of(range(8))))
    assert disk.entered.wait(30.0)
    with pytest.raises(StorageError, match="still being written"):
        buffer.close()
    with pytest.raises(StorageError, match="in use"):
        Buffer(tmp_path, CONFIG)
    disk.go.set()
    writer.join(30.0)
    buffer.close()
    again = Buffer(tmp_path, CONFIG)
    assert again.stats()["image"]["size"] == 8
    again.close()


def test_who_checks_beside_the_work_has_ended_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = CONFIG.replace(ack=MEMORY)
    buffer = Buffer(tmp_path, config)
    buffer.insert(batch_of(range(8)))
    buffer.close()
    monkeypatch.setattr(sweep, "_FAREWELL", 0.0)
    entered, go, owned = threading.Event(), threading.Event(), list[bool]()
    real = Table.drop_damaged

    def slow(table: Table, slots: object) -> None:
        entered.set()
        assert go.wait(30.0)
        owned.append(not buffer._lock.closed)
        real(table, slots)  # type: ignore[arg-type]

    monkeypatch.setattr(Table, "drop_damaged", slow)
    buffer = Buffer(tmp_path, config)
    assert entered.wait(30.0)
    closer = started(buffer.close)
    time.sleep(0.3)
    go.set()
    closer.join(30.0)
    assert buffer.checked(30.0) and owned == [True]
