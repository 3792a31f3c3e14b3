from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from agent.events.held_out import TrainingReplay, held_out
from replay.buffer import Buffer
from replay.config import ReplayConfig
from replay.reader import Reader
from sensors.core.event import NO_LESSON
from tests.replay.batches import batch_of, sample_of

FREE = ReplayConfig(samples_per_insert=0.0, capacity=1000, capacity_single=1000, min_size=1)


def test_the_share_is_kept_by_lesson_and_by_event() -> None:
    serial = np.arange(1, 200_001)
    lesson = serial // 4
    alone = np.full(len(serial), NO_LESSON)
    for share in (0.0, 0.05, 0.5):
        by_event, by_lesson = held_out(serial, alone, share), held_out(serial, lesson, share)
        assert abs(by_event.mean() - share) < 0.005 and abs(by_lesson.mean() - share) < 0.01
        first = np.flatnonzero(np.diff(lesson, prepend=-1))
        assert (by_lesson == np.repeat(by_lesson[first], np.diff(first, append=len(serial)))).all(), "whole lessons"
    assert (held_out(serial[:5], alone[:5], 0.4) == held_out(serial, alone, 0.4)[:5]).all(), "an event's own matter"


@pytest.mark.parametrize("selector", ["uniform", "lesson", "recency_mixed"])
def test_the_learner_never_draws_held_out_events(tmp_path: Path, selector: str) -> None:
    options = {"views": 4} if selector == "lesson" else {}
    with closing(Buffer(tmp_path, FREE)) as buffer, closing(Reader(tmp_path, 3)) as reader:
        seq = np.arange(400)
        buffer.insert(batch_of(seq, "audio+image", lesson=seq // 8))
        replay = TrainingReplay(reader, 0.2)
        seen: set[int] = set()
        for _ in range(60):
            batch = replay.sample("audio+image", 32, selector, **options)
            # In this table the n-th event has number n - 1, and its samples say so.
            numbers = np.asarray(batch.samples["image"])[:, 0, 0, 0]
            serial = getattr(batch, "serial")  # noqa: B009
            assert (batch.samples["image"] == sample_of("image", serial - 1)).all() and len(numbers) == 32
            assert (batch.samples["audio"] == sample_of("audio", serial - 1)).all()
            assert (batch.lesson == (serial - 1) // 8).all()
            assert not held_out(serial, batch.lesson, 0.2).any()
            if selector == "lesson":
                groups = batch.lesson.reshape(-1, 4)
                assert (groups == groups[:, :1]).all()
            seen |= set(serial.tolist())
        allowed = set((seq[~held_out(seq + 1, seq // 8, 0.2)] + 1).tolist())
        assert seen <= allowed and len(seen) > 0.9 * len(allowed) and replay.taken == 0


def test_a_table_with_nothing_else_is_learned_from_all_the_same(tmp_path: Path) -> None:
    share = 0.5
    lesson = next(n for n in range(100) if held_out(np.array([1]), np.array([n]), share)[0])
    with closing(Buffer(tmp_path, FREE)) as buffer, closing(Reader(tmp_path)) as reader:
        buffer.insert(batch_of(range(20), lesson=np.full(20, lesson)))
        replay = TrainingReplay(reader, share)
        assert len(replay.sample("image", 8).lesson) == 8
        assert replay.taken == 1


def test_it_goes_on_as_it_was_saved(tmp_path: Path) -> None:
    with closing(Buffer(tmp_path, FREE)) as buffer:
        buffer.insert(batch_of(range(300)))
        with closing(Reader(tmp_path, 1)) as one, closing(Reader(tmp_path, 2)) as other:
            first, second = TrainingReplay(one, 0.3), TrainingReplay(other, 0.3)
            first.sample("image", 16)
            second.load_state_dict(first.state_dict())
            ours, theirs = first.sample("image", 16), second.sample("image", 16)
            assert (ours.samples["image"] == theirs.samples["image"]).all()
