"""The replay behind Ray calls."""

import contextlib
import copy
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray

from replay.actor import ReplayActor
from replay.config import ReplayConfig
from replay.reader import Reader
from sensors.core.errors import ConfigError, EventError
from sensors.core.event import EventBatch
from tests.replay.batches import batch_of, sample_of

CONFIG = ReplayConfig(samples_per_insert=0.0, capacity=100, capacity_single=100, min_size=1).to_dict()


def broken(**fields: Any) -> EventBatch:
    """A batch that nobody checked, as one that comes off the wire of another program."""
    batch = copy.copy(batch_of(range(4)))
    for name, value in fields.items():
        object.__setattr__(batch, name, value)
    return batch


def test_malformed_batches_are_refused_and_counted(tmp_path: Path) -> None:
    actor = ReplayActor(str(tmp_path / "replay"), CONFIG)
    assert repr(actor) == "Replay(replay)"
    bad: list[Any] = [
        None,
        broken(seq=np.array([1, 1, 2, 3])),
        broken(lesson=np.zeros(3, np.int64)),
        broken(samples={"image": np.zeros((4, 1, 32, 31), np.uint8)}),
        broken(samples={"smell": np.zeros((4, 1), np.uint8)}),
        broken(samples={}),
        broken(source=""),
        broken(end=np.full(4, np.nan)),
    ]
    for batch in bad:
        with pytest.raises(EventError):
            actor.insert(batch)
    assert actor.ping() == {"refused": len(bad)}
    assert actor.stats() == {}
    assert actor.insert(batch_of(range(4))) == {"accepted": 4, "duplicate": 0, "throttled_ms": 0.0}
    actor.close()
    with pytest.raises(ConfigError, match="capacityy"):
        ReplayActor(str(tmp_path), {"capacityy": 3})


@pytest.mark.ray
def test_the_actor_answers_restarts_and_forgets_nothing(tmp_path: Path, ray_session: None) -> None:
    options = {"num_cpus": 0, "max_restarts": 1}
    actor: Any = ray.remote(ReplayActor).options(**options).remote(str(tmp_path / "replay"), CONFIG)
    assert ray.get(actor.insert.remote(batch_of(range(50))))["accepted"] == 50
    with pytest.raises(EventError):
        ray.get(actor.insert.remote("nonsense"))
    assert ray.get(actor.ping.remote()) == {"refused": 1}
    batch = ray.get(actor.sample.remote("image", 16))
    assert (batch.samples["image"] == sample_of("image", batch.serial - 1)).all()
    reader = Reader(tmp_path / "replay")
    assert reader.size("image") == 50
    ray.kill(actor, no_restart=False)
    deadline = time.monotonic() + 60
    refused = 1
    while refused:
        # Calls that meet the old process fail or are answered by it; the new one has refused nothing yet.
        assert time.monotonic() < deadline
        with contextlib.suppress(ray.exceptions.RayActorError):
            refused = ray.get(actor.ping.remote(), timeout=60)["refused"]
    answer = ray.get(actor.insert.remote(batch_of(range(40, 60))), timeout=60)
    assert answer == {"accepted": 10, "duplicate": 10, "throttled_ms": 0.0}
    assert reader.size("image") == 60
    ray.get(actor.set_limiter.remote(samples_per_insert=1.0, slack=1))
    assert ray.get(actor.insert.remote(batch_of(range(60, 70))))["accepted"] == 10
    assert ray.get(actor.insert.remote(batch_of(range(70, 80))))["throttled_ms"] > 0
    figures = ray.get(actor.stats.remote())["image"]
    assert (figures["inserted"], figures["throttled"], figures["sampled"]) == (70, 10, 16)
    ray.get(actor.save.remote())
    ray.get(actor.close.remote())
    assert (tmp_path / "replay" / "state.json").exists()
    ray.kill(actor)
    reader.close()


@pytest.mark.ray
def test_on_disk_several_callers_share_a_flush_and_each_gets_its_own_answer(tmp_path: Path, ray_session: None) -> None:
    config = ReplayConfig.from_dict(CONFIG).replace(ack="disk", capacity_single=2_000)
    options = {"num_cpus": 0, "max_concurrency": config.callers}
    actor: Any = ray.remote(ReplayActor).options(**options).remote(str(tmp_path / "replay"), config.to_dict())
    batches = [batch_of(range(n % 50 * 20, n % 50 * 20 + 20)) for n in range(60)]
    answers = ray.get([actor.insert.remote(batch) for batch in batches], timeout=60)
    assert sum(answer["accepted"] for answer in answers) == 1_000
    assert sum(answer["duplicate"] for answer in answers) == 200
    assert ray.get(actor.ping.remote(), timeout=60) == {"refused": 0}
    ray.get(actor.close.remote(), timeout=60)
    ray.kill(actor)
