"""The machine: lessons, determinism, cursor, and no label but in the exam."""

import dataclasses
import hashlib
from typing import Any

import numpy as np
import pytest

from sensors.core.errors import StateError
from sensors.core.event import NO_LESSON, EventBatch
from teacher.config import CONCEPTS, TeacherConfig
from teacher.datasets import ExamSet, Samples
from teacher.machine import Machine

CLASSROOM = TeacherConfig(style="classroom", single_share=0.3)


def machine(images: Samples, speech: Samples, config: TeacherConfig = CLASSROOM, **changes: Any) -> Machine:
    return Machine(config, {"image": images, "audio": speech}, CONCEPTS, **{"name": "teacher-0", "seed": 3, **changes})


def same(a: EventBatch, b: EventBatch) -> bool:
    columns = all(np.array_equal(getattr(a, n), getattr(b, n)) for n in ("seq", "start", "end", "lesson"))
    samples = a.samples.keys() == b.samples.keys() and all((a.samples[m] == b.samples[m]).all() for m in a.samples)
    return columns and samples and (a.source, a.generation) == (b.source, b.generation)


def concepts(batch: EventBatch, modality: str) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return batch.samples[modality].reshape(len(batch), -1)[:, 0].astype(np.int64)


def test_the_same_seed_emits_the_same_events_bit_by_bit(toy_images: Samples, toy_speech: Samples) -> None:
    config = CLASSROOM.replace(noise=0.05)
    images = dataclasses.replace(toy_images, jitter=True)
    a, b = (machine(images, toy_speech, config) for _ in range(2))
    assert all(same(a.step(), b.step()) for _ in range(20))
    other = machine(images, toy_speech, config, seed=4)
    assert not any(same(a.step(), other.step()) for _ in range(5))


def test_lessons_hold_one_concept_and_single_events_none(toy_images: Samples, toy_speech: Samples) -> None:
    teacher = machine(toy_images, toy_speech)
    kinds, lessons = set(), []
    for _ in range(60):
        batch = teacher.step()
        kinds.add(batch.kind)
        if batch.kind != "audio+image":
            assert (batch.lesson == NO_LESSON).all()
            continue
        heard, seen = concepts(batch, "audio"), concepts(batch, "image")
        assert (heard == seen).all()
        numbers = np.unique(batch.lesson)
        assert all(len(set(heard[batch.lesson == n].tolist())) == 1 for n in numbers)
        lessons.extend(numbers.tolist())
    assert kinds == {"audio", "image", "audio+image"}
    assert len(lessons) == len(set(lessons))


def test_lesson_numbers_say_nothing_about_the_concept(toy_images: Samples, toy_speech: Samples) -> None:
    teacher = machine(toy_images, toy_speech, TeacherConfig(style="classroom", lesson_length=2))
    pairs = [(b.lesson % 10, concepts(b, "audio")) for b in (teacher.step() for _ in range(300))]
    table = np.zeros((10, 10))
    for digits, heard in pairs:
        np.add.at(table, (digits, heard), 0.5)
    expected = np.outer(table.sum(1), table.sum(0)) / table.sum()
    chi_square = ((table - expected) ** 2 / expected).sum()
    assert chi_square < 130  # 81 degrees of freedom: p > 4e-4


def test_machines_share_no_ids_and_no_lessons(toy_images: Samples, toy_speech: Samples) -> None:
    teachers = [machine(toy_images, toy_speech, name=f"teacher-{i}", seed=i) for i in range(4)]
    teachers.append(machine(toy_images, toy_speech, name="teacher-0", seed=0, generation=1))
    batches = [[t.step() for _ in range(20)] for t in teachers]
    lessons = [{int(n) for b in bs for n in b.lesson if n != NO_LESSON} for bs in batches]
    ids = [{(b.source, b.generation, int(s)) for b in bs for s in b.seq} for bs in batches]
    for groups in (lessons, ids):
        assert sum(map(len, groups)) == len(set().union(*groups))
    contents = [{b.samples[m][i].tobytes() for b in bs[:1] for m in b.samples for i in range(3)} for bs in batches]
    assert sum(map(len, contents)) == len(set().union(*contents))


def test_a_saved_machine_goes_on_exactly(toy_images: Samples, toy_speech: Samples) -> None:
    first = machine(toy_images, toy_speech)
    for _ in range(7):
        first.step()
    state = first.state_dict()
    expected = [first.step() for _ in range(10)]
    second = machine(toy_images, toy_speech, seed=99, generation=5)
    second.load_state_dict(state)
    assert all(same(a, second.step()) for a in expected)


def test_a_cursor_set_back_emits_the_same_batch_again(toy_images: Samples, toy_speech: Samples) -> None:
    teacher = machine(toy_images, toy_speech)
    teacher.step()
    start = teacher.cursor
    batch = teacher.step()
    state = teacher.state_dict(start)
    teacher.cursor = start
    assert same(teacher.step(), batch)
    teacher.load_state_dict(state)
    assert same(teacher.step(), batch)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seq": None}, "lacks seq"),
        ({"more": 1}, "unknown more"),
        ({"version": 2}, "later version .*format 2"),
        ({"name": "teacher-1"}, "teacher-1"),
        ({"batch": -1}, "batch=-1"),
        ({"lesson": 1.5}, "lesson=1.5"),
    ],
)
def test_a_foreign_state_is_refused(
    toy_images: Samples, toy_speech: Samples, change: dict[str, Any], message: str
) -> None:
    teacher = machine(toy_images, toy_speech)
    state = {k: v for k, v in {**teacher.state_dict(), **change}.items() if v is not None}
    with pytest.raises(StateError, match=message):
        teacher.load_state_dict(state)


def test_events_have_no_label_and_do_not_follow_the_test_labels(toy_images: Samples, toy_speech: Samples) -> None:
    assert {f.name for f in dataclasses.fields(EventBatch)} == {
        *("source", "generation", "seq", "start", "end", "lesson", "samples")
    }
    permuted = [dataclasses.replace(s, test_labels=s.test_labels[::-1].copy()) for s in (toy_images, toy_speech)]
    assert not np.array_equal(permuted[0].test_labels, toy_images.test_labels)
    a, b = machine(toy_images, toy_speech), machine(permuted[0], permuted[1])
    assert all(same(a.step(), b.step()) for _ in range(20))


def test_renaming_the_concepts_changes_no_lesson(toy_images: Samples, toy_speech: Samples) -> None:
    """What a lesson or id says is the same whichever name each concept bears."""
    order = np.random.default_rng(5).permutation(10)
    renamed = [dataclasses.replace(s, train_labels=order[s.train_labels]) for s in (toy_images, toy_speech)]
    a, b = machine(toy_images, toy_speech), machine(renamed[0], renamed[1])
    for _ in range(20):
        x, y = a.step(), b.step()
        assert x.kind == y.kind
        assert np.array_equal(x.lesson, y.lesson) and np.array_equal(x.seq, y.seq)


def test_only_training_samples_are_emitted_and_only_test_samples_examined(
    toy_images: Samples, toy_speech: Samples
) -> None:
    train = {s.tobytes() for s in toy_images.train}
    teacher = machine(toy_images, toy_speech)
    shown = [b.samples["image"] for b in (teacher.step() for _ in range(20)) if "image" in b.samples]
    assert all(image.tobytes() in train for column in shown for image in column)
    exam = teacher.exam()
    assert exam.parts["image"].samples is toy_images.test
    assert exam.parts["audio"].labels is toy_speech.test_labels
    assert exam.concepts == CONCEPTS
    again = ExamSet.from_dict(exam.to_dict())
    # From Python 3.13 on, == of dataclasses asks each array for one truth.
    for part in dataclasses.fields(exam):
        assert np.array_equal(getattr(again, part.name), getattr(exam, part.name))


def test_jitter_touches_images_of_a_small_set_alone(toy_images: Samples, toy_speech: Samples) -> None:
    small = dataclasses.replace(toy_images, jitter=True)
    config = TeacherConfig(style="classroom")
    plain, moved, still = (
        machine(images, toy_speech, c).step()
        for images, c in ((toy_images, config), (small, config), (small, config.replace(jitter=False)))
    )
    assert same(plain, still)
    assert (moved.samples["image"] != plain.samples["image"]).any()
    assert (moved.samples["audio"] == plain.samples["audio"]).all()


def test_time_is_simulated_at_the_asked_rate(toy_images: Samples, toy_speech: Samples) -> None:
    teacher = machine(toy_images, toy_speech, TeacherConfig(rate=50))
    first, second = teacher.step(), teacher.step()
    assert second.start[0] == pytest.approx(64 / 50)
    assert np.allclose(first.end - first.start, 1 / 50)


ALL_FLAWS = TeacherConfig(
    style="classroom",
    single_share=0.3,
    wrong_pairs=0.3,
    paired_share=0.5,
    phase_events=128,
    phase_concepts=4,
    drift_start=200,
    drift_events=500,
    drift_noise=0.2,
    drift_light=0.3,
)


def test_with_every_flaw_a_stream_repeats_under_its_seed_and_from_any_cursor(
    toy_images: Samples, toy_speech: Samples
) -> None:
    a, b = (machine(toy_images, toy_speech, ALL_FLAWS) for _ in range(2))
    batches = [a.step() for _ in range(20)]
    assert all(same(x, b.step()) for x in batches)
    b.load_state_dict(machine(toy_images, toy_speech, ALL_FLAWS).state_dict())
    assert all(same(x, b.step()) for x in batches)


def test_concepts_are_those_of_the_samples_and_no_part_of_the_state(toy_images: Samples, toy_speech: Samples) -> None:
    teacher = machine(toy_images, toy_speech, CLASSROOM.replace(wrong_pairs=0.3))
    before = teacher.state_dict()
    assert teacher.concepts() == {}
    differ = 0
    for _ in range(40):
        batch = teacher.step()
        told = teacher.concepts()
        assert tuple(told) == tuple(batch.samples)
        for modality, numbers in told.items():
            assert (numbers == concepts(batch, modality)).all()
        differ += len(told) == 2 and bool((told["audio"] != told["image"]).any())
    assert differ > 10
    assert teacher.state_dict().keys() == before.keys()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_only_a_share_of_the_samples_co_occurs_and_all_are_met_alone(
    toy_images: Samples, toy_speech: Samples, share: float
) -> None:
    def met(seed: int, share: float, paired_seed: int = 0) -> dict[str, dict[str, set[bytes]]]:
        config = TeacherConfig(style="classroom", single_share=0.5, paired_share=share, paired_seed=paired_seed)
        teacher = machine(toy_images, toy_speech, config, seed=seed)
        found: dict[str, dict[str, set[bytes]]] = {m: {} for m in ("audio", "image")}
        for batch in (teacher.step() for _ in range(150)):
            for m, column in batch.samples.items():
                found[m].setdefault(batch.kind, set()).update(x.tobytes() for x in column)
        return found

    paired = met(3, share)
    for m in ("audio", "image"):
        assert len(paired[m]["audio+image"]) == 10 * max(1, round(20 * share))
        assert len(paired[m][m]) == 200
        assert {x[0] for x in paired[m]["audio+image"]} == set(range(10))
        # The same for every teacher; another `paired_seed` chooses others; more share means more of the same.
        assert met(4, share)[m]["audio+image"] == paired[m]["audio+image"]
        assert met(3, share, 1)[m]["audio+image"] != paired[m]["audio+image"]
        assert met(3, 0.6)[m]["audio+image"] > paired[m]["audio+image"]


def test_a_drift_begins_builds_up_and_stays(toy_images: Samples, toy_speech: Samples) -> None:
    config = CLASSROOM.replace(drift_start=640, drift_events=640, drift_noise=0.3, drift_light=0.5)
    drifting, steady = (machine(toy_images, toy_speech, c) for c in (config, CLASSROOM))
    noise: dict[str, list[float]] = {"audio": [], "image": []}
    for number in range(40):
        worse, clean = drifting.step(), steady.step()
        if number <= 9:
            assert same(worse, clean)
        for m in worse.samples:
            level = worse.samples[m].astype(float) - clean.samples[m]
            noise[m].append(float(level.std() if m == "audio" else clean.samples[m].sum() and level.mean()))
        if number >= 20 and "image" in worse.samples:
            assert np.abs(worse.samples["image"] - clean.samples["image"] / 2).max() <= 0.5
    assert max(noise["audio"]) > 50 and min(noise["image"]) < -60
    final = [abs(x) for x in noise["image"][-5:]]
    assert np.ptp(final) < 1
    assert all(later >= earlier - 1 for earlier, later in zip(noise["audio"], noise["audio"][1:], strict=False))


def test_exams_have_no_drift(toy_images: Samples, toy_speech: Samples) -> None:
    exam = machine(toy_images, toy_speech, ALL_FLAWS).exam()
    assert exam.parts["image"].samples is toy_images.test
    assert exam.parts["audio"].samples is toy_speech.test


# SHA-256 of the first ten batches with the defaults: streams of earlier runs go on as they began.
STREAM = "1e3a56829dc1b8a0e1b2d2bae2bd91a9"


def test_defaults_leave_the_stream_bitwise_as_it_was(toy_images: Samples, toy_speech: Samples) -> None:
    teacher = machine(toy_images, toy_speech)
    digest = hashlib.sha256()
    for batch in (teacher.step() for _ in range(10)):
        digest.update(batch.kind.encode() + batch.lesson.tobytes() + batch.seq.tobytes())
        for m in sorted(batch.samples):
            digest.update(batch.samples[m].tobytes())
    assert digest.hexdigest()[:32] == STREAM


def test_a_far_microphone_hears_what_the_near_one_does(toy_images: Samples, toy_speech: Samples) -> None:
    pairs = TeacherConfig(style="classroom")
    alone, far = (machine(toy_images, toy_speech, pairs.replace(derived=d)) for d in ("", "audio_far"))
    for _ in range(3):
        batch, same = far.step(), alone.step()
        assert batch.kind == "audio+image+audio_far"
        assert np.array_equal(batch.samples["audio"], same.samples["audio"])


def test_concepts_of_the_far_microphone_are_those_of_the_sound(toy_images: Samples, toy_speech: Samples) -> None:
    config = CLASSROOM.replace(derived="audio_far", wrong_pairs=0.5, single_share=0.6)
    near, far = (machine(toy_images, toy_speech, c) for c in (config.replace(derived=""), config))
    kinds = set()
    for _ in range(60):
        batch, told = far.step(), far.concepts()
        near.step()
        assert tuple(told) == tuple(batch.samples)
        if "audio_far" in told:
            assert (told["audio_far"] == near.concepts()["audio"]).all()
        kinds.add(batch.kind)
    assert kinds == {"audio", "audio_far", "audio+audio_far", "image", "audio+image+audio_far"}
