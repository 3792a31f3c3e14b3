"""A disk that is full where the journal ends: what is answered is recorded, what is not recorded is not answered."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from replay import journal
from replay.buffer import Buffer, InsertResult
from replay.config import DISK, MEMORY, NONE, ReplayConfig
from replay.dedupe import source_key
from replay.journal import Journal, Taken, Totals
from sensors.core.errors import NoRoomError, StorageError
from tests.replay.batches import batch_of


@contextmanager
def no_room(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Nothing can be allocated; yields the sizes that were asked for."""
    asked: list[int] = []

    def refuse(path: Path, nbytes: int) -> None:
        asked.append(nbytes)
        raise NoRoomError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(journal, "allocate", refuse)
        yield asked


def recorded(directory: Path, numbers: range) -> list[int]:
    """Which of these ids the journal on the disk vouches for."""
    unseen = Journal(directory).seen.unseen(source_key("teacher"), 0, np.array(numbers))
    return [n for n, new in zip(numbers, unseen, strict=True) if not new]


@pytest.mark.parametrize("ack", [NONE, MEMORY, DISK])
def test_only_recorded_events_are_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ack: str) -> None:
    monkeypatch.setattr(journal, "_RECORDS", 4)
    buffer = Buffer(tmp_path, ReplayConfig(ack=ack, samples_per_insert=0.0, capacity_single=100, min_size=1))
    buffer.reserve(["image"])
    answered: set[int] = set()
    refused = 0
    with no_room(monkeypatch) as asked:
        for first in (0, 10, 20, 0, 30, 40, 30, 40, 50):  # gaps, so that each takes a record of its own
            try:
                answer = buffer.insert(batch_of(range(first, first + 8)))
            except NoRoomError:
                refused += 1
                continue
            assert answer.accepted + answer.duplicate == 8
            answered |= set(range(first, first + 8))
            assert answered <= set(recorded(tmp_path, range(60)))
    assert asked and refused == 5 and len(answered) == 24, "the disk was full, and there was room for three"
    # Room again: whatever had no answer is sent again.
    taken = {first: buffer.insert(batch_of(range(first, first + 8))) for first in range(0, 60, 10)}
    assert all(taken[first] == InsertResult(0, 8) for first in (0, 10, 20))
    assert all(answer.accepted + answer.duplicate == 8 for answer in taken.values())
    assert len(recorded(tmp_path, range(60))) == 48
    buffer._lock.close()
    again = Buffer(tmp_path, ReplayConfig(ack=ack, samples_per_insert=0.0, capacity_single=100, min_size=1))
    figures = again.stats()["image"]
    assert figures["inserted"] == figures["size"] == 48, "each once"
    again.close()


def test_with_memory_what_was_refused_has_left_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_RECORDS", 2)
    config = ReplayConfig(ack=MEMORY, samples_per_insert=0.0, capacity_single=16, min_size=1)
    buffer = Buffer(tmp_path, config)
    assert buffer.insert(batch_of(range(16))) == InsertResult(16, 0)
    before = buffer.stats()
    with no_room(monkeypatch):
        for _ in range(2):
            with pytest.raises(NoRoomError):
                buffer.insert(batch_of(range(20, 36)))
    assert buffer.stats() == before
    storage = buffer._tables["image"].storage
    assert sorted(storage.meta["seq"][storage.live()].tolist()) == [*range(16)], "nothing made room for it"
    assert buffer.insert(batch_of(range(20, 36))) == InsertResult(16, 0)
    buffer.close()


def test_a_journal_knows_nothing_that_it_could_not_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_RECORDS", 2)
    it = Journal(tmp_path)
    it.append(Taken(1, 0, [(0, 3), (8, 9)], 7, Totals(6, 6)))
    with no_room(monkeypatch), pytest.raises(NoRoomError):
        it.append(Taken(1, 0, [(20, 29)], 7, Totals(16, 16)))
    assert it.totals == {7: Totals(6, 6)} and list(it.seen.intervals()) == [(1, 0, 0, 3), (1, 0, 8, 9)]
    it.append(Taken(1, 0, [(n, n) for n in range(40, 80, 2)], 7, Totals(26, 26)))
    again = Journal(tmp_path)
    assert again.totals == {7: Totals(26, 26)} and len(list(again.seen.intervals())) == 22


def test_nothing_is_recorded_in_a_file_that_lost_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_RECORDS", 4)
    it = Journal(tmp_path)
    it.append(Taken(1, 0, [(0, 0), (2, 2), (4, 4)], 7, Totals(3, 3)))

    def broken(path: Path) -> None:
        raise StorageError("the disk does not accept the data")

    with monkeypatch.context() as patched:
        patched.setattr(journal, "sync_directory", broken)
        with pytest.raises(StorageError, match="does not accept"):
            it.append(Taken(1, 0, [(10, 10), (12, 12)], 7, Totals(5, 5)))
    it.append(Taken(1, 0, [(20, 20)], 7, Totals(4, 4)))  # would have fitted into the old one
    assert sorted(first for _, _, first, _ in Journal(tmp_path).seen.intervals()) == [0, 2, 4, 20]
