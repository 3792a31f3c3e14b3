import dataclasses
from pathlib import Path

import numpy as np
import pytest
from sklearn.svm import SVC

import agent.exams.lip_judge
from agent.exams.lip_judge import COST, LipJudge, _copies, _unit, build_judge, train_judge
from agent.tdlft.lips import LENGTH, to_rows
from sensors.signals.lips import GREY
from tests.agent.lip_rigs import UNSEEN, letter_data


@pytest.fixture(scope="module")
def judge() -> LipJudge:
    return build_judge(letter_data(), None)


def test_it_names_letters_by_real_lips_those_too_that_the_learner_never_sees(judge: LipJudge) -> None:
    data = letter_data()
    lips, letters = data.utterances.stored_lips[data.test], data.utterances.letters[data.test]
    assert judge.accuracy == (judge.grade(lips) == letters).mean() > 0.9
    unseen = np.isin(letters, UNSEEN)
    assert (judge.grade(lips[unseen]) == letters[unseen]).mean() > 0.9


def test_it_looks_at_shape_and_not_at_strength(judge: LipJudge) -> None:
    lips = letter_data().utterances.stored_lips[letter_data().test]
    faint = (GREY + (lips.astype(np.float64) - GREY) / 4).round().astype(np.uint8)
    assert (judge.grade(faint) == judge.grade(lips)).mean() > 0.9


def test_a_clip_without_movement_gets_some_letter(judge: LipJudge) -> None:
    assert judge.grade(np.full((2, 12, 60, 80), GREY, np.uint8)).shape == (2,)


def test_answers_can_be_kept_to_some_letters(judge: LipJudge) -> None:
    data = letter_data()
    lips, letters = data.utterances.stored_lips[data.test], data.utterances.letters[data.test]
    named = judge.grade(lips, UNSEEN)
    assert set(named.tolist()) == set(UNSEEN)
    unseen = np.isin(letters, UNSEEN)
    assert (named[unseen] == letters[unseen]).mean() > 0.9


@pytest.mark.parametrize("labels", [(0, 1), (0, 2, 5), (0, 1, 2, 3, 4, 5)])
def test_its_planes_are_those_of_the_support_vector_machine(labels: tuple[int, ...]) -> None:
    data = letter_data()
    rows = data.train[np.isin(data.utterances.letters[data.train], labels)][: 4 * len(labels)]
    lips, letters = data.utterances.stored_lips[rows], data.utterances.letters[rows]
    made = train_judge(lips, letters)
    copies = _copies(to_rows(lips))
    machine = SVC(C=COST, kernel="linear", decision_function_shape="ovo").fit(copies, np.tile(letters, 6))
    x = _unit(np.random.default_rng(0).normal(size=(40, LENGTH)).astype(np.float32) + 20 * copies[:40])
    theirs = machine.decision_function(x).reshape(40, -1)
    ours = x @ made.planes.T + made.offsets
    # scikit-learn turns the sign round where there are but two labels.
    np.testing.assert_allclose(ours if len(labels) > 2 else -ours, theirs, atol=0.02)


def test_more_wins_count_before_larger_margins() -> None:
    planes = np.zeros((3, LENGTH), np.float32)
    # 7 beats 8 and 9 by a little; 8 beats 9 by a lot.
    judge = LipJudge(np.array([7, 8, 9]), planes, np.array([0.01, 0.01, 9], np.float32))
    assert judge.grade(np.zeros((1, 12, 60, 80), np.uint8)).tolist() == [7]
    # Each beats one: the margins decide.
    judge = LipJudge(np.array([7, 8, 9]), planes, np.array([0.1, -0.1, 2], np.float32))
    assert judge.grade(np.zeros((1, 12, 60, 80), np.uint8)).tolist() == [8]


def test_it_is_kept_and_a_damaged_one_is_trained_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = letter_data()
    first = build_judge(data, tmp_path)
    (place,) = tmp_path.iterdir()

    def refuse(*_: object) -> LipJudge:
        raise AssertionError("trained although it is kept")

    with monkeypatch.context() as patch:
        patch.setattr(agent.exams.lip_judge, "train_judge", refuse)
        kept = build_judge(data, tmp_path)
        assert np.array_equal(kept.planes, first.planes) and kept.accuracy == first.accuracy
        with pytest.raises(AssertionError):
            build_judge(dataclasses.replace(data, train=data.train[:30]), tmp_path)  # other data is another judge
    whole = place.read_bytes()
    place.write_bytes(whole[: len(whole) // 2])
    again = build_judge(data, tmp_path)
    assert np.array_equal(again.planes, first.planes)
    assert place.read_bytes() == whole
