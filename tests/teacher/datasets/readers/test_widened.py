"""FSDD and Speech Commands side by side."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sensors.core.errors import DataError
from teacher.datasets.preparation.clips import prepare_files
from teacher.datasets.readers import fsdd, gcdd, widened
from tests.teacher.tiny import write_fsdd, write_words


@pytest.mark.parametrize("held_out", ["", "bob"])
def test_each_has_its_own_split_and_fsdd_comes_first(tmp_path: Path, held_out: str) -> None:
    write_fsdd(tmp_path / "fsdd" / "recordings", ("ann", "bob"))
    write_words(tmp_path / "speech_commands", 30)
    both = widened.load(tmp_path, held_out)
    first, second = fsdd.load(tmp_path, held_out), gcdd.load(tmp_path, by_speaker=True)
    for part in ("train", "train_labels", "test", "test_labels"):
        assert np.array_equal(getattr(both, part), np.concatenate([getattr(s, part) for s in (first, second)]))
    assert both.name == "fsdd+gcdd"
    assert first.split in both.summary and second.split in both.summary
    assert widened.load(tmp_path, held_out).fingerprint == both.fingerprint


def test_one_of_them_is_not_enough(tmp_path: Path) -> None:
    write_fsdd(tmp_path / "fsdd" / "recordings")
    with pytest.raises(DataError, match=r"^gcdd: .* not found .*--data DIR"):
        widened.load(tmp_path)
    write_words(tmp_path / "words" / "speech_commands", 8)
    with pytest.raises(DataError, match=r"^fsdd: .* not found .*--data DIR"):
        widened.load(tmp_path / "words")


def speakers_of(samples: NDArray[np.uint8], paths: Sequence[Path], part: int) -> set[str]:
    """Who said these samples, by the names of the recordings they were made of."""
    prepared = prepare_files(paths).audio
    by_content = {x.tobytes(): path.name.split("_")[part] for x, path in zip(prepared, paths, strict=True)}
    return {by_content[x.tobytes()] for x in samples}


def test_no_speaker_is_in_both_parts_however_much_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Enough for the paper's split, whose border falls within a speaker here.
    monkeypatch.setattr(gcdd, "PAPER_TRAIN", 10)
    write_fsdd(tmp_path / "fsdd" / "recordings", ("ann", "bob", "cid"))
    write_words(tmp_path / "speech_commands", 48, per_speaker=3)
    words = sorted(tmp_path.glob("speech_commands/*/*.wav"))
    recordings = sorted((tmp_path / "fsdd" / "recordings").iterdir())

    by_name = gcdd.load(tmp_path)
    assert speakers_of(by_name.train, words, 0) & speakers_of(by_name.test, words, 0)

    samples = widened.load(tmp_path, "bob")
    trained, tested = 2 * 40, 40
    assert speakers_of(samples.train[:trained], recordings, 1) == {"ann", "cid"}
    assert speakers_of(samples.test[:tested], recordings, 1) == {"bob"}
    heard, unheard = (speakers_of(x, words, 0) for x in (samples.train[trained:], samples.test[tested:]))
    assert not heard & unheard and len(heard | unheard) == 16 and unheard
    # The paper's split stays what it was.
    assert gcdd.load(tmp_path).fingerprint == by_name.fingerprint


def test_no_speaker_of_the_real_test_part_trains(data_dir: Path) -> None:
    samples = widened.load(data_dir, "theo")
    folder, found = fsdd.find(data_dir), gcdd.find(data_dir)
    assert folder is not None and found is not None and not found.archive
    paths, labels, test = fsdd.scan(folder, "theo")
    names = [(word, path.stem) for word, of_word in found.files.items() for path in of_word]
    unheard, _ = gcdd.split_names([w for w, _ in names], [n for _, n in names], by_speaker=True)
    by_part = [
        {path.name.split("_")[1] for path, t in zip(paths, test, strict=True) if t == part}
        | {name.split("_nohash_")[0] for (_, name), t in zip(names, unheard, strict=True) if t == part}
        for part in (False, True)
    ]
    assert "theo" in by_part[True] and not by_part[False] & by_part[True]
    # These are the parts that were loaded: as large, and FSDD's labels in that order.
    assert (len(samples.train), len(samples.test)) == tuple((test == p).sum() + (unheard == p).sum() for p in (0, 1))
    assert np.array_equal(samples.train_labels[: (~test).sum()], labels[~test])
    assert np.array_equal(samples.test_labels[: test.sum()], labels[test])
    (recording,) = [path for path in paths if path.stem == "7_theo_0"]
    own = prepare_files([recording]).audio[0].tobytes()
    assert own in {x.tobytes() for x in samples.test[: test.sum()]} and own not in {x.tobytes() for x in samples.train}
