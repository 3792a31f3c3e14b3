import dataclasses
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sensors.core.errors import DataError
from sensors.core.modalities import modality
from sensors.senses import configure, contract
from teacher.folder import prepare
from teacher.folder.load import find_senses, load_things
from teacher.folder.pool import read_files
from tests.teacher.own_things import THINGS, picture, sound, write_things

pytestmark = pytest.mark.usefixtures("own_cache", "forms")


@pytest.fixture
def forms() -> Iterator[None]:
    yield
    configure({})


def refused(root: Path, **options: str) -> list[str]:
    with pytest.raises(DataError) as error:
        load_things(root, **options)  # type: ignore[arg-type]
    lines = str(error.value).split("\n")
    assert len(lines) == 2 and str(root) in lines[0]
    return lines


def test_the_things_in_the_folder_are_taught(tmp_path: Path) -> None:
    write_things(tmp_path / "things", count=10)
    things = load_things(tmp_path / "things")
    assert things.concepts == THINGS
    assert list(things.datasets) == ["audio", "image"] == list(find_senses(tmp_path / "things"))
    for sense, samples in things.datasets.items():
        assert samples.train.shape == (24, *modality(sense).shape) and samples.test.shape[0] == 6
        assert Counter(samples.train_labels.tolist()) == {0: 8, 1: 8, 2: 8}
        assert Counter(samples.test_labels.tolist()) == {0: 2, 1: 2, 2: 2}
        assert samples.jitter
    assert things.lines == (
        "things: 3 concepts (cup, mug, pan) by audio, image",
        "audio: things: 24 training + 6 test samples; split by file, a fifth of each concept tests "
        "(the names tell no speakers)",
        "image: things: 24 training + 6 test samples; split by file, a fifth of each concept tests "
        "(the names tell no speakers)",
    )


def test_pictures_have_the_size_and_colour_that_is_set(tmp_path: Path) -> None:
    write_things(tmp_path)
    grey = load_things(tmp_path)
    configure({"image": {"size": 64, "color": True}})
    colour = load_things(tmp_path)
    assert grey.datasets["image"].train.shape[1:] == (1, 32, 32)
    assert colour.datasets["image"].train.shape[1:] == (3, 64, 64)
    assert colour.datasets["audio"].fingerprint == grey.datasets["audio"].fingerprint
    assert colour.fingerprint != grey.fingerprint


def test_is_prepared_once_wherever_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_things(tmp_path / "one")
    before = load_things(tmp_path / "one")
    shutil.move(tmp_path / "one", tmp_path / "two")

    def never(*_: object) -> None:
        raise AssertionError("prepared again")

    with monkeypatch.context() as patch:
        patch.setattr(prepare, "read_files", never)
        again = load_things(tmp_path / "two")
        assert again.fingerprint == before.fingerprint
        # Views of the cached file: several teachers share its memory.
        assert all(isinstance(d.train.base, np.memmap | np.ndarray) for d in again.datasets.values())
    picture(tmp_path / "two" / "image" / "mug" / "new.png", 1, 99)
    assert load_things(tmp_path / "two").fingerprint != before.fingerprint


def test_left_out_files_are_told(tmp_path: Path) -> None:
    root = tmp_path / "things"
    write_things(root)
    (root / "image" / "mug" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (root / "image" / "mug" / "empty.png").write_bytes(b"")
    (root / "audio" / "mug" / "notes.txt").write_text("x")
    (root / "audio" / "mug" / "noise.wav").write_bytes(b"no sound")
    picture(root / "image" / "spoon" / "1.png", 2, 0)
    (root / "audio" / "fork").mkdir()
    things = load_things(root)
    assert things.concepts == THINGS
    assert things.lines[-2:] == (
        "files: 30 taken, 4 left out: 1 not .wav, .wave, .flac, … (audio/mug/notes.txt), "
        "1 cannot be read (audio/mug/noise.wav), 1 empty (image/mug/empty.png), 1 damaged (image/mug/torn.png)",
        "concepts: 2 left out: 1 without a file (fork), 1 with image alone (spoon)",
    )


def test_parts_that_are_given_are_kept(tmp_path: Path) -> None:
    for part, numbers in (("train", range(6)), ("val", range(6, 8)), ("test", range(8, 12))):
        for n in numbers:
            for thing, name in enumerate(THINGS):
                picture(tmp_path / part / "image" / name / f"{n}.png", thing, n)
                if part == "train":
                    sound(tmp_path / part / "audio" / name / f"{n}.wav", thing, n)
    test, val = load_things(tmp_path), load_things(tmp_path, "validation")
    assert [len(test.datasets["image"].train), len(test.datasets["image"].test)] == [18, 12]
    assert test.datasets["image"].split == "train/ and test/ as given"
    assert test.datasets["image"].notes == ("6 of val/ are kept for data.part=validation",)
    assert len(test.datasets["audio"].test) == 3 and "split by file" in test.datasets["audio"].split
    assert [len(val.datasets["image"].train), len(val.datasets["image"].test)] == [18, 6]
    assert (val.datasets["image"].train == test.datasets["image"].train).all()
    # Without val/ a tenth of the training part is held out, and the test part is left alone.
    assert [len(val.datasets["audio"].train), len(val.datasets["audio"].test)] == [12, 3]
    assert val.datasets["audio"].split.startswith(
        "validation part taken from the training part: split by file, a tenth"
    )


def test_names_csv_brings_other_names_together(tmp_path: Path) -> None:
    write_things(tmp_path)
    (tmp_path / "names.csv").write_text("concept,image,audio\nred,cup|mug,pan\nblue,pan,cup\n")
    things = load_things(tmp_path)
    assert things.concepts == ("red", "blue")
    assert Counter(things.datasets["image"].train_labels.tolist()) == {0: 8, 1: 4}
    assert things.lines[-1] == "folders: 1 left out: 1 that names.csv does not name (audio/mug)"


def test_test_files_that_are_copies_are_told(tmp_path: Path) -> None:
    for thing, name in enumerate(THINGS):
        for n in range(4):
            sound(tmp_path / "train" / "audio" / name / f"{n}.wav", thing, n)
            picture(tmp_path / "train" / "image" / name / f"{n}.png", thing, n)
        picture(tmp_path / "test" / "image" / name / "copy.png", thing, 0)
    assert load_things(tmp_path).datasets["image"].notes == ("3 test files are copies of training files",)


def test_too_little_is_refused_with_the_layout(tmp_path: Path) -> None:
    write_things(tmp_path / "one", ("mug",))
    first, second = refused(tmp_path / "one")
    assert first.endswith(": only mug is met by two senses (senses there: audio, image);")
    assert second.startswith("expected DIR/<sense>/<concept>/<files>")
    write_things(tmp_path / "seen")
    shutil.rmtree(tmp_path / "seen" / "audio")
    assert "no concept is met by two senses (senses there: image)" in refused(tmp_path / "seen")[0]


def test_a_sense_with_too_little_of_a_concept_does_not_teach_it(tmp_path: Path) -> None:
    write_things(tmp_path / "a", sound_name="p{n}_1.wav", count=10)
    for n in range(1, 10):
        (tmp_path / "a" / "audio" / "mug" / f"p{n}_1.wav").unlink()
    things = load_things(tmp_path / "a")
    assert things.concepts == ("cup", "pan")
    assert things.lines[-2:] == (
        "folders: 1 left out: 1 with nothing to test on (audio/mug)",
        "concepts: 1 left out: 1 with image alone (mug)",
    )
    assert Counter(things.datasets["image"].train_labels.tolist()) == {0: 8, 1: 8}
    assert "by speaker" in things.datasets["audio"].split, "the concept that is left out decides nothing"
    for part in ("train", "val", "test"):
        write_things(tmp_path / "b" / part)
    shutil.rmtree(tmp_path / "b" / "val" / "audio" / "pan")
    assert load_things(tmp_path / "b").concepts == THINGS
    held = load_things(tmp_path / "b", "validation")
    assert held.concepts == ("cup", "mug")
    assert held.lines[-2] == "folders: 1 left out: 1 with nothing to validate on (audio/pan)"


def test_concepts_that_only_the_test_part_has_are_told(tmp_path: Path) -> None:
    for part in ("train", "test"):
        write_things(tmp_path / part)
    shutil.rmtree(tmp_path / "train" / "image" / "mug")
    assert load_things(tmp_path).lines[-2] == "folders: 1 left out: 1 with nothing to train on (image/mug)"


def test_too_little_of_all_but_one_concept_is_refused(tmp_path: Path) -> None:
    write_things(tmp_path)
    for thing in ("mug", "pan"):
        for n in range(1, 5):
            (tmp_path / "image" / thing / f"{n}.png").unlink()
    first, second = refused(tmp_path)
    assert "only cup is met by two senses" in first and "2 with nothing to test on (image/mug, image/pan)" in first
    assert "two files or more by each sense" in second


def test_a_sense_of_which_nothing_can_be_taught_is_refused(tmp_path: Path) -> None:
    # Names alone tell which senses a run has: the learner would have networks of a sense that never comes.
    write_things(tmp_path)
    for thing in THINGS:
        (tmp_path / "lips" / thing).mkdir(parents=True)
        (tmp_path / "lips" / thing / "1.dat").write_bytes(b"damaged")
    with pytest.MonkeyPatch.context() as patch:
        # Its files are read by processes that do not know of this sense's reader.
        other = dataclasses.replace(contract.sense("lips"), endings=(".dat",), load=np.load)
        patch.setitem(contract._SENSES, "lips", other)
        patch.setattr(prepare, "read_files", bent_lips)
        first, second = refused(tmp_path)
    assert first.split("; ")[0].endswith(": nothing of lips can be taught") and "3 bent" in first
    assert second == "repair these files, or move the folder lips away"


def bent_lips(name: str, paths: Sequence[Path], reach: Callable[[int], None]) -> tuple[NDArray[Any], list[str]]:
    if name == "lips":
        return np.zeros((len(paths), *modality(name).shape), np.uint8), ["bent"] * len(paths)
    return read_files(name, paths, reach)


@pytest.mark.parametrize("speakers", [False, True])
def test_the_validation_part_keeps_copies_and_speakers_apart(tmp_path: Path, speakers: bool) -> None:
    write_things(tmp_path, count=20, sound_name="p{n}_1.wav" if speakers else "{n}.wav")
    for path in [*tmp_path.rglob("*.png"), *tmp_path.rglob("*.wav")]:
        again = f"{path.stem[:-1]}2" if path.suffix == ".wav" and speakers else f"copy_of_{path.stem}"
        shutil.copy(path, path.with_name(again + path.suffix))
    test = load_things(tmp_path)
    for name, held in load_things(tmp_path, "validation").datasets.items():
        trained = {sample.tobytes() for sample in held.train}
        assert len(held.test) and not any(sample.tobytes() in trained for sample in held.test)
        assert len(held.train) + len(held.test) == len(test.datasets[name].train) and not held.notes
    assert ("by speaker" in load_things(tmp_path, "validation").datasets["audio"].split) == speakers


def test_files_that_are_all_damaged_are_refused_and_counted(tmp_path: Path) -> None:
    write_things(tmp_path)
    for path in (tmp_path / "image").rglob("*.png"):
        path.write_bytes(b"damaged")
    first, _ = refused(tmp_path)
    assert "no concept is met by two senses" in first and "15 damaged" in first
