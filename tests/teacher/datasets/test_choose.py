"""Which dataset is taken: explicit choices are kept or refused, auto says what it found."""

from pathlib import Path

import numpy as np
import pytest

from sensors.core.errors import DataError
from teacher.config import DataConfig
from teacher.datasets import load_images, load_speech
from teacher.datasets.readers import gcdd_files
from teacher.datasets.synthesis import synthetic
from tests.teacher.tiny import write_fsdd, write_mnist, write_words


def test_auto_takes_real_data_where_it_is_there(tmp_path: Path) -> None:
    write_mnist(tmp_path / "mnist")
    write_fsdd(tmp_path / "fsdd" / "recordings")
    write_words(tmp_path / "speech_commands", 20)
    config = DataConfig(data=str(tmp_path))
    assert load_images(config).name == "mnist"
    assert load_speech(config).name == "fsdd"


def test_auto_takes_speech_commands_only_where_every_digit_has_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_words(tmp_path, 20)
    few = load_speech(DataConfig(data=str(tmp_path)))
    assert few.name == "synthetic"
    assert "Speech Commands too uneven (zero 20," in few.summary and "no FSDD" in few.summary
    monkeypatch.setattr(gcdd_files, "ENOUGH", 20)
    enough = load_speech(DataConfig(data=str(tmp_path)))
    assert enough.name == "gcdd" and "auto: no FSDD" in enough.summary
    assert load_speech(DataConfig(data=str(tmp_path), speech="gcdd")).fingerprint == enough.fingerprint


def test_without_data_auto_is_the_embedded_sets_and_says_so(no_data: None) -> None:
    images, speech = load_images(DataConfig()), load_speech(DataConfig())
    assert (images.name, speech.name) == ("digits", "synthetic")
    assert "auto: no MNIST (no --data)" in images.summary
    assert "auto: no FSDD (no --data), no Speech Commands" in speech.summary


def test_embedded_data_in_place_of_what_a_named_directory_lacks_are_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_mnist(tmp_path)
    config = DataConfig(data=str(tmp_path))
    told = f"speech are not from {tmp_path}, but embedded: no FSDD, no Speech Commands there; --speech synthetic asks"
    assert load_images(config).instead == ""
    assert load_speech(config).instead.startswith(told)
    assert load_speech(config.replace(part="validation")).instead.startswith(told)
    assert load_speech(config.replace(speech="synthetic")).instead == ""
    assert load_speech(DataConfig(download=True)).instead == ""
    monkeypatch.setenv("RECIPROCAL_DATA", str(tmp_path))
    assert load_speech(DataConfig()).instead.startswith(told)


def test_auto_names_the_missing_files_of_an_incomplete_dataset(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte.gz").unlink()
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "five.wav").write_bytes(b"")
    config = DataConfig(data=str(tmp_path))
    assert "no MNIST (train-labels-idx1-ubyte missing)" in load_images(config).summary
    assert (
        "(recordings: 0 taken, 1 left out: 1 not named <digit>_<speaker>_<n> (five.wav))" in load_speech(config).summary
    )


def test_the_environment_names_the_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_mnist(tmp_path)
    monkeypatch.setenv("RECIPROCAL_DATA", str(tmp_path))
    assert load_images(DataConfig()).name == "mnist"
    assert load_images(DataConfig(images="digits")).name == "digits"
    monkeypatch.setenv("RECIPROCAL_DATA", str(tmp_path / "none"))
    with pytest.raises(DataError, match=r"RECIPROCAL_DATA .*none: no such directory"):
        load_images(DataConfig())


@pytest.mark.parametrize("choice", ["mnist", "fsdd", "gcdd", "fsdd+gcdd"])
def test_an_explicit_choice_is_never_replaced(tmp_path: Path, no_data: None, choice: str) -> None:
    load = load_images if choice == "mnist" else load_speech
    setting = "images" if choice == "mnist" else "speech"
    for data in (None, str(tmp_path)):
        with pytest.raises(DataError, match=rf"^{choice.split('+')[0]}: .* not found .*--download.*--data DIR"):
            load(DataConfig.from_dict({"data": data, setting: choice}))


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"--data .*none: no such directory"):
        load_speech(DataConfig(data=str(tmp_path / "none"), speech="synthetic"))


def test_a_file_and_an_unknown_users_home_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for name, cause in (("file", "is no directory"), ("file/x", "no such directory"), ("x" * 300, "too long")):
        with pytest.raises(DataError, match=rf"(?s)^--data .*{cause}"):
            load_images(DataConfig(data=str(tmp_path / name)))
    with pytest.raises(DataError, match=r"^--data ~nosuchuser/x: .*home directory"):
        load_images(DataConfig(data="~nosuchuser/x"))


def test_no_speech_at_all_names_every_way_out(no_data: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic, "available", lambda: False)
    with pytest.raises(DataError, match=r"(?s)no FSDD.*reciprocal\[speech\].*--data DIR.*--download"):
        load_speech(DataConfig())


def test_validation_is_held_out_of_training_and_the_test_part_is_let_go(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    write_fsdd(tmp_path)
    config = DataConfig(data=str(tmp_path))
    for load, whole in ((load_images, 40), (load_speech, 20)):
        final, validation = load(config), load(config.replace(part="validation"))
        held = {x.tobytes() for x in validation.test}
        assert len(final.train) == whole and len(validation.train) + len(validation.test) == whole
        assert held <= {x.tobytes() for x in final.train}
        assert not held & {x.tobytes() for x in final.test}
        assert not held & {x.tobytes() for x in validation.train}
        shared = "speakers" if load is load_speech else "writers"
        assert "drawn at random from the training part" in validation.summary
        assert f"shares its {shared}" in validation.summary
        assert load(config.replace(part="validation")).fingerprint == validation.fingerprint != final.fingerprint


def test_widened_speech_and_a_held_out_speaker_are_passed_on(tmp_path: Path) -> None:
    write_fsdd(tmp_path / "fsdd" / "recordings", ("ann", "bob"))
    config = DataConfig(data=str(tmp_path), speech="fsdd", held_out="bob")
    assert "bob tests" in load_speech(config).summary
    write_words(tmp_path / "speech_commands", 20)
    assert load_speech(config.replace(speech="fsdd+gcdd")).name == "fsdd+gcdd"
    assert len(load_speech(config.replace(speech="fsdd+gcdd")).train) == 40 + len(
        load_speech(DataConfig(data=str(tmp_path), speech="gcdd")).train
    )


def test_the_real_validation_parts(data_dir: Path) -> None:
    config = DataConfig(data=str(data_dir), speech="fsdd+gcdd", part="validation")
    images, speech = load_images(config), load_speech(config)
    assert (len(images.train), len(images.test)) == (57_000, 3_000)
    assert len(speech.test) == 300
    assert np.bincount(speech.test_labels).min() >= 15
