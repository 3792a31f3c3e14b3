"""The buffer against plain lists, and what a crash may and may not change."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.buffer import Buffer, InsertResult
from replay.config import ReplayConfig
from sensors.core.errors import ConfigError, StateError, StorageError
from tests.replay.batches import batch_of, sample_of

FREE = ReplayConfig(samples_per_insert=0.0, capacity=64, capacity_single=50, min_size=1)
KINDS = ("image", "audio+image")


class Model:
    """What a fifo replay is, in plain lists."""

    def __init__(self) -> None:
        self.stored: dict[str, list[tuple[str, int, int]]] = {}
        self.taken: set[tuple[str, int, int]] = set()
        self.figures: dict[str, dict[str, float]] = {}

    def insert(self, kind: str, source: str, generation: int, seq: list[int]) -> InsertResult:
        rows = self.stored.setdefault(kind, [])
        figures = self.figures.setdefault(kind, {"inserted": 0, "evicted": 0, "duplicates": 0})
        new = [key for n in seq if (key := (source, generation, n)) not in self.taken]
        self.taken |= set(new)
        rows.extend(new)
        over = max(0, len(rows) - FREE.capacity_of(kind))
        del rows[:over]
        figures["inserted"] += len(new)
        figures["evicted"] += over
        figures["duplicates"] += len(seq) - len(new)
        return InsertResult(len(new), len(seq) - len(new))


def stored(buffer: Buffer, kind: str) -> list[tuple[int, int]]:
    """(generation, seq) of a table's events, oldest first, after checking every sample byte."""
    storage = buffer._tables[kind].storage
    meta = storage.meta[storage.live()]
    for name, column in storage.samples.items():
        assert (column[storage.live()] == sample_of(name, meta["seq"])).all()
    order = np.argsort(meta["serial"])
    return list(zip(meta["generation"][order].tolist(), meta["seq"][order].tolist(), strict=True))


OFFER = st.tuples(
    st.sampled_from(KINDS),
    st.sampled_from(("a", "b")),
    st.integers(0, 1),
    st.one_of(
        st.lists(st.integers(0, 400), min_size=1, max_size=20, unique=True),
        st.builds(lambda first, count: list(range(first, first + count)), st.integers(0, 600), st.integers(1, 90)),
    ),
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.one_of(OFFER, st.sampled_from(("reopen", "kill"))), max_size=50))
def test_equals_a_plain_list(tmp_path_factory: pytest.TempPathFactory, ops: list[Any]) -> None:
    directory = tmp_path_factory.mktemp("model")
    model, buffer = Model(), Buffer(directory, FREE)
    for op in ops:
        if isinstance(op, str):
            if op == "kill":
                buffer._lock.close()
            buffer.close()
            buffer = Buffer(directory, FREE)
        else:
            kind, source, generation, seq = op
            answer = buffer.insert(batch_of(seq, kind, source, generation))
            assert answer == model.insert(kind, source, generation, seq)
        for kind, figures in buffer.stats().items():
            expected = model.figures[kind]
            assert {name: figures[name] for name in expected} == expected
            assert figures["size"] == len(model.stored[kind])
    for kind, rows in model.stored.items():
        assert stored(buffer, kind) == [(generation, seq) for _, generation, seq in rows]
    buffer.close()


def test_long_random_runs_equal_a_plain_list(tmp_path: Path) -> None:
    for seed in range(12):
        rng = np.random.default_rng(seed)
        model, buffer = Model(), Buffer(tmp_path / str(seed), FREE)
        for _ in range(500):
            kind, source = str(rng.choice(KINDS)), str(rng.choice(["a", "b"]))
            first = int(rng.integers(0, 20_000))
            seq = list(range(first, first + int(rng.integers(1, 12))))
            assert buffer.insert(batch_of(seq, kind, source)) == model.insert(kind, source, 0, seq)
        for kind, rows in model.stored.items():
            assert stored(buffer, kind) == [(generation, n) for _, generation, n in rows]
        buffer.close()


def test_every_offered_event_is_accounted_for(tmp_path: Path) -> None:
    config = ReplayConfig(samples_per_insert=2.0, limiter_slack=40, capacity_single=100, min_size=10)
    buffer = Buffer(tmp_path, config)
    rng = np.random.default_rng(0)
    offered = accepted = duplicate = throttled = 0
    for _ in range(2_000):
        seq = range(first := int(rng.integers(0, 9_000)), first + 10)
        answer = buffer.insert(batch_of(seq, source=f"s{rng.integers(4)}"))
        offered += 10
        accepted, duplicate = accepted + answer.accepted, duplicate + answer.duplicate
        if answer.throttled_ms:
            throttled += 10
            assert answer.accepted == answer.duplicate == 0
            buffer.sample("image", 16)
    figures = buffer.stats()["image"]
    assert min(accepted, duplicate, throttled) > 500
    assert offered == accepted + duplicate + throttled
    assert (figures["inserted"], figures["duplicates"], figures["throttled"]) == (
        accepted,
        duplicate,
        throttled,
    )
    assert figures["inserted"] == figures["size"] + figures["evicted"]
    assert figures["deficit"] <= 40 * 2.0
    buffer.close()


def test_a_throttled_batch_comes_in_later_as_if_new(tmp_path: Path) -> None:
    config = ReplayConfig(samples_per_insert=1.0, limiter_slack=64, capacity_single=500, min_size=8)
    buffer = Buffer(tmp_path, config)
    assert buffer.insert(batch_of(range(64))).accepted == 64
    early, late = batch_of(range(64, 128)), batch_of(range(128, 160))
    assert buffer.insert(early).throttled_ms > 0
    buffer.sample("image", 32)
    assert buffer.insert(late) == InsertResult(32, 0)
    # The one refused before the accepted one is still new, also after a crash.
    buffer._lock.close()
    buffer = Buffer(tmp_path, config)
    buffer.sample("image", 64)
    assert buffer.insert(early) == InsertResult(64, 0)
    assert buffer.insert(late) == InsertResult(0, 32)
    buffer.close()


def test_sampler_and_sources_settle_at_samples_per_insert(tmp_path: Path) -> None:
    config = ReplayConfig(samples_per_insert=4.0, limiter_slack=64, capacity_single=1_000, min_size=64)
    buffer = Buffer(tmp_path, config)
    seq = 0
    while seq < 10_000:
        if buffer.insert(batch_of(range(seq, seq + 20))).accepted:
            seq += 20
        else:
            buffer.sample("image", 64)
    figures = buffer.stats()["image"]
    assert figures["sampled"] / (figures["inserted"] - 64) == pytest.approx(4.0, abs=0.05)
    buffer.close()


def test_batches_larger_than_the_table_keep_the_newest(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path, FREE)
    assert buffer.insert(batch_of(range(300))).accepted == 300
    assert stored(buffer, "image") == [(0, n) for n in range(250, 300)]
    figures = buffer.stats()["image"]
    assert (figures["size"], figures["evicted"]) == (50, 250)
    buffer.close()


def test_reservoir_carries_on_after_a_kill(tmp_path: Path) -> None:
    config = FREE.replace(remover="reservoir")
    whole = Buffer(tmp_path / "whole", config, seed=3)
    cut = Buffer(tmp_path / "cut", config, seed=3)
    for first in range(0, 2_000, 40):
        batch = batch_of(range(first, first + 40))
        whole.insert(batch)
        cut.insert(batch)
        if first == 1_000:
            cut._lock.close()
            cut = Buffer(tmp_path / "cut", config, seed=3)
    assert stored(cut, "image") == stored(whole, "image")
    assert cut.stats() == whole.stats()
    assert stored(whole, "image")[0][1] < 1_000
    for buffer in (whole, cut):
        buffer.close()


def test_corrupt_slots_are_counted_and_freed_at_reopen(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path, FREE)
    buffer.insert(batch_of(range(80)))
    buffer.close()
    with (tmp_path / "image" / "image.col").open("r+b") as file:
        file.seek(7 * 1_024 + 500)
        file.write(b"\xff")
    buffer = Buffer(tmp_path, FREE)
    assert buffer.checked(10.0)
    figures = buffer.stats()["image"]
    assert (figures["corrupt"], figures["size"], figures["inserted"]) == (1, 49, 80)
    assert figures["inserted"] == figures["size"] + figures["evicted"] + figures["corrupt"]
    assert (0, 57) not in stored(buffer, "image")
    # It was taken once: offering it again is a duplicate, not a second chance.
    assert buffer.insert(batch_of([57])) == InsertResult(0, 1)
    buffer.insert(batch_of(range(80, 130)))
    assert buffer.stats()["image"]["size"] == 50
    assert stored(buffer, "image") == [(0, n) for n in range(80, 130)]
    buffer.close()


def test_state_comes_back_and_is_strict(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path, FREE, seed=4)
    buffer.insert(batch_of(range(50)))
    buffer.sample("image", 8)
    buffer.close()
    buffer.close()
    again = Buffer(tmp_path, FREE, seed=99)
    other = Buffer(tmp_path.with_name("other"), FREE, seed=4)
    other.insert(batch_of(range(50)))
    other.sample("image", 8)
    assert again.sample("image", 8).slots.tolist() == other.sample("image", 8).slots.tolist()
    state = again.state_dict()
    with pytest.raises(StateError, match="rng"):
        again.load_state_dict({k: v for k, v in state.items() if k != "rng"})
    with pytest.raises(StateError, match="speech"):
        again.load_state_dict(state | {"removers": {"speech": {"version": 1, "name": "fifo"}}})
    with pytest.raises(StateError, match="version"):
        again.load_state_dict(state | {"version": 2})
    for one in (again, other):
        one.close()
    with pytest.raises(StorageError, match="closed"):
        again.insert(batch_of([1]))


def test_a_second_buffer_on_the_directory_is_refused(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path, FREE)
    with pytest.raises(StorageError, match="in use"):
        Buffer(tmp_path, FREE)
    buffer.close()
    Buffer(tmp_path, FREE).close()


def test_labelled_events_are_never_told_to_wait_and_the_oldest_go(tmp_path: Path) -> None:
    limits = ReplayConfig(
        samples_per_insert=1.0, limiter_slack=32, capacity=200, capacity_single=100, capacity_labelled=48, min_size=8
    )
    buffer = Buffer(tmp_path, limits)
    for kind in ("speech+letter", "speech+lips+letter"):
        answers = [buffer.insert(batch_of(range(n, n + 32), kind, source=kind)) for n in range(0, 160, 32)]
        assert all(a == InsertResult(32, 0) for a in answers)
        figures = buffer.stats()[kind]
        assert (figures["inserted"], figures["size"], figures["evicted"]) == (160, 48, 112)
        assert figures["throttled"] == 0
        assert [seq for _, seq in stored(buffer, kind)] == list(range(112, 160))
    # The promise to all other tables stands beside them, and a new one is no matter of theirs.
    buffer.set_limiter(min_size=60)
    assert [buffer.insert(batch_of(range(n, n + 32), "speech")).accepted for n in range(0, 128, 32)] == [32, 32, 0, 0]
    assert buffer.insert(batch_of(range(160, 192), "speech+letter", source="speech+letter")).accepted == 32
    buffer.close()
    with pytest.raises(StateError, match=r"replay\.capacity_labelled=48"):
        Buffer(tmp_path, limits.replace(capacity_labelled=64))
    again = Buffer(tmp_path, limits)
    assert again.insert(batch_of(range(192, 224), "speech+letter", source="speech+letter")).accepted == 32
    again.close()


def test_another_capacity_is_refused_by_name(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path, FREE)
    buffer.insert(batch_of(range(4)))
    buffer.close()
    with pytest.raises(StateError, match="capacity_single=50"):
        Buffer(tmp_path, FREE.replace(capacity_single=60))
    Buffer(tmp_path, FREE).close()
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(StorageError, match=r"state\.json"):
        Buffer(tmp_path, FREE)


def test_limiter_changes_while_it_runs_and_outlives_a_kill(tmp_path: Path) -> None:
    config = ReplayConfig(samples_per_insert=1.0, limiter_slack=32, capacity_single=500, min_size=8)
    buffer = Buffer(tmp_path, config)
    assert [buffer.insert(batch_of(range(n, n + 32))).accepted for n in (0, 32)] == [32, 0]
    buffer.set_limiter(slack=96)
    assert buffer.insert(batch_of(range(32, 96))).accepted == 64
    with pytest.raises(ConfigError, match="samples_per_insert"):
        buffer.set_limiter(samples_per_insert=-1.0)
    with pytest.raises(StorageError, match="speech"):
        buffer.set_limiter(slack=3, kind="speech")
    with pytest.raises(ConfigError, match="holds 500"):
        buffer.set_limiter(min_size=501, kind="image")
    # A table made after the change has it too.
    buffer.insert(batch_of(range(1_000, 1_096), "audio"))
    assert buffer._tables["audio"].limiter.slack == 96
    buffer._lock.close()
    buffer = Buffer(tmp_path, config)
    assert buffer._tables["image"].limiter.slack == 96
    assert buffer.insert(batch_of(range(96, 160))).throttled_ms > 0
    buffer._lock.close()
    buffer = Buffer(tmp_path, config.replace(samples_per_insert=0.0))
    assert buffer.insert(batch_of(range(96, 160))).accepted == 64
    buffer.close()


def test_what_cannot_be_drawn_is_said(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path, FREE)
    with pytest.raises(StorageError, match="audio"):
        buffer.sample("audio", 4)
    buffer.insert(batch_of(range(10)))
    with pytest.raises(ConfigError, match="count=0"):
        buffer.sample("image", 0)
    with pytest.raises(ConfigError, match="newest_first"):
        buffer.sample("image", 4, "newest_first")
    batch = buffer.sample("image", 4)
    assert (batch.samples["image"] == sample_of("image", batch.serial - 1)).all()
    buffer.close()


def test_reserved_tables_have_their_disk_before_the_first_event(tmp_path: Path) -> None:
    with_room = Buffer(tmp_path / "replay", FREE)
    with_room.reserve(["image", "image+audio"])
    figures = with_room.stats()
    assert {kind: table["size"] for kind, table in figures.items()} == {"audio+image": 0.0, "image": 0.0}
    column = max((tmp_path / "replay" / "audio+image").iterdir(), key=lambda p: p.stat().st_size)
    assert column.stat().st_blocks * 512 >= FREE.capacity * 96 * 96
    with_room.close()
    again = Buffer(tmp_path / "replay", FREE)
    again.reserve(["image"])
    assert again.insert(batch_of([0])).accepted == 1
    again.close()


def test_a_table_that_nothing_draws_from_makes_no_source_wait(tmp_path: Path) -> None:
    config = ReplayConfig(capacity=64, capacity_single=64, min_size=16, samples_per_insert=8.0, limiter_slack=32)

    def offer(buffer: Buffer, first: int) -> float:
        return max(buffer.insert(batch_of(range(n, n + 16))).throttled_ms for n in range(first, first + 160, 16))

    limited = Buffer(tmp_path / "limited", config)
    assert offer(limited, 0) > 0
    limited.close()
    free = Buffer(tmp_path / "limited", config, free=["image"])  # resumed with another algorithm
    assert offer(free, 1000) == 0 and free.stats()["image"]["samples_per_insert"] == 0
    free.set_limiter(samples_per_insert=8.0, slack=16)
    assert offer(free, 1500) == 0, "a change of all limits is none for a table that nothing draws from"
    assert free.insert(batch_of(range(5000, 5032), "audio")).accepted == 32
    assert free.stats()["audio"]["samples_per_insert"] == 8.0
    free.close()
    again = Buffer(tmp_path / "limited", config)
    assert again.stats()["image"]["samples_per_insert"] == 8.0
    assert max(offer(again, 2000 + 160 * n) for n in range(3)) > 0
    again.close()
