from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from agent.exams.confusion import draw_confusion
from agent.exams.exam import PIECE, examine, examining
from agent.exams.judges import Judge, Training
from agent.exams.sheet import draw_sheet, pages
from agent.inference import build_networks
from agent.networks.published import Networks, to_network
from agent.smart.networks import SmartNetworks
from sensors.core.errors import DataError, StateError
from sensors.core.modalities import modality
from teacher.datasets import ExamSet
from teacher.datasets.core.exam_set import ExamPart
from teacher.datasets.core.samples import make_samples
from tests.agent.learners import SmartLearner
from tests.agent.rigs import ListReplay, config, datasets, exam_set, tables


def published(it: SmartLearner) -> dict[str, Any]:
    found = it.own.publish(-1)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def networks() -> Networks:
    it = SmartLearner(config(), ListReplay(tables()), 0)
    for _ in range(8):
        it.step()
    return build_networks(published(it))


@pytest.fixture(scope="module")
def trainings() -> dict[str, Training]:
    made = {m: Training(m, data, 36, 7, None) for m, data in datasets(test=50).items()}
    for training in made.values():
        while not training.finished:
            training.step()
    return made


class Answering(SmartNetworks):
    """Whatever is evoked says what was perceived: the first value of a sample is its concept."""

    def evoke(self, x: Tensor, source: str, target: str) -> Tensor:
        out = torch.zeros(len(x), *modality(target).shape)
        out.flatten(1)[:, 0] = x.flatten(1)[:, 0]
        return out


def answering() -> Networks:
    return Answering(1, dict.fromkeys(("image", "audio"), torch.nn.Identity()))  # type: ignore[arg-type]  # not used


class Reads(torch.nn.Module):
    """A judge of some concepts, that says the first of them where it does not know better."""

    def __init__(self, known: tuple[int, ...]) -> None:
        super().__init__()
        self.known, self.scale = torch.tensor(known), torch.nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        said = (x.flatten(1)[:, 0] * 255).round().long()
        return torch.nn.functional.one_hot(torch.where(torch.isin(said, self.known), said, self.known[0]), 4).float()


def cut(part: ExamPart, rows: NDArray[np.bool_]) -> ExamPart:
    return ExamPart(part.name, part.samples[rows], part.labels[rows])


def some_heard() -> tuple[ExamSet, dict[str, Judge]]:
    """Four concepts are seen, two of them heard."""
    parts = {}
    for name, labels in (("image", np.arange(20) % 4), ("audio", np.arange(10) % 2)):
        samples = np.zeros((len(labels), *modality(name).shape), np.uint8)
        samples.reshape(len(labels), -1)[:, 0] = labels
        parts[name] = ExamPart("made", samples, labels)
    known = {"image": (0, 1, 2, 3), "audio": (0, 1)}
    return ExamSet(parts, tuple("abcd")), {m: Judge(m, Reads(k), np.array(k)) for m, k in known.items()}


def test_pieces_of_an_exam_are_graded_as_all_of_it_at_once(networks: Networks, trainings: dict[str, Training]) -> None:
    exam = exam_set(datasets(test=PIECE + 30))
    judges = {m: t.judge for m, t in trainings.items()}
    pieces, told = examining(networks, judges, exam), list[str]()
    try:
        while True:
            told.append(next(pieces).text)
    except StopIteration as end:
        grades = end.value
    size = sum(map(len, exam.parts.values()))
    assert told[0] == f"judged {PIECE} of {2 * size:,}" and told[-1] == f"judged {2 * size:,} of {2 * size:,}"
    for source, part in exam.parts.items():
        for target, judge in judges.items():
            judged = judge.grade(networks.evoke(to_network(part.samples, source), source, target).clone()).numpy()
            assert grades.accuracy[f"{source}_to_{target}"] == float((judged == part.labels).mean())
            by_hand = np.zeros((10, 10), np.int64)
            np.add.at(by_hand, (part.labels, judged), 1)
            assert np.array_equal(grades.confusion[f"{source}_to_{target}"], by_hand)


def test_published_networks_evoke_as_the_learner_does() -> None:
    it = SmartLearner(config(), ListReplay(tables()), 0)
    it.step()
    networks = build_networks(published(it))
    x = to_network(tables()["audio+image"]["image"][:5], "image")
    side, other = it.smart.averages["image"], it.smart.averages["audio"]
    with torch.no_grad():
        by_hand = other.autoencoder.decode(side.transcoders["audio"](side.autoencoder.encode(x)))
    assert torch.allclose(networks.evoke(x, "image", "audio"), by_hand, atol=1e-6)


def test_grades_are_counts_of_what_judges_say(networks: Networks, trainings: dict[str, Training]) -> None:
    exam = exam_set(datasets())
    judges = {m: t.judge for m, t in trainings.items()}
    grades = examine(networks, judges, exam)
    assert set(grades.accuracy) == {"image_to_audio", "audio_to_image", "image_to_image", "audio_to_audio"}
    for path, table in grades.confusion.items():
        assert table.sum() == grades.counts[path] == 100
        assert np.trace(table) / 100 == pytest.approx(grades.accuracy[path])
    seen = exam.parts["image"]
    wrong = ExamSet({**exam.parts, "image": ExamPart(seen.name, seen.samples, (seen.labels + 1) % 10)}, exam.concepts)
    again = examine(networks, judges, wrong)
    assert np.array_equal(again.confusion["image_to_image"], np.roll(grades.confusion["image_to_image"], 1, axis=0))


def test_the_running_exam_is_a_part_of_the_whole() -> None:
    exam = exam_set(datasets())
    short = exam.shorten({"image": 30, "audio": 20})
    assert len(short.parts["image"]) == 30 and len(short.parts["audio"]) == 20
    assert set(short.parts["audio"].labels.tolist()) <= set(range(10))
    assert exam.shorten({"audio": 10_000}).parts["audio"] is exam.parts["audio"]


def test_the_sheet_frames_what_judges_say(networks: Networks, trainings: dict[str, Training]) -> None:
    sheet = draw_sheet(networks, {m: t.judge for m, t in trainings.items()}, exam_set(datasets()), "step 8", range(10))
    assert sheet.dtype == np.uint8 and sheet.ndim == 3
    frames = {(96, 176, 72): 0, (72, 72, 224): 0}
    for row in range(6):
        for column in range(10):
            colour = tuple(sheet[30 + row * 102 - 1, 176 + column * 102 + 40].tolist())
            assert (colour in frames) == (row % 3 != 0), "rows of what is perceived have no verdict"
            if colour in frames:
                frames[colour] += 1
    grades = examine(networks, {m: t.judge for m, t in trainings.items()}, exam_set(datasets(test=10)))
    assert frames[96, 176, 72] == sum(round(10 * share) for share in grades.accuracy.values())
    assert sum(frames.values()) == 40


def test_weights_of_another_make_are_refused(networks: Networks) -> None:
    it = SmartLearner(config(), ListReplay(tables()), 0)
    torn = published(it)
    arrays = torn["arrays"]
    assert isinstance(arrays, dict)
    arrays.popitem()
    with pytest.raises(StateError, match="published weights"):
        build_networks(torn)


def test_fifty_concepts_have_judges_exams_and_pages(networks: Networks) -> None:
    rng = np.random.default_rng(0)
    names = tuple(f"thing {c}" for c in range(50))
    data = {}
    for name, shape in (("image", (1, 32, 32)), ("audio", (1, 96, 96))):
        labels = np.arange(150, dtype=np.int64) % 50
        samples = rng.integers(0, 255, (150, *shape)).astype(np.uint8)
        data[name] = make_samples("made", (samples, labels), (samples[:100], labels[:100]), "made by the test")
    exam = ExamSet.of(data, names)
    judges = {}
    for name, samples_of in data.items():
        training = Training(name, samples_of, 6, 7, None, concepts=50)
        while not training.finished:
            training.step()
        judges[name] = training.judge
    grades = examine(networks, judges, exam)
    assert grades.confusion["image_to_audio"].shape == (50, 50) and grades.confusion["image_to_audio"].sum() == 100
    assert pages(50) == [list(range(at, min(at + 12, 50))) for at in range(0, 50, 12)]
    first, last = (draw_sheet(networks, judges, exam, "fifty", shown) for shown in (pages(50)[0], pages(50)[4]))
    assert first.shape[1] > last.shape[1], "the last page has two concepts"
    assert draw_confusion(grades, names).shape[1] > 2 * 400
    spread = [concept for page in pages(1000) for concept in page]
    assert len(pages(1000)) == 9 and spread[0] == 0 and spread[-1] == 999 and len(set(spread)) == 9 * 12
    with pytest.raises(DataError, match="label 49 of 10 concepts"):
        Training("image", data["image"], 6, 7, None)


def test_only_what_the_other_sense_can_answer_is_graded() -> None:
    """Two of four concepts have sounds: a learner that gets all of these right has no error."""
    exam, judges = some_heard()
    grades = examine(answering(), judges, exam)
    assert set(grades.accuracy.values()) == {1.0}
    assert grades.counts == {"image_to_image": 20, "image_to_audio": 10, "audio_to_image": 10, "audio_to_audio": 10}
    assert grades.sizes == {"image": 20, "audio": 10}
    assert not grades.confusion["image_to_audio"][2:].any()
    unheard = ExamSet({**exam.parts, "image": cut(exam.parts["image"], exam.parts["image"].labels >= 2)}, exam.concepts)
    assert examine(answering(), judges, unheard).accuracy.keys() == {
        "image_to_image", "audio_to_image", "audio_to_audio",
    }  # fmt: skip


def test_a_trained_judge_tells_which_concepts_it_met() -> None:
    data = datasets(train=40, test=10)["audio"]
    rows = data.train_labels < 4
    some = make_samples("some", (data.train[rows], data.train_labels[rows]), (data.test, data.test_labels), "the test")
    judge = Training("audio", some, 6, 7, None).judge
    assert judge.knows(np.array([0, 3, 4, 9])).tolist() == [True, True, False, False]
