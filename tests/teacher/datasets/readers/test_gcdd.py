"""Speech Commands digits: splits, folder, archive and bad input."""

import csv
import os
import tarfile
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from sensors.core.errors import DataError
from teacher.config import CONCEPTS
from teacher.datasets.readers import gcdd, gcdd_files
from tests.teacher.tiny import write_words

ARCHIVE = gcdd_files.ARCHIVES[0]


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
        pack(tmp_path / "words", tmp_path / ARCHIVE)
    root = tmp_path if archive else tmp_path / "words"
    for _ in range(2):
        splits = [gcdd.load(root, by_speaker).split for by_speaker in (False, True)]
        assert "first 10 names of each digit train" in splits[0] and splits[1].startswith("split by speaker")
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


def pack(folder: Path, archive: Path, mode: Literal["w", "w:gz"] = "w:gz") -> None:
    with tarfile.open(archive, mode) as tar:
        for path in sorted(folder.rglob("*")):
            tar.add(path, f"./{path.relative_to(folder)}", recursive=False)


def test_the_archive_gives_what_the_folder_gives(tmp_path: Path) -> None:
    write_words(tmp_path / "words", 20, (*CONCEPTS, "happy"))
    (tmp_path / "archive").mkdir()
    pack(tmp_path / "words", tmp_path / "archive" / ARCHIVE)
    folder, archive = gcdd.load(tmp_path / "words"), gcdd.load(tmp_path / "archive")
    assert (
        np.bincount(archive.train_labels, minlength=10).tolist()
        == np.bincount(folder.train_labels, minlength=10).tolist()
    )
    assert sorted(x.tobytes() for x in archive.test) == sorted(x.tobytes() for x in folder.test)


def test_an_archive_goes_before_what_an_interrupted_unpacking_left_of_it(tmp_path: Path) -> None:
    write_words(tmp_path / "words", 20)
    pack(tmp_path / "words", tmp_path / ARCHIVE)
    write_words(tmp_path / "speech_commands", 20, CONCEPTS[:3])
    found = gcdd.find(tmp_path)
    assert found is not None and found.place == tmp_path / ARCHIVE
    (tmp_path / ARCHIVE).unlink()
    found = gcdd.find(tmp_path)
    assert found is not None and found.place == tmp_path / "speech_commands" and not found.has_all_digits


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    write_words(tmp_path / "words", 8)
    archive = tmp_path / ARCHIVE
    pack(tmp_path / "words", archive)
    whole = archive.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"not an archive", b""):
        archive.write_bytes(damaged)
        with pytest.raises(DataError, match=ARCHIVE):
            gcdd.load(tmp_path)


def test_a_bad_clip_is_left_out_and_named_in_folder_and_archive(tmp_path: Path) -> None:
    write_words(tmp_path / "words", 40)
    whole = gcdd.load(tmp_path / "words")
    bad = tmp_path / "words" / "six" / "00000003_nohash_0.wav"
    bad.write_bytes(b"nothing")
    pack(tmp_path / "words", tmp_path / ARCHIVE)
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


def test_the_real_set_is_read(data_dir: Path) -> None:
    samples = gcdd.load(data_dir)
    assert len(samples.train) + len(samples.test) >= 2_000
    assert set(samples.train_labels.tolist()) == set(range(10))


def test_speakers_of_any_name_are_taken_and_others_counted(tmp_path: Path) -> None:
    write_words(tmp_path / "Speech_Commands", 30)
    for word in CONCEPTS:
        folder = tmp_path / "Speech_Commands" / word
        for path, speaker in zip(sorted(folder.iterdir())[:4], ("Jörg", "ann-marie", "a_b", "S9"), strict=True):
            path.rename(folder / f"{speaker}_nohash_0.WAV")
    folder = tmp_path / "Speech_Commands" / "three"
    for name in ("README.md", ".hidden.wav", "ann_1.wav", "00000001_nohash_0.ogg"):
        (folder / name).write_bytes(b"whatever")
    folder.rename(folder.with_name("Three"))
    samples = gcdd.load(tmp_path)
    assert samples.report.line == (
        "300 taken, 2 left out: 1 not .wav or .flac (Three/00000001_nohash_0.ogg), "
        "1 not named <speaker>_nohash_<n> (Three/ann_1.wav)"
    )
    assert "found in Speech_Commands" in samples.summary


def test_the_split_by_speaker_knows_one_in_other_letters() -> None:
    names = ["Jörg_nohash_0", unicodedata.normalize("NFD", "jörg_nohash_1"), "JÖRG_NOHASH_2", "\udcff_nohash_0"]
    assert len({gcdd._speaker_percent(name) for name in names[:3]}) == 1
    gcdd.split_names(["one"] * 4, names)
    # As it always was for the set's own names.
    assert gcdd._speaker_percent("004ae714_nohash_0") == gcdd._speaker_percent("004ae714")


@pytest.mark.parametrize("archive", [False, True])
def test_a_missing_word_is_an_error(tmp_path: Path, archive: bool) -> None:
    write_words(tmp_path / "words", 20, tuple(w for w in CONCEPTS if w not in ("four", "nine")))
    (tmp_path / "words" / "nine").mkdir()
    (tmp_path / "words" / "nine" / "ann.wav").write_bytes(b"")
    if archive:
        pack(tmp_path / "words", tmp_path / ARCHIVE)
    with pytest.raises(DataError, match=r"no recordings of four, nine \(160 taken, 1 left out.*nine/ann\.wav"):
        gcdd.load(tmp_path if archive else tmp_path / "words")


def test_a_digit_whose_recordings_all_test_is_an_error(tmp_path: Path) -> None:
    write_words(tmp_path, 30)
    tests = [i for i in range(30) if gcdd._speaker_percent(f"{i:08x}") < gcdd.TEST_PERCENT]
    for i in set(range(30)) - set(tests):
        (tmp_path / "seven" / f"{i:08x}_nohash_0.wav").unlink()
    with pytest.raises(DataError, match="no training recording of seven"):
        gcdd.load(tmp_path)


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("speech_commands_v0.02", True),
        ("SpeechCommands/speech_commands_v0.02", True),
        ("data/SpeechCommands/speech_commands_v0.01", True),
        ("speech_commands/SpeechCommands/speech_commands_v0.02", True),
    ],
)
def test_folders_as_torchaudio_leaves_them(tmp_path: Path, place: str, told: bool) -> None:
    write_words(tmp_path / "usual", 20)
    write_words(tmp_path / "root" / place, 20)
    # The archive that it fetched is nearer, and slower to read.
    (tmp_path / "root" / "speech_commands_v0.02.tar.gz").write_bytes(b"not read")
    samples = gcdd.load(tmp_path / "root")
    assert samples.fingerprint == gcdd.load(tmp_path / "usual").fingerprint
    assert f"found in {place}" in samples.summary


def gcdd_parts(root: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    samples = gcdd.load(root)
    return samples.train, samples.test


@pytest.mark.parametrize(
    "name", ["speech_commands_v0.01.tar", "speech_commands_v0.02.tar.gz", "below/speech_commands_v0.02.tgz"]
)
def test_archives_of_either_version_packed_or_not(tmp_path: Path, name: str) -> None:
    write_words(tmp_path / "words", 20)
    path = tmp_path / "root" / name
    path.parent.mkdir(parents=True)
    pack(tmp_path / "words", path, "w" if name.endswith(".tar") else "w:gz")
    samples = gcdd.load(tmp_path / "root")
    for part, usual in zip((samples.train, samples.test), gcdd_parts(tmp_path / "words"), strict=True):
        assert sorted(x.tobytes() for x in part) == sorted(x.tobytes() for x in usual)
    assert f"found in {name}" in samples.summary
    assert "200 of v0.01's 23,666 recordings of digits" in samples.summary


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        (gcdd_files.VERSIONS["v0.01"], "the paper's split, first 2,000"),
        (gcdd_files.VERSIONS["v0.02"], "but of v0.02 (38,908 recordings, the paper's has 23,666), first 2,000"),
        ([2001] * 10, "but of another set (20,010 recordings, the paper's has 23,666), first 2,000"),
    ],
)
def test_the_papers_split_is_claimed_of_the_papers_set_alone(counts: Sequence[int], told: str) -> None:
    words = [word for word, n in zip(CONCEPTS, counts, strict=True) for _ in range(n)]
    names = [name for n in counts for name in names_of(n)]
    test, split = gcdd.split_names(words, names)
    assert told in split and (~test).sum() == 20_000


def test_no_damage_of_an_archive_alters_a_sample(tmp_path: Path, own_cache: Path) -> None:
    write_words(tmp_path / "words", 20)
    path = tmp_path / ARCHIVE
    pack(tmp_path / "words", path)
    whole = path.read_bytes()
    fingerprint = gcdd.load(tmp_path).fingerprint
    kept = len(os.listdir(own_cache / "prepared"))
    rng = np.random.default_rng(0)
    refused = 0
    for bit in rng.integers(0, 8 * len(whole), 40):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            assert gcdd.load(tmp_path).fingerprint == fingerprint
        except DataError as error:
            assert f"{ARCHIVE}: damaged archive" in str(error)
            refused += 1
    assert refused >= 36
    # Of what was refused there is nothing in the cache but the locks.
    assert len(list((own_cache / "prepared").glob("gcdd-*"))) == 41 - refused and kept == 2
