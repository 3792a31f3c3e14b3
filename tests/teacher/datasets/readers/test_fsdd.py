"""FSDD: split and bad clips."""

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sensors.core.errors import DataError
from teacher.datasets.readers import fsdd
from tests.teacher.tiny import tone, write_fsdd


@pytest.mark.parametrize("folder", ["fsdd/recordings", "recordings", "."])
def test_the_official_split_by_index(tmp_path: Path, folder: str) -> None:
    write_fsdd(tmp_path / folder)
    (tmp_path / folder / "notes.txt").write_text("not a recording")
    samples = fsdd.load(tmp_path)
    assert samples.train.shape == samples.test.shape == (20, 1, 96, 96)
    assert samples.train_labels.tolist() == samples.test_labels.tolist() == [d for d in range(10) for _ in "01"]
    assert "index" in samples.split
    # A higher tone of a higher digit fills a higher mel band.
    loudest = samples.train[:, 0].max(axis=2).argmax(axis=1)
    assert (np.diff(loudest[::2]) > 0).all()


def bad_rate(path: Path) -> None:
    soundfile.write(path, tone(0.1, 500, 50), 500)


def empty(path: Path) -> None:
    soundfile.write(path, np.zeros(0, np.float32), 8000)


def not_finite(path: Path) -> None:
    soundfile.write(path, np.full(800, np.nan, np.float32), 8000, subtype="FLOAT")


def no_sound(path: Path) -> None:
    path.write_bytes(b"RIFF but no more")


BAD: dict[Callable[[Path], None], str] = {
    bad_rate: "1 of a sampling rate that is not read",
    empty: "1 without samples",
    not_finite: "1 with NaN, infinite or far too large samples",
    no_sound: "1 cannot be read",
}


@pytest.mark.parametrize(("damage", "told"), list(BAD.items()))
def test_a_bad_clip_is_left_out_of_samples_and_labels_and_named(
    tmp_path: Path, damage: Callable[[Path], None], told: str
) -> None:
    write_fsdd(tmp_path)
    whole = fsdd.load(tmp_path)
    damage(tmp_path / "3_ann_5.wav")
    samples = fsdd.load(tmp_path)
    # Training has two recordings of each digit, in the order of their names: 3_ann_49, 3_ann_5.
    expected = np.delete(np.arange(20), 7)
    np.testing.assert_array_equal(samples.train, whole.train[expected])
    np.testing.assert_array_equal(samples.train_labels, whole.train_labels[expected])
    np.testing.assert_array_equal(samples.test, whole.test)
    assert f"39 taken, 1 left out: {told} (3_ann_5.wav)" in samples.summary
    assert fsdd.load(tmp_path).summary == samples.summary, "from the cache"


def test_a_digit_of_which_no_clip_is_left_is_an_error_that_says_why(tmp_path: Path) -> None:
    write_fsdd(tmp_path)
    for index in (5, 49):
        empty(tmp_path / f"3_ann_{index}.wav")
    with pytest.raises(DataError) as caught:
        fsdd.load(tmp_path)
    assert (
        "no training (index 5…49) recording of digit 3 "
        "(38 taken, 2 left out: 2 without samples (3_ann_49.wav, 3_ann_5.wav))" in str(caught.value)
    )


def test_a_fifo_among_the_clips_is_named_and_not_waited_for(tmp_path: Path) -> None:
    write_fsdd(tmp_path)
    os.mkfifo(tmp_path / "3_bob_5.wav")
    with pytest.raises(DataError, match=r"3_bob_5\.wav: is a FIFO; give a regular file, or remove it"):
        fsdd.load(tmp_path)


def test_a_long_clip_is_cut_and_counted(tmp_path: Path) -> None:
    write_fsdd(tmp_path)
    soundfile.write(tmp_path / "3_ann_5.wav", tone(6.0, 8000, 300), 8000)
    assert "1 clips longer than 5.57 s were cut" in fsdd.load(tmp_path).summary


def test_a_missing_digit_or_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"0_\*_0\.wav.*--data DIR"):
        fsdd.load(tmp_path)
    write_fsdd(tmp_path)
    (tmp_path / "7_ann_0.wav").unlink()
    (tmp_path / "7_ann_4.wav").unlink()
    with pytest.raises(DataError, match=r"no test .* recording of digit 7"):
        fsdd.load(tmp_path)


def test_other_contents_are_prepared_anew(tmp_path: Path) -> None:
    write_fsdd(tmp_path)
    first = fsdd.load(tmp_path)
    assert fsdd.load(tmp_path).fingerprint == first.fingerprint
    soundfile.write(tmp_path / "3_ann_5.wav", tone(0.2, 8000, 3000), 8000)
    assert fsdd.load(tmp_path).fingerprint != first.fingerprint


def test_the_complete_set(data_dir: Path) -> None:
    samples = fsdd.load(data_dir)
    assert np.bincount(samples.train_labels).tolist() == [270] * 10
    assert np.bincount(samples.test_labels).tolist() == [30] * 10


def test_a_held_out_speaker_is_the_whole_test_part_and_nothing_of_training(tmp_path: Path) -> None:
    write_fsdd(tmp_path / "all", ("ann", "bob", "cid"))
    write_fsdd(tmp_path / "two", ("ann", "bob"))
    for path in (tmp_path / "all").glob("*_bob_*"):
        (tmp_path / "bob").mkdir(exist_ok=True)
        (tmp_path / "bob" / path.name).write_bytes(path.read_bytes())
    apart = fsdd.load(tmp_path / "all", "bob")
    assert len(apart.train) == 80 and len(apart.test) == 40
    assert "bob tests, the other 2 train" in apart.split
    alone = fsdd.load(tmp_path / "bob")
    bobs = {x.tobytes() for part in (alone.train, alone.test) for x in part}
    assert {x.tobytes() for x in apart.test} == bobs
    assert not {x.tobytes() for x in apart.train} & bobs
    # Either split is kept under a name of its own.
    assert len({fsdd.load(tmp_path / "all", who).fingerprint for who in ("", "ann", "bob", "cid")}) == 4


def test_preparing_one_split_leaves_the_others_in_the_cache(tmp_path: Path, own_cache: Path) -> None:
    write_fsdd(tmp_path, ("ann", "bob"))
    for held_out in ("ann", "bob", ""):
        fsdd.load(tmp_path, held_out)
    assert len(list((own_cache / "prepared").glob("fsdd-*"))) == 3


def test_an_unknown_speaker_is_refused_and_the_known_ones_are_named(tmp_path: Path) -> None:
    write_fsdd(tmp_path, ("ann", "bob"))
    with pytest.raises(DataError, match="no speaker 'eve' to hold out; there are ann, bob"):
        fsdd.load(tmp_path, "eve")
    for path in tmp_path.glob("*_bob_*"):
        path.unlink()
    with pytest.raises(DataError, match=r"no training \(all but ann's\) recording of digit 0"):
        fsdd.load(tmp_path, "ann")


def test_a_speaker_may_have_any_name(tmp_path: Path) -> None:
    speakers = ("ann", "jean-luc", "Jörg", "s01", "a_b", "von Bülow")
    write_fsdd(tmp_path, speakers)
    for path in sorted(tmp_path.glob("*_s01_*")):
        path.rename(path.with_name(path.name.upper()))
    samples = fsdd.load(tmp_path)
    assert len(samples.train) == len(samples.test) == 20 * len(speakers)
    assert "the same 6 speakers" in samples.summary and "left out" not in samples.summary
    # Some systems write an umlaut as two characters.
    assert len(fsdd.load(tmp_path, unicodedata.normalize("NFD", "Jörg")).test) == 40


def test_files_left_out_by_name_are_counted_and_named(tmp_path: Path) -> None:
    write_fsdd(tmp_path, ("ann",))
    whole = fsdd.load(tmp_path)
    for name in (
        "five_ann_1.wav",
        "x_ann_1.wav",
        "3_ann.flac",
        "12_ann_3.wav",
        "5_ann_1.mp3",
        "README.md",
        "._5_a_1.wav",
    ):
        (tmp_path / name).write_bytes(b"whatever")
    samples = fsdd.load(tmp_path)
    assert samples.fingerprint == whole.fingerprint and whole.report.line == ""
    assert samples.report.line == (
        "40 taken, 5 left out: 4 not named <digit>_<speaker>_<n> (12_ann_3.wav, 3_ann.flac, five_ann_1.wav, …), "
        "1 not .wav or .flac (5_ann_1.mp3)"
    )
    assert samples.report.line in samples.summary
    (tmp_path / "4_ann_5.wav").unlink(missing_ok=True)
    (tmp_path / "4_ann_5.flac").write_bytes(b"no sound")
    assert "39 taken, 6 left out: 4 not named" in fsdd.load(tmp_path).summary


@pytest.mark.parametrize(
    "folder",
    [
        "free-spoken-digit-dataset-master/recordings",
        "fsdd/free-spoken-digit-dataset-1.0.10/recordings",
        "FSDD/Recordings",
        "fsdd",
    ],
)
def test_other_layouts_are_read_alike_and_named(tmp_path: Path, folder: str) -> None:
    write_fsdd(tmp_path / "usual")
    write_fsdd(tmp_path / "root" / folder)
    samples = fsdd.load(tmp_path / "root")
    assert samples.fingerprint == fsdd.load(tmp_path / "usual").fingerprint
    assert f"found in {folder}" in samples.summary


def test_names_alike_in_other_folders_are_no_fsdd(tmp_path: Path) -> None:
    write_fsdd(tmp_path / "AudioMNIST" / "data" / "01", ("01",))
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "zero-ann.wav").write_bytes(b"")
    assert fsdd.find(tmp_path) is None
    with pytest.raises(DataError, match=r"\(recordings: 0 taken, 1 left out: 1 not named .* \(zero-ann\.wav\)\)"):
        fsdd.load(tmp_path)


def test_preparing_one_speakers_split_leaves_that_of_a_longer_name(tmp_path: Path, own_cache: Path) -> None:
    write_fsdd(tmp_path, ("jean", "jean-luc", "j[a-z]n"))
    for held_out in ("jean-luc", "j[a-z]n", "jean", ""):
        fsdd.load(tmp_path, held_out)
    assert len(list((own_cache / "prepared").glob("fsdd-*"))) == 4
