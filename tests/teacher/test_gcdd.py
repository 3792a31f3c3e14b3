"""Speech Commands digits: splits, folder, archive and bad input."""

import csv
import tarfile
from pathlib import Path

import numpy as np
import pytest

from sensors.errors import DataError
from teacher.config import CONCEPTS
from teacher.datasets import gcdd
from tests.teacher.tiny import write_words


def names_of(count: int) -> list[str]:
    return [f"{i // 2:08x}_nohash_{i % 2}" for i in range(count)]


def test_the_papers_split_takes_the_first_names_in_sorted_order() -> None:
    words = [w for w in CONCEPTS for _ in range(2010)]
    names = names_of(2010) * 10
    order = np.random.default_rng(0).permutation(len(names))
    test, split = gcdd.split_names([words[i] for i in order], [names[i] for i in order])
    assert "first 2,000" in split
    chosen = {(words[i], names[i]) for i, t in zip(order, test, strict=True) if t}
    assert chosen == {(w, n) for w in CONCEPTS for n in sorted(names_of(2010))[2000:]}


def test_one_digit_short_of_it_splits_by_speaker() -> None:
    words = [w for w in CONCEPTS for _ in range(2010)][10:]
    names = (names_of(2010) * 10)[10:]
    test, split = gcdd.split_names(words, names)
    assert "by speaker" in split
    speakers = [n.split("_")[0] for n in names]
    in_test = {s for s, t in zip(speakers, test, strict=True) if t}
    in_train = {s for s, t in zip(speakers, test, strict=True) if not t}
    assert not in_test & in_train
    assert 0.11 < len(in_test) / len(in_test | in_train) < 0.19


def test_speakers_stay_apart_in_the_whole_set_where_that_is_asked_for() -> None:
    words = [w for w in CONCEPTS for _ in range(2001)]
    names = names_of(2001) * 10
    test, split = gcdd.split_names(words, names, by_speaker=True)
    assert split == "split by speaker, 15 % of them test, none in both"
    speakers = np.array([n.split("_")[0] for n in names])
    assert not set(speakers[test]) & set(speakers[~test])


@pytest.mark.parametrize("archive", [False, True])
def test_either_split_is_kept_under_a_key_of_its_own(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, archive: bool
) -> None:
    monkeypatch.setattr(gcdd, "PAPER_TRAIN", 10)
    write_words(tmp_path / "words", 18)
    if archive:
        pack(tmp_path / "words", tmp_path / gcdd.ARCHIVE)
    root = tmp_path if archive else tmp_path / "words"
    for _ in range(2):
        splits = [gcdd.load(root, by_speaker).split for by_speaker in (False, True)]
        assert splits[0].startswith("the paper's split") and splits[1].startswith("split by speaker")
    # Preparing one did not remove the other.
    assert len(list((own_cache / "prepared").glob("gcdd-*"))) == 2


def test_the_papers_figures_from_the_names_alone(data_dir: Path) -> None:
    with (data_dir / "speech_commands_v0.01_digit_names.csv").open() as f:
        rows = list(csv.DictReader(f))
    test, _ = gcdd.split_names([r["word"] for r in rows], [r["file"] for r in rows])
    assert (len(test) - test.sum(), test.sum()) == (20_000, 3_666)


def test_a_folder_of_words(tmp_path: Path) -> None:
    write_words(tmp_path / "speech_commands", 30)
    (tmp_path / "speech_commands" / "one" / "README.md").write_text("not a recording")
    samples = gcdd.load(tmp_path)
    assert len(samples.train) + len(samples.test) == 300
    counts = np.bincount(samples.train_labels, minlength=10)
    assert len(set(counts.tolist())) == 1 and counts[0] > 20
    assert "split by speaker" in samples.summary


def test_an_uneven_set_says_so(tmp_path: Path) -> None:
    write_words(tmp_path, 30)
    for path in sorted((tmp_path / "six").iterdir())[3:]:
        path.unlink()
    found = gcdd.find(tmp_path)
    assert found is not None and not found.enough and "six 3" in found.counts
    assert "uneven: zero" in gcdd.load(tmp_path).summary


def pack(folder: Path, archive: Path) -> None:
    with tarfile.open(archive, "w:gz") as tar:
        for path in sorted(folder.rglob("*")):
            tar.add(path, f"./{path.relative_to(folder)}", recursive=False)


def test_the_archive_gives_what_the_folder_gives(tmp_path: Path) -> None:
    write_words(tmp_path / "words", 20, (*CONCEPTS, "happy"))
    (tmp_path / "archive").mkdir()
    pack(tmp_path / "words", tmp_path / "archive" / gcdd.ARCHIVE)
    folder, archive = gcdd.load(tmp_path / "words"), gcdd.load(tmp_path / "archive")
    assert (
        np.bincount(archive.train_labels, minlength=10).tolist()
        == np.bincount(folder.train_labels, minlength=10).tolist()
    )
    assert sorted(x.tobytes() for x in archive.test) == sorted(x.tobytes() for x in folder.test)


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    write_words(tmp_path / "words", 8)
    archive = tmp_path / gcdd.ARCHIVE
    pack(tmp_path / "words", archive)
    whole = archive.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"not an archive", b""):
        archive.write_bytes(damaged)
        with pytest.raises(DataError, match=gcdd.ARCHIVE):
            gcdd.load(tmp_path)


def test_a_bad_clip_is_left_out_and_named_in_folder_and_archive(tmp_path: Path) -> None:
    write_words(tmp_path / "words", 40)
    whole = gcdd.load(tmp_path / "words")
    bad = tmp_path / "words" / "six" / "00000003_nohash_0.wav"
    bad.write_bytes(b"nothing")
    pack(tmp_path / "words", tmp_path / gcdd.ARCHIVE)
    for root in (tmp_path / "words", tmp_path):
        samples = gcdd.load(root)
        assert "399 taken, 1 left out: 1 cannot be read (six/00000003_nohash_0.wav)" in samples.summary
        counts = np.bincount(np.concatenate([samples.train_labels, samples.test_labels]), minlength=10)
        assert counts.tolist() == [39 if word == "six" else 40 for word in CONCEPTS]
        # Nothing else has changed its part or its label.
        for part, labels in (("train", "train_labels"), ("test", "test_labels")):
            known = {(int(y), x.tobytes()) for x, y in zip(getattr(whole, part), getattr(whole, labels), strict=True)}
            found = zip(getattr(samples, part), getattr(samples, labels), strict=True)
            assert {(int(y), x.tobytes()) for x, y in found} <= known


def test_nothing_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"speech_commands/zero.*--data DIR"):
        gcdd.load(tmp_path)
    write_words(tmp_path, 1)
    with pytest.raises(DataError, match="too few for a split by speaker"):
        gcdd.load(tmp_path)


def test_what_is_there_of_the_real_set(data_dir: Path) -> None:
    samples = gcdd.load(data_dir)
    assert len(samples.train) + len(samples.test) >= 2_000
    assert set(samples.train_labels.tolist()) == set(range(10))
