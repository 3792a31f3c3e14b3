"""What a replay holds, as others see it."""

from pathlib import Path

import pytest

from replay.buffer import Buffer
from replay.config import DISK, MEMORY, ReplayConfig
from replay.stored import count_events, last_generation
from tests.replay.batches import batch_of


def buffer_in(path: Path, ack: str = MEMORY) -> Buffer:
    return Buffer(path, ReplayConfig(ack=ack, capacity=16, capacity_single=16, min_size=4, samples_per_insert=0.0))


@pytest.mark.parametrize("ack", [MEMORY, DISK])
def test_events_of_all_tables_count_whether_it_is_in_use_or_not(tmp_path: Path, ack: str) -> None:
    assert count_events(tmp_path / "none") == 0
    buffer = buffer_in(tmp_path, ack)
    buffer.reserve(["audio"])
    assert count_events(tmp_path) == 0
    buffer.insert(batch_of(range(3)))
    buffer.insert(batch_of(range(20), "audio", "other"))
    assert count_events(tmp_path) == 3 + 16
    buffer.close()
    assert count_events(tmp_path) == 3 + 16


def test_the_last_generation_is_known_even_of_events_that_have_left(tmp_path: Path) -> None:
    assert last_generation(tmp_path, ["teacher-0"]) == -1
    buffer = buffer_in(tmp_path)
    buffer.insert(batch_of(range(3), source="teacher-0", generation=4))
    buffer.insert(batch_of(range(16), source="host", generation=99))
    buffer.insert(batch_of(range(2), source="teacher-1", generation=5))
    buffer.close()
    assert last_generation(tmp_path, ["teacher-0", "nobody"]) == 4
    assert last_generation(tmp_path, ["teacher-0", "teacher-1"]) == 5
    (tmp_path / "taken.log").unlink()
    assert last_generation(tmp_path, ["teacher-1"]) == 5, "the slots know it"
