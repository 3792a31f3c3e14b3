"""Embedded letters: speakers apart, sound and film together, kept once prepared, and as hard as they claim to be."""

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sensors.core.errors import DataError
from teacher.config import DataConfig
from teacher.datasets.core.utterances import LETTERS, restore_lips
from teacher.datasets.letters import LetterData, load_letters
from teacher.datasets.synthesis import spelled, synthetic
from teacher.datasets.synthesis.spelled import Spoken, record, takes

VOICE = Spoken((8000 * np.sin(np.arange(8820) * 0.2)).astype(np.int16), ((0.0, "'i:"),), 0.35)
"""0.4 s at 22,050 samples a second."""


@pytest.fixture(scope="module")
def corpus(session_cache: Path) -> Iterator[LetterData]:
    yield load_letters(DataConfig(letters="synthetic"))


def centroids(x: NDArray[np.float32], y: NDArray[np.int64], train: NDArray[np.int64], test: NDArray[np.int64]) -> float:
    """Share of test rows told by linear discriminants: least squares onto the letters, strongly regularised."""
    x = (x - x[train].mean(0)) / (x[train].std(0) + 0.1 * x[train].std())
    gram = x[train] @ x[train].T
    ridge = 0.3 * np.trace(gram) / len(gram) * np.eye(len(gram), dtype=gram.dtype)
    weights = np.linalg.solve(gram + ridge, np.eye(26, dtype=gram.dtype)[y[train]] - 1 / 26)
    return float(((x[test] @ x[train].T @ weights).argmax(1) == y[test]).mean())


def test_every_speaker_says_every_letter_in_one_accent() -> None:
    plan = takes(0)
    assert [t.letter for t in plan] == list(range(26)) * 34
    assert len({(t.speaker, t.voice) for t in plan}) == 34
    assert not set(spelled.TRAIN_SPEAKERS) & set(spelled.TEST_SPEAKERS)
    assert takes(0) == plan != takes(1)


def test_two_fresh_processes_say_the_same_phonemes_and_samples(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from teacher.datasets.synthesis import spelled as s; plan = s.takes(0)[:26];"
        "s.takes = lambda seed: plan; s.speak(0, pathlib.Path(sys.argv[1]))"
    )
    heard = []
    for name in ("a.npz", "b.npz"):
        subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], check=True)
        heard.append(spelled._hear(tmp_path / name))
    (first, rate), (second, _) = heard
    assert rate == 22050 and len(first) == 26
    for one, again in zip(first, second, strict=True):
        assert np.array_equal(one.pcm, again.pcm) and (one.phonemes, one.end) == (again.phonemes, again.end)
        starts = [start for start, _ in one.phonemes]
        assert sorted(starts) == starts and one.end - starts[0] > 0.05 and one.end <= len(one.pcm) / rate
    said = {LETTERS[k]: "".join(name for _, name in one.phonemes) for k, one in enumerate(first)}
    assert (said["B"], said["X"], said["Z"]) == ("b'i:", "'Eks", "z'i:")


@pytest.mark.parametrize("lead", [0.0, 0.2, 0.33])
def test_film_and_sound_start_together(lead: float) -> None:
    wave, times = record(VOICE, 22050, lead, 0.3, np.random.default_rng(0))
    assert wave.dtype == np.float32 and len(wave) == 640 * len(times) and len(times) >= 12
    assert np.allclose(np.diff(times), 0.04) and times[0] == pytest.approx(0.02 - lead)
    # Loud samples begin where the lead ends and are over 0.4 s later.
    loud = np.flatnonzero(np.abs(wave) > 0.2 * np.abs(wave).max()) / 16000
    assert loud[0] == pytest.approx(lead, abs=0.005) and loud[-1] == pytest.approx(lead + 0.4, abs=0.005)
    assert 0.2 < np.abs(wave).max() <= 1
    assert 0 < np.abs(wave[-800:]).max() < 0.01


def test_the_corpus_is_balanced_and_its_test_speakers_never_train(corpus: LetterData) -> None:
    u = corpus.utterances
    assert u.name == "synthetic-letters" and "synthetic-letters" in corpus.summary
    assert np.bincount(u.letters[corpus.train]).tolist() == [24] * 26
    assert np.bincount(u.letters[corpus.test]).tolist() == [10] * 26
    assert not set(u.speakers[corpus.train]) & set(u.speakers[corpus.test])
    assert np.array_equal(np.sort(np.concatenate([corpus.train, corpus.test])), np.arange(len(u)))
    assert len({x.tobytes() for x in u.stored_lips}) == len(u) == len({x.tobytes() for x in u.speech})
    assert np.isfinite(u.speech).all() and not u.stored_lips.flags.writeable


def test_lips_move_as_letters_demand(corpus: LetterData) -> None:
    """The middle of a wide open mouth is darker than its mean frame; that of an M stays closed longer."""
    u = corpus.utterances
    middle = restore_lips(u.stored_lips)[:, :, 24:40, 30:50].mean((2, 3))
    swing = {k: float(np.ptp(middle[u.letters == LETTERS.index(k)], axis=1).mean()) for k in "RIE"}
    assert min(swing["R"], swing["I"]) > 1.3 * swing["E"]


def test_speech_is_clear_and_lips_are_ambiguous(corpus: LetterData) -> None:
    u = corpus.utterances
    lips = restore_lips(u.stored_lips).reshape(len(u), 12, 15, 4, 20, 4).mean((3, 5)).reshape(len(u), -1)
    heard = centroids(u.speech.reshape(len(u), -1), u.letters, corpus.train, corpus.test)
    read = centroids(lips, u.letters, corpus.train, corpus.test)
    assert heard > 0.75 and 0.35 < read < 0.75
    # P and B are said differently and look the same.
    pair = np.isin(u.letters, [LETTERS.index(k) for k in "PB"])
    rows = corpus.train[pair[corpus.train]], corpus.test[pair[corpus.test]]
    assert centroids(lips, u.letters, *rows) < 0.8


def test_validation_takes_other_training_speakers_and_leaves_the_test_part_alone(corpus: LetterData) -> None:
    held = load_letters(DataConfig(letters="synthetic", part="validation"))
    speakers = held.utterances.speakers
    assert held.utterances.fingerprint == corpus.utterances.fingerprint
    assert set(held.train) | set(held.test) == set(corpus.train) and not set(held.train) & set(held.test)
    assert len(held.test) == 5 * 26 and not set(speakers[held.train]) & set(speakers[held.test])


def test_a_damaged_entry_is_prepared_anew(corpus: LetterData, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def prepare(seed: int) -> object:
        made.append(seed)
        return corpus.utterances

    monkeypatch.setattr(spelled, "_prepare", prepare)
    first, second = spelled.load(), spelled.load()
    assert made == [0] and isinstance(second.stored_lips, np.memmap)
    assert second.fingerprint == first.fingerprint and second.summary == corpus.utterances.summary
    (lips,) = own_cache.glob("prepared/synthetic-letters-*/stored_lips.npy")
    data = bytearray(lips.read_bytes())
    data[-1000] ^= 1
    lips.unlink()
    lips.write_bytes(data)
    assert np.array_equal(spelled.load().stored_lips, first.stored_lips) and made == [0, 0]


def test_no_synthesiser_names_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(synthetic, "version", absent)
    with pytest.raises(DataError, match=r"pip install 'reciprocal\[speech\]'"):
        spelled.load()
