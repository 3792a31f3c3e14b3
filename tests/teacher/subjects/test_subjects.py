"""What every registered subject keeps, and machines of two, fifty and ten thousand concepts and of three senses."""

import ast
import dataclasses
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sensors.core.errors import ConfigError
from sensors.core.event import EventBatch
from sensors.core.modalities import kind_of, labelled, modality
from sensors.senses import sense
from teacher.config import DataConfig, LettersConfig, TeacherConfig
from teacher.curriculum import Curriculum
from teacher.datasets import ExamSet, Samples, choose, letters
from teacher.datasets.core.samples import make_samples
from teacher.machine import Machine
from teacher.subjects import Subject, Taught, contract, read_subjects, register_subject, settings_of, subject, subjects
from teacher.subjects.letters import TaughtLetters
from tests.teacher.own_things import write_things
from tests.teacher.spelled_toy import toy_letters
from tests.teacher.tiny import toy

SECTIONS = SimpleNamespace(
    teacher=TeacherConfig(warmup_events=64, batch_events=16, single_share=0.3, wrong_pairs=0.1),
    letters=LettersConfig(pairs_first=16),
)
THREE = ("image", "audio", "audio_far")


@pytest.fixture
def data(tmp_path: Path) -> DataConfig:
    """Toy data for every subject."""
    write_things(tmp_path / "things")
    return DataConfig(images="digits", speech="synthetic", letters="synthetic", folder=str(tmp_path / "things"))


@pytest.fixture(params=[one.name for one in subjects()])
def one(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, data: DataConfig
) -> Iterator[tuple[Subject, Taught]]:
    """A registered subject and what it loads."""
    monkeypatch.setattr(choose, "load_images", lambda data: toy("toy-images", modality("image").shape))
    monkeypatch.setattr(choose, "load_speech", lambda data: toy("toy-speech", modality("audio").shape, seed=1))
    monkeypatch.setattr(letters, "load_letters", lambda data: toy_letters())
    monkeypatch.delenv("RECIPROCAL_DATA", raising=False)
    found = subject(request.param)
    yield found, found.load(data)


def stream(machine: Any, count: int) -> tuple[str, list[EventBatch]]:
    """A hash of the next batches, and these."""
    digest, batches = hashlib.sha256(), [machine.step() for _ in range(count)]
    for batch in batches:
        digest.update(f"{batch.source} {batch.kind} {batch.generation}".encode())
        for column in (batch.seq, batch.start, batch.end, batch.lesson, *batch.samples.values()):
            digest.update(column.tobytes())
    return digest.hexdigest(), batches


def test_a_stream_is_the_same_again_from_any_of_its_cursors(one: tuple[Subject, Taught]) -> None:
    taught, settings = one[1], settings_of(one[0], SECTIONS)
    whole, first, other = (one[0].machine(taught, settings, "t", seed, 0) for seed in (3, 3, 4))
    stream(whole, 7)
    state = whole.state_dict()
    first.load_state_dict(state)
    ours = stream(whole, 12)[0]
    assert ours == stream(first, 12)[0]
    other.load_state_dict(other.state_dict())
    assert ours != stream(other, 12)[0], "another seed"
    whole.load_state_dict(state)
    assert ours == stream(whole, 12)[0], "the same machine, set back"


def test_events_are_of_the_kinds_that_it_names(one: tuple[Subject, Taught], data: DataConfig) -> None:
    found, settings = one[0], settings_of(one[0], SECTIONS)
    kinds = found.kinds(data, settings)
    assert len(kinds) == len(set(kinds)) and kinds == [kind_of(kind.split("+")) for kind in kinds]
    batches = stream(found.machine(one[1], settings, "t", 1, 0), 60)[1]
    assert {batch.kind for batch in batches} == set(kinds)
    assert {labelled(batch.kind) for batch in batches} == {found.labelled}
    senses = found.senses(data, settings)
    assert senses == tuple(name for name in kind_of(senses).split("+") if modality(name).layout != "label")
    assert set(senses) == {name for kind in kinds for name in kind.split("+") if modality(name).layout != "label"}


def test_labels_leave_it_in_the_exam_set_or_in_labelled_kinds_alone(one: tuple[Subject, Taught]) -> None:
    found, taught = one
    machine = found.machine(taught, settings_of(found, SECTIONS), "t", 1, 0)
    exam = machine.exam()
    assert found.labelled or exam is not None, "what has no labels brings an exam"
    if exam is not None:
        assert exam.concepts == taught.concepts and set(exam.parts) == set(taught.datasets)
        for name, part in exam.parts.items():
            assert part.samples.shape[1:] == modality(name).shape and part.samples.dtype == modality(name).dtype
    for batch in stream(machine, 20)[1]:
        fields = {field.name for field in dataclasses.fields(batch)}
        assert fields == {"source", "generation", "seq", "start", "end", "lesson", "samples"}
        assert not found.labelled or batch.samples["letter"].max() < len(taught.concepts)


def test_its_labels_are_concepts(one: tuple[Subject, Taught]) -> None:
    found, taught = one
    assert 2 <= len(taught.concepts) <= 10_000 and len(set(taught.concepts)) == len(taught.concepts)
    for samples in taught.datasets.values():
        for part in (samples.train_labels, samples.test_labels):
            assert part.min() >= 0 and part.max() < len(taught.concepts)
    assert taught.name == found.name and taught.lines and all("\n" not in line for line in taught.lines)
    for kind, choice in taught.choices.items():
        assert hasattr(DataConfig(), kind) and all(choice.rpartition(":")[::2])


def test_its_teachers_have_names_of_their_own() -> None:
    names = [name for one in subjects() for name in one.teachers(3)]
    assert len(set(names)) == len(names) and all(name.startswith("teacher-") for name in names)
    assert all(len(one.teachers(3)) == (1 if one.labelled else 3) for one in subjects())


def test_what_can_be_taught_is_not_refused(one: tuple[Subject, Taught], data: DataConfig) -> None:
    one[0].check(data, settings_of(one[0], SECTIONS))


def test_a_concept_that_is_not_taught_is_refused_early(one: tuple[Subject, Taught], data: DataConfig) -> None:
    found, sections = one[0], SimpleNamespace(**vars(SECTIONS))
    sections.teacher = SECTIONS.teacher.replace(missing="audio:umbrella")
    if isinstance(settings_of(found, sections), TeacherConfig):
        with pytest.raises(ConfigError, match=r"teacher\.missing: no concept 'umbrella'"):
            found.check(data, sections.teacher)


def test_a_subject_may_come_from_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(Subject):
        name, about = "own", "something else"

        def senses(self, data: DataConfig, settings: TeacherConfig) -> tuple[str, ...]:
            return ("audio", "image")

        def kinds(self, data: DataConfig, settings: TeacherConfig) -> list[str]:
            return ["audio", "image", "audio+image"]

        def load(self, data: DataConfig) -> Taught:
            return Taught(self.name, ("a", "b"), many(2, ("image", "audio")), ("own",), {})

        def machine(self, taught: Taught, settings: Any, name: str, seed: int, generation: int) -> Machine:
            return Machine(settings, taught.datasets, taught.concepts, name, seed, generation)

    monkeypatch.setattr(contract, "_REGISTRY", dict(contract._REGISTRY))
    register_subject(Own())
    assert [s.name for s in read_subjects("digits+own")] == ["digits", "own"]
    assert subject("own").teachers(2) == ["teacher-own-0", "teacher-own-1"]
    with pytest.raises(ValueError, match="registered already"):
        register_subject(Own())
    monkeypatch.setattr(Own, "settings", "weather")
    with pytest.raises(ConfigError, match="subject own: there are no settings named 'weather'"):
        settings_of(subject("own"), SECTIONS)


def test_letters_have_their_corpus_and_nothing_else_has() -> None:
    taught = Taught("digits", ("a", "b"), {}, (), {})
    with pytest.raises(ConfigError, match="no corpus of letters in what digits loaded"):
        subject("letters").machine(taught, LettersConfig(), "t", 0, 0)
    assert issubclass(TaughtLetters, Taught)


# -- any number of concepts and senses ----------------------------------------------------------------------------


def many(
    concepts: int, senses: tuple[str, ...], each: int = 2, missing: dict[str, set[int]] | None = None
) -> dict[str, Samples]:
    """Samples that hold their concept in their first two bytes, `each` a concept and part, fewer senses for some."""
    made = {}
    for name in senses:
        shape = (1, 8, 8)
        numbers = [c for c in range(concepts) if c not in (missing or {}).get(name, set())]
        labels = np.repeat(np.array(numbers, np.int64), each)
        samples = np.random.default_rng(len(name)).integers(0, 256, (len(labels), *shape)).astype(np.uint8)
        samples[:, 0, 0, :2] = labels[:, None] // [256, 1] % 256
        made[name] = make_samples(f"many-{name}", (samples, labels), (samples, labels), "made by the test")
    return made


def told(samples: NDArray[Any]) -> NDArray[np.int64]:
    """The concepts that such samples hold."""
    concepts: NDArray[np.int64] = samples[:, 0, 0, 0].astype(np.int64) * 256 + samples[:, 0, 0, 1]
    return concepts


@pytest.fixture
def small_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Senses whose samples are 8 x 8, so that ten thousand concepts take little memory."""
    from sensors.core import modalities

    registry = {
        name: dataclasses.replace(kind, shape=(1, 8, 8)) if name in THREE else kind
        for name, kind in modalities._REGISTRY.items()
    }
    monkeypatch.setattr(modalities, "_REGISTRY", registry)


@pytest.mark.usefixtures("small_forms")
@pytest.mark.parametrize("concepts", [2, 50, 10_000])
@pytest.mark.parametrize("senses", [THREE[:2], THREE], ids=len)
def test_any_number_of_concepts_is_taught_in_any_number_of_senses(concepts: int, senses: tuple[str, ...]) -> None:
    data, names = many(concepts, senses), tuple(f"thing {c}" for c in range(concepts))
    config = TeacherConfig(style="classroom", batch_events=256, lesson_length=1, single_share=0.2)
    machine = Machine(config, data, names, "t", 1)
    met, kinds = set(), set()
    for _ in range(40):
        batch = machine.step()
        kinds.add(batch.kind)
        found = [told(column) for column in batch.samples.values()]
        assert all((column == found[0]).all() for column in found[1:])
        assert all(
            (column == machine.concepts()[name]).all() for name, column in zip(batch.samples, found, strict=True)
        )
        met |= set(found[0].tolist())
    assert kinds == {*senses, kind_of(senses)}
    assert len(met) >= min(concepts, 4000) and max(met) < concepts
    exam = ExamSet.from_dict(machine.exam().to_dict())
    assert exam.concepts == names and tuple(exam.parts) == senses


@pytest.mark.usefixtures("small_forms")
def test_ten_thousand_concepts_cost_a_batch_little_more_than_ten() -> None:
    config = TeacherConfig(
        style="classroom", batch_events=64, wrong_pairs=0.3, imbalance=0.5, phase_events=640, phase_concepts=500
    )

    def cost(concepts: int) -> float:
        machine = Machine(config, many(concepts, THREE[:2]), tuple(map(str, range(concepts))), "t", 1)
        times = []
        for _ in range(60):
            begun = time.process_time()
            machine.step()
            times.append(time.process_time() - begun)
        return sorted(times)[len(times) // 2]

    assert min(cost(10_000) for _ in range(3)) < 3 * max(cost(10) for _ in range(3)) + 2e-4


@pytest.mark.parametrize("imbalance", [0.0, 1.0, 8.0])
def test_a_passer_by_says_any_concept_but_the_right_one(imbalance: float) -> None:
    concepts = tuple(map(str, range(300)))
    met = {name: frozenset(range(0, 300, 2)) for name in ("audio", "image")}
    config = TeacherConfig(style="classroom", wrong_pairs=1.0, imbalance=imbalance, lesson_length=1)
    curriculum = Curriculum(config, met, concepts)
    for batch in range(50):
        plan = curriculum.plan(batch, np.random.default_rng([1, batch]))
        heard = plan.concepts_of("audio")
        assert (heard != plan.concepts_of("image")).all() and (heard % 2 == 0).all()


@pytest.mark.usefixtures("small_forms")
def test_concepts_that_a_sense_never_meets_co_occur_in_the_others() -> None:
    data = many(12, THREE, missing={"audio_far": {0, 1, 2}, "audio": {3, 4, 5}, "image": {3, 4, 5}})
    config = TeacherConfig(style="classroom", batch_events=32, lesson_length=2, missing="image:11")
    machine = Machine(config, data, tuple(map(str, range(12))), "t", 1)
    met: dict[str, set[int]] = {}
    for _ in range(200):
        batch = machine.step()
        met.setdefault(batch.kind, set()).update(told(batch.samples["audio"]).tolist())
        assert len({tuple(told(column)) for column in batch.samples.values()}) == 1
    assert met == {"audio+image+audio_far": {6, 7, 8, 9, 10}, "audio+image": {0, 1, 2}, "audio+audio_far": {11}}


@pytest.mark.usefixtures("small_forms")
def test_every_sense_has_a_warm_up_and_drifts_in_its_own_way() -> None:
    config = TeacherConfig(warmup_events=32, batch_events=16, drift_events=16, drift_noise=0.2, drift_light=0.0)
    clean = Machine(
        config.replace(drift_events=0, drift_noise=0.0, drift_light=1.0), many(5, THREE), tuple("abcde"), "t", 1
    )
    worn = Machine(config, many(5, THREE), tuple("abcde"), "t", 1)
    kinds = []
    for number in range(8):
        ours, theirs = clean.step(), worn.step()
        kinds.append(ours.kind)
        for name, column in theirs.samples.items():
            assert column.dtype == ours.samples[name].dtype
            assert number == 0 or (column != ours.samples[name]).any(), name
            assert number == 0 or name != "image" or not column.any(), "no light is left"
    assert kinds == ["audio", "image", "audio_far"] * 2 + ["audio+image+audio_far"] * 2


def test_what_cannot_be_taught_is_refused() -> None:
    names = ("a", "b")
    with pytest.raises(ConfigError, match="image is one sense"):
        Machine(TeacherConfig(), many(2, ("image",)), names, "t", 0)
    with pytest.raises(ConfigError, match="1 concepts; expected 2…10,000"):
        Machine(TeacherConfig(), many(1, THREE), ("a",), "t", 0)
    with pytest.raises(ConfigError, match="no second concept is met by audio"):
        Machine(TeacherConfig(wrong_pairs=0.1, missing="audio:a"), many(2, THREE), names, "t", 0)
    with pytest.raises(ConfigError, match="noise is not defined for letter"):
        Machine(TeacherConfig(noise=0.1), many(2, ("letter", "image")), names, "t", 0)
    assert sense("letter").flaws is None


def test_no_room_asks_for_a_subject_by_its_name() -> None:
    """Comparisons with a subject's name: subjects' own declarations, datasets of such names, and migrations alone."""
    root = Path(__file__).parents[3]
    names = {one.name for one in subjects()}
    own = {root / "teacher" / "subjects", root / "teacher" / "datasets"}
    own |= {root / "agent" / "checkpoints" / "migrations.py", root / "runtime" / "migrate.py"}
    found = []
    for room in ("agent", "replay", "runtime", "sensors", "teacher"):
        for path in (root / room).rglob("*.py"):
            if own & {path, *path.parents}:
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Compare):
                    continue
                compared = [node.left, *node.comparators]
                if any(isinstance(c, ast.Constant) and c.value in names for c in compared):
                    found.append(f"{path.relative_to(root)}:{node.lineno}")
    assert found == []
