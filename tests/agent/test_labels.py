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

from agent.algorithms import CONTRASTIVE, SMART, Setup, algorithm, algorithms
from agent.algorithms.smart import SmartTurns
from agent.algorithms.tdlft import LipReading
from agent.config import LearnerConfig
from agent.events.batches import draw, load
from agent.events.turns import Batch, Replay
from agent.exams.exam import examine
from agent.exams.judges import Training
from agent.exams.retrieval import retrieve
from agent.hardware import choose_hardware
from agent.inference import build_networks
from agent.learner import Learner
from agent.smart.guides import Guides
from agent.smart.update import Smart
from agent.tdlft.turns import TdlftTurns
from replay.buffer import Buffer
from replay.config import ReplayConfig
from replay.reader import Reader
from replay.sampler import SampleBatch
from replay.storage import COUNTERS, META, TableLayout
from sensors.core.event import Event, EventBatch, EventId
from sensors.core.modalities import modality
from sensors.core.wire import encode
from teacher.config import DataConfig, TeacherConfig
from teacher.datasets import Samples
from teacher.machine import Machine
from teacher.subjects import Taught, subject
from tests.agent.learners import SmartLearner
from tests.agent.letter_rigs import said, tiny
from tests.agent.rigs import alike, config, datasets, tables
from tests.teacher.own_things import write_things

ROOT = Path(__file__).parents[2]


def relabelled(samples: Samples, part: str) -> Samples:
    """The same samples with that part's labels permuted over all of them."""
    labels: NDArray[np.int64] = getattr(samples, part)
    orders = (np.random.default_rng(seed).permutation(labels) for seed in range(5, 20))
    mixed = next(order for order in orders if (order != labels).mean() > 0.5)
    changes: dict[str, Any] = {part: mixed}
    return dataclasses.replace(samples, **changes)


def world_of(senses: tuple[str, ...]) -> dict[str, Samples]:
    """Labelled data of these senses; a third one hears other recordings of the same."""
    world = datasets(train=300, test=60)
    others = datasets(train=320, test=60)
    return {name: world[name] if name in world else others["audio"] for name in senses}


def live(
    directory: Path, permute: bool, taught: Taught, learn: str = SMART.name
) -> tuple[dict[str, Any], dict[str, float], dict[str, Tensor]]:
    """Teacher, replay, learner, judges and an exam: what was learned, how it was graded, and by whom.

    Args:
        directory: of the replay.
        permute: all labels of the exam data, and all labels that judges learn from.
        taught: labelled data of each sense, and the concepts' names.
        learn: the algorithm that learns.
    """
    torch.set_num_threads(1)
    world, senses = dict(taught.datasets), tuple(sorted(taught.datasets))
    exam_data = {m: relabelled(s, "test_labels") for m, s in world.items()} if permute else world
    judged = {m: relabelled(s, "train_labels") for m, s in exam_data.items()} if permute else world
    machine = Machine(TeacherConfig(warmup_events=64, batch_events=32), exam_data, taught.concepts, "t", 1)
    limits = ReplayConfig(capacity=512, capacity_single=512, min_size=16, samples_per_insert=1.0)
    buffer = Buffer(directory, limits, 0, [m for m in senses if not algorithm(learn).learns_from([m], senses)])
    settings, reader = config(turn_steps=2, latent=64, modalities=",".join(senses)), Reader(directory, 2)
    hardware = choose_hardware(settings)
    own = algorithm(learn).make(Setup(settings, hardware, reader, reader, 3))
    it = Learner([own], reader, hardware)
    trainings = {m: Training(m, samples, 12, 7, None) for m, samples in judged.items()}
    step, turns = 0, set[str]()
    while step < 12 * len(senses):
        buffer.insert(machine.step())
        if it.step() is None:
            continue
        turns.add(own.turn)
        trainings[senses[step % len(senses)]].step()  # beside the learner, as in a run
        step += 1
    assert any("<" in turn or "=" in turn for turn in turns), "co-occurring events were learned from"
    networks, exam = build_networks(own.publish(-1) or {}), machine.exam()
    judges = {m: t.judge for m, t in trainings.items()}
    grades = examine(networks, judges, exam).accuracy if networks.decodes else retrieve(networks, exam).shares
    buffer.close()
    heads = {m: next(t.judge.net.parameters()).detach() for m, t in trainings.items()}
    return it.state_dict(), dict(grades), heads


def leaves(state: object, name: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(state, Mapping):
        for key, value in state.items():
            yield from leaves(value, f"{name}.{key}")
    else:
        yield name, state


def of_senses(*senses: str) -> Taught:
    return Taught("digits", tuple("0123456789"), world_of(senses), (), {})


def of_folder(root: Path) -> Taught:
    """A user's folder of pictures and sounds, as the subject `folder` loads it."""
    write_things(root, ("bowl", "cup", "mug", "pan"), count=12)
    return subject("folder").load(DataConfig(folder=str(root)))


@pytest.mark.parametrize(
    ("world", "learn"),
    [("two", SMART.name), ("three", SMART.name), ("folder", SMART.name), ("folder", CONTRASTIVE.name)],
)
def test_training_is_bitwise_the_same_whatever_the_labels_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: str, learn: str
) -> None:
    monkeypatch.setenv("RECIPROCAL_CACHE", str(tmp_path / "cache"))
    if world == "folder":
        taught = of_folder(tmp_path / "things")
    else:
        taught = of_senses("audio", "image", *["audio_far"] * (world == "three"))
    ours, graded, judges = live(tmp_path / "true", False, taught, learn)
    theirs, graded_otherwise, other_judges = live(tmp_path / "permuted", True, taught, learn)
    assert all(not torch.equal(judges[m], other_judges[m]) for m in judges), "judges do learn from labels"
    # Judges of so few steps call all things of a small folder the same.
    assert graded != graded_otherwise or (world, learn) == ("folder", SMART.name), "exams do ask for labels"
    alike, second = dict(leaves(ours)), dict(leaves(theirs))
    assert alike.keys() == second.keys() and sum(isinstance(v, Tensor) for v in alike.values()) > 50
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
    TableLayout: {"kind": str, "capacity": int},
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


def test_smart_reads_only_lessons_and_samples_of_registered_modalities() -> None:
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
    *("teacher", "agent.exams.exam", "agent.exams.judges", "agent.monitors.monitor", "agent.exams.sheet"),
    *(
        "agent.tdlft.labelled_rows",
        "agent.tdlft.turns",
        "agent.tdlft.turn",
        "agent.tdlft.fine_tuning",
        "agent.tdlft.dbn",
    ),
    *("agent.tdlft.lip_networks", "agent.exams.lip_exam", "agent.exams.lip_judge", "agent.monitors.lip_monitor"),
}
"""Rooms and modules in which labels exist: the examiners', and those of TDLFT, which learns from labelled tables."""


LEARNS = ["agent.learner", "replay.reader", "replay.buffer", "sensors.core.event"]
"""Where imports are followed from, beside the algorithms that declare no labels."""


def file_of(module: str) -> Path | None:
    """The source of a module or of a package of this program; none for other names."""
    path = ROOT / module.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def imports(module: str, passed: set[str]) -> Iterator[str]:
    """What a module or a package imports, at its top or in a function, and the packages that it lies in.

    Args:
        module: its name.
        passed: '<module>.<function>' of functions whose imports do not count.
    """
    parts, file = module.split("."), file_of(module)
    yield from (".".join(parts[:depth]) for depth in range(1, len(parts)))
    waiting: list[ast.AST] = [] if file is None else [ast.parse(file.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef) and f"{module}.{node.name}" in passed:
            continue
        if isinstance(node, ast.ImportFrom):
            assert node.module and not node.level, f"{module}: a relative import"
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        waiting += ast.iter_child_nodes(node)


def reached(starts: Sequence[str], passed: set[str]) -> set[str]:
    """All modules and packages of this program that importing and calling these could bring."""
    found, waiting = set[str](), list(starts)
    while waiting:
        name = waiting.pop()
        if name not in found and file_of(name) is not None:
            found.add(name)
            waiting += imports(name, passed)
    return found


def knowing(modules: set[str]) -> list[str]:
    return sorted(name for name in modules if {name, name.partition(".")[0]} & LABELLED)


def test_no_module_that_learns_can_reach_one_that_knows_labels() -> None:
    """The imports of learner, replay, events and of each algorithm without labels, followed to their ends.

    Only the builders of algorithms that declare labels may import what knows labels; they are named here by what is
    declared, and called for those algorithms alone.
    """
    declared = [algorithm(name) for name in algorithms()]
    builders = {f"{d.build.__module__}.{d.build.__name__}" for d in declared if d.labels}
    starts = [*LEARNS, *(d.build.__module__ for d in declared if not d.labels)]
    found = reached(starts, builders)
    for needed in (
        "agent.algorithms.smart",
        "agent.algorithms.contrastive",
        "agent.smart.update",
        "agent.smart.guides",
        "agent",
    ):
        assert needed in found
    assert {
        "agent.events.turns",
        "agent.networks.build",
        "agent.networks.layouts.picture",
        "replay.sampler",
        "sensors",
    } <= found
    assert knowing(found) == []
    assert "agent.tdlft.turns" in knowing(reached(starts, set())), "the search does look into packages and functions"
