import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sensors.errors import DataError
from sensors.modalities import modality
from sensors.senses import configure
from teacher.folder import prepare
from teacher.folder.load import find_senses, load_things
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


def test_teaches_what_is_there(tmp_path: Path) -> None:
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


def test_tells_what_is_left_out(tmp_path: Path) -> None:
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
    assert "validation part drawn at random" in val.datasets["audio"].split


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


def test_a_concept_without_a_test_file_is_refused(tmp_path: Path) -> None:
    write_things(tmp_path / "a")
    for n in range(1, 5):
        (tmp_path / "a" / "image" / "mug" / f"{n}.png").unlink()
    assert refused(tmp_path / "a") == [
        f"--teach {tmp_path / 'a'}: there is nothing to test on for image of mug;",
        "each sense needs two files or more of a concept, as a fifth tests: add one to image/mug",
    ]
    for part in ("train", "test"):
        write_things(tmp_path / "b" / part)
    shutil.rmtree(tmp_path / "b" / "test" / "audio" / "pan")
    assert refused(tmp_path / "b") == [
        f"--teach {tmp_path / 'b'}: there is nothing to test on for audio of pan;",
        "put a file into test/audio/pan, or take its folder away",
    ]


def test_files_that_are_all_damaged_are_refused_and_counted(tmp_path: Path) -> None:
    write_things(tmp_path)
    for path in (tmp_path / "image").rglob("*.png"):
        path.write_bytes(b"damaged")
    first, _ = refused(tmp_path)
    assert "no concept is met by two senses" in first and "15 damaged" in first
