"""Group commit: nobody returns before the disk has it, many share a flush, and a failure is final."""

import os
import threading
import time
from pathlib import Path

import pytest

from replay import commit, journal
from replay.buffer import Buffer, InsertResult
from replay.commit import GroupCommit
from replay.config import DISK, ReplayConfig
from sensors.core.errors import NoRoomError, StorageError
from tests.replay.batches import batch_of

CONFIG = ReplayConfig(ack=DISK, samples_per_insert=0.0, capacity_single=1_000, min_size=1)


def test_who_waits_returns_after_a_flush_that_began_after_its_write() -> None:
    written: list[int] = []
    flushed: set[int] = set()
    late: list[int] = []

    def flush() -> None:
        now = list(written)
        time.sleep(0.005)
        flushed.update(now)

    group = GroupCommit(flush)

    def work(first: int) -> None:
        for n in range(first, first + 20):
            written.append(n)
            group.wait()
            if n not in flushed:
                late.append(n)

    threads = [threading.Thread(target=work, args=(100 * n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)
        assert not thread.is_alive()
    assert not late and len(flushed) == 160
    # One at a time would be 160.
    assert group.flushes < 100


def test_a_flush_that_failed_is_final() -> None:
    calls = 0

    def flush() -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise StorageError("disk: input/output error")

    group = GroupCommit(flush)
    group.wait()
    for _ in range(3):
        with pytest.raises(StorageError, match="input/output"):
            group.wait()
    assert calls == 2


def test_a_disk_that_hangs_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "PATIENCE", 0.1)
    entered, go = threading.Event(), threading.Event()

    def flush() -> None:
        entered.set()
        assert go.wait(30.0)

    group = GroupCommit(flush)
    leader = threading.Thread(target=group.wait)
    leader.start()
    assert entered.wait(30.0)
    with pytest.raises(StorageError, match="not accepted any data"):
        group.wait()
    go.set()
    leader.join(30.0)
    assert not leader.is_alive()


def test_a_duplicate_of_an_event_not_yet_on_the_disk_waits_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = Buffer(tmp_path, CONFIG)
    buffer.reserve(["image"])
    entered, go, answers = threading.Event(), threading.Event(), list[InsertResult]()
    real = os.fdatasync

    def slow(descriptor: int) -> None:
        entered.set()
        assert go.wait(30.0)
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", slow)
    threads = [threading.Thread(target=lambda: answers.append(buffer.insert(batch_of(range(8))))) for _ in range(2)]
    threads[0].start()
    assert entered.wait(30.0)
    threads[1].start()
    time.sleep(0.1)
    assert answers == []
    # Others are not held up by the disk.
    assert buffer.stats()["image"]["size"] == 8
    go.set()
    for thread in threads:
        thread.join(30.0)
    assert sorted((a.accepted, a.duplicate) for a in answers) == [(0, 8), (8, 0)]
    buffer.close()


def test_a_disk_that_fails_is_said_and_nothing_is_acknowledged_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = Buffer(tmp_path, CONFIG)
    buffer.insert(batch_of(range(8)))

    def broken(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", broken)
        with pytest.raises(StorageError, match="Input/output error"):
            buffer.insert(batch_of(range(8, 16)))
    with pytest.raises(StorageError, match="Input/output error"):
        buffer.insert(batch_of(range(16, 24)))
    assert buffer.stats()["image"]["inserted"] == 16, "nothing more is taken"
    buffer._lock.close()
    # The next process takes what the files have, and goes on.
    buffer = Buffer(tmp_path, CONFIG)
    answer = buffer.insert(batch_of(range(16)))
    assert answer.accepted + answer.duplicate == 16 and answer.duplicate >= 8
    figures = buffer.stats()["image"]
    assert figures["inserted"] == figures["size"] == 16
    buffer.close()


def test_a_full_disk_is_waited_for_and_what_was_taken_meanwhile_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = Buffer(tmp_path, CONFIG)
    buffer.insert(batch_of(range(8)))

    def no_room(path: Path, nbytes: int) -> None:
        raise NoRoomError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(journal, "allocate", no_room)
        patched.setattr(buffer._journal, "_next", len(buffer._journal._records))  # its file is full
        for first in (8, 16):
            with pytest.raises(NoRoomError):
                buffer.insert(batch_of(range(first, first + 8)))
    # There is room again: what had no answer is sent again, and is acknowledged when it is recorded.
    assert buffer.insert(batch_of(range(8, 16))) == InsertResult(0, 8)
    assert buffer.insert(batch_of(range(24, 32))) == InsertResult(8, 0)
    buffer._lock.close()
    again = Buffer(tmp_path, CONFIG)
    assert again.insert(batch_of(range(32))) == InsertResult(0, 32)
    assert again.stats()["image"]["inserted"] == 32
    again.close()
