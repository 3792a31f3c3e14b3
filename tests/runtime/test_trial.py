import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from agent.networks.published import to_network
from replay.config import ReplayConfig
from runtime.trial import Trial
from sensors.core.errors import ConfigError, StateError, StorageError
from sensors.core.event import EventBatch
from teacher.config import TeacherConfig
from teacher.subjects.digits import taught_digits
from tests.agent.rigs import config, datasets

DATA = datasets(200, 50)


def make(
    directory: Path,
    steps: int = 12,
    seed: int = 3,
    remover: str = "fifo",
    learn: tuple[str, ...] = ("smart",),
    **replay: Any,
) -> Trial:
    teacher = TeacherConfig(batch_events=16, warmup_events=32, lesson_length=2, single_share=0.3)
    sizes = {"capacity": 64, "capacity_single": 48, "min_size": 16, "limiter_slack": 48, "samples_per_insert": 2.0}
    settings = ReplayConfig(remover=remover, **{**sizes, **replay})
    taught = taught_digits(DATA["image"], DATA["audio"])
    return Trial(taught, teacher, settings, config(latent=32), seed, directory, steps, None, learn)


def weights(trial: Trial) -> dict[str, NDArray[np.float32]]:
    return trial.smart.weights()


def same(a: Mapping[str, NDArray[Any]], b: Mapping[str, NDArray[Any]]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def test_the_same_settings_and_seed_give_the_same_weights_and_another_seed_does_not(tmp_path: Path) -> None:
    found = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        torch.rand(7)  # whatever was drawn elsewhere does not matter
        with make(tmp_path / name, seed=seed) as trial:
            trial.run(12)
            found.append(weights(trial))
    assert same(found[0], found[1])
    assert not same(found[0], found[2])


@pytest.mark.parametrize(("remover", "stop"), [("fifo", 7), ("reservoir", 9)])
def test_save_and_restore_in_the_middle_change_nothing(tmp_path: Path, remover: str, stop: int) -> None:
    with make(tmp_path / "whole", steps=18, remover=remover) as trial:
        trial.run(18)
        whole, kinds, full = weights(trial), trial.events_by_kind, trial.learner.replay.size("audio+image")
    assert set(kinds) == {"audio", "image", "audio+image"} and kinds["audio+image"] > full == 64  # slots were given up
    first = make(tmp_path / "broken", steps=18, remover=remover)
    first.run(stop)
    first.save(tmp_path / "kept")
    first.run(stop + 3)  # lost: nothing of it may show later
    first.close()
    with make(tmp_path / "broken", steps=18, remover=remover) as again:
        assert again.restore(tmp_path / "kept")
        assert again.done == stop and again.seconds > 0
        again.run(18)
        assert same(whole, weights(again))
        assert again.events_by_kind == kinds


def test_any_set_of_algorithms_learns_and_goes_on(tmp_path: Path) -> None:
    def published(trial: Trial, name: str) -> Mapping[str, NDArray[Any]]:
        found = trial.learner.algorithms[name].publish(-1)
        assert found is not None
        arrays: Mapping[str, NDArray[Any]] = found["arrays"]
        return arrays

    # Nothing draws from what is seen or heard alone, and the teacher goes on all the same.
    with make(tmp_path / "alone", learn=("contrastive",), limiter_slack=32) as trial:
        trial.run(12)
        assert not trial.networks().decodes and trial.networks().step == 12
        assert trial.events_by_kind["audio"] >= 32 <= trial.events_by_kind["image"]
    learn = ("smart", "contrastive")
    with make(tmp_path / "both", learn=learn) as trial:
        trial.run(12)
        whole = {name: published(trial, name) for name in learn}
        assert trial.networks().decodes and not trial.networks("contrastive").decodes
    first = make(tmp_path / "broken", learn=learn)
    first.run(7)
    first.save(tmp_path / "kept")
    first.close()
    with make(tmp_path / "broken", learn=learn) as again:
        assert again.restore(tmp_path / "kept")
        again.run(12)
        assert all(same(whole[name], published(again, name)) for name in learn)
    with make(tmp_path / "broken") as other, pytest.raises(StateError, match=r"another trial\.learn"):
        other.restore(tmp_path / "kept")


def test_there_is_nothing_to_restore_before_the_first_save(tmp_path: Path) -> None:
    with make(tmp_path) as trial:
        assert not trial.restore(tmp_path / "kept")


def test_a_trial_of_other_settings_is_not_restored(tmp_path: Path) -> None:
    with make(tmp_path / "a") as trial:
        trial.run(2)
        trial.save(tmp_path / "kept")
    with make(tmp_path / "b", seed=4) as other, pytest.raises(StateError, match=r"another trial\.seed"):
        other.restore(tmp_path / "kept")


def test_a_directory_has_one_trial_and_is_empty_after_it(tmp_path: Path) -> None:
    with make(tmp_path) as trial:
        trial.run(1)
        with pytest.raises(StorageError, match="in use"):
            make(tmp_path)
    assert not (tmp_path / "replay").exists()


def test_the_limiter_holds_the_teacher_back(tmp_path: Path) -> None:
    with make(tmp_path, steps=40) as trial:
        trial.run(40)
        drawn = 40 * trial.smart.config.batch
        # Each event is drawn twice; every table may be the slack of 48 events ahead.
        assert drawn / 2 <= trial.events <= drawn / 2 + 3 * 48


def test_without_a_limit_one_batch_a_step(tmp_path: Path) -> None:
    with make(tmp_path, samples_per_insert=0.0) as trial:
        trial.run(3)
        before = trial.events
        trial.run(8)
        assert trial.events == before + 5 * 16


def test_the_tap_hears_of_every_event_once_with_its_concept(tmp_path: Path) -> None:
    heard: list[tuple[int, ...]] = []

    def tap(batch: EventBatch, concepts: Mapping[str, NDArray[np.int64]]) -> None:
        heard.append((int(batch.seq[0]), len(batch)))
        for m, samples in batch.samples.items():
            edge = 3 if m == "image" else 9  # a concept's bar is at its own height, see rigs
            rows = samples[:, 0, :, 4:16].astype(float).mean(2)
            places = rows.reshape(len(batch), -1)[:, : 10 * edge].reshape(len(batch), 10, edge).mean(2).argmax(1)
            assert np.array_equal(places, concepts[m])

    with make(tmp_path) as trial:
        trial.tap = tap
        trial.run(12)
        assert sum(count for _, count in heard) == trial.events
        assert [seq for seq, _ in heard] == list(range(0, trial.events, 16))


def test_a_silent_teacher_is_learned_from_on(tmp_path: Path) -> None:
    teacher = TeacherConfig(style="classroom", batch_events=16)
    replay = ReplayConfig(capacity=64, min_size=16, limiter_slack=48)
    with Trial(
        taught_digits(DATA["image"], DATA["audio"]), teacher, replay, config(latent=32), 0, tmp_path, 20, most_events=32
    ) as trial:
        trial.run(20)
        assert trial.events == 32
    with (
        Trial(
            taught_digits(DATA["image"], DATA["audio"]),
            teacher,
            replay,
            config(latent=32, min_events=33),
            0,
            tmp_path,
            20,
            32,
        ) as trial,
        pytest.raises(ConfigError, match="waits for ever"),
    ):
        trial.step()


def test_networks_are_a_copy_that_later_steps_leave_alone(tmp_path: Path) -> None:
    x = to_network(DATA["image"].test[:4], "image")
    with make(tmp_path) as trial:
        trial.run(8)
        networks = trial.networks()
        before = networks.evoke(x, "image", "audio").clone()
        trial.run(12)
        assert networks.step == 8
        assert torch.equal(before, networks.evoke(x, "image", "audio"))
        assert not torch.equal(before, trial.networks().evoke(x, "image", "audio"))


def test_weights_that_are_no_longer_finite_end_the_trial(tmp_path: Path) -> None:
    with make(tmp_path) as trial:
        trial.run(1)
        with torch.no_grad():
            for side in trial.smart.smart.sides.values():
                next(side.parameters()).fill_(float("nan"))
        with pytest.raises(StateError, match="not finite"):
            trial.run(2)


def test_the_learner_is_told_what_remains(tmp_path: Path) -> None:
    with make(tmp_path, steps=10) as trial:
        told = []
        for _ in range(10):
            trial.step()
            told.append(trial.learner.remaining)
    assert told == pytest.approx([1 - k / 10 for k in range(10)])


def test_a_setting_newer_than_the_checkpoint_counts_as_its_default(tmp_path: Path) -> None:
    with make(tmp_path) as trial:
        trial.run(2)
        state = trial.state_dict()
        del state["about"]["teacher"]["wrong_pairs"]
        trial.load_state_dict(state)
        older = copy.deepcopy(state)
        del older["about"]["learner"]["paired_turns"]  # what was done before was not what its default is
        with pytest.raises(StateError, match=r"another learner\.paired_turns"):
            trial.load_state_dict(older)
        del state["about"]["teacher"]["batch_events"]
        with pytest.raises(StateError, match=r"another teacher\.batch_events"):
            trial.load_state_dict(state)
