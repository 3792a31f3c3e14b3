"""The learner never sees a label: it learns the same bit by bit whatever labels say, and no column could hold one."""

import ast
import dataclasses
import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from agent.algorithms.smart import SmartTurns
from agent.algorithms.tdlft import LipReading
from agent.batches import draw, load
from agent.config import LearnerConfig
from agent.exam import examine
from agent.guides import Guides
from agent.inference import Networks
from agent.judges import Training
from agent.smart import Smart
from agent.tdlft_turns import TdlftTurns
from agent.turns import Batch, Replay
from replay.buffer import Buffer
from replay.config import ReplayConfig
from replay.reader import Reader
from replay.sampler import SampleBatch
from replay.storage import COUNTERS, META, Layout
from sensors.event import Event, EventBatch, EventId
from sensors.modalities import kind_of, modality
from sensors.wire import encode
from teacher.config import TeacherConfig
from teacher.datasets import Samples
from teacher.machine import Machine
from tests.agent.learners import SmartLearner
from tests.agent.letter_rigs import said, tiny
from tests.agent.rigs import alike, config, datasets, tables
from tests.agent.test_exam import published

ROOT = Path(__file__).parents[2]


def relabelled(samples: Samples, part: str) -> Samples:
    """The same samples with that part's labels permuted over all of them."""
    labels: NDArray[np.int64] = getattr(samples, part)
    mixed = np.random.default_rng(5).permutation(labels)
    assert (mixed != labels).mean() > 0.5
    changes: dict[str, Any] = {part: mixed}
    return dataclasses.replace(samples, **changes)


def world_of(senses: tuple[str, ...]) -> dict[str, Samples]:
    """Labelled data of these senses; a third one hears other recordings of the same."""
    world = datasets(train=300, test=60)
    others = datasets(train=320, test=60)
    return {name: world[name] if name in world else others["audio"] for name in senses}


def live(
    directory: Path, permute: bool, senses: tuple[str, ...]
) -> tuple[dict[str, Any], dict[str, float], dict[str, Tensor]]:
    """Teacher, replay, learner, judges and an exam: what was learned, how it was graded, and by whom.

    Args:
        directory: of the replay.
        permute: all labels of the exam data, and all labels that judges learn from.
        senses: that are taught.
    """
    torch.set_num_threads(1)
    world = world_of(senses)
    exam_data = {m: relabelled(s, "test_labels") for m, s in world.items()} if permute else world
    judged = {m: relabelled(s, "train_labels") for m, s in exam_data.items()} if permute else world
    machine = Machine(TeacherConfig(warmup_events=64, batch_events=32), exam_data, tuple("0123456789"), "t", 1)
    buffer = Buffer(directory, ReplayConfig(capacity=512, capacity_single=512, min_size=16, samples_per_insert=1.0), 0)
    it = SmartLearner(config(turn_steps=2, latent=64, modalities=",".join(senses)), Reader(directory, 2), 3)
    trainings = {m: Training(m, samples, 12, 7, None) for m, samples in judged.items()}
    for step in range(12 * len(senses)):
        buffer.insert(machine.step())
        assert it.step() is not None
        trainings[senses[step % len(senses)]].step()  # beside the learner, as in a run
    assert it.turn is not None and it.turn.kind == kind_of(senses), "co-occurring events were learned from"
    networks = Networks.build(published(it))
    grades = examine(networks, {m: t.judge for m, t in trainings.items()}, machine.exam())
    buffer.close()
    heads = {m: next(t.judge.net.parameters()).detach() for m, t in trainings.items()}
    return it.state_dict(), dict(grades.accuracy), heads


def leaves(state: object, name: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(state, Mapping):
        for key, value in state.items():
            yield from leaves(value, f"{name}.{key}")
    else:
        yield name, state


@pytest.mark.parametrize("senses", [("audio", "image"), ("audio", "image", "audio_far")], ids=len)
def test_training_is_bitwise_the_same_whatever_the_labels_say(tmp_path: Path, senses: tuple[str, ...]) -> None:
    ours, graded, judges = live(tmp_path / "true", permute=False, senses=senses)
    theirs, graded_otherwise, other_judges = live(tmp_path / "permuted", permute=True, senses=senses)
    assert all(not torch.equal(judges[m], other_judges[m]) for m in judges), "judges do learn from labels"
    assert graded != graded_otherwise, "exams do ask for labels"
    alike, second = dict(leaves(ours)), dict(leaves(theirs))
    assert alike.keys() == second.keys() and sum(isinstance(v, Tensor) for v in alike.values()) > 100
    for name, value in alike.items():
        same = torch.equal(value, second[name]) if isinstance(value, Tensor) else value == second[name]  # type: ignore[arg-type]  # same keys, same types
        assert same, f"{name} depends on a label"


def taught(directory: Path, permute: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """One replay with digits and with labelled letters, one learner of both: what became of SMART, and of TDLFT.

    Args:
        directory: of the replay.
        permute: the letters' labels.
    """
    torch.set_num_threads(1)
    buffer = Buffer(directory, ReplayConfig(capacity=512, capacity_single=512, min_size=16), 0)
    buffer.insert(events())
    samples = said([0, 1, 2, 3] * 6)
    if permute:
        samples["letter"] = np.random.default_rng(5).permutation(samples["letter"])
    order = np.arange(100, 124)
    moment = order.astype(np.float64)
    buffer.insert(EventBatch("s", 0, order, moment, moment, order, samples))
    reader = Reader(directory, 2)
    turns = TdlftTurns(tiny(share=0.5), reader, 1)
    it = SmartLearner(config(turn_steps=2, latent=64), reader, 3, LipReading(turns))
    it.run(300.0, steps=12)
    while turns.step():
        pass
    buffer.close()
    assert turns.turn == 1 and "speech+lips+letter" in reader.kinds()
    return it.own.state_dict(), turns.state_dict()


def test_smart_learns_bitwise_the_same_whatever_labelled_events_beside_it_say(tmp_path: Path) -> None:
    ours, letters = taught(tmp_path / "true", permute=False)
    theirs, otherwise = taught(tmp_path / "permuted", permute=True)
    alike(ours, theirs, "learner")
    assert not torch.equal(letters["networks"]["weights"]["3"], otherwise["networks"]["weights"]["3"]), "TDLFT learns"


COLUMNS: dict[type, dict[str, object]] = {
    EventBatch: {
        "source": str,
        "generation": int,
        "seq": NDArray[np.int64],
        "start": NDArray[np.float64],
        "end": NDArray[np.float64],
        "lesson": NDArray[np.int64],
        "samples": Mapping[str, NDArray[Any]],
    },
    Event: {
        "id": EventId,
        "start": float,
        "end": float,
        "lesson": int,
        "samples": Mapping[str, NDArray[Any]],
    },
    EventId: {"source": str, "generation": int, "seq": int},
    SampleBatch: {
        "slots": NDArray[np.int64],
        "serial": NDArray[np.int64],
        "lesson": NDArray[np.int64],
        "samples": Mapping[str, NDArray[Any]],
    },
    Layout: {"kind": str, "capacity": int},
}
"""All that an event carries from a teacher to the learner, with its type: no more, and nothing of it is a label."""


@pytest.mark.parametrize("kind", COLUMNS, ids=lambda k: k.__name__)
def test_events_have_these_columns_and_no_other(kind: type) -> None:
    hints = get_type_hints(kind)
    assert {f.name: hints[f.name] for f in dataclasses.fields(kind)} == COLUMNS[kind]


def test_tables_store_these_columns_and_no_other(tmp_path: Path) -> None:
    times = {"start": "<f8", "end": "<f8"}
    ids = {"version": "<u8", "serial": "<i8", "source": "<u8", "generation": "<i8", "seq": "<i8", "lesson": "<i8"}
    checks = {"crc": "<u4", "unused": "<u4"}
    assert {name: META[name].str for name in META.names or ()} == {**times, **ids, **checks}
    counts = {"inserted", "evicted", "duplicates", "throttled", "corrupt", "torn", "size", "sampled"}
    limits = {"samples_per_insert", "slack", "min_size", "offset", "configured"}
    assert set(COUNTERS.names or ()) == counts | limits
    buffer = Buffer(tmp_path, ReplayConfig(capacity=64, capacity_single=64, min_size=16), 0)
    buffer.insert(batch := events())
    files = {path.name for path in (tmp_path / batch.kind).iterdir()}
    assert files == {"layout.json", "meta.col", "counters.col", "unchecked.col", "audio.col", "image.col"}
    meta = np.fromfile(tmp_path / batch.kind / "meta.col", META)
    assert not meta["unused"].any(), "nothing hides in the padding"
    buffer.close()


def events() -> EventBatch:
    order = np.arange(16)
    moment = order.astype(np.float64)
    return EventBatch("t", 0, order, moment, moment, order // 4, tables(16)["audio+image"])


def test_messages_carry_these_columns_and_no_other() -> None:
    frames = encode(events())
    assert len(frames) == 1 + len(("seq", "start", "end", "lesson", "audio", "image"))
    assert b"label" not in bytes(frames[0]) and b"concept" not in bytes(frames[0])


def test_what_smart_reads_has_lessons_and_samples_of_registered_modalities_alone() -> None:
    """From replay's protocol through the learner to the update, every type on the way."""
    columns = {name: value for name, value in vars(Batch).items() if isinstance(value, property)}
    assert {name: get_type_hints(c.fget)["return"] for name, c in columns.items()} == {
        "lesson": NDArray[np.int64],
        "samples": Mapping[str, NDArray[Any]],
    }
    assert get_type_hints(SmartTurns.__init__)["replay"] is Replay
    assert get_type_hints(draw)["return"] is Batch
    assert get_type_hints(Replay.sample)["return"] is Batch
    given = {"batch": Batch, "modalities": Sequence[str], "device": torch.device}
    assert get_type_hints(load) == {**given, "return": tuple[dict[str, Tensor], Tensor]}
    step = {"side": str, "x": Mapping[str, Tensor], "lesson": Tensor, "rate": float, "return": dict[str, Tensor]}
    assert get_type_hints(Smart.step) == step
    seen = {name for f in (Guides.observe, Guides.targets) for name in inspect.signature(f).parameters}
    assert seen == {"self", "latents", "lesson"}
    for name in LearnerConfig().modalities.split(","):
        assert len(modality(name).shape) == 3, "a modality of SMART is what is seen or heard"


class Strict:
    """A batch that holds what the protocol lists and answers for nothing else."""

    __slots__ = ("lesson", "samples")

    def __init__(self, batch: SampleBatch) -> None:
        self.lesson = batch.lesson
        self.samples = {m: batch.samples[m] for m in ("audio", "image") if m in batch.samples}


class StrictReader(Reader):
    """Replay that hands out nothing but those."""

    def sample(self, *args: Any, **options: Any) -> Any:
        return Strict(super().sample(*args, **options))


def test_nothing_but_lessons_and_samples_is_asked_for(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path, ReplayConfig(capacity=64, capacity_single=64, min_size=16), 0)
    buffer.insert(events())
    it = SmartLearner(config(latent=64, turn_steps=1), StrictReader(tmp_path, 0), 0)
    assert all(it.step() is not None for _ in range(4))
    buffer.close()


LABELLED = {
    *("teacher", "agent.exam", "agent.judges", "agent.monitor", "agent.sheet"),
    *("agent.labelled_rows", "agent.tdlft_turns", "agent.tdlft_turn", "agent.tdlft", "agent.dbn"),
    *("agent.lip_networks", "agent.lip_exam", "agent.lip_judge", "agent.lip_monitor"),
}
"""Rooms and modules in which labels exist: the examiners', and those of TDLFT, which learns from labelled tables."""


def test_no_module_that_learns_can_reach_one_that_knows_labels() -> None:
    """The imports of learner, replay and events, followed to their ends."""
    reached, waiting = (
        set[str](),
        ["agent.learner", "agent.algorithms.smart", "replay.reader", "replay.buffer", "sensors.event"],
    )
    while waiting:
        name = waiting.pop()
        path = ROOT / f"{name.replace('.', '/')}.py"
        if name in reached or not path.exists():
            continue
        reached.add(name)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                waiting += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                waiting += [alias.name for alias in node.names]
    assert {"agent.smart", "agent.guides", "agent.turns", "agent.networks", "replay.sampler"} <= reached
    assert not [name for name in reached if {name, name.partition(".")[0]} & LABELLED]
