"""Readers in one process, a writer in another: whole slots, honest figures, nothing lost by SIGKILL."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from replay.buffer import Buffer
from replay.config import ReplayConfig
from replay.reader import Reader
from replay.sampler import Sampler
from replay.storage import READERS
from sensors.core.errors import ConfigError, StateError, StorageError
from tests.patience import PATIENCE, wait_for
from tests.replay.batches import batch_of, sample_of

FREE = ReplayConfig(samples_per_insert=0.0, capacity=300, capacity_single=300, min_size=1)

WRITER = """
import sys
import numpy as np
from replay.buffer import Buffer
from replay.config import ReplayConfig
from tests.replay.batches import batch_of
config = ReplayConfig(samples_per_insert=0.0, capacity=300, capacity_single=300, min_size=1)
buffer = Buffer(sys.argv[1], config)
first = int(sys.argv[2])
while True:
    seq = np.arange(first, first + 10)
    answer = buffer.insert(batch_of(seq, "audio+image", lesson=seq // 5))
    assert answer.accepted + answer.duplicate == 10
    first += 10
    # The line is the acknowledgement.
    print(first, flush=True)
"""


@contextmanager
def writer(directory: Path, first: int = 0) -> Iterator[Path]:
    """A process that fills `audio+image` until SIGKILL; yields the file of its acknowledgements."""
    root = Path(__file__).parents[2]
    log = directory.with_name(f"{directory.name}-{first}.log")
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(directory), str(first)],
            stdout=out,
            cwd=root,
            env=os.environ | {"PYTHONPATH": str(root)},
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not log.stat().st_size:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.005)
        yield log
        assert process.poll() is None, "the writer died by itself"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def has_lines(log: Path, count: int) -> bool:
    return log.read_text().count("\n") >= count


def acknowledged_in(log: Path) -> int:
    """The last number that was acknowledged whole."""
    return int(log.read_text().rpartition("\n")[0].rpartition("\n")[2])


def test_no_slot_is_torn_while_a_writer_overwrites_the_table(tmp_path: Path) -> None:
    with writer(tmp_path):
        reader = Reader(tmp_path, seed=1)
        out = {"audio": np.empty((64, 1, 96, 96), np.uint8), "image": np.empty((64, 1, 32, 32), np.uint8)}
        start, before = time.monotonic(), reader.inserted("audio+image")
        draws, newest, turned = 0, 0, 0
        # Until the table has been overwritten many times over while it was read.
        while time.monotonic() - start < 2.0 or turned <= 300 * 5 or newest <= before + 300 * 4 or draws <= 50:
            assert time.monotonic() - start < PATIENCE, (turned, newest - before, draws)
            turned = reader.inserted("audio+image") - before
            for name in ("uniform", "lesson", "recency_mixed"):
                options: dict[str, Any] = {"views": 4} if name == "lesson" else {}
                batch = reader.sample("audio+image", 64, name, out=out, **options)
                seq = batch.serial - 1
                for modality in ("audio", "image"):
                    assert batch.samples[modality] is out[modality]
                    assert (out[modality] == sample_of(modality, seq)).all()
                assert (batch.lesson == seq // 5).all()
                if name == "lesson":
                    assert (batch.lesson.reshape(-1, 4) == batch.lesson[::4, None]).all()
                draws, newest = draws + 1, max(newest, int(seq.max()))
        reader.close()


def test_a_sweep_has_every_event_once_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path, FREE)
    buffer.insert(batch_of(range(350), "audio"))  # of 300 slots, 50 are written twice
    with closing(Reader(tmp_path)) as reader:
        before = buffer.stats()["audio"]["sampled"]
        batches = list(reader.sweep("audio", 128))
        assert [len(batch) for batch in batches] == [128, 128, 44]
        serial = np.concatenate([batch.serial for batch in batches])
        assert serial.tolist() == list(range(51, 351))
        for batch in batches:
            assert (batch.samples["audio"] == sample_of("audio", batch.serial - 1)).all()
        assert buffer.stats()["audio"]["sampled"] == before, "a sweep is no drawing"
        with pytest.raises(StorageError, match="no table of image"):
            reader.sweep("image", 128)
        with pytest.raises(ConfigError, match="count=0"):
            next(reader.sweep("audio", 0))
        buffer.reserve(["image"])
        assert list(reader.sweep("image", 128)) == []
        # What is overwritten while the sweep rests is left out of it.
        sweep = reader.sweep("audio", 100)
        next(sweep)
        buffer.insert(batch_of(range(350, 480), "audio"))
        assert [len(batch) for batch in sweep] == [70, 100]
    buffer.close()


def test_nothing_in_a_sweep_is_torn_while_a_writer_overwrites_the_table(tmp_path: Path) -> None:
    with writer(tmp_path), closing(Reader(tmp_path)) as reader:
        start, events = time.monotonic(), 0
        while time.monotonic() - start < 1.0 or events <= 300:
            assert time.monotonic() - start < PATIENCE
            for batch in reader.sweep("audio+image", 64):
                assert (np.diff(batch.serial) > 0).all()
                for name in ("audio", "image"):
                    assert (batch.samples[name] == sample_of(name, batch.serial - 1)).all()
                events += len(batch)


def test_nothing_acknowledged_is_lost_by_sigkill(tmp_path: Path) -> None:
    acknowledged = 0
    delays = np.random.default_rng(0).uniform(0.02, 0.25, 8)
    for delay in delays:
        with writer(tmp_path, acknowledged) as log:
            time.sleep(float(delay))
            assert wait_for(partial(has_lines, log, 5))  # on a busy machine, too
        acknowledged = acknowledged_in(log)
        buffer = Buffer(tmp_path, FREE)
        storage = buffer._tables["audio+image"].storage
        meta = storage.meta[storage.live()]
        seq = np.sort(meta["seq"])
        # Whole, each once; every one of the last events acknowledged, and at most one batch after them.
        assert (np.diff(seq) > 0).all()
        kept = 300 - 10
        assert set(range(max(0, acknowledged - kept), acknowledged)) <= set(seq.tolist())
        assert seq.max() < acknowledged + 10
        for name, column in storage.samples.items():
            assert (column[storage.live()] == sample_of(name, meta["seq"])).all()
        figures = buffer.stats()["audio+image"]
        assert figures["corrupt"] == 0
        assert figures["inserted"] == figures["size"] + figures["evicted"]
        assert acknowledged <= figures["inserted"] <= acknowledged + 10
        # What was acknowledged long ago and let go since is a duplicate too.
        assert buffer.insert(batch_of(range(20), "audio+image")).duplicate == 20
        again = buffer.insert(batch_of(range(acknowledged - 10, acknowledged), "audio+image"))
        assert again.duplicate == 10
        buffer.close()
    assert acknowledged > 300


def test_readers_report_what_they_draw_and_the_limiter_listens(tmp_path: Path) -> None:
    config = ReplayConfig(samples_per_insert=2.0, limiter_slack=64, capacity_single=300, min_size=16)
    buffer = Buffer(tmp_path, config)
    first, second = Reader(tmp_path), Reader(tmp_path)
    assert first.kinds() == []
    with pytest.raises(StorageError, match="image"):
        first.size("image")
    buffer.insert(batch_of(range(8)))
    assert first.kinds() == ["image"]
    buffer.insert(batch_of(range(8, 64)))
    assert (first.size("image"), first.inserted("image"), first.deficit("image")) == (64, 64, 128.0)
    assert buffer.insert(batch_of(range(64, 80))).throttled_ms > 0
    first.sample("image", 20)
    second.sample("image", 12)
    assert first.deficit("image") == second.deficit("image") == 96.0
    assert buffer.insert(batch_of(range(64, 80))).accepted == 16
    assert buffer.stats()["image"]["sampled"] == 32
    # A reader that comes after another keeps its count.
    first.close()
    first.close()
    third = Reader(tmp_path)
    third.sample("image", 8)
    assert buffer.stats()["image"]["sampled"] == 40
    buffer.set_limiter(samples_per_insert=0.0)
    assert buffer.insert(batch_of(range(80, 280))).accepted == 200
    for reader in (second, third):
        reader.close()
    buffer.close()


def test_readers_have_a_bound(tmp_path: Path) -> None:
    readers = [Reader(tmp_path) for _ in range(READERS)]
    with pytest.raises(StorageError, match="close one"):
        Reader(tmp_path)
    readers[3].close()
    readers[3] = Reader(tmp_path)
    for reader in readers:
        reader.close()


def test_a_reader_outlives_its_writer_and_sees_the_next_one(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path, FREE)
    buffer.insert(batch_of(range(20)))
    reader = Reader(tmp_path)
    assert reader.size("image") == 20
    buffer.close()
    assert len(reader.sample("image", 32)) == 32
    buffer = Buffer(tmp_path, FREE)
    buffer.insert(batch_of(range(20, 290)))
    buffer.insert(batch_of(range(5), "audio"))
    assert reader.kinds() == ["audio", "image"]
    assert reader.sample("image", 256).serial.max() > 20
    reader.close()
    buffer.close()


def test_the_same_state_draws_the_same(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path, FREE)
    buffer.insert(batch_of(range(200)))
    reader = Reader(tmp_path, seed=5)
    reader.sample("image", 16)
    state = reader.state_dict()
    expected = [reader.sample("image", 16).slots.tolist() for _ in range(3)]
    other = Reader(tmp_path, seed=6)
    other.load_state_dict(state)
    assert [other.sample("image", 16).slots.tolist() for _ in range(3)] == expected
    own = [reader.sample("image", 8, rng=np.random.default_rng(0)).slots.tolist() for _ in range(2)]
    assert own[0] == own[1]
    with pytest.raises(StateError, match="rng"):
        other.load_state_dict({"version": 1})
    for one in (reader, other):
        one.close()
    buffer.close()


def test_a_table_overwritten_whole_during_a_look_is_looked_at_again(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path, FREE)
    buffer.insert(batch_of(range(8), "audio+image"))
    storage = buffer._tables["audio+image"].storage

    class HeldUp:
        """The table's seals, all of them rewritten between a reader's first two glances."""

        glances = 0

        def __getitem__(self, name: str) -> Any:
            self.glances += name == "version"
            if name == "version" and self.glances == 2:
                storage.meta["version"][storage.live()] += np.uint64(2)
            return storage.meta[name]

    held_up = HeldUp()
    names = ("counters", "samples", "layout", "unchecked")
    watched = SimpleNamespace(meta=held_up, **{name: getattr(storage, name) for name in names})
    batch = Sampler(watched).draw(4, "uniform", np.random.default_rng(0))  # type: ignore[arg-type]  # stands in for Storage
    assert len(batch) == 4 and held_up.glances > 2
    buffer.close()
