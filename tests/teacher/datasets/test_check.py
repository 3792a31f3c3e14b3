"""What is wrong with a user's datasets is told before anything starts."""

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from sensors.core.errors import DataError
from teacher.config import DataConfig, LettersConfig, TeacherConfig
from teacher.datasets.readers import avletters_files
from teacher.subjects import DIGITS, LETTERS
from teacher.subjects.check import check_subjects
from tests.teacher.tiny import write_fsdd, write_mnist, write_words

SECTIONS = SimpleNamespace(teacher=TeacherConfig(), letters=LettersConfig())


def check_data(config: DataConfig, digits: bool, letters: bool, source: str = "") -> None:
    check_subjects([DIGITS] * digits + [LETTERS] * letters, config, SECTIONS, source)


def test_a_named_directory_of_which_nothing_is_used_is_refused_in_two_lines(tmp_path: Path) -> None:
    (tmp_path / "holiday" / "pictures").mkdir(parents=True)
    with pytest.raises(DataError) as error:
        check_data(DataConfig(data=str(tmp_path)), digits=True, letters=True)
    first, second = str(error.value).splitlines()
    assert first == (
        f"--data {tmp_path}: nothing in it can be used: no MNIST, no FSDD, no Speech Commands, no AV-Letters;"
    )
    for layout in ("mnist/train-images-idx3-ubyte.gz", "fsdd/recordings/0_", "speech_commands/zero/", "avletters/Lips"):
        assert layout in second
    assert second.endswith("--images digits --speech synthetic asks for embedded data")


def test_the_variable_is_held_to_the_same_and_an_option_may_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECIPROCAL_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"^RECIPROCAL_DATA .*nothing in it"):
        check_data(DataConfig(), digits=True, letters=False)
    with pytest.raises(DataError, match=r"^--judges .*nothing in it"):
        check_data(DataConfig(data=str(tmp_path)), digits=True, letters=False, source="--judges")
    # It may name what other runs use.
    check_data(DataConfig(), digits=False, letters=True)
    check_data(DataConfig(), digits=False, letters=False)
    with pytest.raises(DataError, match="--letters synthetic asks"):
        check_data(DataConfig(data=str(tmp_path)), digits=False, letters=True)


def test_a_directory_used_in_part_or_asked_for_is_accepted(tmp_path: Path, no_data: None) -> None:
    check_data(DataConfig(), digits=True, letters=True)
    config = DataConfig(data=str(tmp_path))
    check_data(config.replace(images="digits", speech="synthetic"), digits=True, letters=True)
    with pytest.raises(DataError, match=r"nothing in it .*\n.*; --speech synthetic asks"):
        check_data(config.replace(images="digits"), digits=True, letters=True)
    write_mnist(tmp_path)
    check_data(config, digits=True, letters=True)
    with pytest.raises(DataError, match="nothing in it"):
        check_data(config, digits=False, letters=True)


def test_folders_that_are_closed_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Mine").mkdir()
    scan = os.scandir

    def closed(path: Path) -> object:
        if Path(path).name == "Mine":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(DataError, match=r"not permitted to look into .*/Mine;"):
        check_data(DataConfig(data=str(tmp_path)), digits=True, letters=False)


def pointer(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")


def broken_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("gone")


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("spoil", "told"), [(pointer, "a Git LFS pointer"), (broken_link, "a broken link"), (fifo, "is a FIFO")]
)
@pytest.mark.parametrize(
    ("name", "speech"),
    [
        ("t10k-labels-idx1-ubyte.gz", "fsdd"),
        ("fsdd/recordings/3_ann_0.wav", "fsdd"),
        ("speech_commands/six/00000003_nohash_0.wav", "fsdd+gcdd"),
        ("avletters/Lips/A1_Ann-lips.mat", "synthetic"),
        ("avletters/Audio/mfcc/Clean/A1_Ann.mfcc", "synthetic"),
    ],
)
def test_every_file_is_opened(tmp_path: Path, spoil: Callable[[Path], None], told: str, name: str, speech: str) -> None:
    write_mnist(tmp_path)
    write_fsdd(tmp_path / "fsdd" / "recordings")
    write_words(tmp_path / "speech_commands", 4)
    for folder, end in ((avletters_files.LIPS_FOLDER, "-lips.mat"), (avletters_files.SPEECH_FOLDER, ".mfcc")):
        (tmp_path / "avletters" / folder).mkdir(parents=True)
        (tmp_path / "avletters" / folder / f"A1_Ann{end}").write_bytes(b"not read here")
    config = DataConfig(data=str(tmp_path), speech=speech)
    check_data(config, digits=True, letters=True)
    spoil(tmp_path / name)
    with pytest.raises(DataError, match=rf"{Path(name).name}: {told}"):
        check_data(config, digits=True, letters=True)


def test_an_explicit_choice_that_is_not_there_is_told(tmp_path: Path) -> None:
    config = DataConfig(data=str(tmp_path), images="digits")
    for choice, letters in (("gcdd", "synthetic"), ("fsdd", "synthetic"), ("synthetic", "avletters")):
        with pytest.raises(DataError, match=rf"^{choice if choice != 'synthetic' else letters}: .* not found"):
            check_data(config.replace(speech=choice, letters=letters), digits=True, letters=True)
    write_words(tmp_path, 4, ("zero", "one"))
    with pytest.raises(DataError, match="no recordings of two, three"):
        check_data(config.replace(speech="gcdd"), digits=True, letters=False)
    write_fsdd(tmp_path)
    with pytest.raises(DataError, match="no speaker 'eve'"):
        check_data(config.replace(speech="fsdd", held_out="eve"), digits=True, letters=False)
