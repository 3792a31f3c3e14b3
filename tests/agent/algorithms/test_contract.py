"""What every registered algorithm owes the learner, whoever wrote it."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from agent.algorithms import EXAMS, Algorithm, Declaration, Setup, algorithm, algorithms, named, register_algorithm
from agent.algorithms.contract import RESERVED
from agent.checkpoints.checkpoint import load_state, save_state
from agent.hardware import choose_hardware
from agent.inference import build_networks
from agent.learner import Learner
from agent.tdlft.lip_networks import LipNetworks
from sensors.core.errors import ConfigError, StateError, StorageError
from sensors.core.modalities import labelled, modality
from tests.agent.letter_rigs import LetterTables, Swept, tiny, world
from tests.agent.rigs import ListReplay, alike, config, tables

SENSES = ("audio", "image")
LETTERS = {"speech+lips+letter", "speech+letter"}


class World(ListReplay):
    """Replay in memory with unlabelled events and letters; it knows which tables were read.

    Args:
        unlabelled: kind -> modality -> samples.
        letters: the labelled tables.
    """

    def __init__(self, unlabelled: Mapping[str, Mapping[str, NDArray[Any]]], letters: LetterTables) -> None:
        super().__init__(unlabelled)
        self.letters = letters
        self.read: set[str] = set()

    def kinds(self) -> list[str]:
        return sorted({*self.tables, *self.letters.batches})

    def size(self, kind: str) -> int:
        return self.letters.inserted(kind) if kind in self.letters.batches else super().size(kind)

    def deficit(self, kind: str) -> float:
        return 0.0 if kind in self.letters.batches else super().deficit(kind)

    def inserted(self, kind: str) -> int:
        return self.letters.inserted(kind)

    def sample(self, kind: str, count: int, selector: str = "uniform", **options: Any) -> Any:
        self.read.add(kind)
        assert kind not in self.letters.batches, "labelled tables are taken whole, by who may read them"
        return super().sample(kind, count, selector, **options)

    def sweep(self, kind: str, count: int) -> Iterator[Swept]:
        self.read.add(kind)
        yield from self.letters.sweep(kind, count)


def setup(replay: World, **changes: Any) -> Setup:
    settings = config(latent=32, turn_steps=3, augment_from=2, augment_growth=4, **changes)
    return Setup(settings, choose_hardware(settings), replay, replay, 5, {"tdlft": tiny().to_dict()})


def fresh(name: str, **changes: Any) -> tuple[Algorithm, World]:
    """An algorithm in a world that has something for each."""
    torch.set_num_threads(1)
    replay = World(tables(), world())
    return algorithm(name).make(setup(replay, **changes)), replay


def work(it: Algorithm, steps: int) -> int:
    """So many steps at most; returns how many there were to take."""
    return sum(it.step() is not None for _ in range(steps))


@pytest.fixture(params=algorithms())
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_it_is_declared(name: str) -> None:
    declared, (it, _) = algorithm(name), fresh(name)
    assert declared.about and set(declared.exams) <= set(EXAMS) and it.declared is declared
    assert (it.name, it.exams) == (name, declared.exams)
    assert it.share is None or 0 <= it.share <= 0.9
    assert it.describe() and all(isinstance(line, str) for line in it.describe())


def test_a_step_has_finite_losses_and_says_at_what_it_is(name: str) -> None:
    it, replay = fresh(name)
    for _ in range(6):
        losses = it.step()
        assert losses is not None, it.waiting()
        assert all(loss.ndim == 0 and loss.isfinite() and not loss.requires_grad for loss in losses.values())
    assert it.turn or it.share is not None
    assert replay.read and all(it.usable(kind) for kind in replay.read)


def test_without_events_nothing_is_due_and_it_says_why(name: str) -> None:
    torch.set_num_threads(1)
    empty = World({}, LetterTables())
    it = algorithm(name).make(setup(empty))
    assert it.step() is None and it.waiting() and it.version == 0 and it.turn == ""
    assert not empty.read


def test_its_published_values_are_plain_and_become_networks(name: str) -> None:
    it, _ = fresh(name)
    while it.version == 0:
        assert it.step() is not None
    published = it.publish(-1)
    assert published is not None and published["algorithm"] == name and published["version"] == it.version
    assert it.publish(it.version) is None, "nothing newer"
    plain(published)
    declared = algorithm(name)
    if declared.networks is None:
        assert LipNetworks.from_dict(published["networks"]).turn == it.version
        return
    networks = build_networks(published)
    x = {m: torch.rand(5, *modality(m).shape) for m in SENSES}
    z = {m: networks.encode(x[m], m) for m in SENSES}
    assert networks.decodes == declared.decodes and set(networks.sides) == set(SENSES)
    found = networks.nearest(x["audio"], "audio", z["image"], "image", 2)
    assert found.shape == (5, 2) and networks.translate(z["audio"], "audio", "image").shape == z["image"].shape
    if networks.decodes:
        assert networks.evoke(x["audio"], "audio", "image").shape == x["image"].shape
    else:
        with pytest.raises(StateError, match="no decoder"):
            networks.evoke(x["audio"], "audio", "image")


def plain(value: object) -> None:
    if isinstance(value, Mapping):
        for inner in value.values():
            plain(inner)
    elif not isinstance(value, np.ndarray):
        json.dumps(value)


def test_a_saved_algorithm_goes_on_bitwise_alike(name: str, tmp_path: Path) -> None:
    whole, replay = fresh(name)
    cut, read = fresh(name)
    first = work(whole, 7)
    assert work(cut, 7) == first
    save_state(tmp_path, name, cut.state_dict())
    drawn = read.state_dict()
    again, other = fresh(name)
    work(again, 2)
    again.load_state_dict(load_state(tmp_path, name))
    other.load_state_dict(drawn)
    while whole.share is not None and whole.version == 0:  # a turn that was cut off begins anew
        whole.step()
    while again.share is not None and again.version == 0:
        again.step()
    assert work(whole, 6) == work(again, 6)
    alike(again.state_dict(), whole.state_dict(), name)
    alike(replay.state_dict(), other.state_dict(), "replay")


def test_its_state_has_strict_keys_and_a_version(name: str) -> None:
    it, _ = fresh(name)
    work(it, 2)
    state = it.state_dict()
    for broken, told in (
        ({**state, "stranger": 1}, "unknown stranger"),
        ({k: v for k, v in state.items() if k != next(n for n in state if n != "version")}, "lacks"),
        ({**state, "version": 99}, "later version of the program"),
    ):
        with pytest.raises(StateError, match=told):
            fresh(name)[0].load_state_dict(broken)


def test_who_declares_no_labels_reads_no_labelled_table(name: str) -> None:
    declared, (it, replay) = algorithm(name), fresh(name)
    kinds = [*replay.kinds(), "audio+letter", "letter", "audio+image+letter"]
    if not declared.labels:
        assert not [kind for kind in kinds if labelled(kind) and it.usable(kind)]
        work(it, 12)
        assert not [kind for kind in replay.read if labelled(kind)]
    else:
        work(it, 200)
        assert replay.read <= LETTERS


@pytest.mark.parametrize("kind", ["audio+audio_far+image", "audio+image"])
def test_with_three_senses_labels_change_nothing(name: str, kind: str) -> None:
    """The same events beside other labels: what declares no labels learns the same, bit by bit."""
    if algorithm(name).labels:
        return

    def learned(seed: int) -> Algorithm:
        torch.set_num_threads(1)
        rng = np.random.default_rng(1)
        pairs = tables()["audio+image"]
        columns = {**pairs, "audio_far": rng.integers(0, 255, pairs["audio"].shape).astype(np.uint8)}
        letters = LetterTables().pairs(np.random.default_rng(seed).permutation([0, 1, 2] * 6).tolist())
        replay = World({kind: {m: columns[m] for m in kind.split("+")}}, letters)
        it = algorithm(name).make(setup(replay, modalities="audio,audio_far,image", guides="pair"))
        assert work(it, 6) == 6
        return it

    alike(learned(0).state_dict(), learned(7).state_dict(), name)


def test_replay_has_no_table_but_those_that_are_declared_usable(name: str) -> None:
    declared, replay = algorithm(name), World(tables(), world())
    given: list[Setup] = []

    def build(own: Setup) -> Any:
        given.append(own)
        return SimpleNamespace(declared=watched)

    watched = dataclasses.replace(declared, build=build)
    watched.make(setup(replay))
    view, usable = given[0].replay, declared.learns_from(replay.kinds(), SENSES)
    assert view.kinds() == usable and set(usable) < set(replay.kinds())
    for kind in set(replay.kinds()) - set(usable):
        for read in (view.size, view.deficit, lambda kind: view.sample(kind, 4)):
            with pytest.raises(StorageError, match=f"{name} may not read the table"):
                read(kind)
    assert not replay.read
    assert (given[0].tables is replay) == declared.labels, "whole tables are for those that declare labels"


def test_all_of_them_work_side_by_side_and_resume(tmp_path: Path) -> None:
    def learner() -> Learner:
        torch.set_num_threads(1)
        replay = World(tables(), world())
        made = setup(replay)
        return Learner([algorithm(name).make(made) for name in algorithms()], replay, made.hardware)

    it = learner()
    report = it.run(600.0, steps=7)
    assert report.steps == it.steps == 7
    steps = {name: it.algorithms[name].version for name in ("smart", "contrastive")}
    assert steps == {"smart": 4, "contrastive": 3}, "one after the other"
    assert report.figures["smart/share"] > 0 and report.figures["contrastive/share"] > 0, "it tells what each took"
    assert {name.partition("/")[0] for name in report.losses} >= {"audio", "contrastive"}
    it.save(tmp_path)
    again = learner()
    again.restore(tmp_path)
    alike(again.state_dict(), it.state_dict(), "learner")
    assert set(again.step() or {}) == {"contrastive/audio+image"}, "the same one is next"


def test_sets_are_read_in_one_order_and_wrong_ones_are_named() -> None:
    assert [d.name for d in named("contrastive + smart")] == ["smart", "contrastive"]
    for text, told in (("smart+", "no algorithm ''"), ("smart+smart", "twice"), ("bogus", "choose from smart, tdlft")):
        with pytest.raises(ConfigError, match=told):
            named(text)


@pytest.mark.parametrize("bad", ["smart", *RESERVED, "two words"])
def test_a_name_is_registered_once_and_is_none_of_a_checkpoint(bad: str) -> None:
    with pytest.raises(ValueError, match="algorithm"):
        register_algorithm(Declaration(bad, "", algorithm("smart").build, lambda kind, names: True, ()))
    with pytest.raises(ValueError, match="no exam 'singing'"):
        register_algorithm(Declaration("singer", "", algorithm("smart").build, lambda kind, names: True, ("singing",)))
