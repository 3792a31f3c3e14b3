import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from agent.checkpoint import write_checkpoint
from agent.learner import Learner
from replay.buffer import Buffer
from replay.config import ReplayConfig
from replay.reader import Reader
from sensors.errors import ConfigError, StateError
from sensors.event import EventBatch
from tests.agent.rigs import ListReplay, clips, config, images, tables


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    # The order of sums, and so the last bit, depends on the number of threads.
    torch.set_num_threads(1)


def learner(seed: int = 0, **changes: object) -> Learner:
    return Learner(config(**changes), ListReplay(tables(), seed), seed)


def on_pairs(seed: int = 0, **changes: object) -> Learner:
    return Learner(config(**changes), ListReplay({"audio+image": tables()["audio+image"]}, seed), seed)


@pytest.mark.parametrize("guides", ["cluster", "lesson", "pair"])
def test_sixty_steps_are_thirty_and_thirty_after_a_resume(tmp_path: Path, guides: str) -> None:
    whole, first = on_pairs(guides=guides, turn_steps=7), on_pairs(guides=guides, turn_steps=7)
    for _ in range(60):
        whole.step()
    for _ in range(30):
        first.step()
    checkpoint = write_checkpoint(tmp_path, 30, first.save, {})
    second = on_pairs(guides=guides, turn_steps=7)
    second.replay.sample("audio+image", 5)  # a reader that has moved on
    second.restore(checkpoint)
    assert second.turn is not None and second.turn.step == 30 % 7
    for _ in range(30):
        second.step()
    ours, theirs = second.weights(), whole.weights()
    assert all(np.array_equal(ours[k], theirs[k]) for k in theirs)
    for side in ("audio", "image"):
        mine, other = second.smart.sides[side].state_dict(), whole.smart.sides[side].state_dict()
        assert all(torch.equal(mine[k], other[k]) for k in other)
        assert whole.smart.steps[side] > 20


def test_it_waits_and_says_why() -> None:
    waiting = Learner(config(), ListReplay({}), 0)
    report = waiting.run(0.5)
    assert report.steps == 0 and report.waiting == "replay holds no events yet" and report.turn == ""


def test_turns_change_sides_after_their_steps() -> None:
    it = Learner(config(turn_steps=2), ListReplay({"audio+image": tables()["audio+image"]}), 0)
    names = []
    for _ in range(6):
        it.step()
        names.append(it.turn.name if it.turn else "")
    assert names == ["audio<image"] * 2 + ["image<audio"] * 2 + ["audio<image"] * 2


def test_all_tables_are_learned_from_in_the_proportion_they_ask() -> None:
    it = learner(turn_steps=1)
    replay = it.replay
    assert isinstance(replay, ListReplay)
    for _ in range(24):
        replay.owed = {k: v + w for (k, v), w in zip(replay.owed.items(), (2.0, 1.0, 1.0), strict=True)}
        it.step()
        replay.owed[replay.drawn[-1]] -= 4.0
    counts = [replay.drawn.count(k) for k in ("audio+image", "audio", "image")]
    assert counts[0] == pytest.approx(12, abs=2) and counts[1] == pytest.approx(6, abs=2)


def test_the_learning_rate_rises_and_falls() -> None:
    it = Learner(config(turn_steps=100, warmup_steps=4, cooldown=0.5), ListReplay(tables()), 0)
    rates = []
    for _ in range(5):
        it.step()
        side = it.turn.side if it.turn else ""
        rates.append(it.smart.optimisers[side].param_groups[0]["lr"])
    assert rates == pytest.approx([0.25e-3, 0.5e-3, 0.75e-3, 1e-3, 1e-3])
    it.remaining = 0.25
    it.step()
    assert it.smart.optimisers[side].param_groups[0]["lr"] == pytest.approx(0.5e-3)


def test_a_loss_that_is_not_finite_stops_with_the_remedy_and_is_not_saved(tmp_path: Path) -> None:
    it = learner()
    with torch.no_grad():
        next(it.smart.sides["audio"].parameters()).fill_(torch.nan)
    with pytest.raises(StateError, match="learning_rate"):
        it.run(5.0, steps=2)
    with pytest.raises(StateError, match="not finite"):
        it.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_another_make_is_refused(tmp_path: Path) -> None:
    saved = learner()
    saved.step()
    checkpoint = write_checkpoint(tmp_path, 1, saved.save, {})
    with pytest.raises(StateError, match="latent 512"):
        learner(latent=64).restore(checkpoint)


def test_settings_that_cannot_work_are_named() -> None:
    with pytest.raises(ConfigError, match="at least two"):
        learner(modalities="image")
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="--device cuda"):
            learner(device="cuda")


def test_what_is_seen_evokes_what_belongs_to_it_and_the_reverse() -> None:
    """Three concepts, never labelled: each is a bar at its own height, and a sound at its own pitch."""
    it = Learner(
        config(batch=32, turn_steps=10, clusters=6, bank=256, learning_rate=2e-3),
        ListReplay({"audio+image": tables(192, concepts=3)["audio+image"]}),
        0,
    )
    for _ in range(240):
        it.step()
    sides = {m: s for m, s in it.smart.averages.items()}
    rng = np.random.default_rng(5)
    concepts = np.arange(30) % 3
    with torch.no_grad():
        for source, make, target, band in (("image", images, "audio", 9), ("audio", clips, "image", 3)):
            x = torch.from_numpy(make(concepts, rng)).float() / 255
            z = sides[source].transcoders[target](sides[source].autoencoder.encode(x))
            rows = sides[target].autoencoder.decode(z)[:, 0].mean(2)
            loudest = rows[:, : 3 * band].reshape(30, 3, band).mean(2).argmax(1).numpy()
            assert (loudest == concepts).mean() > 0.9, f"{source} to {target}"


def test_resume_over_real_replay_is_bitwise(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path / "replay", ReplayConfig(capacity=256, capacity_single=256, min_size=16), 0)
    seq = 0
    for kind in ("audio", "image", "audio+image", "audio+image"):
        columns = tables(64, seed=seq)[kind]
        order = np.arange(seq, seq + 64)
        moment = order.astype(np.float64)
        buffer.insert(EventBatch("teacher", 0, order, moment, moment, np.full(64, -1), columns))
        seq += 64

    def run(directory: Path, steps: int, checkpoint: Path | None = None) -> Learner:
        it = Learner(config(turn_steps=3), Reader(directory, 4), 0)
        if checkpoint is not None:
            it.restore(checkpoint)
        for _ in range(steps):
            assert it.step() is not None
        return it

    copies = [tmp_path / name for name in ("whole", "parts")]
    buffer.close()
    for copy in copies:
        shutil.copytree(tmp_path / "replay", copy, ignore=shutil.ignore_patterns("lock"))
    whole = run(copies[0], 40)
    first = run(copies[1], 17)
    checkpoint = write_checkpoint(tmp_path / "checkpoints", 17, first.save, {})
    assert isinstance(first.replay, Reader)
    first.replay.close()
    second = run(copies[1], 23, checkpoint)
    ours, theirs = second.weights(), whole.weights()
    assert all(np.array_equal(ours[k], theirs[k]) for k in theirs)
    assert second.turn == whole.turn
