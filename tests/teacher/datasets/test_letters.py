"""Which letters are taught: explicit choices are kept or refused, auto says what it found, test parts stay apart."""

from pathlib import Path

import numpy as np
import pytest

from sensors.core.errors import ConfigError, DataError
from teacher.config import DataConfig
from teacher.datasets.core.utterances import Utterances, make_utterances
from teacher.datasets.letters import load_letters
from teacher.datasets.readers import avletters
from teacher.datasets.synthesis import spelled, synthetic


def toy(name: str, speakers: tuple[str, ...]) -> Utterances:
    """Every speaker says every letter once."""
    said = np.tile(np.arange(26), len(speakers)).astype(np.int64)
    rng = np.random.default_rng(0)
    speech = rng.normal(size=(len(said), 24, 26)).astype(np.float32)
    lips = rng.integers(0, 256, (len(said), 12, 60, 80)).astype(np.uint8)
    return make_utterances(name, speech, lips, said, np.repeat(speakers, 26).tolist(), np.ones(len(said), np.int64))


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch) -> None:
    people = (*spelled.TRAIN_SPEAKERS[:6], *spelled.TEST_SPEAKERS[:2])
    monkeypatch.setattr(spelled, "TRAIN_SPEAKERS", people[:6])
    monkeypatch.setattr(spelled, "TEST_SPEAKERS", people[6:])
    monkeypatch.setattr(spelled, "load", lambda: toy("synthetic-letters", people))


def test_auto_takes_av_letters_where_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoken: None) -> None:
    (tmp_path / "avletters" / "Lips").mkdir(parents=True)
    monkeypatch.setattr(avletters, "load", lambda root: toy("avletters", ("ann", "bob", "cat", "dan", "eve")))
    config = DataConfig(data=str(tmp_path))
    data = load_letters(config)
    assert data.utterances.name == "avletters" and data.summary.startswith("avletters: 130 utterances")
    assert data.seen == tuple(range(20)) and data.unseen == tuple(range(20, 26)) and data.names[25] == "Z"
    assert np.bincount(data.utterances.letters[data.test]).tolist() == [1] * 26
    assert np.array_equal(np.sort(np.concatenate([data.train, data.test])), np.arange(130))
    assert np.array_equal(load_letters(config).test, data.test)
    assert load_letters(config.replace(letters="synthetic")).utterances.name == "synthetic-letters"


def test_validation_shares_speakers_where_the_test_part_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Lips").mkdir()
    monkeypatch.setattr(avletters, "load", lambda root: toy("avletters", tuple("abcdefghij")))
    config = DataConfig(data=str(tmp_path))
    final, held = load_letters(config), load_letters(config.replace(part="validation"))
    assert set(held.train) | set(held.test) == set(final.train) and not set(held.train) & set(held.test)
    assert not set(held.test) & set(final.test)
    assert (
        np.bincount(held.utterances.letters[held.test]).min() >= 1 and 0.15 < len(held.test) / len(final.train) < 0.25
    )
    assert "validates" in held.summary and "validates" not in final.summary
    with pytest.raises(ValueError, match="read-only"):
        held.train[0] = 1


def test_without_data_auto_is_the_embedded_corpus_and_says_so(
    tmp_path: Path, no_data: None, spoken: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = load_letters(DataConfig())
    assert "synthetic-letters" in data.summary and "auto: no AV-Letters (no --data)" in data.summary
    speakers = data.utterances.speakers
    assert len(data.test) == 52 and not set(speakers[data.train]) & set(speakers[data.test])
    assert f"no AV-Letters under {tmp_path}" in load_letters(DataConfig(data=str(tmp_path))).summary
    assert "auto" not in load_letters(DataConfig(letters="synthetic")).summary
    monkeypatch.setattr(synthetic, "available", lambda: False)
    with pytest.raises(DataError, match=r"(?s)no AV-Letters.*reciprocal\[speech\].*--data DIR"):
        load_letters(DataConfig())


def test_an_explicit_choice_is_never_replaced(tmp_path: Path, no_data: None) -> None:
    for data in (None, str(tmp_path)):
        with pytest.raises(DataError, match=r"avletters/Lips and .* not found .*--data DIR"):
            load_letters(DataConfig(data=data, letters="avletters"))
    with pytest.raises(ConfigError, match="letters"):
        DataConfig(letters="none")


def test_the_real_corpus(data_dir: Path) -> None:
    if avletters.find(data_dir) is None:
        pytest.skip("no AV-Letters among the datasets")
    data = load_letters(DataConfig(data=str(data_dir)))
    assert (len(data.train), len(data.test)) == (624, 156)
    assert np.bincount(data.utterances.letters[data.test]).tolist() == [6] * 26


def test_embedded_letters_in_place_of_missing_ones_are_told_in_a_line(
    tmp_path: Path, no_data: None, spoken: None
) -> None:
    config = DataConfig(data=str(tmp_path))
    told = f"letters are not from {tmp_path}, but embedded: no AV-Letters there; --letters synthetic asks"
    assert load_letters(config).instead.startswith(told)
    assert load_letters(config.replace(part="validation")).instead.startswith(told)
    assert load_letters(config.replace(letters="synthetic")).instead == load_letters(DataConfig()).instead == ""
