import dataclasses

import numpy as np
import pytest
import torch

from agent.exams.lip_exam import Accuracy, TrainingPart, examine_lips, imagine, reconstruct, score, train_oracle
from agent.tdlft.lips import to_rows
from sensors.signals.lips import restore_lips
from tests.agent.lip_rigs import LAYER, SEEN, TURNS, UNSEEN, letter_data, lip_networks, paired


def test_seen_and_unseen_letters_are_scored_apart() -> None:
    letters = np.array([0, 0, 1, 1, 5, 5, 5, 6])
    named = np.array([0, 1, 1, 1, 5, 0, 0, 6])
    accuracy = score(named, letters, (0, 1), (5, 6))
    assert accuracy == Accuracy(5 / 8, 3 / 4, 2 / 4)
    assert accuracy.harmonic == pytest.approx(2 * 0.75 * 0.5 / 1.25)
    assert score(named[:4], letters[:4], (0, 1), (5, 6)) == Accuracy(3 / 4, 3 / 4, 0.0)
    assert score(named[:4], letters[:4], (0, 1), (5, 6)).harmonic == 0


def test_an_exam_tells_what_tdlft_added_to_the_unimodal_network() -> None:
    data, networks = letter_data(), lip_networks()
    lips, letters = data.utterances.stored_lips[data.test], data.utterances.letters[data.test]
    grades = examine_lips(networks, lips, letters, SEEN, UNSEEN)
    assert (grades.turn, grades.pairs, grades.heard) == (3, 40, 20)
    assert grades.unimodal.unseen == 0 and grades.unimodal.seen > 0.9
    assert grades.tuned.unseen > 0.3 and grades.tuned.seen > 0.9
    assert grades.among_unseen >= grades.tuned.unseen
    right = np.diag(grades.confusion)
    assert grades.confusion.sum() == len(letters)
    assert grades.tuned.all == right.sum() / len(letters)
    assert grades.tuned.unseen == right[list(UNSEEN)].sum() / np.isin(letters, UNSEEN).sum()
    assert grades.tuned.all == (networks.read(lips) == letters).mean()


def test_letters_beyond_the_label_space_count_as_wrong() -> None:
    data, networks = letter_data(), lip_networks()
    letters = data.utterances.letters[data.test].copy()
    letters[letters == 5] = 9
    grades = examine_lips(networks, data.utterances.stored_lips[data.test], letters, SEEN, (4, 9))
    assert grades.confusion.shape == (10, 10) and grades.confusion[9, 9] == 0
    # Of the two letters that are unseen one can be answered: whoever must answer one of these says that.
    assert grades.among_unseen == 0.5
    nobody = examine_lips(networks, data.utterances.stored_lips[data.test], letters, SEEN, (9,))
    assert nobody.among_unseen == nobody.tuned.unseen == 0


def test_what_a_turn_learned_from_is_found_again_event_by_event() -> None:
    data, networks = letter_data(), lip_networks()
    taught = TrainingPart.of(data)
    assert len(taught.of_turn(networks)) == len(data.train)
    pairs = paired(data)
    some = dataclasses.replace(networks, keys=np.concatenate((networks.keys[5:12], networks.keys[-3:])))
    star = np.setdiff1d(data.train, pairs)
    assert data.train[taught.of_turn(some)].tolist() == sorted([*pairs[5:12], *star[-3:]])
    # Speech alone of letters that have pairs is not what was transferred.
    assert not len(taught.of_turn(dataclasses.replace(networks, keys=networks.keys[40:], unpaired=())))


def test_the_oracle_reads_letters_whose_lips_it_alone_saw() -> None:
    data, networks = letter_data(), lip_networks()
    before = [w.clone() for w in networks.video.weights]
    oracle = train_oracle(networks, TrainingPart.of(data), TURNS)
    assert oracle is not None
    lips, letters = data.utterances.stored_lips[data.test], data.utterances.letters[data.test]
    reached = score(oracle.predict(to_rows(lips)), letters, SEEN, UNSEEN)
    assert reached.unseen > score(networks.read(lips), letters, SEEN, UNSEEN).unseen
    assert all(torch.equal(w, b) for w, b in zip(networks.video.weights, before, strict=True))
    changed = [not torch.equal(w, b) for w, b in zip(oracle.weights, before, strict=True)]
    assert changed == [j >= LAYER for j in range(len(before))]


def test_without_transfer_there_is_no_oracle() -> None:
    networks, taught = lip_networks(), TrainingPart.of(letter_data())
    assert train_oracle(dataclasses.replace(networks, unpaired=()), taught, TURNS) is None
    assert train_oracle(dataclasses.replace(networks, keys=networks.keys[:40]), taught, TURNS) is None
    assert train_oracle(dataclasses.replace(networks, keys=np.zeros(0, np.int64)), taught, TURNS) is None


def test_imagined_lips_move_where_the_letter_moves() -> None:
    data, networks = letter_data(), lip_networks()
    rows = data.test[data.utterances.letters[data.test] == 0]
    made = imagine(networks, data.utterances.speech[rows])
    assert made.shape == (len(rows), 12, 60, 80) and made.dtype == np.uint8
    # Letter 0 is a bright patch at the left in the first three frames.
    moves = restore_lips(made).mean(0)
    assert moves[:3, 10:40, :20].mean() > 0.03 + moves[3:, 10:40].mean()
    again = reconstruct(networks, data.utterances.stored_lips[rows])
    real = restore_lips(data.utterances.stored_lips[rows]).mean(0)
    assert np.corrcoef(restore_lips(again).mean(0).ravel(), real.ravel())[0, 1] > 0.5
