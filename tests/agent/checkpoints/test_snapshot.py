import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import agent.learner
from agent.actor import LearnerActor
from agent.checkpoints.checkpoint import load_state, save_state
from agent.checkpoints.snapshot import Snapshot
from agent.checkpoints.tensor_file import DTYPES, write_tensors
from agent.events.randomness import load_random, random_state
from sensors.core.errors import StateError
from tests.agent.learners import SmartLearner
from tests.agent.rigs import ListReplay, alike, config, tables


def learner(**changes: Any) -> SmartLearner:
    pairs = {"audio+image": tables()["audio+image"]}
    return SmartLearner(config(turn_steps=3, latent=64, **changes), ListReplay(pairs), 0)


def saved(it: SmartLearner, directory: Path) -> None:
    """What SMART is at now, as `then`."""
    save_state(directory, "then", it.own.state_dict())


def test_a_written_snapshot_is_bitwise_of_one_step_however_far_the_learner_is(tmp_path: Path) -> None:
    it = learner()
    for _ in range(7):
        it.step()
    saved(it, tmp_path)
    assert it.snapshot() is not None
    for _ in range(3):
        it.step()
    it.last_snapshot.save(tmp_path, 7)
    alike(load_state(tmp_path, "smart"), load_state(tmp_path, "then"), "smart")
    again = learner()
    again.restore(tmp_path)
    assert again.steps == 7 and it.steps == 10


def test_the_memory_of_one_is_that_of_the_next(tmp_path: Path) -> None:
    copied, x = Snapshot(), torch.arange(6.0).reshape(2, 3)
    copied.take({"a": {"x": x, "n": 1}, "b": {"y": x}}, 1)
    place = copied._copies["a"]["x"].data_ptr()
    x += 1
    copied.take({"a": {"x": x, "n": 2}}, 2)
    assert copied._copies["a"]["x"].data_ptr() == place
    copied.save(tmp_path, 2)
    assert load_state(tmp_path, "a") == {"x": pytest.approx(x), "n": 2}
    assert not (tmp_path / "b.json").exists()
    copied.take({"a": {"x": x[:1], "n": 3}}, 3)
    copied.save(tmp_path, 3)
    assert load_state(tmp_path, "a")["x"].shape == (1, 3)


def test_no_other_step_is_written_and_none_is_torn(tmp_path: Path) -> None:
    copied = Snapshot()
    with pytest.raises(RuntimeError, match="no snapshot of step 4"):
        copied.save(tmp_path, 4)
    copied.take({"a": {"x": torch.zeros(3)}}, 4)
    with pytest.raises(RuntimeError, match="no snapshot of step 5"):
        copied.save(tmp_path, 5)
    with copied._lock:  # as while it is written
        assert copied.take({"a": {"x": torch.ones(3)}}, 6) is None
    copied.save(tmp_path, 4)
    assert load_state(tmp_path, "a")["x"].sum() == 0
    with pytest.raises(TypeError):
        copied.take({"a": {"x": torch.ones(3)}, "b": {"never": object()}}, 7)
    with pytest.raises(RuntimeError, match="no snapshot"):
        copied.save(tmp_path, 7)


def test_a_slow_step_is_copied_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    it = learner()
    it.run(600.0, steps=2)
    assert it.last_snapshot.step == -1, "quick ones are not: to copy each would cost more than it is worth"
    monkeypatch.setattr(agent.learner, "SLOW", 0.0)
    it.run(600.0, steps=3)
    assert it.last_snapshot.step == it.steps == 5
    it.last_snapshot.save(tmp_path, 5)
    alike(load_state(tmp_path, "smart"), {**it.own.state_dict()}, "smart")
    with torch.no_grad():
        for side in it.smart.sides.values():
            next(side.parameters()).fill_(torch.nan)
    with pytest.raises(StateError, match="not finite"):
        it.run(600.0, steps=2)
    assert it.last_snapshot.step == 5, "what is no number any more is never copied"


def test_what_was_promised_stays_until_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent.learner, "SLOW", 0.0)  # each step is followed by a copy
    it = learner()
    it.run(600.0, steps=2)
    assert it.snapshot(1) is not None
    saved(it, tmp_path)
    it.run(600.0, steps=3)
    assert it.steps == 5 and it.last_snapshot.step == 2
    it.last_snapshot.save(tmp_path, 2)
    alike(load_state(tmp_path, "smart"), load_state(tmp_path, "then"), "smart")
    it.run(600.0, steps=1)
    assert it.last_snapshot.step == 6, "and no longer"


def test_what_nobody_ordered_is_in_nobodys_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent.learner, "SLOW", 0.0)  # each step is followed by a copy
    it = learner()
    it.run(600.0, steps=2)
    actor = LearnerActor.__new__(LearnerActor)
    actor.learner = it
    for snapshot in (it.snapshot, actor.snapshot):
        assert snapshot() is not None
        it.run(600.0, steps=1)
        assert it.last_snapshot.step == it.steps, "neither written nor given up"


def test_what_was_promised_and_given_up_is_in_nobodys_way(tmp_path: Path) -> None:
    copied = Snapshot()

    def take(step: int, order: int | None = None) -> bool:
        return copied.take({"a": {"x": torch.full((3,), float(step))}}, step, order) is not None

    assert take(1) and take(2, order=1) and not take(3) and copied.step == 2
    copied.give_up(0)
    assert not take(3), "another order was given up"
    copied.give_up(1)
    assert take(3)
    copied.give_up(3)
    assert take(4, order=2) and take(5), "the order came after it was given up"
    assert take(6, order=4) and take(7, order=5) and copied.step == 7, "a later order takes an earlier one's place"
    with pytest.raises(OSError):
        copied.save(tmp_path / "nowhere", 7)
    assert take(8), "who could not write it orders another"


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype_and_order_comes_back_as_the_library_reads_it(tmp_path: Path, dtype: torch.dtype) -> None:
    x = (torch.arange(48).reshape(2, 4, 3, 2) % 7).to(dtype)
    written = {"plain": x, "turned": x.permute(0, 2, 3, 1), "none": x[:0], "one": x[0, 0, 0, 0]}
    written |= {"last": x.contiguous(memory_format=torch.channels_last), "odd": torch.ones(3, dtype=torch.uint8)}
    write_tensors(tmp_path / "t.safetensors", written)
    read = load_file(tmp_path / "t.safetensors")
    assert read.keys() == written.keys()
    assert all(torch.equal(read[name], written[name]) and read[name].dtype == written[name].dtype for name in written)


def draw() -> list[float]:
    return [random.random(), float(np.random.random()), float(np.random.normal()), float(torch.rand(1))]


def test_the_libraries_own_generators_draw_on(tmp_path: Path) -> None:
    random.gauss(0, 1)
    np.random.normal()  # both keep a second number for the next call
    save_state(tmp_path, "random", random_state())
    drawn = draw()
    draw()
    load_random(load_state(tmp_path, "random"))
    assert draw() == drawn
    with pytest.raises(StateError, match="lacks numpy"):
        load_random({k: v for k, v in random_state().items() if k != "numpy"})
    with pytest.raises(StateError, match="random generators"):
        load_random(random_state() | {"python": [3, [1, 2], None]})
